"""Requests that change one row at once, many times in a row: PostgreSQL refuses all but one.

Here a trigger refuses, as PostgreSQL does, so that it happens as often as a test says.
"""

from contextlib import contextmanager

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .common import SECRET, code_of
from .test_api import ApiCase
from .test_asvs_v6_3_1_guessing import GuessCase

TRIES = 10


@contextmanager
def refusals(env, table, number):
    """Have PostgreSQL refuse the next ``number`` changes of a table; yields how many it saw."""
    env.cr.execute(
        SQL(
            """CREATE SEQUENCE mfa_test_conflicts;
               CREATE FUNCTION mfa_test_conflict() RETURNS trigger AS $$ BEGIN
                   IF nextval('mfa_test_conflicts') <= %(number)s THEN
                       RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
                   END IF;
                   RETURN new;
               END $$ LANGUAGE plpgsql;
               CREATE TRIGGER mfa_test_conflict BEFORE INSERT OR UPDATE ON %(table)s
                   FOR EACH ROW EXECUTE FUNCTION mfa_test_conflict()""",
            number=number,
            table=SQL.identifier(table),
        )
    )

    def seen():
        env.cr.execute("SELECT last_value FROM mfa_test_conflicts WHERE is_called")
        return (env.cr.fetchone() or [0])[0]

    with mute_logger("odoo.sql_db"):
        yield seen
    env.cr.execute(
        SQL(
            """DROP TRIGGER mfa_test_conflict ON %s;
               DROP FUNCTION mfa_test_conflict(); DROP SEQUENCE mfa_test_conflicts""",
            SQL.identifier(table),
        )
    )


@tagged("post_install", "-at_install")
class TestGuessesAtOnce(GuessCase):
    def test_the_tenth_try_counts(self):
        page = self.post_password(self.ann)
        with refusals(self.env, "res_users_mfa_attempt", TRIES - 1) as seen:
            self.post_code(page, code_of(SECRET))
            self.assertEqual(seen(), TRIES)
        self.assertLoggedIn(self.ann)

    def test_what_cannot_be_counted_is_not_compared(self):
        page = self.post_password(self.ann)
        with (
            refusals(self.env, "res_users_mfa_attempt", 10**6) as seen,
            self.reads("app") as reads,
        ):
            answer = self.post_code(page, code_of(SECRET))
            self.assertEqual(seen(), TRIES)
        self.assertIn("Too many wrong codes. Minutes to wait: 1.", answer.text)
        self.assertEqual(reads.count, 0)
        self.assertLoggedOut()
        self.post_code(page, code_of(SECRET))
        self.assertLoggedIn(self.ann)


@tagged("post_install", "-at_install")
class TestCallsAtOnce(ApiCase):
    def test_use_of_a_key_that_another_call_notes(self):
        key = self.make_key(self.ann)
        with refusals(self.env, "res_users_apikeys", 10**6) as seen:
            self.assertEqual(self.ask("json2", self.ann, key), "mfa_ann")
            self.assertEqual(seen(), TRIES)
        self.assertFalse(self.key_of(self.ann).mfa_last_used)
