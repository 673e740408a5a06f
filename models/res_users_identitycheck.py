from functools import wraps

from odoo import api, fields, models
from odoo.exceptions import AccessDenied, UserError
from odoo.http import request

from odoo.addons.base.models.res_users import check_identity


def check_second_factor(method):
    """Guard a button like core's ``check_identity``, and by the second factor too.

    Other modules set core's own mark (``identity-check-last``) after a password
    alone. An account with MFA on therefore needs this addon's proof as well; while
    it is missing core's mark is dropped, so that core's dialog opens, where
    :class:`ResUsersIdentitycheck` asks for both.
    """
    guarded = check_identity(method)

    @wraps(guarded)
    def wrapped(self, *args, **kwargs):
        user = self.env.user
        if request and user.mfa_enabled and not user._mfa_proof_is_fresh():
            request.session.pop("identity-check-last", None)
        return guarded(self, *args, **kwargs)

    return wrapped


class ResUsersIdentitycheck(models.TransientModel):
    _inherit = "res.users.identitycheck"

    needs_code = fields.Boolean(compute="_compute_needs_code")
    mfa_code = fields.Char(string="Authentication code", store=False)

    @api.depends("auth_method")
    def _compute_needs_code(self):
        self.needs_code = self._needs_code()

    @api.model
    def _needs_code(self):
        user = self.env.user
        return user.mfa_enabled and not user._mfa_proof_is_fresh()

    def _check_identity(self):
        """Ask for the second factor after what core asks for.

        Relies on core's ``run_check``, which calls this before it goes on, and on
        ``auth_passkey``, whose passkeys are a second factor in themselves.

        :raise UserError: with the reason, when either is wrong
        """
        super()._check_identity()
        user = self.env.user
        if self.auth_method == "webauthn":
            user._mfa_set_proof()
        elif self._needs_code():
            try:
                user._check_credentials(
                    {"type": "totp", "token": self.env.context.get("mfa_code")},
                    {"interactive": True},
                )
            except AccessDenied as refusal:
                raise UserError(str(refusal)) from None
            user._mfa_set_proof()
