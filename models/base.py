from odoo import models

from .calling_address import is_call


class Base(models.AbstractModel):
    """Passkeys are deleted by their owner's rules, and leave a line in the trail.

    An API key changes none.

    They belong to ``auth_passkey``, which may not be installed, so that there is
    nothing to inherit from. Core guards its button; administrators may also delete a
    passkey directly. Patching that model in ``_register_hook`` would not hold: saving
    any automation rule of ``base_automation`` takes patches away.
    """

    _inherit = "base"

    def write(self, vals):
        if self._name == "auth.passkey.key":
            self.env["res.users"]._mfa_refuse_api_key()
        return super().write(vals)

    def unlink(self):
        if self._name == "auth.passkey.key":
            owners = self.sudo().create_uid.with_env(self.env)
            if is_call() or not self.env.su:
                owners._mfa_check_own_change({"auth_passkey_key_ids": self.ids})
                owners._mfa_check_rank()
            self.env["res.users.mfa.event"]._record_owned(
                "passkey_removed", self, owner="create_uid"
            )
        return super().unlink()
