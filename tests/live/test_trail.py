"""The trail keeps what was refused, whatever becomes of the request, and never overflows."""

import unittest

from support import (
    SERVERS,
    A,
    Browser,
    admin_call,
    in_parallel,
    make_protected_people,
    query,
    switch_off_cooldown,
)

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FLOOD = 200
BOUND = 12  # lines that a flood of one kind may add


def setUpModule():
    switch_off_cooldown()


def lines_of(person, kind):
    return query(
        "SELECT note, address FROM res_users_mfa_event"
        " WHERE user_id = %s AND kind = %s ORDER BY id",
        person.uid,
        kind,
    )


class Trail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.people = iter(make_protected_people(3))

    def setUp(self):
        self.person = next(self.people)

    def test_refusal_in_the_identity_dialog_outlives_the_rollback(self):
        trusted = Browser(A).log_in_and_trust(self.person)
        for count, server in enumerate(SERVERS, start=1):
            browser = trusted.beside(self.person, server)
            dialog = browser.call("res.users", "action_totp_disable", [self.person.uid])
            context = {"password": self.person.password, "mfa_code": self.person.app.wrong_code()}
            answer = browser.ask(
                "res.users.identitycheck", "run_check", [dialog["res_id"]], context=context
            )
            self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.UserError")
            lines = lines_of(self.person, "code_refused")
            self.assertEqual(lines, [("wrong app code", "127.0.0.1")] * count)

    def test_flood_at_once_on_both_servers(self):
        pages = [Browser(server).half_open(self.person) for server in SERVERS]
        wrong = self.person.app.wrong_code()
        browsers = [page.twin() for page in pages for _number in range(FLOOD // 2)]
        in_parallel(lambda browser: browser.give_code(wrong), browsers, 16)
        [[number]] = query(
            "SELECT count(*) FROM res_users_mfa_event WHERE user_id = %s"
            " AND kind IN ('code_refused', 'locked')",
            self.person.uid,
        )
        self.assertTrue(0 < number <= BOUND, number)
        self.assertEqual(len(lines_of(self.person, "locked")), 1)

    def test_copied_cookie_at_once(self):
        """A few requests in one moment may each add the line; a flood may not."""
        trusted = Browser(A).log_in_and_trust(self.person)
        browsers = []
        for server in SERVERS:
            thief = trusted.trusted_only(server)
            thief.http.headers["User-Agent"] = FIREFOX
            thief.half_open(self.person)
            browsers += [thief.twin() for _number in range(FLOOD // 2)]
        for browser in browsers:
            browser.http.headers["User-Agent"] = FIREFOX
        in_parallel(lambda browser: browser.get("/web/login/totp"), browsers, 16)
        self.assertTrue(0 < len(lines_of(self.person, "device_refused")) <= BOUND)


class Caller(unittest.TestCase):
    def test_rpc_call_names_its_caller(self):
        """There is no session in which somebody acts."""
        key = "auth_totp.login_timeout"
        for value in ("14", "15"):
            admin_call("ir.config_parameter", "set_param", key, value)
        rows = query(
            "SELECT actor_login, note FROM res_users_mfa_event WHERE subject = %s"
            " ORDER BY id DESC LIMIT 1",
            key,
        )
        self.assertEqual(rows, [("admin", "14 → 15")])
