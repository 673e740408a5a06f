"""Run in Odoo's shell by `dev/bench`: many accounts, each with core's two-factor secret.

``env`` and ``users``, their number, are set before.
"""

import base64
import hashlib

from passlib.context import CryptContext

PASSWORD = "a password of the bench"
API_KEY = "0123456789abcdef0123456789abcdef01234567"


def copy_row(table, number, **changed):
    """Insert ``number`` copies of the template's row; ``n`` counts them from 0."""
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
    )
    columns = [name for (name,) in env.cr.fetchall() if name != "id"]
    values = [changed.get(name, f'"{name}"') for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    env.cr.execute(
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)}"
        f" FROM {table}, generate_series(0, %s) AS n WHERE id = %s ORDER BY n",
        [number - 1, TEMPLATE[table]],
    )


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
TEMPLATE = {"res_users": template.id, "res_partner": template.partner_id.id}
copy_row(
    "res_partner",
    users,
    name="'Person ' || n",
    complete_name="'Person ' || n",
    email="'bench_' || n || '@example.com'",
    email_normalized="'bench_' || n || '@example.com'",
)
copy_row(
    "res_users",
    users,
    login="'bench_' || n",
    partner_id="(SELECT max(id) FROM res_partner) - %d + n" % (users - 1),
)
env.cr.execute(
    """INSERT INTO res_groups_users_rel (gid, uid)
       SELECT gid, made.id FROM res_groups_users_rel, res_users AS made
        WHERE uid = %s AND made.login LIKE 'bench\\_%%' ON CONFLICT DO NOTHING""",
    [template.id],
)
env.cr.execute(
    """INSERT INTO res_company_users_rel (cid, user_id)
       SELECT cid, made.id FROM res_company_users_rel, res_users AS made
        WHERE user_id = %s AND made.login LIKE 'bench\\_%%' ON CONFLICT DO NOTHING""",
    [template.id],
)
secrets = [
    base64.b32encode(hashlib.sha1(f"bench {number}".encode()).digest()).decode()
    for number in range(users)
]
env.cr.execute(
    """UPDATE res_users SET totp_secret = made.secret
         FROM unnest(%s::text[], %s::text[]) AS made (login, secret)
        WHERE made.login = res_users.login""",
    [[f"bench_{number}" for number in range(users)], secrets],
)
env.cr.execute(
    """INSERT INTO res_users_apikeys (name, user_id, scope, index, key, create_date)
       SELECT 'bench', id, 'rpc', %s, %s, now() AT TIME ZONE 'UTC'
         FROM res_users WHERE login = 'bench_0'""",
    [API_KEY[:8], CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=6000).hash(API_KEY)],
)
env.cr.commit()
