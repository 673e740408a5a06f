"""Exempt users: service accounts and shared devices, protected by their networks."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity

from ..tools import networks
from .mfa_policy import BY_APP, BY_MAIL
from .res_users_mfa_guarded import open_door


class ResUsers(models.Model):
    _inherit = "res.users"

    mfa_exempt = fields.Boolean(
        string="Exempt from two-factor authentication", compute="_compute_mfa_exempt"
    )
    mfa_exempt_in_vain = fields.Boolean(
        string="Exempt, and a member of a sensitive group", compute="_compute_mfa_exempt"
    )
    mfa_app_required_by = fields.Char(
        string="App required by",
        compute="_compute_mfa_app_required_by",
        help="The company whose policy asks this user for an authenticator app now.",
    )
    mfa_app_required_from = fields.Datetime(
        string="App required from",
        compute="_compute_mfa_app_required_by",
        help="When the days of grace of this user end.",
    )
    mfa_code_by_mail = fields.Boolean(
        string="Code by email",
        compute="_compute_mfa_app_required_by",
        help="A code is sent by email at each login, since there is no app.",
    )

    @property
    def SELF_READABLE_FIELDS(self):
        return [
            *super().SELF_READABLE_FIELDS,
            "mfa_exempt",
            "mfa_exempt_in_vain",
            "mfa_app_required_by",
            "mfa_app_required_from",
            "mfa_code_by_mail",
        ]

    @api.depends("mfa_exempt_networks", "all_group_ids")
    def _compute_mfa_exempt(self):
        for user in self:
            rules = user._origin and user._origin._mfa_rules()
            listed = bool(rules) and rules.exempt_networks is not None
            user.mfa_exempt = listed and not rules.sensitive
            user.mfa_exempt_in_vain = listed and rules.sensitive

    def _compute_mfa_app_required_by(self):
        for user in self:
            known = user._origin
            user.mfa_app_required_by = bool(known) and known._mfa_app_required_by()
            user.mfa_app_required_from = bool(known) and known._mfa_grace_end()
            by_mail = bool(known) and known._mfa_demand().level == BY_MAIL
            user.mfa_code_by_mail = by_mail and not known.mfa_enabled

    def _mfa_app_required_by(self):
        """Return the name of the company that asks this user for an app now, or ``False``."""
        demand = self._mfa_demand()
        return demand.level == BY_APP and demand.company

    # -- what an exemption forbids ---------------------------------------------------

    def _mfa_check_not_exempt(self):
        """:raise UserError: for an account that must have no factor of its own

        Who knows the password of a terminal must not enrol a phone of their own.
        """
        for user in self:
            if user._mfa_is_exempt():
                raise UserError(
                    self.env._(
                        "“%(user)s” is exempt from two-factor authentication: its networks "
                        "protect it. An administrator can end the exemption.",
                        user=user.name,
                    )
                )

    def _mfa_check_may_disable(self):
        """:raise UserError: where a policy asks one of these users for an app now"""
        for user in self:
            if company := user._mfa_app_required_by():
                raise UserError(
                    self.env._(
                        "%(company)s requires an authenticator app of “%(user)s”, so two-factor "
                        "authentication stays on. A lost app can be replaced: by the owner with "
                        "“Replace app”, or after an administrator's reset.",
                        company=company,
                        user=user.name,
                    )
                )

    # -- the dialog --------------------------------------------------------------------

    @check_identity
    def action_mfa_exemption(self):
        """Open the dialog "Exemption and networks" for this user.

        :raise AccessError, UserError: as :meth:`_mfa_check_may_set_networks`
        """
        self.ensure_one()
        self._mfa_check_may_set_networks()
        dialog = self.env["res.users.mfa.exemption"]._start_for(self)
        return dialog._mfa_dialog(self.env._("Exemption and networks"))

    def _mfa_check_may_set_networks(self):
        """:raise AccessError: as :meth:`_mfa_check_rank`; UserError: for oneself"""
        self._mfa_check_rank()
        if self.env.user in self:
            raise UserError(
                self.env._("This is your own account. Ask another administrator to do this.")
            )

    def _mfa_set_networks(self, exempt, reason, exempt_networks, api_networks):
        """Set what the dialog holds for this user; the caller has checked rank and factor.

        All is checked before anything is changed.

        :raise UserError: when it is refused
        """
        self.ensure_one()
        clean = self.env["res.company"]._mfa_clean_networks
        reason = " ".join((reason or "").split())
        exempt_networks = exempt and clean(exempt_networks, self.env._("Only from these networks"))
        api_networks = clean(api_networks, self.env._("Networks that may call the API"))
        if exempt:
            self._mfa_check_may_exempt(reason, networks.parse(exempt_networks))
        self._mfa_check_api_networks(networks.parse(api_networks))
        now = self.sudo()
        if api_networks != (now.mfa_api_networks or False):
            self._mfa_write_api_networks(api_networks)
        if exempt and (exempt_networks, reason) != (now.mfa_exempt_networks, now.mfa_exempt_reason):
            self._mfa_exempt_from_now(reason, exempt_networks)
        elif not exempt and now.mfa_exempt_networks:
            self._mfa_end_exemption()

    def _mfa_check_may_exempt(self, reason, required):
        """:param tuple required: the networks; :raise UserError: saying what is in the way"""
        user = self.sudo()
        passkeys = "auth_passkey_key_ids" in self._fields and user.auth_passkey_key_ids
        refusals = (
            (not reason, self.env._("Enter the reason: it is kept in the audit trail.")),
            (not required, self.env._("Enter the networks in which this account is used.")),
            (
                networks.is_everywhere(required),
                self.env._(
                    "These networks are the whole internet. Enter only those in which this "
                    "account is used."
                ),
            ),
            (
                self._mfa_rules().sensitive,
                self.env._(
                    "“%(user)s” is a member of a sensitive group and cannot be exempt. Take the "
                    "user out of the group first.",
                    user=self.name,
                ),
            ),
            (
                user.mfa_enabled or user.authenticator_ids or passkeys,
                self.env._(
                    "“%(user)s” has authenticator apps or passkeys. Reset them first, with “Help "
                    "this user”.",
                    user=self.name,
                ),
            ),
        )
        for refused, sentence in refusals:
            if refused:
                raise UserError(sentence)

    def _mfa_check_api_networks(self, wanted):
        """:raise UserError: for a network from which a company lets nobody call the API"""
        companies = self.sudo().company_ids.filtered(
            lambda one: one.active and one.mfa_api_networks
        )
        for company in companies:
            allowed = networks.parse(company.mfa_api_networks)
            for network in wanted:
                if not networks.overlap([network], allowed):
                    raise UserError(
                        self.env._(
                            "%(network)s is outside the networks that may call the API of "
                            "%(company)s, so no call from there would be answered. Leave it out, "
                            "or add it in the settings of the company.",
                            network=str(network),
                            company=company.name,
                        )
                    )

    def _mfa_exempt_from_now(self, reason, listed):
        user = open_door(self)
        user.write({"mfa_exempt_networks": listed, "mfa_exempt_reason": reason})
        user.trusted_device_ids._void("exempted")
        self.env["res.users.recovery.code"]._void(self)
        self.env["res.users.help.code"]._void(self)
        where = ", ".join(listed.splitlines())
        self.env["res.users.mfa.event"]._record("exempted", self, where, reason)
        self._mfa_notify(
            lambda user: user.env._("Security Update: Exempt From Two-factor Authentication"),
            lambda user: user.env._(
                "An administrator has exempted your account from two-factor authentication. It "
                "can now be used only from these networks: %(networks)s.",
                networks=where,
            ),
        )

    def _mfa_end_exemption(self):
        user = open_door(self)
        where = ", ".join(user.mfa_exempt_networks.splitlines())
        user.write({"mfa_exempt_networks": False, "mfa_exempt_reason": False})
        self.env["res.users.mfa.event"]._record("exemption_removed", self, where)
        self._mfa_notify(
            lambda user: user.env._("Security Update: Exemption Ended"),
            lambda user: user.env._(
                "An administrator has ended the exemption of your account from two-factor "
                "authentication. The policy of your company holds for it, and it is no longer "
                "bound to its networks."
            ),
        )

    def _mfa_write_api_networks(self, listed):
        user = open_door(self)
        lists = [user.mfa_api_networks or "anywhere", listed or "anywhere"]
        old, new = (", ".join(text.splitlines()) for text in lists)
        user.mfa_api_networks = listed
        subject = f"{self.login}: Networks that may call the API"
        self.env["res.users.mfa.event"]._record(
            "setting", self.env["res.users"], subject, f"{old} → {new}"
        )
        self._mfa_notify(
            lambda user: user.env._("Security Update: Networks That May Call the API"),
            lambda user: user.env._(
                "An administrator has set from which networks programs may use your account: "
                "%(networks)s.",
                networks=", ".join((listed or user.env._("all networks")).splitlines()),
            ),
        )
