from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .ir_config_parameter import LONGEST, SHORTEST, UNITS
from .secret_store import OPTION, count_by_key, get_keys

DURATION_FIELDS = {
    "mfa_trusted_device_age": "auth_totp.trusted_device_age",
    "mfa_login_timeout": "auth_totp.login_timeout",
    "mfa_session_age": "auth_totp.session_age",
    "mfa_event_retention": "auth_totp.event_retention",
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
    mfa_event_retention = fields.Integer(
        string="Keep two-factor events",
        help="Days after which a line of the trail is deleted: 90 at least.",
    )

    mfa_encryption = fields.Text(compute="_compute_mfa_encryption")
    mfa_old_api_keys = fields.Integer(compute="_compute_mfa_old_api_keys")

    def _compute_mfa_old_api_keys(self):
        old = [("mfa_before_policy", "=", True)]
        self.mfa_old_api_keys = self.env["res.users.apikeys"].search_count(old)

    def execute(self):
        """Show the API keys that are older than a policy, once it has become stricter."""
        company = self.company_id.sudo()
        before = company.mfa_tightened
        action = super().execute()
        if company.mfa_tightened == before or action.get("tag") != "reload":
            return action
        self.invalidate_recordset(["mfa_old_api_keys"])
        if not self.mfa_old_api_keys:
            return action
        keys = self.env["ir.actions.act_window"]._for_xml_id(
            "auth_totp_mfa.action_res_users_apikeys"
        )
        return keys | {"context": {"search_default_before_policy": True}}

    def _compute_mfa_encryption(self):
        self.mfa_encryption = "\n".join(self._mfa_describe_encryption())

    @api.model
    def _mfa_describe_encryption(self):
        """Return sentences on whether secrets are encrypted, and what to do; no key."""
        try:
            keys, sentences = get_keys(self.env), []
        except UserError as error:
            keys, sentences = {}, [str(error)]
        counts = count_by_key(self.env.cr)
        unreadable = sum(counts[key] for key in counts.keys() - keys.keys() - {None})
        newest = counts.get(next(iter(keys), None), 0)
        older = sum(counts.values()) - unreadable - newest
        if unreadable:
            sentences.append(
                self.env._(
                    "Secrets that cannot be read: %(count)d. Add the key that encrypted them "
                    "to %(option)s.",
                    count=unreadable,
                    option=OPTION,
                )
            )
        if keys and older:
            sentences.append(
                self.env._(
                    "Secrets not under the newest key: %(older)d of %(total)d. Run "
                    "“odoo mfa encrypt”.",
                    older=older,
                    total=sum(counts.values()),
                )
            )
        if not keys and not sentences:
            sentences.append(
                self.env._("Secrets are not encrypted: set %(option)s in odoo.conf.", option=OPTION)
            )
        return sentences or [self.env._("Secrets are encrypted.")]

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

        :raise ValidationError: when a duration is out of its range
        """
        result = super().set_values()
        parameters = self.env["ir.config_parameter"].sudo()
        now = self._mfa_get_values()
        for name, key in (DURATION_FIELDS | FLAG_FIELDS).items():
            value = self[name]
            if value == now[name]:
                continue
            if name in DURATION_FIELDS:
                self._mfa_check_duration(name, value, SHORTEST.get(key, 1), LONGEST[key])
            parameters.set_param(key, str(int(value)))
        return result

    def _mfa_check_duration(self, name, value, shortest, longest):
        if not shortest <= value <= longest:
            raise ValidationError(
                self.env._(
                    "%(setting)s: enter a whole number from %(shortest)d to %(longest)d.",
                    setting=self._fields[name].get_description(self.env, ["string"])["string"],
                    shortest=shortest,
                    longest=longest,
                )
            )
