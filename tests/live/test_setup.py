"""Two enrolments that a policy requires, in the same moment: exactly one app comes of them."""

import re
import unittest

from support import SERVERS, A, App, B, Browser, admin_call, at_once, make_people, query

ADMIN_ID = 2
SETUP = "/web/login/totp/setup"


def make_strict_company():
    """Return a new company that requires an app of its employees, and no code by email."""
    company = admin_call("res.company", "create", {"name": "Strict"})
    admin_call("res.users", "write", [ADMIN_ID], {"company_ids": [(3, company)]})
    values = {"mfa_policy_internal": "app", "mfa_setup_by_mail": False}
    admin_call("res.company", "write", [company], values)
    return company


class TwoEnrolments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.company = make_strict_company()

    def make_person(self):
        [person] = make_people(1)
        companies = {"company_id": self.company, "company_ids": [(6, 0, [self.company])]}
        admin_call("res.users", "write", [person.uid], companies)
        return person

    def open_page(self, person, server):
        """Give the password; return the browser and the app that scanned the page's key."""
        browser = Browser(server)
        browser.give_password(person)
        page = browser.get(SETUP)
        return browser, App(re.search(r'id="mfa_key"[^>]*>([A-Z2-7 ]+)<', page.text)[1])

    def assertOneApp(self, person, *pairs):
        """Finish the enrolment in browsers at once; one gets in, the others start again."""
        answers = at_once(
            *(
                lambda b=browser, a=app, n=number: b.post(
                    SETUP, name=f"Phone {n}", code=a.next_code()
                )
                for number, (browser, app) in enumerate(pairs)
            )
        )
        codes = [answer.status_code for answer in answers]
        self.assertEqual(codes, [303] * len(pairs))
        inside = [browser for browser, _app in pairs if browser.is_in()]
        self.assertEqual(len(inside), 1, "exactly one gets in")
        apps = query("SELECT id FROM res_users_authenticator WHERE user_id = %s", person.uid)
        self.assertEqual(len(apps), 1, "exactly one app")
        enabled = query("SELECT mfa_since FROM res_users WHERE id = %s", person.uid)
        self.assertIsNotNone(enabled[0][0])
        places = sorted(answer.headers["Location"].split("?")[0] for answer in answers)
        self.assertTrue(places[-1].endswith("/web/login/totp/codes"), places)
        self.assertRegex(places[0], r"/web/login(/totp)?$")

    def test_two_half_open_sessions(self):
        for servers in ((A, A), (A, B), SERVERS):
            with self.subTest(servers):
                person = self.make_person()
                self.assertOneApp(person, *[self.open_page(person, server) for server in servers])

    def test_one_half_open_session_in_two_connections(self):
        """Two tabs, or an impatient person, who presses twice."""
        for server in SERVERS:
            with self.subTest(server):
                person = self.make_person()
                browser, app = self.open_page(person, A)
                code = app.next_code()
                app.next_code = lambda code=code: code
                self.assertOneApp(person, (browser, app), (browser.twin(server), app))
