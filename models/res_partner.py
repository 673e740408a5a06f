from odoo import models


class ResPartner(models.Model):
    """A user's email address stands on the contact, which has more doors than the user."""

    _inherit = "res.partner"

    def _compute_email_formatted(self):
        """Keep a name from ending the header that it stands in.

        The mail would be garbled, or never sent: whoever is in somebody's session could keep
        all notices from them by a new name, which needs no code.
        """
        super()._compute_email_formatted()
        for partner in self.filtered("email_formatted"):
            partner.email_formatted = " ".join(partner.email_formatted.splitlines())

    def write(self, vals):
        if "email" in vals:
            user = self.env["res.users"]._mfa_acting()
            if user.partner_id in self:
                user.with_env(self.env)._mfa_check_own_change({"email": vals["email"]})
        return super().write(vals)
