import time

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.http import request, root

from ..exceptions import SecondFactorRefused

PROOF_AGE = 10 * 60
"""Seconds for which a proof of identity is good, as in core's ``check_identity``."""


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
        return not user._mfa_proof_is_fresh() and user.mfa_enabled

    @api.model
    def _drop_password_mark(self, session):
        """Void the mark of core's identity check, which ``session`` has, without a second factor.

        Core's ``check_identity`` guards every delicate button of every module by that
        mark. Other modules set it after a password alone, and it outlives a login as
        somebody else: for an account with MFA on it counts only beside this addon's own
        proof. Without the mark core's dialog opens, and :meth:`_check_identity` asks.
        """
        if session["identity-check-last"] < time.time() - PROOF_AGE or self._needs_code():
            session.pop("identity-check-last")

    @api.model_create_multi
    def create(self, vals_list):
        """Core's ``check_identity`` opens this dialog: there is none for an API key."""
        self.env["res.users"]._mfa_refuse_api_key()
        return super().create(vals_list)

    def run_check(self):
        self.env["res.users"]._mfa_refuse_api_key()
        return super().run_check()

    def _check_identity(self):
        """Ask for the second factor after what core asks for.

        Relies on core's ``run_check``, which calls this before it goes on, and on
        ``auth_passkey``, whose passkeys are a second factor in themselves.

        :raise UserError: with the reason, when either is wrong
        """
        super()._check_identity()
        if self.auth_method != "webauthn" and self._needs_code():
            try:
                self.env.user._mfa_prove(self.env.context.get("mfa_code"))
            except SecondFactorRefused as refusal:
                raise UserError(str(refusal)) from None
            self._keep_proof()

    @api.model
    def _keep_proof(self):
        """Keep the code used up and the proof given, should the button now fail.

        What follows may raise, and be rolled back: the code would be good once more.
        """
        request.session["identity-check-last"] = time.time()
        self.env.cr.commit()  # pylint: disable=invalid-commit
        root.session_store.save(request.session)
