from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity

from ..exceptions import NoCode, SecondFactorRefused
from .mfa_dialog import MfaDialog


class ResUsersMfaEnable(MfaDialog, models.TransientModel):
    _name = "res.users.mfa.enable"
    _description = "Enable two-factor authentication"
    _typed_fields = frozenset({"confirmation_code"})

    confirmation_code = fields.Char()

    @check_identity
    def action_enable(self):
        """Switch MFA on if the code is one of an enrolled app.

        No help code will do: it would not show that the person still has the app, which
        the next login asks for.

        :raise UserError: when it is not, or when too many were wrong
        """
        self._mfa_check_owner()
        user = self.env.user
        code = self.confirmation_code or ""
        try:
            if user._mfa_read_code(code)[0] != "app":
                raise NoCode(self.env._("Enter the six digits of the code."))
            user._mfa_prove(code)
        except SecondFactorRefused as refusal:
            raise UserError(str(refusal)) from None
        user._mfa_enable()
        return self._mfa_done(self.env._("Two-factor authentication is enabled."))
