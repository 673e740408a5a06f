from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import networks
from .mfa_policy import BY_APP, BY_MAIL, LEVELS, OPTIONAL, POPULATIONS, SAVING_TIME, Demand

MAX_GRACE = 365
"""Days."""
LEVEL_NAMES = [
    (OPTIONAL, "Optional"),
    (BY_MAIL, "Code by email or app"),
    (BY_APP, "Authenticator app"),
]
POLICY_FIELDS = dict.fromkeys((f"mfa_policy_{name}" for name in POPULATIONS), OPTIONAL) | {
    "mfa_grace_days": 0,
    "mfa_trusted_devices": True,
    "mfa_setup_by_mail": True,
    "mfa_api_networks": False,
}
"""What makes up a policy, and what holds where nothing was set."""


def _policy(string):
    return fields.Selection(
        LEVEL_NAMES,
        string=string,
        default=OPTIONAL,
        required=True,
        groups="base.group_system",
    )


def _since():
    return fields.Datetime(groups=fields.NO_ACCESS, copy=False)


def _before():
    return fields.Selection(LEVEL_NAMES, groups=fields.NO_ACCESS)


class ResCompany(models.Model):
    """What a company asks of its users: see :meth:`ResUsers._mfa_rules` for how it counts."""

    _inherit = "res.company"

    mfa_policy_sensitive = _policy("Members of sensitive groups")
    mfa_policy_internal = _policy("Employees")
    mfa_policy_portal = _policy("Portal users")
    mfa_grace_days = fields.Integer(
        string="Days of grace",
        groups="base.group_system",
        help="How long a person may put off setting up a required app, from the start of the "
        "policy or the creation of the account, whichever is later. 0: at the next login.",
    )
    mfa_trusted_devices = fields.Boolean(
        string="Trusted devices allowed",
        default=True,
        groups="base.group_system",
        help="Offer “Don't ask again on this device”. Turning this off forgets all trusted devices "
        "of these users for good.",
    )
    mfa_setup_by_mail = fields.Boolean(
        string="Confirm the set-up by email",
        default=True,
        groups="base.group_system",
        help="Ask for a code sent by email, or an administrator's help code, before somebody sets "
        "up a required app at login.",
    )
    mfa_api_networks = fields.Text(
        string="Networks that may call the API",
        groups="base.group_system",
        help="XML-RPC, JSON-RPC and JSON-2 are answered only there, whatever the key. Empty: "
        "everywhere.",
    )
    mfa_policy_sensitive_since = _since()
    mfa_policy_internal_since = _since()
    mfa_policy_portal_since = _since()
    mfa_policy_sensitive_before = _before()
    mfa_policy_internal_before = _before()
    mfa_policy_portal_before = _before()
    # When grace or the sensitive groups last changed, which may let a choice hold that
    # began long ago: sessions that do not meet it go on for an hour.
    mfa_policy_changed = _since()
    # When the policy or the networks last became stricter.
    mfa_tightened = _since()

    @api.constrains("mfa_grace_days")
    def _check_mfa_grace_days(self):
        for company in self.sudo():
            if not 0 <= company.mfa_grace_days <= MAX_GRACE:
                self._mfa_refuse_grace_days()

    @api.model
    def _mfa_refuse_grace_days(self):
        raise ValidationError(
            self.env._("Days of grace: enter a whole number from 0 to %(most)d.", most=MAX_GRACE)
        )

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create([self._mfa_clean_vals(vals) for vals in vals_list])
        companies._mfa_policies_changed(dict.fromkeys(companies.sudo(), POLICY_FIELDS))
        return companies

    def write(self, vals):
        """Also forget the rules of users where a company's name or users change."""
        if not POLICY_FIELDS.keys() & vals.keys():
            result = super().write(vals)
            if {"name", "user_ids"} & vals.keys():
                self.env["res.users"]._mfa_forget_rules()
            return result
        before = {company: company._mfa_policy_values() for company in self.sudo()}
        misses = self.env["res.users"]._mfa_session_misses()
        result = super().write(self._mfa_clean_vals(vals))
        self._mfa_policies_changed(before, misses)
        return result

    def _mfa_clean_vals(self, vals):
        """Return ``vals`` with networks in their normal form.

        :raise ValidationError: for what is no network, and for days that are not whole
        """
        days = vals.get("mfa_grace_days", 0)
        if not isinstance(days, int) or isinstance(days, bool):
            self._mfa_refuse_grace_days()
        if "mfa_api_networks" not in vals:
            return vals
        label = self._fields["mfa_api_networks"]._description_string(self.env)
        checked = self._mfa_clean_networks(vals["mfa_api_networks"], label)
        return vals | {"mfa_api_networks": checked}

    @api.model
    def _mfa_policies_changed(self, before, misses=False):
        """Let what has changed hold at once, with a line in the trail for each setting.

        :param before: the former values, by company in superuser mode
        :param bool misses: the session missed the policy before the change
        :raise AccessError: in such a session, and in a call that an API key opened
        :raise RedirectWarning, UserError: where it would lock out who acts
        """
        changed = [item for item in before.items() if item[0]._mfa_policy_values() != item[1]]
        if changed:
            self.env["res.users"]._mfa_refuse_api_key()
            self.env["res.users"]._mfa_refuse_missing(misses)
        for company, old in changed:
            company._mfa_note_start(old)
            company._mfa_record_policy(old)
            if company._mfa_is_stricter_than(old):
                company.mfa_tightened = fields.Datetime.now()
            if old["mfa_trusted_devices"] != company.mfa_trusted_devices:
                company._mfa_void_devices()
        if changed:
            self.env["res.users"]._mfa_forget_rules()
            self.env["res.users"]._mfa_check_not_locked_out()

    @api.model
    def _mfa_clean_networks(self, text, label):
        """Return ``text`` with one network on each line; ``False`` when there is none.

        :param str label: what the screen calls the field
        :raise ValidationError: naming the first line that is no network
        """
        try:
            return networks.normalise(text) or False
        except networks.BadNetwork as bad:
            advice = (
                self.env._("Did you mean %(network)s?", network=bad.meant)
                if bad.meant
                else self.env._("Write it as 192.0.2.0/24 or 2001:db8::/32.")
            )
            raise ValidationError(
                self.env._(
                    "“%(label)s”, line %(line)d: “%(text)s” is not a network. %(advice)s",
                    label=label,
                    line=bad.line,
                    text=bad.text,
                    advice=advice,
                )
            ) from None

    def _mfa_policy_values(self):
        return {name: self[name] for name in POLICY_FIELDS}

    def _mfa_note_start(self, old):
        """Note since when each choice that has changed holds, and what held until then."""
        now = fields.Datetime.now()
        vals = {}
        if self.mfa_grace_days != old["mfa_grace_days"]:
            vals["mfa_policy_changed"] = now
        for population in POPULATIONS:
            name = f"mfa_policy_{population}"
            if self[name] != old[name]:
                weaker = min(old[name], self[name], key=LEVELS.index)
                vals |= {f"{name}_since": now, f"{name}_before": weaker}
        if vals:
            self.write(vals)

    def _mfa_is_stricter_than(self, old):
        """Tell whether less is allowed without a second factor, or from fewer networks.

        :param old: the values of :meth:`_mfa_policy_values` before a change
        """
        names = [f"mfa_policy_{population}" for population in POPULATIONS]
        wanted, before = networks.parse(self.mfa_api_networks), old["mfa_api_networks"]
        return (
            any(LEVELS.index(self[name]) > LEVELS.index(old[name]) for name in names)
            or self.mfa_grace_days < old["mfa_grace_days"]
            or bool(wanted and not (before and networks.are_within(networks.parse(before), wanted)))
        )

    def _mfa_record_policy(self, old):
        """Add a line to the trail for each setting that has changed, in words of the screen."""
        for name in sorted(POLICY_FIELDS):
            if self[name] != old[name]:
                words = [self._mfa_in_words(name, value) for value in (old[name], self[name])]
                subject = f"{self.name}: {self._fields[name].string}"
                self.env["res.users.mfa.event"]._record(
                    "setting", self.env["res.users"], subject, " → ".join(words)
                )

    @api.model
    def _mfa_in_words(self, name, value):
        """Return what the screen says, in English, for ``value`` of the policy field ``name``."""
        field = self._fields[name]
        if field.type == "selection":
            return dict(LEVEL_NAMES)[value]
        if field.type == "boolean":
            return "yes" if value else "no"
        if field.type == "text":
            return ", ".join((value or "anywhere").splitlines())
        return str(value)

    def _mfa_void_devices(self):
        """Void the trusted devices of all users of this company.

        On each change of the switch: what was issued before is not revived.
        """
        devices = self.env["res.users.device"].sudo().with_context(active_test=False)
        devices.search([("user_id.company_ids", "in", self.ids)])._void("not allowed any more")

    def _mfa_demands(self, population, created):
        """Return what this company asks of a user of ``population``, as a list of ``Demand``.

        An app is asked for after the days of grace. Until then holds what the change
        replaced, so that a stricter policy is at no time a weaker one.

        :param datetime created: when the account was created, in UTC
        """
        level = self[f"mfa_policy_{population}"]
        since = self[f"mfa_policy_{population}_since"]
        if level == OPTIONAL:
            return []
        # Without fractions, as now() is: no account is free in the second of its creation.
        start = max(since, (created or datetime.min).replace(microsecond=0))
        grace = timedelta(days=self.mfa_grace_days if level == BY_APP else 0)
        demands = [self._mfa_demand(level, start + grace, population)]
        if grace and self[f"mfa_policy_{population}_before"] == BY_MAIL:
            demands.append(self._mfa_demand(BY_MAIL, since, population))
        return demands

    def _mfa_demand(self, level, since, population):
        over = max(since, self.mfa_policy_changed or since) + SAVING_TIME
        return Demand(level, since, over, self.name, population)
