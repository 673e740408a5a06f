from urllib.parse import quote

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import format_datetime

from odoo.addons.base.models.res_users import check_identity

from .res_users_recovery_code import FEW, NUMBER


class ResUsers(models.Model):
    """The recovery codes of a user: made, shown once, and counted."""

    _inherit = "res.users"

    recovery_codes_left = fields.Integer(compute="_compute_recovery_codes_left")
    recovery_codes_few = fields.Boolean(compute="_compute_recovery_codes_left")

    @property
    def SELF_READABLE_FIELDS(self):
        return [*super().SELF_READABLE_FIELDS, "recovery_codes_left", "recovery_codes_few"]

    @api.depends_context("uid")
    def _compute_recovery_codes_left(self):
        """Colleagues read none: it is nobody's business who is about to run out.

        The fields have no ``groups``, which would take them from their owner's form.
        """
        sees_all = self.env.su or self.env.user.has_group("base.group_erp_manager")
        users = self._origin if sees_all else self._origin & self.env.user
        codes = self.env["res.users.recovery.code"].sudo()
        groups = codes._read_group([("user_id", "in", users.ids)], ["user_id"], ["__count"])
        left = {user.id: number for user, number in groups}
        for user in self:
            user.recovery_codes_left = left.get(user._origin.id, 0)
            few = user.mfa_enabled and user.recovery_codes_left <= FEW
            user.recovery_codes_few = few and user._origin in users

    def _mfa_make_recovery_codes(self):
        """Void the recovery codes of this user and return new ones, to be shown once."""
        self.ensure_one()
        if request and request.session.uid == self.id:
            request.session.pop("mfa_codes_left", None)
        had = self.sudo().recovery_codes_left
        codes = self.env["res.users.recovery.code"]._make(self, NUMBER)
        self.invalidate_recordset(["recovery_codes_left", "recovery_codes_few"], flush=False)
        self.env["res.users.mfa.event"]._record("recovery_made", self)
        if had:
            self._mfa_notify(
                lambda user: user.env._("Security Update: New Recovery Codes"),
                lambda user: user.env._(
                    "New recovery codes were made for your account. The old ones no longer work."
                ),
            )
        return codes

    def _mfa_newest_recovery_code(self):
        """Return a text that is another one once new recovery codes have been made."""
        codes = self.env["res.users.recovery.code"].sudo()
        return str(codes.search([("user_id", "=", self.id)], order="id desc", limit=1).id or 0)

    def _mfa_recovery_sheet(self, codes):
        """Return what a screen shows of recovery codes.

        ``text`` is the file that a person keeps: site, account, date and codes. ``href``
        is the same as a link, which saves it without JavaScript and without the server.
        """
        site = self.get_base_url()
        lines = [
            self.env._("Recovery codes for %(site)s", site=site),
            self.env._("Account: %(login)s", login=self.login),
            self.env._("Made on: %(date)s", date=format_datetime(self.env, fields.Datetime.now())),
            "",
            *codes,
            "",
            self.env._(
                "Each code opens the account once, in the place of a code of the app. "
                "Keep them where nobody else finds them, apart from your password."
            ),
        ]
        text = "\r\n".join(lines) + "\r\n"
        return {
            "codes": codes,
            "text": text,
            "href": f"data:text/plain;charset=utf-8,{quote(text)}",
            "filename": f"{self.env._('recovery-codes')}-{self.login}.txt".replace("/", "-"),
        }

    def _mfa_action_recovery_codes(self):
        """Make new recovery codes, and return the action that shows them once."""
        sheet = self._mfa_recovery_sheet(self._mfa_make_recovery_codes())
        return {
            "type": "ir.actions.client",
            "tag": "mfa_recovery_codes",
            "params": sheet | {"next": self._mfa_action_security()},
        }

    def _mfa_first_recovery_sheet(self):
        """Return the sheet of the first recovery codes, or ``None`` where there are some."""
        if self.sudo().recovery_codes_left:
            return None
        return self._mfa_recovery_sheet(self._mfa_make_recovery_codes())

    def _mfa_plan_first_codes(self):
        """Have the next page show the first recovery codes; tell whether there are none yet."""
        first = not self.sudo().recovery_codes_left
        if first:
            request.session["mfa_first_codes"] = True
        return first

    @check_identity
    def action_mfa_recovery_codes(self):
        """:raise UserError: while MFA is off, since no recovery code opens anything then"""
        self.ensure_one()
        self._mfa_check_self()
        if not self.mfa_enabled:
            raise UserError(
                self.env._(
                    "Enable two-factor authentication first: recovery codes take the place of "
                    "its codes."
                )
            )
        return self._mfa_action_recovery_codes()

    @api.model
    def _mfa_note_few_codes(self):
        """Have the session say how many recovery codes its user has left, if few."""
        user = self.env.user
        if user.recovery_codes_few:
            request.session["mfa_codes_left"] = user.recovery_codes_left

    def _mfa_tell_recovery_used(self):
        left = self.sudo().recovery_codes_left
        self._mfa_notify(
            lambda user: user.env._("Security Update: Recovery Code Used"),
            lambda user: user.env._(
                "A recovery code of your account was used. Recovery codes left: %(left)d.",
                left=left,
            ),
        )
