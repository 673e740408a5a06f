from odoo import api, fields, models
from odoo.exceptions import UserError

from .calling_address import is_api_key_call
from .res_users_mfa_guarded import check_door, is_superuser_client, open_door
from .secret_store import read_secrets, write_secret


class AuthTotpWizard(models.TransientModel):
    """Core's enrolment screen, as scripts of others may open it for portal users.

    Core lets its client create the record, with a secret of the client's choice. Core
    stores the secret, its link and its picture by the ORM, which logs them: here the
    secret stands in core's column as ``secret_store`` keeps it, the others nowhere.
    """

    _inherit = "auth_totp.wizard"

    secret = fields.Char(
        compute="_compute_secret", inverse="_inverse_secret", store=False, required=False
    )
    url = fields.Char(store=False)
    qrcode = fields.Binary(store=False)

    def _compute_secret(self):
        secrets = read_secrets(self._origin, "secret")
        for wizard in self:
            if wizard._origin and wizard._origin.id not in secrets:
                raise UserError(self.env._("This dialog has expired. Please open it again."))
            wizard.secret = secrets.get(wizard._origin.id) or ""

    def _inverse_secret(self):
        for wizard in self:
            write_secret(wizard, "secret", wizard.secret or "")

    @api.model
    def _mfa_start(self, user, secret):
        """Return a wizard of ``user`` whose secret the server made."""
        return open_door(self).create({"user_id": user.id, "secret": secret}).with_env(self.env)

    def _has_field_access(self, field, operation):
        """Keep the secret from a session that became the superuser, and from an API key."""
        hidden = is_superuser_client(self.env) or is_api_key_call()
        if field.name in ("secret", "url", "qrcode") and hidden:
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
