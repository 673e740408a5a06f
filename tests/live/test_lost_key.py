"""The key that encrypts secrets is gone: the addon stays, and so does everybody's protection."""

import os
import secrets
import subprocess
import unittest
import xmlrpc.client
from base64 import b64encode

from odoo_process import ScratchOdoo, mfa_argv, needs_odoo
from support import Browser, make_people, query, refusal, uninstall

VARIABLE = "AUTH_TOTP_MFA_KEY"
STATE = (
    "SELECT count(*) FROM ir_model_data WHERE module = 'auth_totp_mfa'",
    "SELECT id, user_id, name, secret_key FROM res_users_authenticator ORDER BY id",
    "SELECT id, mfa_since, mfa_epoch, totp_secret FROM res_users ORDER BY id",
    "SELECT state FROM ir_module_module WHERE name = 'auth_totp_mfa'",
    "SELECT key, value FROM ir_config_parameter WHERE key ~ '^auth_totp[.]' ORDER BY key",
)


@needs_odoo
class LostKey(unittest.TestCase):
    def setUp(self):
        self.addCleanup(self.set_key, os.environ.get(VARIABLE))
        self.set_key(None)
        self.key = b64encode(secrets.token_bytes(32)).decode()
        self.odoo = ScratchOdoo()
        self.addCleanup(self.odoo.close)

    def set_key(self, key):
        os.environ.pop(VARIABLE, None)
        if key:
            os.environ[VARIABLE] = key

    def restart(self, key):
        self.odoo.stop()
        self.set_key(key)
        self.odoo.start()

    def test_uninstall_is_refused_and_loses_nothing(self):
        self.odoo.run("--init=auth_totp_mfa")
        self.odoo.start()
        [person] = make_people(1, site=self.site())
        Browser(self.odoo.server).log_in(person).enrol(person)
        self.assertEqual(self.odoo.bad_lines(), [])
        self.assertEqual(self.encrypt(), "Encrypted under the newest key: 1\n")
        before = self.state()
        self.assertIn("fernet:", str(before))
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            uninstall(self.site())
        self.assertIn("cannot be uninstalled", caught.exception.faultString)
        self.assertIn("auth_totp_mfa_key", caught.exception.faultString)
        self.assertEqual(self.state(), before)
        browser = Browser(self.odoo.server).half_open(person)
        self.assertIn("cannot read", refusal(browser.give_code(person.app.next_code())))
        self.assertFalse(browser.is_in())
        self.assertEqual(self.state(), before)
        self.restart(self.key)
        self.assertTrue(Browser(self.odoo.server).log_in(person).is_in())
        uninstall(self.site())
        [(secret,)] = self.query(f"SELECT totp_secret FROM res_users WHERE id = {person.uid}")
        self.assertEqual(secret, person.app.secret)

    def test_encryption_says_what_it_left(self):
        self.odoo.run("--init=auth_totp_mfa")
        self.odoo.start()
        [person] = make_people(1, site=self.site())
        Browser(self.odoo.server).log_in(person).enrol(person)
        self.encrypt()
        before = self.state()
        self.key = b64encode(secrets.token_bytes(32)).decode()
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            self.encrypt()
        self.assertEqual(caught.exception.stdout, "Encrypted under the newest key: 0\n")
        last = caught.exception.stderr.splitlines()[-1]
        self.assertEqual(last, "Left as they are, since no key reads them: 1")
        self.assertEqual(self.state(), before)

    def encrypt(self):
        """Return what ``odoo mfa encrypt`` says; the running server has no key."""
        argv = mfa_argv("encrypt", "--yes", database=self.odoo.database)
        env = {**os.environ, VARIABLE: self.key}
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True).stdout

    def state(self):
        return [self.query(sql) for sql in STATE]

    def site(self):
        return self.odoo.server, self.odoo.database

    def query(self, sql):
        return query(sql, name=self.odoo.database)
