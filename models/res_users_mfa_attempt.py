import math
import time
from hashlib import sha256

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.http import request
from odoo.tools import SQL

from ..exceptions import CodesClosed, TooManyCodes
from ..tools import browser
from .own_transaction import in_own_transaction

FREE_FAILURES = 5
FIRST_WAIT = 60
LONGEST_WAIT = 3600
CLOSED_AFTER = 100
"""Failures in a row after which app codes are closed (NIST SP 800-63B §3.2.2)."""
BUCKETS = 16


def wait_after(failures):
    """Return the seconds to wait for the next try after ``failures`` in a row."""
    if failures < FREE_FAILURES:
        return 0
    return min(FIRST_WAIT * 2 ** min(failures - FREE_FAILURES, 16), LONGEST_WAIT)


class ResUsersMfaAttempt(models.Model):
    """Wrong codes of a user since the last right one: a row for each counter.

    Written in a transaction of its own, so that the count is the same on every
    worker and server and outlives a request that is rolled back. For the same
    reason ``user_id`` is no foreign key: with one, this transaction would wait
    for a request that holds the user's row, and that request for this one.
    """

    _name = "res.users.mfa.attempt"
    _inherit = "res.users.mfa.guarded"
    _description = "Wrong codes in a row"
    _log_access = False
    _allow_sudo_commands = False

    user_id = fields.Integer(required=True, readonly=True)
    counter = fields.Char(required=True, readonly=True, default="app")
    failures = fields.Integer(required=True, readonly=True)
    last_try = fields.Float(required=True, readonly=True, digits=(16, 3))
    """Unix time in seconds."""

    _user_uniq = models.Constraint("UNIQUE (user_id, counter)")

    @api.model
    def _get_counter(self, kind):
        """Return which counter a try of ``kind`` belongs to.

        Codes of apps share one. One-time codes are far too long to be guessed: theirs
        are apart for each of a few groups of networks, so that somebody who guesses
        does not keep the owner waiting. Which network is in which group is this
        database's secret: nobody picks a few addresses that fill all groups.
        """
        if kind == "app":
            return kind
        network = browser.network_of(request.httprequest.remote_addr if request else "")
        secret = self.env["ir.config_parameter"].sudo().get_param("database.secret")
        digest = sha256(f"{secret} {network}".encode()).digest()
        return f"{kind} {int.from_bytes(digest) % BUCKETS}"

    @api.model
    def _reserve(self, user, kind="app"):
        """Count a try of ``user`` before its code is compared with anything.

        :param str kind: ``app``, ``recovery`` or ``help``
        :return: the tries in a row, this one included
        :raise TooManyCodes: when the next try is not yet due
        :raise CodesClosed: after so many failures that codes of apps are refused
        """
        now = time.time()
        counter = self._get_counter(kind)
        try:
            failures, wait = in_own_transaction(
                self.env, lambda cr: self._reserve_in(cr, user.id, counter, now)
            )
        except SerializationFailure:
            failures, wait = 0, 1
        if kind == "app" and failures >= CLOSED_AFTER and wait:
            raise CodesClosed(
                self.env._(
                    "Too many wrong codes: codes of apps are locked for this account. Use a "
                    "recovery code or a passkey, or ask your administrator for help."
                )
            )
        if wait:
            has_recovery = kind == "app" and user.mfa_enabled
            raise TooManyCodes(self._explain_wait(has_recovery, math.ceil(wait / 60)))
        return failures

    @api.model
    def _explain_wait(self, has_recovery, minutes):
        if has_recovery:
            return self.env._(
                "Too many wrong codes. Minutes to wait: %(minutes)d. Or use a recovery code.",
                minutes=minutes,
            )
        return self.env._("Too many wrong codes. Minutes to wait: %(minutes)d.", minutes=minutes)

    @api.model
    def _reserve_in(self, cr, user_id, counter, now):
        """Return the tries in a row and 0, or those before and the seconds to wait.

        A time in the future means that the clock was set back: the wait starts anew.
        """
        if failures := self._count_try(cr, user_id, counter, now, FREE_FAILURES):
            return failures, 0
        table = SQL.identifier(self._table)
        key = SQL("user_id = %s AND counter = %s", user_id, counter)
        cr.execute(SQL("SELECT failures, last_try FROM %s WHERE %s", table, key))
        failures, last_try = cr.fetchone()
        if last_try > now:
            last_try = now
            cr.execute(SQL("UPDATE %s SET last_try = %s WHERE %s", table, now, key))
        if counter == "app" and failures >= CLOSED_AFTER:
            return failures, LONGEST_WAIT
        wait = float(last_try) + wait_after(failures) - now
        if wait > 0:
            return failures, wait
        return self._count_try(cr, user_id, counter, now, failures + 1), 0

    @api.model
    def _count_try(self, cr, user_id, counter, now, most):
        """Return the tries in a row with this one, or ``None`` where ``most`` were before."""
        cr.execute(
            SQL(
                """INSERT INTO %(table)s AS attempt (user_id, counter, failures, last_try)
                        VALUES (%(user_id)s, %(counter)s, 1, %(now)s)
                   ON CONFLICT (user_id, counter) DO UPDATE
                           SET failures = attempt.failures + 1, last_try = %(now)s
                         WHERE attempt.failures < %(most)s
                     RETURNING failures""",
                table=SQL.identifier(self._table),
                user_id=user_id,
                counter=counter,
                now=now,
                most=most,
            ),
            log_exceptions=False,
        )
        [failures] = cr.fetchone() or [None]
        return failures

    @api.model
    def _get_locks(self, users):
        """Return ``closed`` or ``locked`` by user id, where codes of apps are refused now."""
        rows = self.sudo().search([("user_id", "in", users.ids), ("counter", "=", "app")])
        now = time.time()
        return {
            row.user_id: "closed" if row.failures >= CLOSED_AFTER else "locked"
            for row in rows
            if row.failures >= CLOSED_AFTER or row.last_try + wait_after(row.failures) > now
        }

    @api.model
    def _take_back(self, user, kind="app"):
        """Count the last try of ``user`` no longer: it was no wrong guess."""
        query = SQL(
            """UPDATE %s SET failures = failures - 1
                WHERE user_id = %s AND counter = %s AND failures > 0""",
            SQL.identifier(self._table),
            user.id,
            self._get_counter(kind),
        )
        in_own_transaction(self.env, lambda cr: cr.execute(query))

    @api.model
    def _clear(self, user, kind=""):
        """Forget the failures of ``user``: all, or those of one kind of code.

        For who has just proven a second factor, or whose codes are new. It does not wait for
        the disk: the request's own commit, which comes later, does, and without that the
        failures count.
        """
        query = SQL(
            "SET LOCAL synchronous_commit = off; DELETE FROM %s WHERE user_id = %s"
            " AND counter LIKE %s",
            SQL.identifier(self._table),
            user.id,
            f"{kind}%",
        )
        in_own_transaction(self.env, lambda cr: cr.execute(query))

    @api.autovacuum
    def _gc_missing_users(self):
        """Delete what no foreign key takes along with its user."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM %s WHERE NOT EXISTS (SELECT FROM res_users WHERE id = user_id)",
                SQL.identifier(self._table),
            )
        )
