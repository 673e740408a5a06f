from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity


class ResUsers(models.Model):
    """An administrator's help: who may be helped, and how."""

    _inherit = "res.users"

    @check_identity
    def action_mfa_help(self):
        """Open the dialog "Help with two-factor authentication" for these users.

        :raise AccessError: when they are not within one's rank
        :raise UserError: when oneself is among them
        """
        return self._mfa_help_dialog("code")

    def _mfa_help_dialog(self, choice):
        """Return the action of that dialog, with ``choice`` made; raises as the button does."""
        self._mfa_check_may_help()
        dialog = self.env["res.users.mfa.help"]._start(self, choice)
        return dialog._mfa_dialog(self.env._("Help with two-factor authentication"))

    def _mfa_check_may_help(self):
        """Refuse to help oneself, or somebody above one's rank.

        Whoever could help themselves would need no second factor of their own.

        :raise AccessError: as :meth:`_mfa_check_rank`
        :raise UserError: when oneself is among these users, or none is left
        """
        self._mfa_check_rank()
        if not self.exists():
            raise UserError(self.env._("Choose the users whom you want to help."))
        if self.env.user in self:
            raise UserError(
                self.env._(
                    "Your own account is among them: change it in My Preferences ▸ Security. If "
                    "you have lost your app, ask another administrator."
                )
            )

    def _mfa_check_help_code(self):
        """:raise UserError: naming those whom a help code would get nowhere"""
        archived = self.filtered(lambda user: not user.active)
        if archived:
            raise UserError(
                self.env._(
                    "Archived users cannot log in, so a help code is of no use to them. Unarchive "
                    "them first: %(names)s",
                    names=", ".join(archived.mapped("name")),
                )
            )
        without = self.filtered(lambda user: not (user._mfa_url() or user._mfa_grace_end()))
        if without:
            raise UserError(
                self.env._(
                    "The password alone opens these accounts, so they need no help code. Leave "
                    "them out: %(names)s",
                    names=", ".join(without.mapped("name")),
                )
            )

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
            lambda user: user.env._("Security Update: Two-factor Authentication Reset"),
            lambda user: user.env._(
                "An administrator has reset two-factor authentication on your account. Removed: "
                "%(what)s.",
                what=user._mfa_describe_reset(passkeys, api_keys),
            ),
        )
        helped = self.filtered(lambda user: user.active and user._mfa_is_required())
        return {user: user._mfa_make_help_code(reason) for user in helped}

    def _mfa_describe_reset(self, passkeys, api_keys):
        what = [self.env._("authenticator apps, recovery codes and trusted devices")]
        what += [self.env._("passkeys")] if passkeys else []
        what += [self.env._("API keys")] if api_keys else []
        return ", ".join(what)

    def _mfa_tell_help_used(self):
        self._mfa_notify(
            lambda user: user.env._("Security Update: Help Code Used"),
            lambda user: user.env._(
                "The help code that an administrator made for your account was used to log in."
            ),
        )

    def _mfa_help_sheet(self, code):
        """Return what is shown, once, of the help code that was just made for this user.

        :return: ``name``, ``login``, ``code`` and ``valid_until``, a text in UTC
        """
        stored = self.env["res.users.help.code"].sudo().search([("user_id", "=", self.id)])
        return {
            "name": self.name,
            "login": self.login,
            "code": code,
            "valid_until": fields.Datetime.to_string(stored.expires_at),
        }

    def _mfa_status(self):
        """Return a row for each of these users, by login, as ``odoo mfa status`` shows it."""
        locks = self.env["res.users.mfa.attempt"]._get_locks(self)
        archived = self.env._("archived")
        return [
            {
                "login": user.login,
                "name": user.name if user.active else f"{user.name} ({archived})",
                "mfa": "on" if user.mfa_enabled else "off",
                "apps": len(user.authenticator_ids),
                "recovery_codes": user.recovery_codes_left,
                "devices": len(user.trusted_device_ids),
                "codes": locks.get(user.id, "-"),
                "last_used": max(user.authenticator_ids.mapped("last_used"), default=False) or "-",
            }
            for user in self.sorted("login")
        ]
