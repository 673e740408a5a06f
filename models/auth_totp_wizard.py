from odoo import api, models

from .res_users_mfa_guarded import check_door, is_superuser_client, open_door


class AuthTotpWizard(models.TransientModel):
    """Core's enrolment screen, which the portal page still shows.

    Core lets its client create the record, with a secret of the client's choice.
    """

    _inherit = "auth_totp.wizard"

    @api.model
    def _mfa_start(self, user, secret):
        """Return a wizard of ``user`` whose secret the server made."""
        return open_door(self).create({"user_id": user.id, "secret": secret}).with_env(self.env)

    def _has_field_access(self, field, operation):
        """Keep the secret from a session that became the superuser."""
        if field.name in ("secret", "url", "qrcode") and is_superuser_client(self.env):
            return False
        return super()._has_field_access(field, operation)

    @api.model_create_multi
    def create(self, vals_list):
        check_door(self.env)
        return super().create(vals_list)

    def write(self, vals):
        """Core empties the secret when it is done; nobody sets one."""
        if vals.get("secret") or vals.get("user_id"):
            check_door(self.env)
        return super().write(vals)
