"""The addon comes to a database where core's two-factor authentication is in use, and goes."""

import time
import unittest

from odoo_process import ScratchOdoo, needs_odoo
from support import (
    App,
    Browser,
    admin_call,
    is_code_page,
    make_people,
    query,
    refusal,
    uninstall,
)

OURS = ("secure_cookie", "login_timeout", "session_age", "session_extend")
USED = "This code was used already"
USED_IN_CORE = "please use the latest 6-digit code"
REQUESTS = 4  # in a row, by which a session shows that it is open


@needs_odoo
class InstallAndUninstall(unittest.TestCase):
    """One story, since each start of Odoo takes its time.

    ``keeper`` and ``replayer`` have core's 2FA before the addon comes, ``plain`` has none,
    ``juggler`` has two apps of the addon, ``leaver`` has disabled what the addon gave.
    """

    def setUp(self):
        self.odoo = ScratchOdoo()
        self.addCleanup(self.odoo.close)

    def test_core_then_the_addon_then_core(self):
        self.odoo.start()
        sessions = self.use_core()
        self.odoo.stop()
        self.odoo.run("--init=auth_totp_mfa")
        self.odoo.start()
        self.assertSecretsMoved()
        self.assertOpen(sessions)
        self.assertCodeRefused(self.replayer, self.replayer.app.code(), USED)
        self.assertOpen([self.browser().log_in(self.keeper), self.browser().log_in(self.plain)])
        self.assertOpen(sessions)
        self.use_addon()
        uninstall(self.site())
        self.odoo.stop()
        self.odoo.start()
        self.assertCodeRefused(self.juggler, self.juggler.app.code(), USED_IN_CORE)
        self.assertAskedForACode(self.trusted, self.juggler)
        self.juggler.apps = self.juggler.apps[:1]
        people = (self.juggler, self.keeper, self.leaver, self.plain)
        self.assertOpen([self.browser().log_in(person) for person in people])
        self.assertNothingLeft()
        self.odoo.stop()
        self.assertEqual(self.odoo.bad_lines(), [])

    # -- what people do ----------------------------------------------------------------

    def use_core(self):
        """Return the sessions of the people, which are to stay open."""
        people = make_people(5, site=self.site())
        self.keeper, self.replayer, self.plain, self.juggler, self.leaver = people
        return [
            self.enrol_with_core(self.keeper),
            self.enrol_with_core(self.replayer, newest=True),
            self.browser().log_in(self.plain),
        ]

    def enrol_with_core(self, person, newest=False):
        """Enrol an app by core's wizard; return the browser, which stays logged in."""
        browser = self.browser().log_in(person)
        action = browser.press(person, "res.users", "action_totp_enable_wizard", [person.uid])
        wizard, ids = action["res_model"], [action["res_id"]]
        self.assertEqual(wizard, "auth_totp.wizard")
        [values] = browser.read(wizard, ids, ["secret"])
        person.apps.append(App(values["secret"]))
        browser.call(wizard, "enable", ids, context={"code": person.app.next_code(newest)})
        return browser

    def use_addon(self):
        self.use_two_apps(self.juggler)
        browser = self.browser().log_in(self.leaver)
        browser.enrol(self.leaver)
        browser.press(self.leaver, "res.users", "action_totp_disable", [self.leaver.uid])
        self.set_parameter("auth_totp.session_age", "20")
        self.set_parameter("auth_totp.trusted_device_age", "45")
        self.give_to_addon(make_people(1, site=self.site())[0])

    def give_to_addon(self, person):
        """Have this user go with the addon, as the users of demo data do."""
        values = {"module": "auth_totp_mfa", "name": "of_demo_data", "model": "res.users"}
        self.admin_call("ir.model.data", "create", {**values, "res_id": person.uid})

    def use_two_apps(self, person):
        """Enrol two apps, then use the first one, in a browser that is trusted from then on."""
        browser = self.browser().log_in(person)
        browser.enrol(person, "Phone")
        browser.enrol(person, "Tablet")
        time.sleep(1.1)  # the last use is kept in whole seconds
        self.trusted = self.browser().half_open(person)
        self.trusted.give_code(person.app.next_code(newest=True), remember="1")
        self.assertTrue(self.trusted.is_in())

    def set_parameter(self, key, value):
        self.admin_call("ir.config_parameter", "set_param", key, value)

    # -- what must hold ----------------------------------------------------------------

    def assertOpen(self, sessions):
        for browser in sessions:
            self.assertEqual(
                [browser.is_in(self.odoo.server) for _request in range(REQUESTS)], [True] * REQUESTS
            )

    def assertSecretsMoved(self):
        columns = self.query("SELECT count(totp_secret), count(totp_last_counter) FROM res_users")
        self.assertEqual(columns, [(0, 0)])
        apps = self.query("SELECT user_id, secret_key, name FROM res_users_authenticator")
        people = (self.keeper, self.replayer)
        expected = {(person.uid, person.app.secret, "Authenticator app") for person in people}
        self.assertEqual(set(apps), expected)

    def assertCodeRefused(self, person, code, text):
        browser = self.browser().half_open(person)
        answer = browser.give_code(code)
        self.assertTrue(is_code_page(answer))
        self.assertIn(text, refusal(answer))
        self.assertFalse(browser.is_in())

    def assertAskedForACode(self, browser, person):
        again = browser.trusted_only(self.odoo.server)
        self.assertIn("/web/login/totp", again.give_password(person).headers["Location"])
        self.assertTrue(is_code_page(again.get("/web/login/totp")))

    def assertNothingLeft(self):
        tables = self.query(
            """SELECT table_name FROM information_schema.tables
                WHERE table_name ~ '^res_users_(authenticator|device|mfa)'"""
        )
        columns = self.query(
            """SELECT column_name FROM information_schema.columns
                WHERE table_name = 'res_users' AND column_name ~ '^mfa_'"""
        )
        records = self.query("SELECT name FROM ir_model_data WHERE module = 'auth_totp_mfa'")
        self.assertEqual((tables, columns, records), ([], [], []))
        parameters = dict(
            self.query("SELECT key, value FROM ir_config_parameter WHERE key ~ '^auth_totp[.]'")
        )
        self.assertFalse({f"auth_totp.{key}" for key in OURS} & parameters.keys())
        self.assertEqual(parameters["auth_totp.trusted_device_age"], "45")

    # -- the scratch database ----------------------------------------------------------

    def site(self):
        return self.odoo.server, self.odoo.database

    def admin_call(self, *args, **options):
        return admin_call(*args, site=self.site(), **options)

    def query(self, sql):
        return query(sql, name=self.odoo.database)

    def browser(self):
        return Browser(self.odoo.server)
