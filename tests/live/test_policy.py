"""A policy that one server is told holds on every worker of every server at the next request.

The policy of portal users is used, which does not concern the administrator who sets it.
"""

import unittest
import xmlrpc.client

from support import (
    ADMIN,
    DATABASE,
    SERVERS,
    WORKERS,
    A,
    B,
    Browser,
    admin_call,
    at_once,
    database,
    in_parallel,
    is_code_page,
    make_people,
    make_protected_people,
    make_protected_person,
    on_every_worker,
    query,
    rpc_call,
    switch_off_cooldown,
)

EACH_WORKER = SERVERS * WORKERS
EVERYWHERE = [True] * len(EACH_WORKER)
PORTAL = "base.group_portal"
SETUP = "/web/login/totp/setup"
HERE, ELSEWHERE = "127.0.0.0/8", "192.0.2.0/24"
EXEMPTION = "res.users.mfa.exemption"


def setUpModule():
    switch_off_cooldown()


def set_policy(**values):
    [company] = admin_call("res.users", "read", [ADMIN[0]], ["company_id"])
    admin_call("res.company", "write", company["company_id"][:1], values)


class PolicyCase(unittest.TestCase):
    def setUp(self):
        self.addCleanup(set_policy, mfa_policy_portal="optional", mfa_trusted_devices=True)

    def open_for_each_worker(self, person):
        """Return a session for each worker, all of them known to every worker."""
        browsers = in_parallel(lambda server: Browser(server).log_in(person), EACH_WORKER)
        for browser in browsers:
            self.assertEqual(on_every_worker(browser.is_in), EVERYWHERE)
        return browsers

    def assertEnded(self, browsers):
        """Assert that each worker refuses a session of its own at the next request."""
        self.assertEqual(at_once(*(browser.is_in for browser in browsers)), [False] * len(browsers))

    def accepts_password(self, person):
        """Return a function that tells whether a server does, over XML-RPC."""

        def ask(server):
            try:
                rpc_call(
                    (server, DATABASE), person.uid, person.password, "res.users", "context_get"
                )
            except xmlrpc.client.Fault:
                return False
            return True

        return ask


def page_after(browser, server):
    """Return where the page leads that a person opens now."""
    twin = browser.twin(server)
    twin.http.headers["Accept"] = "text/html"
    return twin.get("/my").headers.get("Location", "").partition("?")[0]


class Tightened(PolicyCase):
    @classmethod
    def setUpClass(cls):
        cls.people = iter(make_people(3, PORTAL))

    def setUp(self):
        super().setUp()
        self.person = next(self.people)

    def test_open_sessions(self):
        browser, *_others = self.open_for_each_worker(self.person)
        self.assertEqual({page_after(browser, server) for server in EACH_WORKER}, {""})
        set_policy(mfa_policy_portal="app")
        pages = on_every_worker(lambda server: page_after(browser, server))
        self.assertEqual(set(pages), {SETUP})
        self.assertEqual(on_every_worker(browser.is_in), EVERYWHERE, "work can be saved")

    def test_logins(self):
        Browser(B).log_in(self.person)
        set_policy(mfa_policy_portal="app")
        answers = on_every_worker(lambda server: Browser(server).give_password(self.person))
        self.assertTrue(all(SETUP in answer.headers["Location"] for answer in answers))

    def test_passwords_over_rpc(self):
        accepts = self.accepts_password(self.person)
        self.assertEqual(on_every_worker(accepts), EVERYWHERE)
        set_policy(mfa_policy_portal="mail")
        self.assertEqual(on_every_worker(accepts), [False] * len(EACH_WORKER))


class Exempt(PolicyCase):
    """The policy has held for two hours: who is exempt no more has no time left."""

    @classmethod
    def setUpClass(cls):
        [cls.helper] = make_protected_people(1, "base.group_system")
        cls.office = Browser(B).log_in(cls.helper)
        cls.people = iter(make_people(2, PORTAL))

    def setUp(self):
        super().setUp()
        self.person = next(self.people)
        set_policy(mfa_policy_portal="app")
        with database() as cr:
            cr.execute(
                "UPDATE res_users SET create_date = create_date - interval '2 hours' WHERE id = %s",
                [self.person.uid],
            )
            cr.execute(
                """UPDATE res_company
                      SET mfa_policy_portal_since = mfa_policy_portal_since - interval '2 hours',
                          mfa_policy_changed = mfa_policy_changed - interval '2 hours'"""
            )
            cr.execute("INSERT INTO orm_signaling_default DEFAULT VALUES")
        self.set_networks(HERE)
        self.browsers = self.open_for_each_worker(self.person)
        self.accepts = self.accepts_password(self.person)
        self.assertEqual(on_every_worker(self.accepts), EVERYWHERE)

    def set_networks(self, networks):
        """Do what the administrator's dialog does."""
        people = [self.person.uid]
        code = self.helper.app.next_code()
        dialog = self.office.press(self.helper, "res.users", "action_mfa_exemption", people, code)
        values = {"exempt": bool(networks), "exempt_networks": networks, "reason": "Terminal"}
        self.office.write(EXEMPTION, [dialog["res_id"]], values)
        self.office.press(self.helper, EXEMPTION, "action_save", [dialog["res_id"]])

    def assertShutOut(self):
        self.assertEqual(on_every_worker(self.accepts), [False] * len(EACH_WORKER))
        self.assertEnded(self.browsers)

    def test_networks_tightened(self):
        self.set_networks(ELSEWHERE)
        self.assertShutOut()
        self.assertFalse(Browser(A).give_password(self.person).headers.get("Location"))

    def test_exemption_ended(self):
        self.set_networks(False)
        self.assertShutOut()
        self.assertIn(SETUP, Browser(A).give_password(self.person).headers["Location"])


class TrustedDevicesSwitch(PolicyCase):
    def test_off_and_on_again(self):
        person = make_protected_person()
        browser = Browser(A).log_in_and_trust(person)
        browser.beside(person, B)
        for allowed in (False, True):
            set_policy(mfa_trusted_devices=allowed)
            again = [browser.trusted_only(server) for server in EACH_WORKER]
            for one in again:
                one.give_password(person)
            pages = at_once(*(lambda one=one: one.get("/web/login/totp") for one in again))
            self.assertTrue(all(map(is_code_page, pages)))
        self.assertFalse(query("SELECT id FROM res_users_device WHERE user_id = %s", person.uid))
