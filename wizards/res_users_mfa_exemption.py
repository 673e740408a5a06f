from odoo import api, fields, models

from odoo.addons.base.models.res_users import check_identity

from ..models.calling_address import describe_address
from .mfa_dialog import MfaDialog


class ResUsersMfaExemption(MfaDialog, models.TransientModel):
    """From where an account may be used, and whether it needs no second factor there."""

    _name = "res.users.mfa.exemption"
    _description = "Exemption and networks"
    _typed_texts = frozenset({"exempt_networks", "api_networks"})
    _typed_fields = frozenset({"exempt", "reason"}) | _typed_texts

    user_id = fields.Many2one("res.users", required=True, readonly=True, ondelete="cascade")
    person = fields.Char(string="For", compute="_compute_person")
    exempt = fields.Boolean(string="Exempt from two-factor authentication")
    reason = fields.Char(help="Kept in the audit trail, beside your name.")
    exempt_networks = fields.Text(
        string="Only from these networks",
        help="In CIDR form, IPv4 or IPv6, one on a line. From anywhere else the account cannot be "
        "used at all.",
    )
    api_networks = fields.Text(
        string="Networks that may call the API",
        help="In CIDR form, one on a line. In addition to those of the companies, which hold too. "
        "Empty: from anywhere that the companies allow.",
    )
    address = fields.Char(compute="_compute_address")

    @api.model
    def _start_for(self, user):
        known = user.sudo()
        return self._start(
            user_id=user.id,
            exempt=bool(known.mfa_exempt_networks),
            reason=known.mfa_exempt_reason,
            exempt_networks=known.mfa_exempt_networks,
            api_networks=known.mfa_api_networks,
        )

    @api.depends("user_id")
    def _compute_person(self):
        for dialog in self:
            user = dialog.sudo().user_id
            dialog.person = f"{user.name} ({user.login})"

    def _compute_address(self):
        self.address = describe_address(self.env)

    @check_identity
    def action_save(self):
        """Set what was typed; rank is checked again, since the dialog was opened before.

        :raise AccessError, UserError: as :meth:`ResUsers._mfa_check_may_set_networks` and
            :meth:`ResUsers._mfa_set_networks`
        """
        self._mfa_check_owner()
        user = self.sudo().user_id.with_env(self.env)
        user._mfa_check_may_set_networks()
        user._mfa_set_networks(self.exempt, self.reason, self.exempt_networks, self.api_networks)
        return self._mfa_done(
            self.env._("Saved: %(user)s", user=user.name),
            then={"type": "ir.actions.client", "tag": "soft_reload"},
        )
