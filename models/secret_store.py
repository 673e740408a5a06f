"""Where secrets stand in the database, encrypted where there is a key.

The one place that knows the keys. They come from the environment variable
``AUTH_TOTP_MFA_KEY`` or, where that is unset or blank, from ``auth_totp_mfa_key`` in
``odoo.conf``: never from both, and in the order of Odoo's own options. Several are
separated by commas or white space; the first is the newest, and seals.

Secrets stand in columns that the ORM does not know, and are written past all logging.
"""

import logging
import os
from functools import partial

from odoo.exceptions import UserError
from odoo.tools import SQL, config

from ..tools import cipher
from .own_transaction import in_own_transaction

_logger = logging.getLogger(__name__)

OPTION = "auth_totp_mfa_key"
VARIABLE = "AUTH_TOTP_MFA_KEY"
COLUMNS = {
    "res_users_authenticator": "secret_key",
    "res_users_authenticator_create": "secret",
    "auth_totp_wizard": "secret",
}
"""Every column that holds secrets, by its table."""
BATCH = 1000


def get_keys(env):
    """Return the keys as ``tools.cipher`` takes them; none where none is set.

    :raise UserError: when one is malformed, naming where it stands
    """
    place, text = VARIABLE, os.environ.get(VARIABLE, "").strip()
    if not text:
        place, text = OPTION, config.get(OPTION) or ""
    try:
        return cipher.read_keys(text)
    except cipher.MalformedKey as error:
        raise UserError(
            env._(
                "The encryption key of this server is malformed. Please tell your "
                "administrator: key number %(number)d in %(place)s must be 32 random bytes "
                "in Base64, which are 44 characters.",
                number=error.number,
                place=place,
            )
        ) from None


def write_secret(record, column, secret):
    """Store ``secret`` in a raw column of ``record``, sealed where there is a key.

    :raise UserError: when the key is malformed, or missing where apps have been sealed;
        nothing is stored in plain text then
    """
    keys = get_keys(record.env)
    if secret and not keys:
        _check_none_sealed(record.env)
    query = SQL(
        "UPDATE %s SET %s = %s WHERE id = %s",
        SQL.identifier(record._table),
        SQL.identifier(column),
        secret and cipher.seal(keys, secret),
        record.id,
    )
    execute_unlogged(record.env.cr, query)


def _check_none_sealed(env):
    """:raise UserError: when a server without a key would store what others encrypt"""
    env.cr.execute(
        "SELECT FROM res_users_authenticator WHERE starts_with(secret_key, %s) LIMIT 1",
        [cipher.MARKER],
    )
    if env.cr.rowcount:
        raise UserError(
            env._(
                "The encryption key of this server is missing, so that no app can be added. "
                "Please tell your administrator to set %(option)s.",
                option=OPTION,
            )
        )


def execute_unlogged(cr, query):
    """Run ``query`` past Odoo's cursor, which logs failing queries with their values.

    It logs all of them at DEBUG: this asks the one of ``psycopg2`` behind it.
    """
    cr._obj.execute(query.code, query.params)


def read_secrets(records, column, order="id"):
    """Return ``{id: secret}`` of ``records``, in that order, as :func:`unseal_rows` does."""
    records.env.cr.execute(
        SQL(
            "SELECT id, %s FROM %s WHERE id = ANY(%s) ORDER BY %s",
            SQL.identifier(column),
            SQL.identifier(records._table),
            list(records._ids),
            SQL(order),
        )
    )
    return unseal_rows(records.env, records._table, records.env.cr.fetchall())


def unseal_rows(env, table, rows):
    """Return ``{id: secret}`` of ``rows`` of ids and stored texts.

    Those that no key opens are left out, and an error in the log says what to do.
    """
    try:
        keys, reason = get_keys(env), ""
    except UserError as error:
        keys, reason = {}, f" {error}"
    secrets, unreadable = {}, {}
    for record_id, stored in rows:
        try:
            secrets[record_id] = stored and cipher.unseal(keys, stored)
        except cipher.CannotUnseal:
            unreadable[record_id] = cipher.key_id_of(stored)
    if unreadable:
        _logger.error(
            "Secrets in %s cannot be read: %d (first id: %d, key ids: %s). Put the key that "
            "encrypted them into %s in odoo.conf, or into the environment variable %s, and "
            "restart Odoo.%s",
            table,
            len(unreadable),
            min(unreadable),
            ", ".join(sorted(set(unreadable.values()))),
            OPTION,
            VARIABLE,
            reason,
        )
    return secrets


def count_by_key(cr):
    """Return ``{key id: number of secrets}``, under ``None`` those in plain text."""
    stored = SQL(" UNION ALL ").join(
        SQL("SELECT %s AS secret FROM %s", SQL.identifier(column), SQL.identifier(table))
        for table, column in COLUMNS.items()
    )
    cr.execute(
        SQL(
            """SELECT CASE WHEN starts_with(secret, %s) THEN split_part(secret, ':', 2) END,
                      count(*)
                 FROM (%s) AS stored WHERE secret <> '' GROUP BY 1""",
            cipher.MARKER,
            stored,
        )
    )
    return dict(cr.fetchall())


def encrypt_all(env, progress=None):
    """See ``res.users.authenticator._encrypt_secrets``."""
    keys = get_keys(env)
    if not keys:
        raise UserError(
            env._(
                "There is no key to encrypt with. Set %(option)s in odoo.conf, or the "
                "environment variable %(variable)s.",
                option=OPTION,
                variable=VARIABLE,
            )
        )
    counts = count_by_key(env.cr)
    total = sum(counts.values()) - counts.get(next(iter(keys)), 0)
    encrypted = unreadable = 0
    for sealed, failed in _reseal(env, keys):
        encrypted += sealed
        unreadable += failed
        if progress:
            progress(encrypted + unreadable, total)
    return encrypted, unreadable


def _reseal(env, keys):
    """Bring every secret under the newest of ``keys``; yield of each batch (sealed, unreadable)."""
    for table, column in COLUMNS.items():
        last = 0
        while batch := in_own_transaction(env, partial(_reseal_batch, keys, table, column, last)):
            last, *outcome = batch
            yield outcome


def _reseal_batch(keys, table, column, after, cr):
    """Return ``(last id, sealed, unreadable)`` of the batch after an id; ``None`` at the end."""
    names = {"table": SQL.identifier(table), "column": SQL.identifier(column)}
    cr.execute(
        SQL(
            """SELECT id, %(column)s FROM %(table)s
                WHERE id > %(after)s AND %(column)s <> '' AND NOT starts_with(%(column)s, %(mark)s)
             ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE""",
            after=after,
            mark=cipher.newest_mark(keys),
            limit=BATCH,
            **names,
        )
    )
    rows = cr.fetchall()
    if not rows:
        return None
    sealed = {}
    for record_id, stored in rows:
        try:
            sealed[record_id] = cipher.seal(keys, cipher.unseal(keys, stored))
        except cipher.CannotUnseal:
            continue
    query = SQL(
        """UPDATE %(table)s AS stored SET %(column)s = new.secret
             FROM unnest(%(ids)s::int[], %(secrets)s::text[]) AS new (id, secret)
            WHERE stored.id = new.id""",
        ids=list(sealed),
        secrets=list(sealed.values()),
        **names,
    )
    execute_unlogged(cr, query)
    return rows[-1][0], len(sealed), len(rows) - len(sealed)
