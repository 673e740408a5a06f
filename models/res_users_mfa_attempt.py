import math
import time

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL

from ..exceptions import TooManyCodes

FREE_FAILURES = 5
FIRST_WAIT = 60
LONGEST_WAIT = 3600
TRIES_ON_CONFLICT = 10


def wait_after(failures):
    """Return the seconds to wait for the next try after ``failures`` in a row."""
    if failures < FREE_FAILURES:
        return 0
    return min(FIRST_WAIT * 2 ** min(failures - FREE_FAILURES, 16), LONGEST_WAIT)


class ResUsersMfaAttempt(models.Model):
    """One row a user who gave wrong codes since the last right one.

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
    failures = fields.Integer(required=True, readonly=True)
    last_try = fields.Float(
        required=True, readonly=True, digits=(16, 3), help="Unix time in seconds."
    )

    _user_uniq = models.Constraint("UNIQUE (user_id)", "One row a user.")

    @api.model
    def _reserve(self, user):
        """Count a try of ``user`` before its code is compared with anything.

        :raise TooManyCodes: when the next try is not yet due
        """
        now = time.time()
        for _try in range(TRIES_ON_CONFLICT):
            try:
                with self.env.registry.cursor() as cr:
                    wait = self._reserve_in(cr, user.id, now)
                break
            except SerializationFailure:
                continue
        else:
            wait = 1
        if wait:
            raise TooManyCodes(
                self.env._(
                    "Too many wrong codes. Please try again in %(minutes)d minute(s).",
                    minutes=math.ceil(wait / 60),
                )
            )

    @api.model
    def _reserve_in(self, cr, user_id, now):
        """Return 0 and count the try, or return the seconds until one is due."""
        table = SQL.identifier(self._table)
        cr.execute(SQL("SELECT failures, last_try FROM %s WHERE user_id = %s", table, user_id))
        failures, last_try = cr.fetchone() or (0, 0)
        wait = float(last_try) + wait_after(failures) - now
        if wait > 0 and failures >= FREE_FAILURES:
            return wait
        cr.execute(
            SQL(
                """INSERT INTO %(table)s AS attempt (user_id, failures, last_try)
                        VALUES (%(user_id)s, 1, %(now)s)
                   ON CONFLICT (user_id) DO UPDATE
                           SET failures = attempt.failures + 1, last_try = %(now)s""",
                table=table,
                user_id=user_id,
                now=now,
            ),
            log_exceptions=False,
        )
        return 0

    @api.model
    def _take_back(self, user):
        """Count the last try of ``user`` no longer: the code was right, if used already."""
        table = SQL.identifier(self._table)
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL(
                    "UPDATE %s SET failures = failures - 1 WHERE user_id = %s AND failures > 0",
                    table,
                    user.id,
                )
            )

    @api.model
    def _clear(self, user):
        """Forget the failures of ``user``, who has just proven a second factor."""
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL("DELETE FROM %s WHERE user_id = %s", SQL.identifier(self._table), user.id)
            )
