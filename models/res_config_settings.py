from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .calling_address import describe_address
from .ir_config_parameter import LONGEST, POLICY, SHORTEST, UNITS
from .res_company import LEVEL_NAMES, POLICY_FIELDS
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

    The policy is that of the company of the screen. It is written at once, since the guard
    against locking oneself out judges it as a whole: hence no ``related`` fields. Core's
    fields for its own policy are on no screen any more.

    Core's ``config_parameter`` shows the text ``0`` of a Boolean as ticked, writes
    ``True``, and deletes the parameter when it is unticked.
    """

    _inherit = "res.config.settings"

    mfa_secure_cookie = fields.Boolean(string="Secure cookie")
    mfa_trusted_device_age = fields.Integer(string="Trusted devices")
    mfa_login_timeout = fields.Integer(string="Login time-out")
    mfa_session_age = fields.Integer(string="Session age")
    mfa_help_code_age = fields.Integer(string="Help codes")
    mfa_session_extend = fields.Boolean(string="Extend sessions in use")
    mfa_event_retention = fields.Integer(string="Keep two-factor events")

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
        return self.env.user._mfa_action_notify(
            self.env._(
                "The settings are saved. These API keys were made before, and go on working "
                "until you revoke them."
            ),
            keys | {"context": {"search_default_before_policy": True}},
        )

    mfa_policy_sensitive = fields.Selection(
        LEVEL_NAMES, string="Members of sensitive groups", required=True
    )
    mfa_policy_internal = fields.Selection(LEVEL_NAMES, string="Employees", required=True)
    mfa_policy_portal = fields.Selection(LEVEL_NAMES, string="Portal users", required=True)
    mfa_grace_days = fields.Integer(string="Days of grace")
    mfa_trusted_devices = fields.Boolean(string="Trusted devices allowed")
    mfa_setup_by_mail = fields.Boolean(string="Confirm the set-up by email")
    mfa_api_networks = fields.Text(string="Networks that may call the API")
    mfa_address = fields.Char(compute="_compute_mfa_address")
    mfa_core_policy = fields.Char(compute="_compute_mfa_core_policy")

    def _compute_mfa_address(self):
        self.mfa_address = describe_address(self.env)

    def _compute_mfa_core_policy(self):
        """Name whom core's own key asks for a code, where another module has set it."""
        policy = self.env["ir.config_parameter"].sudo().get_param(POLICY)
        sentences = {
            "all_required": self.env._(
                "Another Odoo app asks all users of all companies for a code, by the system "
                "parameter %(key)s.",
                key=POLICY,
            ),
            "employee_required": self.env._(
                "Another Odoo app asks the employees of all companies for a code, by the system "
                "parameter %(key)s.",
                key=POLICY,
            ),
        }
        self.mfa_core_policy = sentences.get(policy)

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
        company = self.env.company._mfa_policy_values()
        return super().get_values() | self._mfa_get_values() | company

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
        self._mfa_set_policy()
        return result

    def _mfa_set_policy(self):
        """Write what was changed of the company's policy, in one go.

        :raise ValidationError, RedirectWarning, UserError: as ``res.company`` does
        """
        now = self.company_id._mfa_policy_values()
        changed = {name: self[name] for name in POLICY_FIELDS if self[name] != now[name]}
        if changed:
            self.company_id.write(changed)

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
