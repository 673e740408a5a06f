from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import networks
from .mfa_policy import BY_APP, BY_MAIL, LEVELS, OPTIONAL, POPULATIONS, SAVING_TIME, Demand

MAX_GRACE = 365
"""Days."""
POLICY_FIELDS = {
    *(f"mfa_policy_{population}" for population in POPULATIONS),
    "mfa_grace_days",
    "mfa_trusted_devices",
    "mfa_setup_by_mail",
    "mfa_api_networks",
}


def _policy(string):
    return fields.Selection(
        [
            (OPTIONAL, "Optional"),
            (BY_MAIL, "Code by e-mail or app"),
            (BY_APP, "Authenticator app"),
        ],
        string=string,
        default=OPTIONAL,
        required=True,
        groups="base.group_system",
    )


def _since():
    return fields.Datetime(groups=fields.NO_ACCESS, copy=False)


def _before():
    return fields.Selection([(level, level) for level in LEVELS], groups=fields.NO_ACCESS)


class ResCompany(models.Model):
    """What a company asks of its users: see :meth:`ResUsers._mfa_rules` for how it counts."""

    _inherit = "res.company"

    mfa_policy_sensitive = _policy("Members of sensitive groups")
    mfa_policy_internal = _policy("Employees")
    mfa_policy_portal = _policy("Portal users")
    mfa_grace_days = fields.Integer(
        string="Days of grace",
        groups="base.group_system",
        help="Days that a user has to set up an authenticator app, from the start of the policy "
        "or the creation of the account, whichever is later.",
    )
    mfa_trusted_devices = fields.Boolean(
        string="Trusted devices allowed",
        default=True,
        groups="base.group_system",
        help="Offer “Don't ask again on this device”.",
    )
    mfa_setup_by_mail = fields.Boolean(
        string="Confirm the set-up by e-mail",
        default=True,
        groups="base.group_system",
        help="Ask for a code sent by e-mail before somebody sets up an app that this policy "
        "requires.",
    )
    mfa_api_networks = fields.Text(
        string="Networks that may call the API",
        groups="base.group_system",
        help="In CIDR form, one on a line. Empty: from anywhere.",
    )
    mfa_policy_sensitive_since = _since()
    mfa_policy_internal_since = _since()
    mfa_policy_portal_since = _since()
    mfa_policy_sensitive_before = _before()
    mfa_policy_internal_before = _before()
    mfa_policy_portal_before = _before()
    mfa_policy_changed = fields.Datetime(
        groups=fields.NO_ACCESS,
        copy=False,
        help="When the policy last changed: sessions that do not meet it go on for an hour.",
    )

    mfa_tightened = fields.Datetime(
        groups=fields.NO_ACCESS,
        copy=False,
        help="When the policy or the networks last became stricter.",
    )

    @api.constrains("mfa_grace_days")
    def _check_mfa_grace_days(self):
        for company in self.sudo():
            if not 0 <= company.mfa_grace_days <= MAX_GRACE:
                raise ValidationError(
                    self.env._(
                        "Days of grace: enter a whole number from 0 to %(most)d.", most=MAX_GRACE
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create([self._mfa_clean_vals(vals) for vals in vals_list])
        for company in companies.sudo():
            company._mfa_policy_written(dict.fromkeys(POPULATIONS, OPTIONAL))
        return companies

    def write(self, vals):
        if not POLICY_FIELDS & vals.keys():
            return super().write(vals)
        before = {company: company._mfa_policy_values() for company in self.sudo()}
        result = super().write(self._mfa_clean_vals(vals))
        for company, old in before.items():
            company._mfa_policy_written(
                {name: old[f"mfa_policy_{name}"] for name in POPULATIONS},
            )
            company._mfa_record_policy(old)
            if company._mfa_policy_values() != old:
                self.env["res.users"]._mfa_refuse_api_key()
            if company._mfa_is_stricter_than(old):
                company.mfa_tightened = fields.Datetime.now()
            if old["mfa_trusted_devices"] != company.mfa_trusted_devices:
                company._mfa_void_devices()
        self.env["res.users"]._mfa_forget_rules()
        self.env["res.users"]._mfa_check_not_locked_out()
        return result

    def _mfa_clean_vals(self, vals):
        if "mfa_api_networks" not in vals:
            return vals
        checked = self._mfa_clean_networks(vals["mfa_api_networks"])
        return vals | {"mfa_api_networks": checked}

    @api.model
    def _mfa_clean_networks(self, text):
        """Return ``text`` with one network on each line.

        :raise ValidationError: naming the first line that is no network
        """
        try:
            return networks.normalise(text)
        except networks.BadNetwork as bad:
            advice = (
                self.env._("Did you mean %(network)s?", network=bad.meant)
                if bad.meant
                else self.env._("Write it as 192.0.2.0/24 or 2001:db8::/32.")
            )
            raise ValidationError(
                self.env._(
                    "Line %(line)d, “%(text)s”, is not a network. %(advice)s",
                    line=bad.line,
                    text=bad.text,
                    advice=advice,
                )
            ) from None

    def _mfa_policy_values(self):
        return {name: self[name] for name in POLICY_FIELDS}

    def _mfa_policy_written(self, before):
        """Note since when each choice that has changed holds, and what held until then.

        :param before: level by population, before the change
        """
        now = fields.Datetime.now()
        vals = {}
        for population, old in before.items():
            if (new := self[f"mfa_policy_{population}"]) != old:
                weaker = min(old, new, key=LEVELS.index)
                vals[f"mfa_policy_{population}_since"] = now
                vals[f"mfa_policy_{population}_before"] = weaker
        self.sudo().write(vals | {"mfa_policy_changed": now})

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
        """Add a line to the trail for each setting that has changed."""
        for name in sorted(POLICY_FIELDS):
            if (new := self[name]) != old[name]:
                note = f"{old[name]} → {new}".replace("\n", ", ")
                subject = f"{self.name}: {name.removeprefix('mfa_')}"
                self.env["res.users.mfa.event"]._record(
                    "setting", self.env["res.users"], subject, note
                )

    def _mfa_void_devices(self):
        """Void the trusted devices of all users of this company.

        On each change of the switch: what was issued before is not revived.
        """
        devices = self.env["res.users.device"].sudo()
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
        start = max(since, created or datetime.min)
        grace = timedelta(days=self.mfa_grace_days if level == BY_APP else 0)
        demands = [self._mfa_demand(level, start + grace, population)]
        if grace and self[f"mfa_policy_{population}_before"] == BY_MAIL:
            demands.append(self._mfa_demand(BY_MAIL, since, population))
        return demands

    def _mfa_demand(self, level, since, population):
        over = max(since, self.mfa_policy_changed) + SAVING_TIME
        return Demand(level, since, over, self.name, population)
