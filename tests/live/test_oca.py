"""The addon comes to a database that carries what the OCA module of versions 8 to 12 left.

The database is as a migration to version 19 leaves it, which drops neither tables nor columns
nor records: core's modules, and beside them the old tables with their rows.
"""

import base64
import os
import secrets
import unittest
from pathlib import Path

from odoo_process import ScratchOdoo, needs_odoo
from schema import schema_of
from support import DATABASE, App, Browser, make_people, query, refusal, run_sql, uninstall

FIXTURES = Path(__file__).with_name("fixtures")
KEY = "AUTH_TOTP_MFA_KEY"
COOKIES = {
    "oca_8_to_10": "dGhpcyBpcyBubyBobWFj?_expires=MTg5MzQ1NjAwMA==&device_id=MQ==",
    "oca_10_to_12": "dGhpcyBpcyBubyBobWFj?_expires=MTg5MzQ1NjAwMA==&user_id=MQ==",
}
KNOWN = "|".join(
    [
        "auth_access_|authenticator_access|cookie_security|device_access|mfa_login",
        "res_users_authenticator|view_users_form",
        "(model|field|constraint)_res_users_+(authenticator|device|mfa|trusted)",
    ]
)
"""External ids of the old module, as a regular expression that finds none of core's."""
LEFT = (
    f"SELECT name FROM ir_model_data WHERE module = 'auth_totp' AND name ~ '^({KNOWN})'",
    """SELECT column_name FROM information_schema.columns WHERE table_name = 'res_users'
       AND column_name ~ '^(mfa_enabled|mfa_login_token|trusted_device_cookie)'""",
    "SELECT tablename FROM pg_tables WHERE tablename ~ 'oca'",
    "SELECT name FROM ir_model_access WHERE name ~ '^MFA (Authenticator|Device)'",
    "SELECT name FROM ir_rule WHERE name ~ '^MFA Authenticators'",
    """SELECT name FROM ir_ui_view WHERE key = 'auth_totp.mfa_login'
       OR arch_db::text ~ 'mfa_settings.{1,4}><field|qr_code_tag'""",
)


class OcaCase(unittest.TestCase):
    version = None
    """Which fixture."""
    names = ()
    """Whom there is; each becomes an attribute."""
    key = None

    def setUp(self):
        self.addCleanup(self.set_key, os.environ.get(KEY))
        self.set_key(self.key)
        self.odoo = ScratchOdoo()
        self.addCleanup(self.odoo.close)
        self.odoo.start()
        self.people = {name: make_people(1, site=self.site())[0] for name in self.names}
        self.odoo.stop()
        vars(self).update(self.people)
        scripts = [FIXTURES / f"{name}.sql" for name in ("oca_records", self.version)]
        self.run_sql("\n".join(script.read_text() for script in scripts))

    def set_key(self, key):
        os.environ.pop(KEY, None)
        if key:
            os.environ[KEY] = key

    # -- the old module ----------------------------------------------------------------

    def use(self, person, *names, enabled=True):
        """Let ``person`` have apps of these names, with keys of 80 bits as it made them."""
        self.run_sql("UPDATE res_users SET mfa_enabled = %s WHERE id = %s", enabled, person.uid)
        for name in names:
            app = App(base64.b32encode(secrets.token_bytes(10)).decode())
            person.apps.append(app)
            self.add_app(person.uid, name, app.secret)

    def add_app(self, uid, name, secret):
        self.run_sql(
            "INSERT INTO res_users_authenticator (user_id, name, secret_key, create_date)"
            " VALUES (%s, %s, %s, '2017-03-04 05:06:07')",
            uid,
            name,
            secret,
        )

    # -- what must hold ----------------------------------------------------------------

    def assertNothingLeft(self):
        for sql in LEFT:
            with self.subTest(sql):
                self.assertEqual(self.query(sql), [])
        with self.subTest("schema"):
            self.assertEqual(schema_of(self.odoo.database), schema_of(DATABASE))

    def assertOpensBy(self, person, *apps):
        for app in apps:
            browser = self.browser().half_open(person)
            browser.give_code(app.next_code())
            self.assertTrue(browser.is_in(), f"{person.login}, app {apps.index(app)}")

    def assertClosed(self, person):
        """Asked for a code, though the browser still has the cookie of the old module."""
        browser = self.browser()
        browser.http.cookies.set(f"trusted_devices_{person.uid}", COOKIES[self.version], path="/")
        browser.half_open(person)
        self.assertIsNotNone(refusal(browser.give_code("000000")))
        self.assertFalse(browser.is_in())

    def enabled(self):
        """Return the names of those who have MFA on."""
        rows = self.query("SELECT id FROM res_users WHERE mfa_since IS NOT NULL")
        return {name for name, person in self.people.items() if (person.uid,) in rows}

    def names_of(self, person):
        sql = "SELECT name FROM res_users_authenticator WHERE user_id = %s ORDER BY id"
        return [name for (name,) in self.query(sql, person.uid)]

    # -- the scratch database ----------------------------------------------------------

    def run_sql(self, sql, *values):
        run_sql(sql, *values, name=self.odoo.database)

    def query(self, sql, *values):
        return query(sql, *values, name=self.odoo.database)

    def site(self):
        return self.odoo.server, self.odoo.database

    def browser(self):
        return Browser(self.odoo.server)

    def log(self):
        return self.odoo.log.read_text(errors="replace")


@needs_odoo
class FromVersions10To12(OcaCase):
    version = "oca_10_to_12"
    names = ("keeper", "collector", "leaver", "plain", "archived")

    def setUp(self):
        super().setUp()
        self.use(self.keeper, "Phone")
        self.use(self.collector, *(f"Phone {number}" for number in range(12)))
        self.use(self.leaver, "Phone", enabled=False)
        self.use(self.archived, "Phone")
        self.run_sql("UPDATE res_users SET active = FALSE WHERE id = %s", self.archived.uid)
        self.run_sql(
            "UPDATE res_users SET trusted_device_cookie_key = gen_random_uuid() WHERE mfa_enabled"
        )

    def test_install_update_uninstall(self):
        self.odoo.run("--init=auth_totp_mfa")
        self.assertNothingLeft()
        self.assertEqual(self.enabled(), {"keeper", "collector", "archived"})
        self.assertEqual(len(self.names_of(self.collector)), 12)
        self.assertEqual(self.names_of(self.leaver), ["Phone"])
        self.assertIn(
            "1 users who have more apps than can be added now, of which all work. "
            f"Ids: {self.collector.uid}.",
            self.log(),
        )
        [(secure,)] = self.query(
            "SELECT value FROM ir_config_parameter WHERE key = 'auth_totp.secure_cookie'"
        )
        self.assertEqual(secure, "0")
        self.odoo.start()
        self.assertClosed(self.keeper)
        self.assertOpensBy(self.keeper, self.keeper.app)
        self.assertOpensBy(self.collector, self.collector.apps[0], self.collector.apps[11])
        for person in (self.leaver, self.plain):
            self.assertTrue(self.browser().log_in(person).is_in())
        self.browser().log_in(self.plain).enrol(self.plain)
        self.odoo.stop()
        self.odoo.run("--update=auth_totp")
        self.odoo.start()
        for person in (self.keeper, self.plain):
            self.assertOpensBy(person, person.app)
        uninstall(self.site())
        self.odoo.stop()
        self.assertEqual(schema_of(self.odoo.database), set())
        self.odoo.start()
        for person in (self.keeper, self.plain):
            self.assertOpensBy(person, person.app)
        self.odoo.stop()
        self.assertEqual(self.odoo.bad_lines(), [])


@needs_odoo
class FromVersions8To10(OcaCase):
    """Broken rows too, in a database that lost its constraints, on a server that encrypts."""

    version = "oca_8_to_10"
    names = ("keeper", "twin", "strange", "lower", "moved", "empty", "null", "garbled", "appless")
    key = base64.b64encode(secrets.token_bytes(32)).decode()

    def setUp(self):
        super().setUp()
        self.run_sql(
            """ALTER TABLE res_users_authenticator
                 DROP CONSTRAINT res_users_authenticator_user_id_name_uniq,
                 DROP CONSTRAINT res_users_authenticator_user_id_fkey,
                ALTER COLUMN name DROP NOT NULL, ALTER COLUMN secret_key DROP NOT NULL"""
        )
        self.use(self.keeper, "Phone")
        self.run_sql(
            """UPDATE res_users SET mfa_login_token_exp = now(),
                      mfa_login_token = 'loginTokenOfKeeper1' WHERE id = %s""",
            self.keeper.uid,
        )
        self.run_sql("INSERT INTO res_users_device (user_id) VALUES (%s)", self.keeper.uid)
        self.use(self.twin, "Phone", "Phone", "phone ")
        self.use(self.strange, None, "Pho\nne" * 20)
        self.use(self.lower, "Phone")
        self.run_sql(
            "UPDATE res_users_authenticator SET secret_key = lower(secret_key) WHERE user_id = %s",
            self.lower.uid,
        )
        self.closed = [self.empty, self.null, self.garbled, self.appless]
        for person, secret in zip(self.closed[:3], ("", None, "1 is no Base32"), strict=True):
            self.use(person)
            self.add_app(person.uid, "Phone", secret)
        self.use(self.appless)
        self.add_app(None, "Nobody's", "NOBODYSSECRETNOB")
        self.add_app(987654321, "Somebody's who is gone", "SECRETOFONEGONES")
        self.use(self.moved, "Old phone")
        self.current = App(base64.b32encode(secrets.token_bytes(20)).decode())
        self.run_sql(
            "UPDATE res_users SET totp_secret = %s WHERE id = %s",
            self.current.secret,
            self.moved.uid,
        )

    def test_broken_rows(self):
        known = self.query("SELECT secret_key FROM res_users_authenticator")
        known = [secret for (secret,) in known if secret] + [self.current.secret]
        self.odoo.run("--init=auth_totp_mfa", "--log-handler=odoo.sql_db:DEBUG")
        self.assertNothingLeft()
        self.assertLogged()
        for secret in (*known, "loginTokenOfKeeper1"):
            self.assertNotIn(secret, self.log())
        stored = self.query("SELECT secret_key FROM res_users_authenticator")
        self.assertEqual({secret.split(":")[0] for (secret,) in stored}, {"fernet"})
        self.assertEqual(self.enabled(), set(self.names))
        self.assertEqual(self.names_of(self.twin), ["Phone", "Phone 2", "phone 3"])
        self.assertEqual(
            self.names_of(self.strange), ["Authenticator app", ("Pho ne" * 20)[:64].strip()]
        )
        self.odoo.start()
        for person in (self.keeper, *self.closed):
            self.assertClosed(person)
        for person in (self.keeper, self.twin, self.strange, self.lower):
            self.assertOpensBy(person, *person.apps)
        self.assertOpensBy(self.moved, self.current)
        self.assertEqual(self.names_of(self.moved), ["Authenticator app"])
        self.odoo.stop()
        self.assertEqual(self.odoo.bad_lines(), [])

    def assertLogged(self):
        closed = ", ".join(str(person.uid) for person in self.closed)
        for line in (
            "Apps of the OCA module taken over: 7.",
            f"helps them. Ids: {closed}.",
            f"older apps are gone. Ids: {self.moved.uid}.",
            "apps without a user, left out: 2.",
        ):
            self.assertIn(line, self.log())
