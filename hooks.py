"""Install: adopt what core holds. Uninstall: hand it back."""

from odoo.exceptions import UserError
from odoo.tools import SQL

from . import oca_takeover
from .models import secret_store
from .models.ir_config_parameter import FLAGS, POLICY
from .models.mfa_policy import BY_MAIL, OPTIONAL
from .models.res_groups import SENSITIVE
from .tools import cipher

OURS_TO_DELETE = (
    "auth_totp.secure_cookie",
    "auth_totp.login_timeout",
    "auth_totp.session_age",
    "auth_totp.session_extend",
    "auth_totp.help_code_age",
    "auth_totp.event_retention",
)
"""``auth_totp.trusted_device_age`` is core's."""


def pre_init_hook(env):
    """Make room where the OCA module of versions 8 to 12 has left its tables."""
    oca_takeover.set_aside(env)


def post_init_hook(env):
    """Turn what core holds, and what the OCA module held, into apps; make the parameter.

    Runs in the transaction that installs the addon, so there is no moment in which
    a protected user is not. In SQL, since core's ``unlink`` mails every owner of a
    trusted device, and since ``mfa_epoch`` must stay NULL: core's sessions go on.

    :raise UserError: when the encryption key is malformed
    """
    cr = env.cr
    _adopt_secrets(env)
    oca_takeover.adopt(env)
    cr.execute("DELETE FROM auth_totp_device")
    cr.execute("DELETE FROM auth_totp_wizard")
    env.invalidate_all()
    key = "auth_totp.secure_cookie"
    cr.execute(
        """INSERT INTO ir_config_parameter (key, value, create_date, write_date)
                VALUES (%s, %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')
           ON CONFLICT (key) DO NOTHING""",
        [key, str(int(FLAGS[key]))],
    )
    env.registry.clear_cache("default", "stable")
    adopt_policy(env)


def adopt_policy(env):
    """Mark the sensitive groups, and make core's policy that of each company.

    Core's key is emptied: it would be one more voice that no screen shows any more.
    """
    for xmlid in SENSITIVE:
        if group := env.ref(xmlid, raise_if_not_found=False):
            group.mfa_sensitive = True
    policy = env["ir.config_parameter"].get_param(POLICY)
    if not policy:
        return
    vals = {"mfa_policy_sensitive": BY_MAIL, "mfa_policy_internal": BY_MAIL}
    if policy == "all_required":
        vals["mfa_policy_portal"] = BY_MAIL
    env["res.company"].with_context(active_test=False).search([]).write(vals)
    env["ir.config_parameter"].set_param(POLICY, False)


def _adopt_secrets(env):
    """Make each secret that stands where core keeps it the first app of its user."""
    cr = env.cr
    keys = secret_store.get_keys(env)
    cr.execute(
        """
        SELECT id, totp_secret FROM res_users
         WHERE totp_secret IS NOT NULL AND totp_secret NOT IN ('', 'false')
        """
    )
    rows = cr.fetchall()
    query = SQL(
        """
        INSERT INTO res_users_authenticator
               (name, user_id, secret_key, last_step,
                create_uid, create_date, write_uid, write_date)
        SELECT %s, id, app.secret, NULLIF(totp_last_counter, 0),
               id, now() AT TIME ZONE 'UTC', id, now() AT TIME ZONE 'UTC'
          FROM unnest(%s::int[], %s::text[]) AS app (user_id, secret)
          JOIN res_users ON id = app.user_id
        """,
        "Authenticator app",
        [user_id for user_id, _secret in rows],
        [cipher.seal(keys, secret) for _user_id, secret in rows],
    )
    secret_store.execute_unlogged(cr, query)
    cr.execute(
        """
        UPDATE res_users
           SET totp_secret = NULL, totp_last_counter = NULL,
               mfa_since = CASE WHEN totp_secret NOT IN ('', 'false')
                                THEN now() AT TIME ZONE 'UTC' ELSE mfa_since END
         WHERE totp_secret IS NOT NULL OR totp_last_counter IS NOT NULL
        """
    )


def uninstall_hook(env):
    """Hand back to core the policy, and of each user with MFA on the app used last.

    Odoo itself removes tables, columns and views; parameters made in code stay
    unless they are deleted here.

    :raise UserError: when the secret of such an app cannot be decrypted
    """
    _hand_back_policy(env)
    env.flush_all()
    _hand_back_secrets(env)
    env.cr.execute("DELETE FROM auth_totp_wizard")
    env["ir.config_parameter"].sudo().search([("key", "in", OURS_TO_DELETE)]).unlink()
    env.cr.execute("DROP FUNCTION IF EXISTS mfa_event_is_kept CASCADE")
    env.invalidate_all()
    env.registry.clear_cache()


def _hand_back_policy(env):
    """Let core's key ask those for a code of whom a company does, so that all stay protected.

    Core knows one policy for the whole database, which asks for a code by email or app.
    """
    companies = env["res.company"].sudo().search([])
    if any(company.mfa_policy_portal != OPTIONAL for company in companies):
        policy = "all_required"
    elif any(
        company.mfa_policy_internal != OPTIONAL or company.mfa_policy_sensitive != OPTIONAL
        for company in companies
    ):
        policy = "employee_required"
    else:
        return
    parameters = env["ir.config_parameter"].sudo()
    if parameters.get_param(POLICY) != "all_required":
        parameters.set_param(POLICY, policy)


def _hand_back_secrets(env):
    """Put the secret of each protected user's app used last where core keeps it."""
    cr = env.cr
    cr.execute(
        """
        SELECT DISTINCT ON (app.user_id) app.id, app.secret_key, app.user_id, app.last_step
          FROM res_users_authenticator AS app
          JOIN res_users ON res_users.id = app.user_id AND res_users.mfa_since IS NOT NULL
         WHERE app.secret_key IS NOT NULL
         ORDER BY app.user_id, COALESCE(app.last_used, app.create_date) DESC,
                  app.last_step DESC NULLS LAST, app.id DESC
        """
    )
    rows = cr.fetchall()
    secrets = secret_store.unseal_rows(env, "res_users_authenticator", [row[:2] for row in rows])
    if len(secrets) < len(rows):
        raise UserError(
            env._(
                "MFA Support cannot be uninstalled: secrets of users cannot be decrypted "
                "(%(count)d), and without them these users would lose their protection. Set "
                "%(option)s to the key that encrypted them, or reset these users first.",
                count=len(rows) - len(secrets),
                option=secret_store.OPTION,
            )
        )
    query = SQL(
        """
        UPDATE res_users SET totp_secret = app.secret, totp_last_counter = app.step
          FROM unnest(%s::int[], %s::text[], %s::int[]) AS app (user_id, secret, step)
         WHERE app.user_id = res_users.id
        """,
        [user_id for _id, _stored, user_id, _step in rows],
        [secrets[app_id] for app_id, *_rest in rows],
        [step for *_rest, step in rows],
    )
    secret_store.execute_unlogged(cr, query)
