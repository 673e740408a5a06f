"""PostgreSQL goes away in the moment of the commit, or refuses what collides with another's."""

import contextlib
import unittest

from support import A, B, Browser, database, make_protected_people, query, switch_off_cooldown

REFUSES = "The commit is refused"


@contextlib.contextmanager
def commits_refused(person):
    """Let every transaction fail at its end, not before, that uses up a code of ``person``."""
    with database() as cr:
        cr.execute(
            f"""
            CREATE FUNCTION live_refuse() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE '{REFUSES}'; END $$;
            CREATE CONSTRAINT TRIGGER live_refuse AFTER UPDATE ON res_users_authenticator
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.user_id = {person.uid})
            EXECUTE FUNCTION live_refuse()
            """
        )
        try:
            yield
        finally:
            cr.execute("DROP FUNCTION live_refuse CASCADE")


@contextlib.contextmanager
def first_change_of_the_address_collides():
    """Let the first transaction that notes the site's address fail as if another had, too."""
    with database() as cr:
        cr.execute(
            """
            CREATE SEQUENCE live_tries;
            CREATE FUNCTION live_collide() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN
                IF nextval('live_tries') = 1 THEN
                    RAISE 'could not serialize access' USING ERRCODE = '40001';
                END IF;
                RETURN new;
            END $$;
            CREATE TRIGGER live_collide BEFORE UPDATE ON ir_config_parameter
            FOR EACH ROW WHEN (new.key = 'web.base.url') EXECUTE FUNCTION live_collide();
            """
        )
        try:
            yield lambda: query("SELECT last_value FROM live_tries")[0][0]
        finally:
            cr.execute("DROP FUNCTION live_collide CASCADE; DROP SEQUENCE live_tries")


class Collision(unittest.TestCase):
    def test_login_of_an_administrator_is_tried_again(self):
        switch_off_cooldown()
        [person] = make_protected_people(1, "base.group_system")
        Browser(B).log_in(person)
        browser = Browser(A).half_open(person)
        code = person.app.next_code()
        with first_change_of_the_address_collides() as tries:
            browser.give_code(code)
            self.assertGreater(tries(), 1)
        self.assertTrue(browser.is_in())
        again = Browser(A).half_open(person)
        again.give_code(code)
        self.assertFalse(again.is_in(), "the code was used up by the second try")


class LostCommit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        switch_off_cooldown()
        cls.people = iter(make_protected_people(3))

    def setUp(self):
        self.person = next(self.people)

    def beside(self):
        """Return a session that has proven nothing yet."""
        app = self.person.app
        browser = Browser(A).log_in_and_trust(self.person).beside(self.person, A)
        self.code = app.next_code()
        return browser

    def test_login(self):
        browser = Browser(A).half_open(self.person)
        self.code = self.person.app.next_code()
        with commits_refused(self.person):
            answer = browser.give_code(self.code)
        self.assertEqual(answer.status_code, 500)
        self.assertFalse(browser.is_in())
        again = Browser(A).half_open(self.person)
        again.give_code(self.code)
        self.assertTrue(again.is_in(), "the same code is good for a second try")

    def test_identity_check(self):
        person, browser = self.person, self.beside()
        dialog = browser.call("res.users", "action_totp_disable", [person.uid])["res_id"]
        context = {"password": person.password, "mfa_code": self.code}
        check = ("res.users.identitycheck", "run_check", [dialog])
        with commits_refused(person):
            answer = browser.ask(*check, context=context)
        self.assertIn(REFUSES, answer["error"]["data"]["message"])
        self.assertTrue(browser.rpc("/mfa/identity")["result"]["needs_code"])
        self.assertTrue(self.is_enabled())
        browser.call(*check, context=context)
        self.assertFalse(self.is_enabled(), "the same code is good for a second try")

    def test_identity_dialog_of_the_portal(self):
        browser = self.beside()
        with commits_refused(self.person):
            answer = browser.rpc("/mfa/identity", code=self.code)
        self.assertIn(REFUSES, answer["error"]["data"]["message"])
        self.assertTrue(browser.rpc("/mfa/identity")["result"]["needs_code"])
        answer = browser.rpc("/mfa/identity", code=self.code)
        self.assertFalse(answer["result"]["needs_code"])

    def is_enabled(self):
        [[since]] = query("SELECT mfa_since FROM res_users WHERE id = %s", self.person.uid)
        return since is not None
