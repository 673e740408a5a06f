from odoo import api, models

PASSKEY = "auth.passkey.key"


class Base(models.AbstractModel):
    """Passkeys in the audit trail.

    Their module ``auth_passkey`` is no dependency, since it may be uninstalled, so its
    model cannot be inherited from. Patching it in ``_register_hook`` does not hold:
    saving any automation rule of ``base_automation`` takes patches away.
    """

    _inherit = "base"

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if self._name == PASSKEY:
            self.env["res.users.mfa.event"]._record_owned(
                "passkey_made", records, owner="create_uid"
            )
        return records

    def unlink(self):
        if self._name == PASSKEY:
            self.env["res.users.mfa.event"]._record_owned(
                "passkey_removed", self, owner="create_uid"
            )
        return super().unlink()
