"""Time-based one-time passwords (RFC 6238), computed by ``pyotp``.

Pure functions: no ORM, no request, no clock of their own.
"""

import base64
import unicodedata

import pyotp

TIME_STEP = 30
"""Length of a time step, in seconds (RFC 6238 §4.1, X)."""
DIGITS = 6
MAX_TYPED = 64
"""Characters that a person may type; longer text is no code."""
DRIFT = 1
"""Time steps accepted before and after the current one (RFC 6238 §5.2)."""
SECRET_LENGTH = 32
"""Base32 characters of a new secret: 160 bits (RFC 4226 §4, R6)."""
LONGEST_NAME = 60
"""Characters of account and issuer each in a QR picture, which holds 2331 bytes."""
SHORTEST_KEY = 10
"""Bytes of the shortest key that is verified: apps enrolled long ago have 80 bits."""


class _Totp(pyotp.TOTP):
    """``pyotp``'s, with keys down to 80 bits, where it asks for 112.

    People whose app was enrolled with a shorter key would be locked out. New secrets have
    160 bits. The key is decoded once, not for each time step.

    :raise ValueError: when the secret is no Base32, or too short
    """

    def __init__(self, secret):
        secret = normalise_secret(secret)
        self._key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        if len(self._key) < SHORTEST_KEY:
            raise ValueError("The key is too short.")
        super().__init__(secret, digits=DIGITS, interval=TIME_STEP)

    def byte_secret(self):
        return self._key


def generate_secret():
    """Return a new random secret in Base32."""
    return pyotp.random_base32(SECRET_LENGTH)


def normalise_secret(secret):
    """Return ``secret`` as it is stored: upper case, without spaces or hyphens."""
    return "".join(secret.split()).replace("-", "").upper()


def is_readable(secret):
    """Tell whether ``secret`` is Base32 of a key that is long enough to make codes."""
    try:
        _Totp(secret)
    except ValueError:
        return False
    return True


def group_by_four(text, separator=" "):
    """Return ``text`` in groups of four characters, as a person copies it."""
    return separator.join(text[i : i + 4] for i in range(0, len(text), 4))


def normalise_code(code):
    """Return the six ASCII digits that a person meant, or ``None``.

    Spaces and hyphens are dropped, and the decimal digits of every script
    (Arabic-Indic, full-width …) are read as digits.

    :param code: text, or an ``int`` whose leading zeros core has dropped
    """
    if isinstance(code, bool) or not isinstance(code, int | str):
        return None
    if isinstance(code, int):
        return f"{code:0{DIGITS}d}" if 0 <= code < 10**DIGITS else None
    if len(code) > MAX_TYPED:
        return None
    if len(code) == DIGITS and code.isascii() and code.isdecimal():
        return code
    kept = [c for c in code if not c.isspace() and unicodedata.category(c) != "Pd"]
    digits = [unicodedata.decimal(c, None) for c in kept]
    if len(digits) != DIGITS or None in digits:
        return None
    return "".join(map(str, digits))


def matching_step(secret, code, now):
    """Return the newest time step within the drift whose code is ``code``, or ``None``.

    All steps are compared, each in constant time, so that the time taken tells
    nothing about the secret. A secret that is no Base32 matches nothing.

    :param str secret: Base32
    :param code: as :func:`normalise_code` takes it
    :param float now: Unix time in seconds
    """
    code = normalise_code(code)
    if code is None:
        return None
    current = int(now // TIME_STEP)
    found = None
    try:
        otp = _Totp(secret)
        for step in range(max(current - DRIFT, 0), current + DRIFT + 1):
            if pyotp.utils.strings_equal(otp.generate_otp(step), code):
                found = step
    except ValueError:
        return None
    return found


def provisioning_uri(secret, account, issuer):
    """Return the ``otpauth://`` URI that an authenticator app reads.

    Colons separate issuer and account in the URI's label, so both lose theirs. Of longer
    ones than :data:`LONGEST_NAME` the beginning is taken: any picture can be drawn.
    """
    otp = pyotp.TOTP(secret, digits=DIGITS, interval=TIME_STEP)
    account, issuer = (text.replace(":", " ")[:LONGEST_NAME] for text in (account, issuer))
    return otp.provisioning_uri(name=account, issuer_name=issuer)
