from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError
from odoo.http import request

DOOR = object()
"""Context value that only this addon's code can hold: no API can send this object."""


def check_door(env):
    """Raise ``AccessError`` unless ``env`` was opened by :func:`open_door`.

    Superuser mode alone does not open it: a session that became the superuser
    (``/web/become``) has superuser mode in every RPC call.
    """
    if env.context.get("mfa_door") is not DOOR:
        raise AccessError(
            env._(
                "Second factors are changed only by the buttons in My Preferences ▸ Security "
                "and on the user form, never directly."
            )
        )


def open_door(records):
    """Return ``records`` as this addon's checked actions may change them."""
    return records.sudo().with_context(mfa_door=DOOR)


def is_superuser_client(env):
    """Tell whether a session that became the superuser asks, not this addon's code."""
    asks = request and request.session.uid == SUPERUSER_ID
    return bool(asks) and env.context.get("mfa_door") is not DOOR


class ResUsersMfaGuarded(models.AbstractModel):
    _name = "res.users.mfa.guarded"
    _description = "Records that only this addon's actions change"
    _allow_sudo_commands = False

    def _has_field_access(self, field, operation):
        """Keep hidden fields from the superuser as well, whom core lets read all."""
        if field.groups == fields.NO_ACCESS and is_superuser_client(self.env):
            return False
        return super()._has_field_access(field, operation)

    def _mfa_open_door(self):
        return open_door(self)

    @api.model_create_multi
    def create(self, vals_list):
        check_door(self.env)
        return super().create(vals_list)

    def write(self, vals):
        check_door(self.env)
        return super().write(vals)

    def unlink(self):
        check_door(self.env)
        return super().unlink()
