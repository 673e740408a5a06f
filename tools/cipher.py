"""Encryption of secrets, by ``cryptography``'s Fernet (AES-128-CBC, HMAC-SHA-256).

A sealed secret is stored as ``fernet:<id of its key>:<token>``. Base32 has no colon,
so that it cannot be taken for a secret in plain text.

Functions take the keys as :func:`read_keys` returns them.
"""

import base64
import hashlib
import re

from cryptography.fernet import Fernet, InvalidToken

MARKER = "fernet:"
KEY_FORM = re.compile(r"[A-Za-z0-9+/_-]{43}=")
"""32 bytes in Base64, of either alphabet. Fernet itself skips what is no Base64."""
SEPARATORS = re.compile(r"[\s,]+")
ID_LENGTH = 12


class MalformedKey(ValueError):
    """A text that is no key. It is not part of the message, since it may nearly be one."""

    def __init__(self, number):
        super().__init__(f"Key number {number} is malformed.")
        self.number = number
        """Place in the list of keys, from 1."""


class CannotUnseal(ValueError):
    """No key at hand opens a sealed secret."""


def read_keys(text):
    """Return ``{id: Fernet}`` of the keys in ``text``, in their order: the newest first.

    :param str text: keys, separated by commas or white space; may be empty
    :raise MalformedKey: when one is no 32 bytes in Base64
    """
    keys = {}
    for number, key in enumerate(filter(None, SEPARATORS.split(text)), start=1):
        if not KEY_FORM.fullmatch(key):
            raise MalformedKey(number)
        keys.setdefault(_key_id(key), Fernet(key))
    return keys


def _key_id(key):
    """Return what names ``key`` without giving it away: part of a SHA-256."""
    raw = base64.urlsafe_b64decode(key.translate(str.maketrans("+/", "-_")))
    return hashlib.sha256(b"auth_totp_mfa key id" + raw).hexdigest()[:ID_LENGTH]


def newest_mark(keys):
    """Return how every text begins that is sealed under the newest of ``keys``."""
    return f"{MARKER}{next(iter(keys))}:"


def is_sealed(stored):
    return stored.startswith(MARKER)


def key_id_of(stored):
    """Return the id of the key that sealed ``stored``, or ``None`` for plain text."""
    return stored.split(":")[1] if is_sealed(stored) else None


def seal(keys, secret):
    """Return ``secret`` as it is stored: sealed under the newest key, or plain without keys.

    :raise ValueError: when it is sealed already
    """
    if is_sealed(secret):
        raise ValueError("The secret is sealed already.")
    if not keys:
        return secret
    newest = next(iter(keys.values()))
    return newest_mark(keys) + newest.encrypt(secret.encode()).decode()


def unseal(keys, stored):
    """Return the secret of which :func:`seal` made ``stored``; plain text as it is.

    :raise CannotUnseal: when no key opens it
    """
    if not is_sealed(stored):
        return stored
    key_id, _colon, token = stored.removeprefix(MARKER).partition(":")
    if key_id not in keys:
        raise CannotUnseal("No key opens it.")
    try:
        return keys[key_id].decrypt(token).decode()
    except (InvalidToken, ValueError):
        raise CannotUnseal("It is damaged.") from None
