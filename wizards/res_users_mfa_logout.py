from odoo import api, fields, models
from odoo.http import request

from odoo.addons.base.models.res_users import check_identity

from .mfa_dialog import MfaDialog


class ResUsersMfaLogout(MfaDialog, models.TransientModel):
    """Asks who logs out one of their trusted browsers whether it stays trusted."""

    _name = "res.users.mfa.logout"
    _description = "Log out"

    trusted_device_ids = fields.Many2many("res.users.device", readonly=True)
    names = fields.Char(compute="_compute_names")
    identifiers = fields.Char(
        readonly=True,
        groups=fields.NO_ACCESS,
    )
    """The sessions to end, separated by spaces; empty: all but the present one."""

    @api.depends("trusted_device_ids")
    def _compute_names(self):
        for dialog in self:
            dialog.names = ", ".join(dialog.sudo().trusted_device_ids.mapped("name"))

    @api.model
    def _open(self, trusted, sessions=None):
        """Return the action that asks.

        :param trusted: the trusted devices that ``sessions`` belong to
        :param sessions: records of ``res.device``; none stands for all but the present one
        """
        identifiers = set(sessions.mapped("session_identifier")) if sessions else ()
        wizard = self._start(trusted_device_ids=trusted.ids, identifiers=" ".join(identifiers))
        return wizard._mfa_dialog(self.env._("Log out"))

    @check_identity
    def action_log_out(self):
        return self._log_out()

    @check_identity
    def action_log_out_and_forget(self):
        self._mfa_check_owner()
        self.sudo().trusted_device_ids.with_env(self.env)._revoke()
        return self._log_out()

    def _log_out(self):
        self._mfa_check_owner()
        user, identifiers = self.env.user, self.sudo().identifiers
        if identifiers:
            wanted = [
                ("user_id", "=", user.id),
                ("session_identifier", "in", identifiers.split()),
            ]
            self.env["res.device"].sudo().search(wanted)._revoke()
        else:
            user._action_revoke_all_devices()
        after = {"type": "ir.actions.client", "tag": "soft_reload"}
        if not request.session.uid:
            after = {"type": "ir.actions.act_url", "url": "/web/login", "target": "self"}
        return self._mfa_done(self.env._("Logged out."), then=after)
