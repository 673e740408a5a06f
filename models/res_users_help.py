from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity


class ResUsers(models.Model):
    """Who may be helped by an administrator, and how."""

    _inherit = "res.users"

    @check_identity
    def action_mfa_help(self):
        """Open the dialog "Help with two-factor authentication" for these users.

        :raise AccessError: when they are not within one's rank
        :raise UserError: when oneself is among them
        """
        self._mfa_check_may_help()
        dialog = self.env["res.users.mfa.help"]._start(self)
        return dialog._mfa_dialog(self.env._("Help with Two-Factor Authentication"))

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
                    "Your own account is among them: change it in Preferences ▸ Security. If you "
                    "have lost your app, ask another administrator."
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
        without = self.filtered(lambda user: not user._mfa_type())
        if without:
            raise UserError(
                self.env._(
                    "The password alone opens these accounts, so they need no help code. Leave "
                    "them out: %(names)s",
                    names=", ".join(without.mapped("name")),
                )
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
        return [
            {
                "login": user.login,
                "name": user.name if user.active else self.env._("%s (archived)", user.name),
                "mfa": "on" if user.mfa_enabled else "off",
                "apps": len(user.authenticator_ids),
                "recovery_codes": user.recovery_codes_left,
                "devices": len(user.trusted_device_ids),
                "codes": locks.get(user.id, "-"),
                "last_used": max(user.authenticator_ids.mapped("last_used"), default=False) or "-",
            }
            for user in self.sorted("login")
        ]
