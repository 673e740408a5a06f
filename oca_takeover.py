"""Take over what the OCA module of versions 8 to 12 left in a database.

It was named ``auth_totp``, as core's module is since version 14, and some of its tables are
named as this addon's are. A migration keeps tables and columns; its code is gone, so that
nothing asked for its codes until this addon came. In SQL throughout: the models of then are
not those of now.
"""

import logging
from collections import Counter, defaultdict
from datetime import datetime
from typing import NamedTuple

from odoo.exceptions import UserError
from odoo.tools import SQL, sql

from .models import secret_store
from .models.res_users_authenticator import MAX_NAME_LENGTH, MAX_PER_USER
from .tools import cipher, totp

_logger = logging.getLogger(__name__)

MAGIC = {"id", "create_uid", "create_date", "write_uid", "write_date"}
TABLES = {
    "res_users_authenticator": {"name", "secret_key", "user_id"},
    "res_users_authenticator_create": {"name", "secret_key", "user_id", "confirmation_code"},
    "res_users_device": {"user_id"},
}
"""Its tables, each with the columns that it had beside :data:`MAGIC`."""
MODELS = [table.replace("_", ".") for table in TABLES]
COLUMNS = ["mfa_enabled", "mfa_login_token", "mfa_login_token_exp", "trusted_device_cookie_key"]
"""What it added to ``res_users``."""
FIELDS = [*COLUMNS, "authenticator_ids", "trusted_device_ids"]
VIEWS = [
    "mfa_login",
    "res_users_authenticator_create_view_form",
    "view_users_form",
    "view_users_form_simple_modif",
]
RECORDS = {
    "ir.actions.act_window": "ir_act_window",
    "ir.model": "ir_model",
    "ir.model.access": "ir_model_access",
    "ir.model.constraint": "ir_model_constraint",
    "ir.model.fields": "ir_model_fields",
    "ir.rule": "ir_rule",
    "ir.ui.view": "ir_ui_view",
}
"""The kinds of records that it made, with their tables."""
ASIDE = "auth_totp_mfa_oca_app"
"""Where its apps wait, within the transaction that installs this addon."""
DEFAULT_NAME = "Authenticator app"
MOST_SHOWN = 100
"""Ids of users in a line of the log."""


def set_aside(env):
    """Make room for this addon's tables; the apps wait for :func:`adopt`.

    Its trusted devices go: the server kept no secret of each, but one signing key for all.
    So do its rules and access rights, which would add to this addon's own.

    :raise UserError: when a table of this name is something else's
    """
    cr = env.cr
    theirs = [table for table in TABLES if sql.table_exists(cr, table)]
    for table in theirs:
        _check_table(env, table)
    if not theirs and not sql.column_exists(cr, "res_users", "mfa_enabled"):
        return
    if "res_users_authenticator" in theirs:
        _copy_apps(cr)
    else:
        _report_without_apps(cr)
    for table in theirs:
        cr.execute(SQL("DROP TABLE %s CASCADE", SQL.identifier(table)))
    for column in COLUMNS:
        cr.execute(
            SQL("ALTER TABLE res_users DROP COLUMN IF EXISTS %s CASCADE", SQL.identifier(column))
        )
    _delete_records(cr)
    env.invalidate_all()
    env.registry.clear_cache("default", "stable", "templates")


def _check_table(env, table):
    """:raise UserError: when a table of this addon's name is not the one that is replaced"""
    columns = set(sql.table_columns(env.cr, table))
    if columns != TABLES[table] | MAGIC:
        raise UserError(
            env._(
                "MFA Support needs the table %(table)s, which belongs to something else: these "
                "columns tell it from the OCA module's: %(columns)s. Rename the table or remove "
                "the columns, then install again.",
                table=table,
                columns=", ".join(sorted(columns ^ (TABLES[table] | MAGIC))),
            )
        )


def _report_without_apps(cr):
    """Log who had MFA on, where the table of apps is gone: nothing protects them."""
    if not sql.column_exists(cr, "res_users", "mfa_enabled"):
        return
    cr.execute("SELECT id FROM res_users WHERE mfa_enabled ORDER BY id")
    users = [user_id for (user_id,) in cr.fetchall()]
    _warn("who had two-factor authentication on, and must set it up again", users)


def _copy_apps(cr):
    """Keep each app with its user, if there is one, and who had MFA on without an app."""
    enabled = SQL("app.id IS NOT NULL")  # cannot be told any more, so nobody loses protection
    if sql.column_exists(cr, "res_users", "mfa_enabled"):
        enabled = SQL("COALESCE(res_users.mfa_enabled, FALSE)")
    cr.execute(
        SQL(
            """
            CREATE TABLE %s AS
            SELECT app.id, app.name, app.secret_key, app.create_date,
                   res_users.id AS user_id, %s AS enabled
              FROM res_users_authenticator AS app
              FULL JOIN res_users ON res_users.id = app.user_id
             WHERE app.id IS NOT NULL OR %s
            """,
            SQL.identifier(ASIDE),
            enabled,
            enabled,
        )
    )


def _delete_records(cr):
    """Delete its records, and its external ids: core's module owns their namespace now.

    An external id that stayed would have a later update of that module drop the table.
    """
    cr.execute("DELETE FROM ir_model_fields WHERE model = 'res.users' AND name = ANY(%s)", [FIELDS])
    cr.execute("DELETE FROM ir_model WHERE model = ANY(%s)", [MODELS])
    cr.execute("DELETE FROM ir_act_window WHERE res_model = ANY(%s)", [MODELS])
    cr.execute(
        """
        WITH RECURSIVE old (id) AS (
            SELECT id FROM ir_ui_view WHERE model = ANY(%s) OR key = ANY(%s)
             UNION
            SELECT res_id FROM ir_model_data
             WHERE module = 'auth_totp' AND model = 'ir.ui.view' AND name = ANY(%s)
             UNION
            SELECT view.id FROM ir_ui_view AS view JOIN old ON view.inherit_id = old.id
        )
        DELETE FROM ir_ui_view WHERE id IN (SELECT id FROM old)
        """,
        [MODELS, [f"auth_totp.{name}" for name in VIEWS], VIEWS],
    )
    cr.execute("DELETE FROM ir_model_data WHERE module = 'auth_totp' AND name = 'cookie_security'")
    for model, table in RECORDS.items():
        cr.execute(
            SQL(
                """DELETE FROM ir_model_data AS known
                    WHERE module = 'auth_totp' AND model = %s
                      AND NOT EXISTS (SELECT FROM %s WHERE id = known.res_id)""",
                model,
                SQL.identifier(table),
            )
        )


def adopt(env):
    """Make apps of those that :func:`set_aside` kept, and switch MFA on where it was.

    Sessions of these users end, since none was begun with a code. A user whom core
    protects by now keeps that factor only: the older apps have been of no use for years.

    :raise UserError: when the encryption key is malformed
    """
    cr = env.cr
    if not sql.table_exists(cr, ASIDE):
        return
    keys = secret_store.get_keys(env)
    cr.execute(
        SQL(
            """SELECT kept.user_id, kept.name, kept.secret_key, kept.create_date,
                      kept.enabled, res_users.mfa_since IS NOT NULL AS replaced
                 FROM %s AS kept LEFT JOIN res_users ON res_users.id = kept.user_id
             ORDER BY kept.user_id, kept.id""",
            SQL.identifier(ASIDE),
        )
    )
    rows = [App(*row) for row in cr.fetchall()]
    cr.execute(SQL("DROP TABLE %s", SQL.identifier(ASIDE)))
    apps = [app for app in rows if app.user_id and not app.replaced]
    _insert(cr, keys, apps)
    enabled = {app.user_id for app in apps if app.enabled}
    # Raising the epoch ends the sessions.
    cr.execute(
        """UPDATE res_users SET mfa_since = now() AT TIME ZONE 'UTC', mfa_epoch = 1
            WHERE id = ANY(%s)""",
        [list(enabled)],
    )
    _report(rows, apps, enabled)


class App(NamedTuple):
    """A row that :func:`set_aside` kept; ``secret`` and ``name`` are as they were found."""

    user_id: int | None
    name: str | None
    secret: str | None
    date: datetime | None
    enabled: bool
    replaced: bool
    """Core protects the user by now."""

    @property
    def is_usable(self):
        return totp.is_readable(self.secret or "")


def _insert(cr, keys, apps):
    """Store ``apps``, named as each user's apps must be.

    In the place of a secret that makes no codes, or of an app that is missing, comes a
    random one that nobody knows: the account stays closed until its owner is helped.
    """
    names, taken = [], defaultdict(set)
    for app in apps:
        names.append(_free_name(app.name, taken[app.user_id]))
        taken[app.user_id].add(names[-1].casefold())
    secrets = [app.secret if app.is_usable else totp.generate_secret() for app in apps]
    query = SQL(
        """
        INSERT INTO res_users_authenticator
               (name, user_id, secret_key, create_uid, create_date, write_uid, write_date)
        SELECT app.name, app.user_id, app.secret, app.user_id,
               COALESCE(app.date, now() AT TIME ZONE 'UTC'), app.user_id, now() AT TIME ZONE 'UTC'
          FROM unnest(%s::text[], %s::int[], %s::text[], %s::timestamp[])
            AS app (name, user_id, secret, date)
        """,
        names,
        [app.user_id for app in apps],
        [cipher.seal(keys, secret) for secret in secrets],
        [app.date for app in apps],
    )
    secret_store.execute_unlogged(cr, query)


def _free_name(name, taken):
    """Return ``name`` as this addon allows it, with a number where it is ``taken``."""
    words = "".join(c if c.isprintable() else " " for c in name or "").split()
    base = " ".join(words)[:MAX_NAME_LENGTH].strip() or DEFAULT_NAME
    number, free = 1, base
    while free.casefold() in taken:
        number += 1
        free = f"{base[: MAX_NAME_LENGTH - 1 - len(str(number))]} {number}"
    return free


def _report(rows, apps, enabled):
    """Log what became of the apps; users by their ids, and no secret."""
    _logger.info(
        "Apps of the OCA module taken over: %d. Users with two-factor authentication on: %d.",
        sum(app.is_usable for app in apps),
        len(enabled),
    )
    closed = enabled - {app.user_id for app in apps if app.is_usable}
    crowded = [
        user for user, many in Counter(app.user_id for app in apps).items() if many > MAX_PER_USER
    ]
    replaced = {app.user_id for app in rows if app.replaced}
    for users, text in (
        (
            closed,
            "who have two-factor authentication on and no app that makes codes, and cannot log "
            "in until an administrator, or the command `odoo mfa`, helps them",
        ),
        (
            {app.user_id for app in apps if not app.is_usable} - closed,
            "who have an app that makes no codes, and should remove it",
        ),
        (crowded, "who have more apps than can be added now, of which all work"),
        (
            replaced,
            "who use the two-factor authentication of Odoo by now, and whose older apps are gone",
        ),
    ):
        _warn(text, users)
    ownerless = sum(app.user_id is None for app in rows)
    if ownerless:
        _logger.warning("OCA module: apps without a user, left out: %d.", ownerless)


def _warn(text, users):
    """Log about ``users``, by their ids, that they are those ``text`` tells of."""
    if users:
        shown = ", ".join(map(str, sorted(users)[:MOST_SHOWN]))
        _logger.warning("OCA module: %d users %s. Ids: %s.", len(users), text, shown)
