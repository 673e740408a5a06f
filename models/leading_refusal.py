import logging

from odoo.exceptions import RedirectWarning


def leading_refusal(*args):
    """Return a ``RedirectWarning``, whose arguments these are, as something a person did.

    ``odoo.http`` logs it as a fault of the server unless it says how.
    """
    refusal = RedirectWarning(*args)
    refusal.loglevel = logging.INFO
    return refusal
