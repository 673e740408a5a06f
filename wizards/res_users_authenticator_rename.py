from odoo import api, fields, models

from odoo.addons.base.models.res_users import check_identity

from .mfa_dialog import MfaDialog


class ResUsersAuthenticatorRename(MfaDialog, models.TransientModel):
    _name = "res.users.authenticator.rename"
    _description = "New name of an authenticator app"
    _typed_fields = frozenset({"name"})

    authenticator_id = fields.Many2one(
        "res.users.authenticator", required=True, readonly=True, ondelete="cascade"
    )
    name = fields.Char(required=True)

    @api.model
    def _start(self, app):
        return super()._start(authenticator_id=app.id, name=app.name)

    @check_identity
    def action_rename(self):
        """:raise ValidationError: when the name is taken or empty"""
        self._mfa_check_owner()
        app = self.sudo().authenticator_id
        old, new = app.name, app._check_new_name(self.env.user, self.name)
        if new != old:
            app._mfa_open_door().name = new
            self.env["res.users.mfa.event"]._record("renamed", self.env.user, f"{old} → {new}")
        return self._mfa_done(self.env._("The app is now called “%(name)s”.", name=app.name))
