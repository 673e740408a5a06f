from odoo import api, fields, models
from odoo.tools import ormcache

SENSITIVE = (
    "base.group_system",
    "base.group_erp_manager",
    "account.group_account_manager",
    "hr.group_hr_manager",
    "hr_payroll.group_hr_payroll_manager",
)
"""Groups marked as sensitive on install, or once their app is installed."""


class ResGroups(models.Model):
    _inherit = "res.groups"

    mfa_sensitive = fields.Boolean(
        string="Sensitive",
        copy=False,
        groups="base.group_system",
        help="The two-factor policy for sensitive groups holds for its members.",
    )

    @api.model
    @ormcache()
    def _mfa_sensitive_ids(self):
        """Return the ids of the sensitive groups, as a ``frozenset``."""
        return frozenset(self.sudo().search([("mfa_sensitive", "=", True)]).ids)

    def write(self, vals):
        if "mfa_sensitive" not in vals:
            return super().write(vals)
        changed = self.sudo().filtered(lambda group: group.mfa_sensitive != vals["mfa_sensitive"])
        if changed:
            self.env["res.users"]._mfa_refuse_api_key()
        result = super().write(vals)
        note = "marked" if vals["mfa_sensitive"] else "no longer"
        for group in changed:
            self.env["res.users.mfa.event"]._record(
                "setting", self.env["res.users"], f"sensitive group: {group.full_name}", note
            )
        if changed:
            self.env["res.users"]._mfa_forget_rules()
            self.env["res.users"]._mfa_check_not_locked_out()
        return result
