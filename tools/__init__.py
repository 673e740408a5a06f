from . import browser, device_token, qr, totp
