"""Random texts that open something once or for a while, and what the server keeps of them."""

import hashlib
import secrets

from .totp import MAX_TYPED, group_by_four

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's Base32, 5 bits a character: no i, l, o or u."""
LOOK_ALIKES = str.maketrans("ilo", "110")
RECOVERY_LENGTH = 16
"""Characters of a recovery code: 80 bits."""
HELP_LENGTH = 12
"""Characters of a help code: 60 bits, for an hour, told by phone."""
DEVICE_BYTES = 32


def device_token():
    """Return a new random token of 256 bits, safe in a cookie."""
    return secrets.token_urlsafe(DEVICE_BYTES)


def one_time_code(length):
    """Return a new random code of ``length`` characters, as a person reads it."""
    return group_by_four("".join(secrets.choice(ALPHABET) for _ in range(length)), "-")


def normalise_one_time_code(code):
    """Return the characters of :data:`ALPHABET` that a person meant, or ``None``.

    Case, spaces and hyphens do not matter, and look-alikes are read as what they
    look like: i and l as 1, o as 0.
    """
    if not isinstance(code, str) or len(code) > MAX_TYPED:
        return None
    kept = "".join(code.split()).replace("-", "").lower().translate(LOOK_ALIKES)
    is_code = len(kept) in (RECOVERY_LENGTH, HELP_LENGTH) and set(kept) <= set(ALPHABET)
    return kept if is_code else None


def fingerprint(token):
    """Return the SHA-256 of ``token`` in hexadecimal.

    The token is random and long, so no salt and no slow hash is needed
    (OWASP Password Storage Cheat Sheet speaks of passwords, which are neither).
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
