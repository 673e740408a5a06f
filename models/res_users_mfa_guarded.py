from odoo import api, models
from odoo.exceptions import AccessError

DOOR = object()
"""Context value that only this addon's code can hold: no API can send this object."""


def check_door(env):
    """Raise ``AccessError`` unless ``env`` was opened by :meth:`_mfa_open_door`.

    Superuser mode alone does not open it: a session that became the superuser
    (``/web/become``) has superuser mode in every RPC call.
    """
    if env.context.get("mfa_door") is not DOOR:
        raise AccessError(
            env._(
                "Second factors are changed only by the buttons in Preferences ▸ Security "
                "and on the user form, never directly."
            )
        )


class ResUsersMfaGuarded(models.AbstractModel):
    _name = "res.users.mfa.guarded"
    _description = "Records that only this addon's actions change"
    _allow_sudo_commands = False

    def _mfa_open_door(self):
        """Return ``self`` as this addon's checked actions may change it."""
        return self.sudo().with_context(mfa_door=DOOR)

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
