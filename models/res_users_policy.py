"""What the policies of companies ask of a user, here and now."""

from datetime import datetime, timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessDenied, AccessError, UserError
from odoo.http import request
from odoo.tools import ormcache

from ..tools import networks
from .calling_address import calling_address
from .ir_config_parameter import POLICY
from .leading_refusal import leading_refusal
from .mfa_policy import BY_APP, BY_MAIL, LEVELS, NO_DEMAND, OPTIONAL, Demand, Rules


class ResUsers(models.Model):
    _inherit = "res.users"

    mfa_exempt_networks = fields.Text(
        string="Exempt from two-factor authentication in",
        copy=False,
        readonly=True,
        groups="base.group_erp_manager",
        help="The account may be used from these networks only, and needs no second factor there.",
    )
    mfa_exempt_reason = fields.Char(
        string="Reason for the exemption",
        copy=False,
        readonly=True,
        groups="base.group_erp_manager",
    )
    mfa_api_networks = fields.Text(
        string="Networks that may call the API",
        copy=False,
        readonly=True,
        groups="base.group_erp_manager",
        help="In addition to those of the companies, which hold too.",
    )

    # -- the rules -----------------------------------------------------------------

    @ormcache("self.id")
    def _mfa_rules(self):
        """Return the :class:`Rules` of this user; kept in the ORM cache.

        A user of several companies or populations falls under all their policies. Core
        clears the cache with each change of groups, companies or activity of a user.
        """
        self.ensure_one()
        user = self.with_env(self.env(su=True, context={}))
        companies = user.env["res.company"].browse(user._get_company_ids())
        sensitive = (
            not user.env["res.groups"]._mfa_sensitive_ids().isdisjoint(user._get_group_ids())
        )
        populations = ["internal" if user._is_internal() else "portal"]
        populations += ["sensitive"] if sensitive else []
        demands = [
            demand
            for company in companies
            for population in populations
            for demand in company._mfa_demands(population, user.create_date)
        ]
        if user._mfa_core_policy():
            demands.append(Demand(BY_MAIL, datetime.min, None, "", ""))
        lists = [*companies.mapped("mfa_api_networks"), user.mfa_api_networks]
        exempt = user.mfa_exempt_networks
        return Rules(
            demands=tuple(demands),
            sensitive=sensitive,
            trusted_devices=not exempt and all(companies.mapped("mfa_trusted_devices")),
            setup_by_mail=any(companies.mapped("mfa_setup_by_mail")),
            exempt_networks=networks.parse(exempt) if exempt else None,
            api_networks=tuple(networks.parse(text) for text in lists if text),
        )

    @api.model
    def _mfa_forget_rules(self):
        """Make a change of policies hold at the next request, on all workers and servers."""
        self.env.flush_all()
        self._mfa_clear_caches()

    # -- the verdict ---------------------------------------------------------------

    def _mfa_is_exempt(self):
        """Tell whether no second factor is asked of this user.

        Members of sensitive groups are not, whatever was set before they became one.
        That the account is used from its networks is judged elsewhere, and always.
        """
        rules = self._mfa_rules()
        return rules.exempt_networks is not None and not rules.sensitive

    def _mfa_demand(self):
        """Return the strictest :class:`Demand` that holds now.

        Of several the one that open sessions must meet first.
        """
        demands = self._mfa_rules().demands
        if not demands or self._mfa_is_exempt():
            return NO_DEMAND
        now = fields.Datetime.now()
        return min(
            (demand for demand in demands if demand.since <= now),
            key=lambda one: (-LEVELS.index(one.level), one.over or datetime.max),
            default=NO_DEMAND,
        )

    def _mfa_core_policy(self):
        """Tell whether core's own key, which another module may set, names this user."""
        policy = self.env["ir.config_parameter"].sudo().get_param(POLICY)
        return policy == "all_required" or (policy == "employee_required" and self._is_internal())

    def _mfa_grace_end(self):
        """Return when this user must have an app, in UTC; ``None`` unless that is to come."""
        demand = self._mfa_coming_demand()
        return demand and demand.since

    def _mfa_coming_demand(self):
        """Return the first :class:`Demand` for an app that is to come, or ``None``."""
        if self._mfa_is_exempt() or self._mfa_demand().level == BY_APP:
            return None
        apps = [demand for demand in self._mfa_rules().demands if demand.level == BY_APP]
        return min(apps, key=lambda demand: demand.since, default=None)

    def _mfa_is_required(self):
        """Tell whether a policy asks this user for a second factor now."""
        return self._mfa_demand().level != OPTIONAL

    def _mfa_must_enrol(self):
        """Tell whether this user must set up an app before anything else."""
        return self._mfa_demand().level == BY_APP and not self.mfa_enabled

    @api.model
    def _mfa_session_misses(self):
        """Tell whether the session of this request goes on only to save work.

        It does not meet the policy, and its hour is not over.
        """
        if not request or request.session.uid is None:
            return False
        http = self.env["ir.http"]
        user = http._mfa_session_user(request.session)
        demand = user._mfa_demand()
        meets = http._mfa_session_meets(request.session, user, demand)
        return demand.over is not None and not meets

    @api.model
    def _mfa_refuse_missing(self, misses=None):
        """Refuse what would outlive such a session, or be a way around the confirmation.

        :param bool misses: as :meth:`_mfa_session_misses` said before a change of policy
        :raise AccessError: in such a session
        """
        if self._mfa_session_misses() if misses is None else misses:
            raise AccessError(
                self.env._(
                    "Your company requires two-factor authentication, which this session does not "
                    "meet yet. Save your work and reload the page: you will be led through it."
                )
            )

    def _mfa_type(self):
        """Answer for core's modules which code a login asks for.

        Core's own answer for codes by email knows its own key only. Who must enrol first
        has no code to give yet: modules offer whatever this says as a method.
        """
        kind = super()._mfa_type()
        if kind not in (None, "totp_mail"):
            return kind
        return "totp_mail" if self._mfa_demand().level == BY_MAIL else None

    def _mfa_url(self):
        """Lead who must enrol to the set-up page instead of the code."""
        return "/web/login/totp/setup" if self._mfa_must_enrol() else super()._mfa_url()

    def _rpc_api_keys_only(self):
        return self._mfa_is_required() or super()._rpc_api_keys_only()

    # -- from where ----------------------------------------------------------------

    def _mfa_address_is_allowed(self):
        """Tell whether an account that is exempt is used from its networks."""
        exempt = self._mfa_rules().exempt_networks
        return exempt is None or networks.holds(exempt, calling_address())

    def _mfa_check_address(self):
        """:raise AccessDenied: for an exempt account that is not used from its networks

        Never offered to enrol: who knows a terminal's password must not enrol a phone.
        """
        if not self._mfa_address_is_allowed():
            self._mfa_record_address("login")
            raise AccessDenied(
                self.env._(
                    "This account can be used only from the networks that your administrator has "
                    "set. Connect from one of them."
                )
            )

    def _mfa_record_address(self, what):
        """Record the refusal of ``what``, which comes from outside of the account's networks."""
        note = f"{what} from {calling_address() or 'unknown'}"
        self.env["res.users.mfa.event"]._record_apart(
            "network_refused", self, note=note, once_in=timedelta(hours=1)
        )

    def _mfa_check_origin(self, user_agent_env):
        """Refuse an account that is used from elsewhere; a call of the API is told no reason.

        :raise AccessDenied: see there
        """
        if (user_agent_env or {}).get("interactive", True):
            self._mfa_check_address()
        else:
            self._mfa_check_call()

    def _check_credentials(self, credential, env):
        """Ask for the address too, once the credential is right."""
        result = super()._check_credentials(credential, env)
        self.env.user._mfa_check_origin(env)
        return result

    @api.private
    def authenticate(self, credential, user_agent_env):
        """Ask for the address of each login, whoever accepted the credential.

        ``auth_ldap`` and ``auth_oauth`` may be loaded after this module, and then look
        for a credential of their own where :meth:`_check_credentials` refuses.
        """
        auth_info = super().authenticate(credential, user_agent_env)
        self.with_user(auth_info["uid"]).env.user._mfa_check_origin(user_agent_env)
        return auth_info

    # -- who sets it ---------------------------------------------------------------

    @api.model
    def _mfa_check_not_locked_out(self):
        """Refuse a change of policy that would lock out who makes it.

        :raise RedirectWarning: leading to the enrolment
        :raise UserError: where a code could not be sent, and over the API from outside of its
            networks
        """
        user = self._mfa_acting()
        if user.id == SUPERUSER_ID or not user._is_internal():
            return
        by_session = request and request.session.uid
        if not by_session:
            user._mfa_check_api_not_locked_out()
        if user.mfa_enabled or (by_session and request.session.get("mfa_factor") == "skip"):
            return
        level = user._mfa_demand().level
        if level == BY_APP:
            raise leading_refusal(
                self.env._(
                    "This policy would lock you out: your own account has no authenticator app. "
                    "Add one first, or set days of grace."
                ),
                self.env.ref("auth_totp_mail.action_activate_two_factor_authentication").id,
                self.env._("Add my app"),
            )
        if level == BY_MAIL and not user.email:
            raise UserError(
                self.env._(
                    "This policy would lock you out: your own account has no email address for "
                    "the code. Enter one in your preferences, or add an authenticator app, first."
                )
            )

    def _mfa_check_api_not_locked_out(self):
        """:raise UserError: for a call of the API that would be the caller's last"""
        address = calling_address()
        if address and not self._mfa_api_networks_hold():
            raise UserError(
                self.env._(
                    "This change would lock you out: you call the API from %(address)s, which is "
                    "not in these networks. Add it first.",
                    address=address,
                )
            )
