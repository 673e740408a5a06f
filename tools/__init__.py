from . import browser, qr, tokens, totp
