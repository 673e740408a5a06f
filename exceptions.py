"""Every way in which a second factor is refused.

All are ``AccessDenied``, because core's login and identity checks catch that,
and all carry a sentence for the person.
"""

from odoo.exceptions import AccessDenied


class SecondFactorRefused(AccessDenied):
    """Base of the refusals below."""


class NoCode(SecondFactorRefused):
    """What was typed is no code at all: neither counted nor compared."""


class WrongCode(SecondFactorRefused):
    """The code matches nothing that the user has."""


class UsedCode(SecondFactorRefused):
    """The code is right, and its time step was accepted before (RFC 6238 §5.2)."""


class SecretUnreadable(SecondFactorRefused):
    """No key opens the secrets of the user's apps: nothing was compared."""


class TooManyCodes(SecondFactorRefused):
    """Too many wrong codes: the next try is not yet due, and nothing was compared."""


class CodesClosed(TooManyCodes):
    """Codes of apps are closed for this account until another factor succeeds."""
