"""The ways back in: recovery codes, and an administrator's help."""

from urllib.parse import quote

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import format_datetime

from odoo.addons.base.models.res_users import check_identity

from .own_transaction import in_own_transaction
from .res_users_mfa_attempt import CLOSED_AFTER, FREE_FAILURES
from .res_users_recovery_code import FEW, NUMBER


class ResUsers(models.Model):
    _inherit = "res.users"

    recovery_codes_left = fields.Integer(compute="_compute_recovery_codes_left")
    recovery_codes_few = fields.Boolean(compute="_compute_recovery_codes_left")

    @property
    def SELF_READABLE_FIELDS(self):
        return [*super().SELF_READABLE_FIELDS, "recovery_codes_left", "recovery_codes_few"]

    def _compute_recovery_codes_left(self):
        codes = self.env["res.users.recovery.code"].sudo()
        groups = codes._read_group([("user_id", "in", self.ids)], ["user_id"], ["__count"])
        left = {user.id: number for user, number in groups}
        for user in self:
            user.recovery_codes_left = left.get(user._origin.id, 0)
            user.recovery_codes_few = user.mfa_enabled and user.recovery_codes_left <= FEW

    def _mfa_make_recovery_codes(self):
        """Void the recovery codes of this user and return new ones, to be shown once."""
        self.ensure_one()
        if request and request.session.uid == self.id:
            request.session.pop("mfa_codes_left", None)
        had = self.recovery_codes_left
        codes = self.env["res.users.recovery.code"]._make(self, NUMBER)
        self.invalidate_recordset(["recovery_codes_left", "recovery_codes_few"], flush=False)
        self.env["res.users.mfa.event"]._record("recovery_made", self)
        if had:
            self._mfa_notify(
                lambda user: user.env._("Security Update: New Recovery Codes"),
                lambda user: user.env._(
                    "New recovery codes were made for your account. The old ones are void."
                ),
            )
        return codes

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
        if self.recovery_codes_left:
            return None
        return self._mfa_recovery_sheet(self._mfa_make_recovery_codes())

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

    def _mfa_is_required(self):
        """Tell whether a policy asks this user for a second factor."""
        self.ensure_one()
        policy = self.env["ir.config_parameter"].sudo().get_param("auth_totp.policy")
        return policy == "all_required" or (policy == "employee_required" and self._is_internal())

    # -- an administrator's help ---------------------------------------------------

    def _mfa_make_help_code(self, reason):
        """Return a code that gets this user past the second step once.

        The caller has checked rank and second factor. Failures of guessing at an
        earlier code are forgotten.
        """
        self.ensure_one()
        code = self.env["res.users.help.code"]._make(self)[0]
        self.env["res.users.mfa.attempt"]._clear(self, "help")
        self.env["res.users.mfa.event"]._record("help_made", self, note=reason)
        self._mfa_notify(
            lambda user: user.env._("Security Update: Help Code Made"),
            lambda user: user.env._(
                "An administrator has made a one-time help code for your account, to be told to "
                "you by phone. It replaces the second step of one login."
            ),
        )
        return code

    def _mfa_reset(self, reason, passkeys=True, api_keys=True):
        """Remove every factor of these users and end their sessions.

        The caller has checked rank and second factor.

        :param bool passkeys: remove passkeys too
        :param bool api_keys: remove API keys too
        :return: a help code by user, for those of whom a policy asks a second factor: a
            stolen password alone must not enrol
        """
        self = self.sudo()
        self.env["res.users.mfa.event"]._record("reset", self, note=reason)
        self.authenticator_ids._mfa_open_door().unlink()
        self.env["res.users.recovery.code"]._void(self)
        self.env["res.users.help.code"]._void(self)
        if passkeys and "auth_passkey_key_ids" in self._fields:
            self.auth_passkey_key_ids.unlink()
        if api_keys:
            self.env["res.users.apikeys"].search([("user_id", "in", self.ids)])._remove()
        self._mfa_set_enabled(False)
        for user in self:
            self.env["res.users.mfa.attempt"]._clear(user)
        self._mfa_notify(
            lambda user: user.env._("Security Update: 2FA Reset"),
            lambda user: user.env._(
                "An administrator has reset two-factor authentication on your account: "
                "authenticator apps, recovery codes and trusted devices are removed."
            ),
        )
        helped = self.filtered(lambda user: user.active and user._mfa_is_required())
        return {user: user._mfa_make_help_code(reason) for user in helped}

    # -- what the owner is told ----------------------------------------------------

    def _mfa_tell_recovery_used(self):
        left = self.recovery_codes_left
        self._mfa_notify(
            lambda user: user.env._("Security Update: Recovery Code Used"),
            lambda user: user.env._(
                "A recovery code of your account was used. Recovery codes left: %(left)d.",
                left=left,
            ),
        )

    def _mfa_tell_help_used(self):
        self._mfa_notify(
            lambda user: user.env._("Security Update: Help Code Used"),
            lambda user: user.env._(
                "The help code that an administrator made for your account was used to log in."
            ),
        )

    def _mfa_tell_locked(self, kind, failures):
        """Note and mail, once for a row of failures, that codes are locked or closed.

        In a transaction of its own, since the request may be rolled back.
        """
        if failures not in (FREE_FAILURES, CLOSED_AFTER):
            return
        closed = kind == "app" and failures == CLOSED_AFTER
        note = f"{failures} wrong codes ({kind})"
        self.env["res.users.mfa.event"]._record_apart("locked", self, note=note)
        in_own_transaction(
            self.env,
            lambda cr: self.with_env(api.Environment(cr, SUPERUSER_ID, {}))._mfa_tell_wrong_codes(
                failures, closed
            ),
        )

    def _mfa_tell_wrong_codes(self, failures, closed):
        """Mail that somebody, who knows the password, gave so many wrong codes."""
        if closed:
            self._mfa_notify(
                lambda user: user.env._("Security Update: App Codes Closed"),
                lambda user: user.env._(
                    "%(failures)d wrong codes in a row were given for your account. Codes of apps "
                    "are closed until you log in with a recovery code or a passkey, or an "
                    "administrator helps you. Whoever gave them knows your password.",
                    failures=failures,
                ),
            )
        else:
            self._mfa_notify(
                lambda user: user.env._("Security Update: Wrong Codes"),
                lambda user: user.env._(
                    "%(failures)d wrong codes in a row were given for your account, by somebody "
                    "who knows your password. The next code is accepted after a wait.",
                    failures=failures,
                ),
            )
