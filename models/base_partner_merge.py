from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Merging contacts hands a user over to another contact, and to its email address, by SQL."""

    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        """Refuse to change one's own email address so, as by writing it.

        :raise RedirectWarning, AccessError: as ``ResUsers._mfa_check_own_change``
        """
        user = self.env["res.users"]._mfa_acting()
        contacts = self.env["res.partner"].sudo().browse(partner_ids)
        stays = dst_partner == user.partner_id and user.email
        if user.partner_id in contacts and not stays:
            for email in contacts.mapped("email"):
                user.with_env(self.env)._mfa_check_own_change({"email": email})
        return super()._merge(partner_ids, dst_partner, extra_checks)
