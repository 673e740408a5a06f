"""Who is protected: one row for each active user, read by one SQL statement."""

from odoo import SUPERUSER_ID, fields, models
from odoo.tools import SQL

from ..models.ir_config_parameter import POLICY
from ..models.res_users_recovery_code import FEW

STATES = [
    ("app", "Authenticator app"),
    ("passkey", "Passkey"),
    ("mail", "Code by email"),
    ("grace", "In grace"),
    ("missing", "Required but missing"),
    ("exempt", "Exempt"),
    ("unprotected", "Unprotected"),
]
POPULATION_NAMES = [("internal", "Employee"), ("portal", "Portal user")]


class MfaCoverage(models.Model):
    """How each active user is protected, and what the policy asks of them.

    The statement says in SQL what ``ResUsers._mfa_rules`` and ``_mfa_demand`` decide for
    one user: they must change together, and a test compares them. A query of the model,
    not a view in the database: the table of passkeys comes and goes with ``auth_passkey``.

    What decides the state is joined, for all users at once. All else is looked up by user,
    so that PostgreSQL does so only for the rows and the columns that are asked for.
    """

    _name = "mfa.coverage"
    _description = "MFA Coverage"
    _auto = False
    _rec_name = "user_id"
    _order = "urgency, id"
    _depends = {
        "res.users": [
            "active",
            "company_id",
            "company_ids",
            "create_date",
            "group_ids",
            "login",
            "mfa_api_networks",
            "mfa_exempt_networks",
            "mfa_since",
            "partner_id",
            "share",
        ],
        "res.company": [
            "active",
            "mfa_api_networks",
            "mfa_grace_days",
            "mfa_policy_internal",
            "mfa_policy_internal_before",
            "mfa_policy_internal_since",
            "mfa_policy_portal",
            "mfa_policy_portal_before",
            "mfa_policy_portal_since",
            "mfa_policy_sensitive",
            "mfa_policy_sensitive_before",
            "mfa_policy_sensitive_since",
            "mfa_setup_by_mail",
        ],
        "res.groups": ["implied_ids", "mfa_sensitive"],
        "res.partner": ["email"],
        "res.users.authenticator": ["user_id"],
        "res.users.device": ["create_date", "expires_at", "user_id"],
        "res.users.log": ["create_date", "create_uid"],
        "res.users.recovery.code": ["user_id"],
    }

    user_id = fields.Many2one("res.users", readonly=True)
    login = fields.Char(readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    population = fields.Selection(POPULATION_NAMES, string="Kind of user", readonly=True)
    sensitive = fields.Boolean(
        readonly=True, help="Member of a group that the policy calls sensitive."
    )
    state = fields.Selection(
        STATES,
        string="Protection",
        readonly=True,
        help="What is asked for beside the password. A passkey counts where a policy asks for a "
        "second factor: without one, the password alone opens the account too.",
    )
    urgency = fields.Integer(readonly=True, aggregator=None)
    """1 is the most urgent: sensitive and unprotected."""
    protected = fields.Boolean(
        readonly=True,
        help="The password alone does not open the account: a second factor is asked for.",
    )
    share = fields.Float(string="Protected (%)", readonly=True, aggregator="avg", digits=(5, 1))
    grace_until = fields.Datetime(
        string="In grace until",
        readonly=True,
        help="From then on an authenticator app is required.",
    )
    app_count = fields.Integer(string="Apps", readonly=True, aggregator=None)
    passkey_count = fields.Integer(string="Passkeys", readonly=True, aggregator=None)
    device_count = fields.Integer(
        string="Trusted devices",
        readonly=True,
        aggregator=None,
        help="Those that have not expired.",
    )
    code_count = fields.Integer(string="Recovery codes left", readonly=True, aggregator=None)
    few_codes = fields.Boolean(string="Few recovery codes left", readonly=True)
    last_factor = fields.Datetime(
        string="Last second factor",
        readonly=True,
        help="When a code of an app, a code sent by email, a recovery code or a passkey was last "
        "accepted, as far back as the trail of two-factor events is kept.",
    )
    last_login = fields.Datetime(string="Last login", readonly=True)
    api_key_count = fields.Integer(
        string="API keys", readonly=True, help="Those that have not expired, of any scope."
    )
    api_limited = fields.Boolean(
        string="API networks set",
        readonly=True,
        help="The API may be called from certain networks only: those of a company or of the "
        "user, or those of an exempt account.",
    )
    no_email = fields.Boolean(string="No email address", readonly=True)

    def action_open_user(self):
        """Open the form of this row's user."""
        self.ensure_one()
        return self.user_id._action_show()

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT stated.*, %s,
                   CASE WHEN protected THEN 100.0 ELSE 0.0 END AS share,
                   CASE WHEN state IN ('missing', 'unprotected') AND sensitive THEN 1
                        ELSE CASE state WHEN 'missing' THEN 2 WHEN 'unprotected' THEN 3
                                        WHEN 'grace' THEN 4 WHEN 'mail' THEN 5
                                        WHEN 'exempt' THEN 6 ELSE 7 END END AS urgency
              FROM (
                SELECT judged.*,
                       state IN ('app', 'passkey', 'mail') OR (state = 'grace' AND level = 1)
                           AS protected
                  FROM (%s) judged
              ) stated
            """,
            self._details(),
            self._states(),
        )

    def _details(self):
        """Return the columns that decide nothing, of the one row ``stated``."""
        age = self.env["ir.config_parameter"]._mfa_duration("auth_totp.trusted_device_age")
        return SQL(
            """
            (SELECT COUNT(*) FROM res_users_authenticator WHERE user_id = stated.id) AS app_count,
            (SELECT COUNT(*) FROM res_users_device
              WHERE user_id = stated.id AND LEAST(expires_at, create_date + %(age)s) > %(now)s
            ) AS device_count,
            (SELECT COUNT(*) FROM res_users_recovery_code WHERE user_id = stated.id) AS code_count,
            enabled AND %(few)s >= (
                SELECT COUNT(*) FROM res_users_recovery_code WHERE user_id = stated.id
            ) AS few_codes,
            (SELECT date FROM res_users_mfa_event
              WHERE user_id = stated.id
                    AND kind IN ('code_accepted', 'recovery_used', 'passkey_used')
              ORDER BY date DESC LIMIT 1) AS last_factor,
            (SELECT MAX(create_date) FROM res_users_log WHERE create_uid = stated.id) AS last_login,
            (SELECT COUNT(*) FROM res_users_apikeys
              WHERE user_id = stated.id
                    AND (expiration_date IS NULL OR expiration_date >= %(now)s)) AS api_key_count,
            (mfa_api_networks <> '' OR mfa_exempt_networks <> '' OR EXISTS (
                SELECT FROM res_company_users_rel rel
                  JOIN res_company company ON company.id = rel.cid AND company.active
                 WHERE rel.user_id = stated.id AND company.mfa_api_networks <> ''
            )) IS TRUE AS api_limited,
            NOT EXISTS (SELECT FROM res_partner WHERE id = partner_id AND email <> '') AS no_email
            """,
            age=age,
            few=FEW,
            now=fields.Datetime.now(),
        )

    def _states(self):
        """Return the statement of who is protected, and by what.

        A password leads past a policy that requires an app to the set-up of one. There a
        passkey protects only where a company has the set-up confirmed by email.
        """
        return SQL(
            """
            SELECT judged.*,
                   CASE WHEN enabled THEN 'app'
                        WHEN exempt THEN 'exempt'
                        WHEN passkey_count > 0 AND (level = 1 OR level = 2 AND setup_by_mail)
                             THEN 'passkey'
                        WHEN level = 2 THEN 'missing'
                        WHEN grace_until IS NOT NULL THEN 'grace'
                        WHEN level = 1 THEN 'mail'
                        ELSE 'unprotected' END AS state
              FROM (
                SELECT facts.*,
                       CASE WHEN exempt THEN 0 ELSE GREATEST(asked, core_level) END AS level,
                       CASE WHEN NOT exempt AND asked < 2 THEN coming END AS grace_until
                  FROM (%s) facts
              ) judged
            """,
            self._facts(),
        )

    def _facts(self):
        """Return the statement of what decides the state of each user."""
        policy = self.env["ir.config_parameter"].sudo().get_param(POLICY)
        return SQL(
            """
            SELECT u.id, u.id AS user_id, u.login, u.company_id, u.partner_id,
                   u.mfa_api_networks, u.mfa_exempt_networks,
                   CASE WHEN u.share THEN 'portal' ELSE 'internal' END AS population,
                   sensitive.uid IS NOT NULL AS sensitive,
                   u.mfa_since IS NOT NULL AS enabled,
                   (u.mfa_exempt_networks <> '' AND sensitive.uid IS NULL) IS TRUE AS exempt,
                   COALESCE(demand.asked, 0) AS asked,
                   demand.coming, demand.setup_by_mail,
                   CASE WHEN %(all)s OR (%(employees)s AND NOT u.share) THEN 1 ELSE 0 END
                       AS core_level,
                   COALESCE(passkey.count, 0) AS passkey_count
              FROM res_users u
              LEFT JOIN (%(sensitive)s) sensitive ON sensitive.uid = u.id
              LEFT JOIN (%(demands)s) demand ON demand.user_id = u.id
              LEFT JOIN (%(passkeys)s) passkey ON passkey.user_id = u.id
             WHERE u.active AND u.id <> %(superuser)s AND NOT EXISTS (
                       SELECT FROM res_groups_users_rel rel
                        WHERE rel.uid = u.id AND rel.gid = %(public)s
                   )
            """,
            all=policy == "all_required",
            employees=policy == "employee_required",
            sensitive=self._sensitive_users(),
            demands=self._demands(),
            passkeys=self._passkeys(),
            superuser=SUPERUSER_ID,
            public=self.env["ir.model.data"]._xmlid_to_res_id("base.group_public"),
        )

    def _sensitive_users(self):
        """Return the statement of who is in a sensitive group, by implied groups too."""
        groups = self.env["res.groups"].sudo()
        sensitive = groups.browse(groups._mfa_sensitive_ids()).all_implied_by_ids
        return SQL(
            "SELECT DISTINCT uid FROM res_groups_users_rel WHERE gid = ANY(%s::int[])",
            list(sensitive.ids),
        )

    def _demands(self):
        """Return the statement of what the companies ask of each user without an app.

        As ``ResCompany._mfa_demands`` says: ``asked`` now, and ``coming`` from when on is an
        app. A level is its place in ``LEVELS``.
        """
        return SQL(
            """
            SELECT user_id,
                   MAX(CASE WHEN starts <= %(now)s THEN level ELSE until_then END) AS asked,
                   MIN(starts) FILTER (WHERE level = 2 AND starts > %(now)s) AS coming,
                   BOOL_OR(setup_by_mail) AS setup_by_mail
              FROM (
                SELECT rel.user_id, choice.level, choice.until_then, choice.setup_by_mail,
                       GREATEST(choice.since, date_trunc('second', u.create_date)) + choice.grace
                           AS starts
                  FROM res_users u
                  JOIN res_company_users_rel rel ON rel.user_id = u.id
                  LEFT JOIN (%(sensitive)s) sensitive ON sensitive.uid = u.id
                  JOIN (%(choices)s) choice
                    ON choice.company_id = rel.cid
                       AND CASE choice.population WHEN 'internal' THEN NOT u.share
                                                  WHEN 'portal' THEN u.share
                                                  ELSE sensitive.uid IS NOT NULL END
                 WHERE u.active AND u.mfa_since IS NULL
              ) demand
             GROUP BY user_id
            """,
            now=fields.Datetime.now(),
            sensitive=self._sensitive_users(),
            choices=self._choices(),
        )

    def _choices(self):
        """Return the statement of what the policy of each active company asks for.

        Until the days of ``grace`` are over, the level ``until_then`` holds.
        """
        return SQL(
            """
            SELECT company_id, setup_by_mail, population, since, level,
                   CASE level WHEN 2 THEN days ELSE 0 END * INTERVAL '1 day' AS grace,
                   CASE WHEN level = 2 AND days > 0 AND before = 'mail' AND since <= %s
                        THEN 1 ELSE 0 END AS until_then
              FROM (
                SELECT company.id AS company_id, company.mfa_setup_by_mail AS setup_by_mail,
                       choice.population, choice.since, choice.before,
                       COALESCE(company.mfa_grace_days, 0) AS days,
                       CASE choice.level WHEN 'app' THEN 2 WHEN 'mail' THEN 1 ELSE 0 END AS level
                  FROM res_company company
                 CROSS JOIN LATERAL (VALUES
                       ('sensitive', mfa_policy_sensitive, mfa_policy_sensitive_since,
                        mfa_policy_sensitive_before),
                       ('internal', mfa_policy_internal, mfa_policy_internal_since,
                        mfa_policy_internal_before),
                       ('portal', mfa_policy_portal, mfa_policy_portal_since,
                        mfa_policy_portal_before)
                 ) choice(population, level, since, before)
                 WHERE company.active
              ) choice
            """,
            fields.Datetime.now(),
        )

    def _passkeys(self):
        """Return the statement of the passkeys of each user; of none without ``auth_passkey``."""
        if "auth.passkey.key" not in self.env:
            return SQL("SELECT 0 AS user_id, 0 AS count WHERE FALSE")
        return SQL(
            "SELECT create_uid AS user_id, COUNT(*) FROM auth_passkey_key GROUP BY create_uid"
        )
