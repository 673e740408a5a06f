from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .ir_config_parameter import LONGEST, UNITS

DURATION_FIELDS = {
    "mfa_trusted_device_age": "auth_totp.trusted_device_age",
    "mfa_login_timeout": "auth_totp.login_timeout",
    "mfa_session_age": "auth_totp.session_age",
    "mfa_help_code_age": "auth_totp.help_code_age",
}
FLAG_FIELDS = {
    "mfa_secure_cookie": "auth_totp.secure_cookie",
    "mfa_session_extend": "auth_totp.session_extend",
}


class ResConfigSettings(models.TransientModel):
    """The settings of this addon, read and written here.

    Core's ``config_parameter`` shows the text ``0`` of a Boolean as ticked, writes
    ``True``, and deletes the parameter when it is unticked.
    """

    _inherit = "res.config.settings"

    mfa_secure_cookie = fields.Boolean(
        string="Secure cookie",
        help="Browsers send the cookie of a trusted device over HTTPS only. Turn this off "
        "only where people reach Odoo over plain HTTP.",
    )
    mfa_trusted_device_age = fields.Integer(
        string="Trusted devices",
        help="Days until a trusted device is asked for a code again.",
    )
    mfa_login_timeout = fields.Integer(
        string="Login time-out",
        help="Minutes that a person has between password and code.",
    )
    mfa_session_age = fields.Integer(
        string="Session age",
        help="Days after which a person who logged in with a second factor logs in again.",
    )
    mfa_help_code_age = fields.Integer(
        string="Help codes",
        help="Minutes for which a help code that an administrator made is good.",
    )
    mfa_session_extend = fields.Boolean(
        string="Extend sessions in use",
        help="Each day with real use starts the session age anew.",
    )

    @api.model
    def _mfa_get_values(self):
        """Return the values in force, by field name."""
        parameters = self.env["ir.config_parameter"]
        values = {name: parameters._mfa_flag(key) for name, key in FLAG_FIELDS.items()}
        for name, key in DURATION_FIELDS.items():
            values[name] = parameters._mfa_duration(key) // UNITS[key]
        return values

    @api.model
    def get_values(self):
        return super().get_values() | self._mfa_get_values()

    def set_values(self):
        """Write what was changed on the screen, and leave the rest as it is.

        :raise ValidationError: when a duration is no positive whole number
        """
        result = super().set_values()
        parameters = self.env["ir.config_parameter"].sudo()
        now = self._mfa_get_values()
        for name, key in (DURATION_FIELDS | FLAG_FIELDS).items():
            value = self[name]
            if value == now[name]:
                continue
            if name in DURATION_FIELDS:
                self._mfa_check_duration(name, value, LONGEST[key])
            parameters.set_param(key, str(int(value)))
        return result

    def _mfa_check_duration(self, name, value, longest):
        if not 0 < value <= longest:
            raise ValidationError(
                self.env._(
                    "%(setting)s: enter a whole number from 1 to %(longest)d.",
                    setting=self._fields[name].get_description(self.env, ["string"])["string"],
                    longest=longest,
                )
            )
