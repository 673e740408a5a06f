"""The first version of the addon is in use in a database, and is upgraded to this one."""

import re
import tempfile
import unittest
import zipfile
from pathlib import Path

from odoo_process import ScratchOdoo, needs_odoo
from schema import schema_of
from support import DATABASE, App, Browser, admin_call, is_code_page, make_people, query

FIRST_VERSION = Path(__file__).with_name("fixtures") / "auth_totp_mfa-19.0.1.0.0.zip"
PARAMETERS = {
    "auth_totp.secure_cookie": "0",
    "auth_totp.login_timeout": "60",
    "auth_totp.session_age": "20",
    "auth_totp.session_extend": "1",
    "auth_totp.trusted_device_age": "45",
}
COMPLAINT = re.compile(
    r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) (?!.*deprecated in Odoo 19).*", re.M
)
GUESSES = 5
NAMES = ("juggler", "truster", "beginner", "guesser", "leaver", "plain")


@needs_odoo
class Upgrade(unittest.TestCase):
    """One story, since each start of Odoo takes its time.

    ``juggler`` has two apps and an open session, ``truster`` a trusted device, ``beginner`` an
    unfinished enrolment, ``guesser`` gave wrong codes, ``leaver`` has switched MFA off.
    """

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mfa_first_")
        self.addCleanup(folder.cleanup)
        with zipfile.ZipFile(FIRST_VERSION) as archive:
            archive.extractall(folder.name)
        self.odoo = ScratchOdoo(instead=folder.name)
        self.addCleanup(self.odoo.close)

    def test_from_the_first_version(self):
        self.odoo.run("--init=auth_totp_mfa")
        self.odoo.start()
        self.use_first_version()
        self.odoo.stop()
        self.assertEqual(self.version(), "19.0.1.0.0")
        before = self.rows()
        self.odoo.instead = None
        read = self.odoo.log.stat().st_size
        self.odoo.run("--update=auth_totp_mfa")
        self.assertEqual(COMPLAINT.findall(self.odoo.log.read_text()[read:]), [])
        self.assertNotEqual(self.version(), "19.0.1.0.0")
        self.assertEqual(self.rows(), before)
        self.assertSameSchema()
        self.odoo.start()
        self.use_this_version()
        self.odoo.stop()
        self.assertEqual(self.odoo.bad_lines(), [])

    # -- what people do ----------------------------------------------------------------

    def use_first_version(self):
        for name in NAMES:
            setattr(self, name, make_people(1, site=self.site())[0])
        for key, value in PARAMETERS.items():
            admin_call("ir.config_parameter", "set_param", key, value, site=self.site())
        for person in (self.juggler, self.truster, self.guesser, self.leaver):
            self.browser().log_in(person).enrol(person, "Phone")
        self.session = self.browser().log_in(self.juggler)
        self.session.enrol(self.juggler, "Tablet")
        self.trusted = self.browser().log_in_and_trust(self.truster)
        self.begin_enrolment()
        guessing = self.browser().half_open(self.guesser)
        for _guess in range(GUESSES):
            guessing.give_code(self.guesser.app.wrong_code())
        self.half_open = self.browser().half_open(self.truster)
        leaving = self.browser().log_in(self.leaver)
        leaving.press(self.leaver, "res.users", "action_totp_disable", [self.leaver.uid])

    def begin_enrolment(self):
        self.screen = self.browser().log_in(self.beginner)
        action = self.screen.press(
            self.beginner, "res.users", "action_totp_enable_wizard", [self.beginner.uid]
        )
        self.wizard = action["res_model"], [action["res_id"]]
        [values] = self.screen.read(*self.wizard, ["secret_key"])
        self.beginner.apps.append(App(values["secret_key"]))

    def use_this_version(self):
        with self.subTest("the open session goes on"):
            self.assertTrue(self.session.is_in(self.odoo.server))
        with self.subTest("the device is still trusted"):
            again = self.trusted.trusted_only(self.odoo.server)
            again.give_password(self.truster)
            self.assertFalse(is_code_page(again.get("/web/login/totp")))
            self.assertTrue(again.is_in())
        for app in self.juggler.apps:
            with self.subTest("the apps make codes", app=self.juggler.apps.index(app)):
                browser = self.browser().half_open(self.juggler)
                browser.give_code(app.next_code())
                self.assertTrue(browser.is_in())
        for person in (self.leaver, self.plain):
            with self.subTest("no code is asked", login=person.login):
                self.assertTrue(self.browser().log_in(person).is_in())
        with self.subTest("the half-open login is finished"):
            half_open = self.half_open.twin(self.odoo.server)
            half_open.give_code(self.truster.app.next_code())
            self.assertTrue(half_open.is_in())
        with self.subTest("wrong codes still count, as those of apps"):
            counted = (
                "SELECT failures FROM res_users_mfa_attempt WHERE user_id = %s AND counter = 'app'"
            )
            rows = query(counted, self.guesser.uid, name=self.odoo.database)
            self.assertEqual(rows, [(GUESSES,)])
        with self.subTest("the enrolment is finished"):
            self.finish_enrolment()

    def finish_enrolment(self):
        screen = self.screen.twin(self.odoo.server)
        name, code = "Phone", self.beginner.app.next_code()
        screen.write(*self.wizard, {"name": name, "confirmation_code": code})
        screen.press(self.beginner, self.wizard[0], "action_create", self.wizard[1])
        self.assertTrue(self.browser().log_in(self.beginner).is_in())

    # -- what must hold ----------------------------------------------------------------

    def assertSameSchema(self):
        ours, fresh = schema_of(self.odoo.database), schema_of(DATABASE)
        self.assertEqual((ours - fresh, fresh - ours), (set(), set()))

    def rows(self):
        """Return what the first version holds of these people, and its parameters."""
        uids = [getattr(self, name).uid for name in NAMES]
        of_people = (
            "SELECT id, user_id, name, secret_key, last_step, last_used, create_date"
            " FROM res_users_authenticator WHERE user_id = ANY(%s) ORDER BY id",
            "SELECT id, user_id, name, token_hash, fingerprint, last_ip, expires_at"
            " FROM res_users_device WHERE user_id = ANY(%s) ORDER BY id",
            "SELECT id, user_id, failures, last_try"
            " FROM res_users_mfa_attempt WHERE user_id = ANY(%s) ORDER BY id",
            "SELECT id, mfa_since, mfa_epoch FROM res_users WHERE id = ANY(%s) ORDER BY id",
        )
        parameters = (
            "SELECT key, value FROM ir_config_parameter WHERE key ~ '^auth_totp' ORDER BY key"
        )
        return [
            *(query(sql, uids, name=self.odoo.database) for sql in of_people),
            query(parameters, name=self.odoo.database),
        ]

    def version(self):
        sql = "SELECT latest_version FROM ir_module_module WHERE name = 'auth_totp_mfa'"
        return query(sql, name=self.odoo.database)[0][0]

    def site(self):
        return self.odoo.server, self.odoo.database

    def browser(self):
        return Browser(self.odoo.server)
