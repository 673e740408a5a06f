"""PostgreSQL goes away in the moment of the commit: then no code is used up or proves anything."""

import contextlib
import unittest

from support import A, Browser, database, make_protected_person, query, switch_off_cooldown

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


class LostCommit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        switch_off_cooldown()
        cls.person = make_protected_person()

    def test_identity_check_proves_nothing(self):
        person = self.person
        browser = Browser(A).log_in_and_trust(person).beside(person, A)
        dialog = browser.call("res.users", "action_totp_disable", [person.uid])["res_id"]
        code = person.app.next_code()
        ids = [dialog]
        context = {"password": person.password, "mfa_code": code}
        check = ("res.users.identitycheck", "run_check", ids)
        with commits_refused(person):
            answer = browser.ask(*check, context=context)
        self.assertIn(REFUSES, answer["error"]["data"]["message"])
        self.assertTrue(browser.rpc("/mfa/identity")["result"]["needs_code"])
        self.assertTrue(self.is_enabled())
        browser.call(*check, context=context)
        self.assertFalse(self.is_enabled(), "the same code is good for a second try")

    def is_enabled(self):
        [[since]] = query("SELECT mfa_since FROM res_users WHERE id = %s", self.person.uid)
        return since is not None
