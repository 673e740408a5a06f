"""Who is protected: one row for each active user, read by one SQL statement."""

from odoo import SUPERUSER_ID, fields, models
from odoo.tools import SQL, sql

from ..models.ir_config_parameter import POLICY

STATES = [
    ("app", "Authenticator app"),
    ("passkey", "Passkey"),
    ("mail", "Code by e-mail"),
    ("grace", "In grace"),
    ("missing", "Required but missing"),
    ("exempt", "Exempt"),
    ("unprotected", "Unprotected"),
]
POPULATION_NAMES = [("internal", "Employee"), ("portal", "Portal user")]
FEW_CODES = 3
"""Recovery codes, up to which their owner had better make new ones."""


class MfaCoverage(models.Model):
    """How each active user is protected, and what the policy asks of them.

    The statement says in SQL what ``ResUsers._mfa_demand`` decides for one user: the two
    must change together, and a test compares them. A query of the model, not a view in the
    database: the table of passkeys comes and goes with ``auth_passkey``.
    """

    _name = "mfa.coverage"
    _description = "MFA Coverage"
    _auto = False
    _rec_name = "user_id"
    _order = "urgency, id"
    _depends = {
        "res.users": ["active", "company_id", "company_ids", "create_date", "group_ids", "login"],
        "res.company": [
            "active",
            "mfa_policy_sensitive",
            "mfa_policy_internal",
            "mfa_policy_portal",
            "mfa_grace_days",
            "mfa_api_networks",
        ],
        "res.groups": ["implied_ids", "mfa_sensitive"],
        "res.users.authenticator": ["user_id", "last_used"],
        "res.users.device": ["user_id", "expires_at"],
        "res.users.recovery.code": ["user_id"],
        "res.users.log": ["create_uid", "create_date"],
    }

    user_id = fields.Many2one("res.users", readonly=True)
    login = fields.Char(readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    population = fields.Selection(POPULATION_NAMES, string="Kind of user", readonly=True)
    sensitive = fields.Boolean(
        readonly=True, help="Member of a group that the policy calls sensitive."
    )
    state = fields.Selection(STATES, string="Protection", readonly=True)
    urgency = fields.Integer(readonly=True, aggregator=None)
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
    app_count = fields.Integer(string="Apps", readonly=True)
    passkey_count = fields.Integer(string="Passkeys", readonly=True)
    device_count = fields.Integer(string="Trusted devices", readonly=True)
    code_count = fields.Integer(string="Recovery codes left", readonly=True)
    few_codes = fields.Boolean(string="Few recovery codes left", readonly=True)
    last_factor = fields.Datetime(
        string="Last second factor",
        readonly=True,
        help="When a code of an app or a passkey was last accepted.",
    )
    last_login = fields.Datetime(readonly=True)
    api_key_count = fields.Integer(string="API keys", readonly=True)
    api_limited = fields.Boolean(
        string="API networks set",
        readonly=True,
        help="The API may be called from certain networks only.",
    )
    no_email = fields.Boolean(string="No e-mail address", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT stated.*,
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
            self._states(),
        )

    def _states(self):
        return SQL(
            """
            SELECT judged.*,
                   CASE WHEN enabled THEN 'app'
                        WHEN exempt THEN 'exempt'
                        WHEN passkey_count > 0 AND level > 0 THEN 'passkey'
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
        """Return the statement of what is known of each user, before it is judged."""
        now = fields.Datetime.now()
        policy = self.env["ir.config_parameter"].sudo().get_param(POLICY)
        return SQL(
            """
            SELECT u.id, u.id AS user_id, u.login, u.company_id,
                   CASE WHEN u.share THEN 'portal' ELSE 'internal' END AS population,
                   member.sensitive,
                   u.mfa_since IS NOT NULL AS enabled,
                   COALESCE(u.mfa_exempt_networks, '') <> '' AND NOT member.sensitive AS exempt,
                   COALESCE(demand.asked, 0) AS asked,
                   demand.coming,
                   CASE WHEN %(all)s OR (%(employees)s AND NOT u.share) THEN 1 ELSE 0 END
                       AS core_level,
                   COALESCE(app.count, 0) AS app_count,
                   COALESCE(passkey.count, 0) AS passkey_count,
                   COALESCE(device.count, 0) AS device_count,
                   COALESCE(code.count, 0) AS code_count,
                   u.mfa_since IS NOT NULL AND COALESCE(code.count, 0) <= %(few)s AS few_codes,
                   GREATEST(app.last_used, passkey.last_used) AS last_factor,
                   log.last_login,
                   COALESCE(key.count, 0) AS api_key_count,
                   COALESCE(u.mfa_api_networks, '') <> '' OR u.id IN (
                       SELECT rel.user_id
                         FROM res_company_users_rel rel
                         JOIN res_company company ON company.id = rel.cid
                        WHERE company.active AND company.mfa_api_networks <> ''
                   ) AS api_limited,
                   COALESCE(partner.email, '') = '' AS no_email
              FROM res_users u
              JOIN LATERAL (SELECT u.id IN (%(sensitive)s) AS sensitive) member ON TRUE
              LEFT JOIN (%(demands)s) demand ON demand.user_id = u.id
              LEFT JOIN (
                  SELECT user_id, COUNT(*), MAX(last_used) AS last_used
                    FROM res_users_authenticator GROUP BY user_id
              ) app ON app.user_id = u.id
              LEFT JOIN (%(passkeys)s) passkey ON passkey.user_id = u.id
              LEFT JOIN (
                  SELECT user_id, COUNT(*) FROM res_users_device
                   WHERE expires_at > %(now)s GROUP BY user_id
              ) device ON device.user_id = u.id
              LEFT JOIN (
                  SELECT user_id, COUNT(*) FROM res_users_recovery_code GROUP BY user_id
              ) code ON code.user_id = u.id
              LEFT JOIN (
                  SELECT create_uid, MAX(create_date) AS last_login
                    FROM res_users_log GROUP BY create_uid
              ) log ON log.create_uid = u.id
              LEFT JOIN (
                  SELECT user_id, COUNT(*) FROM res_users_apikeys
                   WHERE (scope IS NULL OR scope = 'rpc')
                         AND (expiration_date IS NULL OR expiration_date > %(now)s)
                   GROUP BY user_id
              ) key ON key.user_id = u.id
              LEFT JOIN res_partner partner ON partner.id = u.partner_id
             WHERE u.active AND u.id <> %(superuser)s
                   AND u.id NOT IN (
                       SELECT rel.uid FROM res_groups_users_rel rel WHERE rel.gid = %(public)s
                   )
            """,
            all=policy == "all_required",
            employees=policy == "employee_required",
            few=FEW_CODES,
            sensitive=self._sensitive_users(),
            demands=self._demands(now),
            passkeys=self._passkeys(),
            now=now,
            superuser=SUPERUSER_ID,
            public=self.env.ref("base.group_public").id,
        )

    def _sensitive_users(self):
        """Return the statement of who is in a sensitive group, by implied groups too."""
        return SQL(
            """
            WITH RECURSIVE sensitive(gid) AS (
                SELECT id FROM res_groups WHERE mfa_sensitive
                 UNION
                SELECT rel.gid FROM res_groups_implied_rel rel
                  JOIN sensitive ON sensitive.gid = rel.hid
            )
            SELECT rel.uid FROM res_groups_users_rel rel JOIN sensitive USING (gid)
            """
        )

    def _demands(self, now):
        """Return the statement of what the companies ask: ``asked`` now, ``coming`` from when.

        As ``ResCompany._mfa_demands`` says; a level is its place in ``LEVELS``.
        """
        return SQL(
            """
            SELECT user_id,
                   MAX(CASE WHEN starts <= %(now)s THEN level
                            WHEN grace_days > 0 AND before = 'mail' AND since <= %(now)s THEN 1
                            ELSE 0 END) AS asked,
                   MIN(starts) FILTER (WHERE level = 2 AND starts > %(now)s) AS coming
              FROM (
                SELECT rel.user_id, choice.level, choice.since, choice.before,
                       choice.grace_days,
                       GREATEST(choice.since, date_trunc('second', u.create_date))
                           + choice.grace_days * INTERVAL '1 day' AS starts
                  FROM (
                    SELECT company.id, choice.population, choice.since, choice.before,
                           CASE choice.level WHEN 'app' THEN 2 ELSE 1 END AS level,
                           CASE choice.level WHEN 'app' THEN company.mfa_grace_days ELSE 0 END
                               AS grace_days
                      FROM res_company company
                     CROSS JOIN LATERAL (VALUES
                           ('sensitive', mfa_policy_sensitive, mfa_policy_sensitive_since,
                            mfa_policy_sensitive_before),
                           ('internal', mfa_policy_internal, mfa_policy_internal_since,
                            mfa_policy_internal_before),
                           ('portal', mfa_policy_portal, mfa_policy_portal_since,
                            mfa_policy_portal_before)
                     ) choice(population, level, since, before)
                     WHERE company.active AND choice.level <> 'optional'
                  ) choice
                  JOIN res_company_users_rel rel ON rel.cid = choice.id
                  JOIN res_users u ON u.id = rel.user_id
                 WHERE CASE choice.population
                            WHEN 'internal' THEN NOT u.share
                            WHEN 'portal' THEN u.share
                            ELSE u.id IN (%(sensitive)s) END
              ) demand
             GROUP BY user_id
            """,
            now=now,
            sensitive=self._sensitive_users(),
        )

    def _passkeys(self):
        """Return the statement of the passkeys of each user; of none without ``auth_passkey``."""
        if not sql.table_exists(self.env.cr, "auth_passkey_key"):
            return SQL(
                "SELECT NULL::int AS user_id, 0 AS count, NULL::timestamp AS last_used WHERE FALSE"
            )
        return SQL(
            """
            SELECT create_uid AS user_id, COUNT(*),
                   MAX(write_date) FILTER (WHERE sign_count > 0) AS last_used
              FROM auth_passkey_key GROUP BY create_uid
            """
        )
