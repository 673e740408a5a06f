from odoo import models

from ..tools import tokens

NUMBER = 10
FEW = 3
"""So many left, or fewer, and the person is told to make new ones."""


class ResUsersRecoveryCode(models.Model):
    """One unused recovery code of a user."""

    _name = "res.users.recovery.code"
    _inherit = "mfa.one.time.code"
    _description = "Recovery code"
    _code_length = tokens.RECOVERY_LENGTH
