from . import browser, cipher, qr, tokens, totp
