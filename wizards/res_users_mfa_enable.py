from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity

from ..exceptions import SecondFactorRefused
from .mfa_dialog import MfaDialog


class ResUsersMfaEnable(MfaDialog, models.TransientModel):
    _name = "res.users.mfa.enable"
    _description = "Enable two-factor authentication"
    _typed_fields = frozenset({"confirmation_code"})

    confirmation_code = fields.Char()

    @check_identity
    def action_enable(self):
        """Switch MFA on if the code is one of an enrolled app.

        :raise UserError: when it is not, or when too many were wrong
        """
        self._mfa_check_owner()
        user = self.env.user
        try:
            user._mfa_prove(self.confirmation_code or "")
        except SecondFactorRefused as refusal:
            raise UserError(str(refusal)) from None
        user._mfa_enable()
        return self._mfa_done(self.env._("Two-factor authentication is enabled."))
