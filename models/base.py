from odoo import models
from odoo.http import request


class Base(models.AbstractModel):
    """Passkeys belong to ``auth_passkey``, which may not be installed: nothing to inherit.

    Core guards its button; administrators may also delete a passkey directly.
    """

    _inherit = "base"

    def unlink(self):
        if self._name == "auth.passkey.key" and request:
            owners = self.sudo().create_uid.with_env(self.env)
            owners._mfa_check_own_change({"auth_passkey_key_ids": self.ids})
            owners._mfa_check_rank()
        return super().unlink()
