"""The token that a trusted browser keeps, and what the server keeps of it."""

import hashlib
import secrets

TOKEN_BYTES = 32


def generate():
    """Return a new random token of 256 bits, safe in a cookie."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def fingerprint(token):
    """Return the SHA-256 of ``token`` in hexadecimal.

    The token is random and long, so no salt and no slow hash is needed
    (OWASP Password Storage Cheat Sheet speaks of passwords, which are neither).
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
