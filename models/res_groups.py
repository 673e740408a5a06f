from odoo import SUPERUSER_ID, api, fields, models
from odoo.fields import Domain
from odoo.tools import ormcache

from .mfa_policy import OPTIONAL

SENSITIVE = (
    "base.group_system",
    "base.group_erp_manager",
    "account.group_account_manager",
    "hr.group_hr_manager",
    "hr_payroll.group_hr_payroll_manager",
)
"""Groups marked as sensitive on install, or once their app is installed."""
MARKED = "marked"
MEMBERSHIP = {"user_ids", "implied_ids", "implied_by_ids"}
"""What decides who is in a group."""


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

    @api.model_create_multi
    def create(self, vals_list):
        groups = super().create(vals_list)
        if any(MEMBERSHIP & vals.keys() for vals in vals_list):
            self.env["res.users"]._mfa_forget_rules()
        groups.sudo().filtered("mfa_sensitive")._mfa_sensitive_changed(MARKED)
        return groups

    def write(self, vals):
        """Forget the rules of users too: core forgets who is in a group before it is written."""
        marked = vals.get("mfa_sensitive")
        changed = self.browse()
        if marked is not None:
            changed = self.sudo().filtered(lambda group: group.mfa_sensitive != marked)
        if changed:
            self.env["res.users"]._mfa_refuse_missing()
        result = super().write(vals)
        if MEMBERSHIP & vals.keys():
            self.env["res.users"]._mfa_forget_rules()
        changed._mfa_sensitive_changed(MARKED if marked else "no longer")
        return result

    def unlink(self):
        sensitive = self.sudo().filtered("mfa_sensitive")
        names = sensitive.mapped("full_name")
        if sensitive:
            self.env["res.users"]._mfa_refuse_missing()
        result = super().unlink()
        if names:
            sensitive._mfa_sensitive_changed("deleted", names)
        return result

    def _mfa_sensitive_changed(self, note, names=None):
        """Let a change of what is sensitive hold at once, with a line in the trail for each.

        Sessions that do not meet the policy now may go on for an hour.

        :param names: of these groups, where they are gone
        :raise AccessError: in a call that an API key opened
        :raise RedirectWarning, UserError: where it would lock out who acts
        """
        if not self:
            return
        if self.env.uid != SUPERUSER_ID:  # who installs an app, with a key too, marks none
            self.env["res.users"]._mfa_refuse_api_key()
        for name in names or self.mapped("full_name"):
            self.env["res.users.mfa.event"]._record(
                "setting", self.env["res.users"], f"Sensitive group: {name}", note
            )
        now = fields.Datetime.now()
        companies = self.env["res.company"].sudo().search(Domain.TRUE)
        companies.mfa_policy_changed = now
        if note == MARKED:
            asking = companies.filtered(lambda company: company.mfa_policy_sensitive != OPTIONAL)
            asking.mfa_tightened = now
        self.env["res.users"]._mfa_forget_rules()
        self.env["res.users"]._mfa_check_not_locked_out()
