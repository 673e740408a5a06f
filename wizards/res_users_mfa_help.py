from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity

from .mfa_dialog import MfaDialog


class ResUsersMfaHelp(MfaDialog, models.TransientModel):
    """An administrator's help for people who cannot give their second factor.

    Help codes go to the screen in the answer of the button, and are stored nowhere.
    """

    _name = "res.users.mfa.help"
    _description = "Help with two-factor authentication"
    _typed_fields = frozenset({"choice", "reason", "remove_passkeys", "remove_api_keys"})

    user_ids = fields.Many2many("res.users", readonly=True, context={"active_test": False})
    people = fields.Text(string="For", compute="_compute_people")
    choice = fields.Selection(
        [("code", "Make a one-time help code"), ("reset", "Reset two-factor authentication")],
        string="What to do",
        default="code",
        required=True,
    )
    reason = fields.Char(help="Kept in the audit trail, beside your name.")
    remove_passkeys = fields.Boolean(string="Remove passkeys", default=True)
    remove_api_keys = fields.Boolean(string="Remove API keys", default=True)
    has_passkeys = fields.Boolean(compute="_compute_has_passkeys")

    @api.model
    def _start(self, users, choice):
        return super()._start(user_ids=users.ids, choice=choice)

    @api.depends("user_ids")
    def _compute_people(self):
        for dialog in self:
            dialog.people = "\n".join(f"{user.name} ({user.login})" for user in dialog.user_ids)

    def _compute_has_passkeys(self):
        self.has_passkeys = "auth_passkey_key_ids" in self.env["res.users"]._fields

    @check_identity
    def action_help(self):
        """Do what was chosen, for all users of the dialog or for none.

        Rank is checked again: the actor may have lost rights since the dialog was
        opened, and a user may have gained some.

        :raise AccessError, UserError: as :meth:`ResUsers._mfa_check_may_help` and
            :meth:`ResUsers._mfa_check_help_code`, and without a reason
        """
        self._mfa_check_owner()
        users = self.sudo().user_ids.with_env(self.env)
        users._mfa_check_may_help()
        reason = " ".join((self.reason or "").split())
        if not reason:
            raise UserError(self.env._("Enter the reason: it is kept in the audit trail."))
        if self.choice == "reset":
            codes = users._mfa_reset(reason, self.remove_passkeys, self.remove_api_keys)
            message = self.env._(
                "Two-factor authentication was reset: %(names)s",
                names=", ".join(users.mapped("name")),
            )
        else:
            users._mfa_check_help_code()
            codes = {user: user._mfa_make_help_code(reason) for user in users}
            message = ""
        self._mfa_forget()
        return self._mfa_show(codes, message)

    @api.model
    def _mfa_show(self, codes, message):
        """Return the action that shows ``codes``, a help code by user, or ``message`` alone."""
        if not codes:
            close = {"type": "ir.actions.act_window_close"}
            return self.env.user._mfa_action_notify(message, close)
        return {
            "type": "ir.actions.client",
            "tag": "mfa_help_codes",
            "params": {
                "codes": [user._mfa_help_sheet(code) for user, code in codes.items()],
                "message": message,
            },
        }
