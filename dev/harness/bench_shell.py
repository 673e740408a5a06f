"""What `dev/bench` does in Odoo's shell; ``env`` is the database's."""

import base64
import hashlib
import time
from types import SimpleNamespace

from passlib.context import CryptContext

PASSWORD = "a password of the bench"
API_KEY = "0123456789abcdef0123456789abcdef01234567"
CODES = 10
MANY_APPS = 10


def secret_of(number, app=0):
    text = f"bench {number}" + (f" {app}" if app else "")
    return base64.b32encode(hashlib.sha1(text.encode()).digest()).decode()


# -- core --------------------------------------------------------------------------


def make_accounts(env, users):
    """Make ``bench_0`` and so on with core's two-factor secret, and ``bench_none`` without."""
    template = env["res.users"].create(
        {
            "name": "Nobody",
            "login": "bench_none",
            "password": PASSWORD,
            "email": "nobody@example.com",
            "tz": "UTC",
            "group_ids": [(6, 0, [env.ref("base.group_user").id])],
        }
    )
    env.flush_all()
    copy_row(env, "res_partner", template.partner_id.id, users, PARTNER)
    copy_row(
        env,
        "res_users",
        template.id,
        users,
        USER | {"partner_id": f"{last_partner(env, users)} + n"},
    )
    for table, user, other in (
        ("res_groups_users_rel", "uid", "gid"),
        ("res_company_users_rel", "user_id", "cid"),
    ):
        env.cr.execute(
            f"INSERT INTO {table} ({other}, {user}) SELECT {other}, made.id FROM {table},"
            f" res_users AS made WHERE {user} = %s AND made.login ~ '^bench_[0-9]'",
            [template.id],
        )
    env.cr.execute(
        """UPDATE res_users SET totp_secret = made.secret
             FROM unnest(%s::text[], %s::text[]) AS made (login, secret)
            WHERE made.login = res_users.login""",
        [[f"bench_{n}" for n in range(users)], [secret_of(n) for n in range(users)]],
    )
    make_key(env)


PARTNER = {
    "name": "'Person ' || n",
    "complete_name": "'Person ' || n",
    "email": "'bench_' || n || '@example.com'",
    "email_normalized": "'bench_' || n || '@example.com'",
}
USER = {"login": "'bench_' || n"}


def copy_row(env, table, row, number, changed):
    """Insert copies of a row; the expressions in ``changed`` count them from 0 by ``n``."""
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
    )
    columns = [name for (name,) in env.cr.fetchall() if name != "id"]
    values = ", ".join(changed.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    env.cr.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {table}, generate_series(0, %s) AS n"
        " WHERE id = %s ORDER BY n",
        [number - 1, row],
    )


def last_partner(env, users):
    env.cr.execute("SELECT max(id) FROM res_partner")
    last = env.cr.fetchone()[0]
    first = last - users + 1
    env.cr.execute(
        "UPDATE res_partner SET commercial_partner_id = id WHERE id BETWEEN %s AND %s",
        [first, last],
    )
    return first


def make_key(env):
    """Give ``bench_0`` an API key, hashed as core does."""
    hashed = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=6000).hash(API_KEY)
    env.cr.execute(
        """INSERT INTO res_users_apikeys (name, user_id, scope, index, key, create_date)
           SELECT 'bench', id, 'rpc', %s, %s, now() AT TIME ZONE 'UTC'
             FROM res_users WHERE login = 'bench_0'""",
        [API_KEY[:8], hashed],
    )


# -- this addon --------------------------------------------------------------------


def fill(env, users, apps, devices, many):
    """Give each account recovery codes, ``apps`` and ``devices``; from number ``many`` on ten."""
    from odoo.addons.auth_totp_mfa.models import secret_store
    from odoo.addons.auth_totp_mfa.tools import cipher

    keys = secret_store.get_keys(env)
    more = [
        (f"bench_{number}", f"App {app}", cipher.seal(keys, secret_of(number, app)))
        for number in range(users)
        for app in range(1, MANY_APPS if number >= many else apps)
    ]
    env.cr.execute(
        """INSERT INTO res_users_authenticator (name, user_id, secret_key, create_uid, create_date)
           SELECT made.name, id, made.secret, id, now() AT TIME ZONE 'UTC'
             FROM unnest(%s::text[], %s::text[], %s::text[]) AS made (login, name, secret)
             JOIN res_users USING (login)""",
        [[row[column] for row in more] for column in range(3)],
    )
    env.cr.execute(
        """INSERT INTO res_users_recovery_code (user_id, code_hash, create_uid, create_date)
           SELECT id, encode(sha256((id || ' ' || n)::bytea), 'hex'), id, now() AT TIME ZONE 'UTC'
             FROM res_users, generate_series(1, %s) AS n WHERE login ~ '^bench_[0-9]'""",
        [CODES],
    )
    env.cr.execute(
        """INSERT INTO res_users_device (name, user_id, token_hash, fingerprint, added_from,
                                         last_ip, last_used, expires_at, create_uid, create_date)
           SELECT 'Chrome on Windows', id, encode(sha256((id || '-' || n)::bytea), 'hex'),
                  'chrome/windows', '192.0.2.1', '192.0.2.1', now() AT TIME ZONE 'UTC',
                  now() AT TIME ZONE 'UTC' + interval '30 days', id, now() AT TIME ZONE 'UTC'
             FROM res_users, generate_series(1, %s) AS n WHERE login ~ '^bench_[0-9]'""",
        [devices],
    )


def draw_pictures(env, pairs):
    """Return ``[[core's cost, ours], …]`` of a QR picture, a cost being (seconds, processor's).

    Core's is drawn by its own method, which needs no record of the database.
    """
    from odoo.addons.auth_totp.wizard.auth_totp_wizard import Auth_TotpWizard
    from odoo.addons.auth_totp_mfa.tools import qr, totp

    company = env.company

    def core(secret):
        user = SimpleNamespace(login="bench_1", company_id=company)
        Auth_TotpWizard._compute_qrcode([SimpleNamespace(user_id=user, secret=secret)])

    def ours(secret):
        issuer = env["res.users.authenticator.create"]._get_issuer()
        base64.b64encode(qr.png(totp.provisioning_uri(secret, "bench_1", issuer)))

    def cost(draw, secret):
        begin = time.perf_counter(), time.thread_time()
        draw(secret)
        return time.perf_counter() - begin[0], time.thread_time() - begin[1]

    return [[cost(core, secret_of(n)), cost(ours, secret_of(n))] for n in range(pairs)]
