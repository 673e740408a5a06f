from odoo import models


class ResPartner(models.Model):
    """A user's email address stands on the contact, which has more doors than the user."""

    _inherit = "res.partner"

    def write(self, vals):
        if "email" in vals:
            user = self.env["res.users"]._mfa_acting()
            if user.partner_id in self:
                user.with_env(self.env)._mfa_check_own_change({"email": vals["email"]})
        return super().write(vals)
