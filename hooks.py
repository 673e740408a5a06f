"""Install: adopt what core holds. Uninstall: hand it back."""

from .models.ir_config_parameter import FLAGS

OURS_TO_DELETE = (
    "auth_totp.secure_cookie",
    "auth_totp.login_timeout",
    "auth_totp.session_age",
    "auth_totp.session_extend",
    "auth_totp.help_code_age",
)
"""``auth_totp.trusted_device_age`` is core's."""


def post_init_hook(env):
    """Turn each secret that core holds into an app, and make the system parameter.

    Runs in the transaction that installs the addon, so there is no moment in which
    a protected user is not. In SQL, since core's ``unlink`` mails every owner of a
    trusted device, and since ``mfa_epoch`` must stay NULL: core's sessions go on.
    """
    cr = env.cr
    cr.execute(
        """
        INSERT INTO res_users_authenticator
               (name, user_id, secret_key, last_step,
                create_uid, create_date, write_uid, write_date)
        SELECT %(name)s, id, totp_secret, NULLIF(totp_last_counter, 0),
               id, now() AT TIME ZONE 'UTC', id, now() AT TIME ZONE 'UTC'
          FROM res_users
         WHERE totp_secret IS NOT NULL AND totp_secret NOT IN ('', 'false')
        """,
        {"name": "Authenticator app"},
    )
    cr.execute(
        """
        UPDATE res_users SET mfa_since = now() AT TIME ZONE 'UTC'
         WHERE id IN (SELECT user_id FROM res_users_authenticator)
        """
    )
    cr.execute("UPDATE res_users SET totp_secret = NULL, totp_last_counter = NULL")
    cr.execute("DELETE FROM auth_totp_device")
    env.invalidate_all()
    env.registry.clear_cache()
    parameters = env["ir.config_parameter"].sudo()
    key = "auth_totp.secure_cookie"
    if not parameters.search_count([("key", "=", key)]):
        parameters.set_param(key, str(int(FLAGS[key])))


def uninstall_hook(env):
    """Hand each user with MFA on one working secret back to core: the app used last.

    Odoo itself removes tables, columns and views; parameters made in code stay
    unless they are deleted here.
    """
    env.flush_all()
    env.cr.execute(
        """
        UPDATE res_users
           SET totp_secret = app.secret_key, totp_last_counter = app.last_step
          FROM (SELECT DISTINCT ON (user_id) user_id, secret_key, last_step
                  FROM res_users_authenticator
                 WHERE secret_key IS NOT NULL
                 ORDER BY user_id, COALESCE(last_used, create_date) DESC,
                          last_step DESC NULLS LAST, id DESC) AS app
         WHERE app.user_id = res_users.id AND res_users.mfa_since IS NOT NULL
        """
    )
    env["ir.config_parameter"].sudo().search([("key", "in", OURS_TO_DELETE)]).unlink()
    env.invalidate_all()
    env.registry.clear_cache()
