"""Copies of a database, made and neutralized as a person does: whom they trust."""

import json
import os
import subprocess
import unittest

from odoo_process import ADDONS_PATH, INSTALL_LIMIT, Odoo, ScratchOdoo, needs_odoo
from support import Browser, is_code_page, make_help_codes, make_people, make_recovery_codes, query

SECRET = "SELECT value FROM ir_config_parameter WHERE key = 'database.secret'"
DEVICES = "SELECT user_id FROM res_users_device ORDER BY id"
APPS = "SELECT user_id, name, secret_key, last_step FROM res_users_authenticator ORDER BY id"
TRAIL = "SELECT id, date, kind, login, note FROM res_users_mfa_event ORDER BY id"
LEFT_OPEN = (
    "SELECT id FROM res_users_help_code",
    "SELECT id FROM res_users_authenticator_create",
    "SELECT id FROM auth_totp_wizard",
)
WEEKLY_MAIL = """SELECT cron.active FROM ir_cron AS cron JOIN ir_model_data AS xmlid
                     ON xmlid.res_id = cron.id AND xmlid.name = 'cron_weekly_report'"""


class CopyOdoo(Odoo):
    """Odoo on a database that ``odoo db duplicate`` makes of another."""

    def __init__(self, source, suffix, *options):
        super().__init__(f"{source}_{suffix}")
        self.command("db", "duplicate", "--force", *options, source, self.database)

    def command(self, name, *options):
        python, script, addons_path = json.loads(os.environ["MFA_ODOO_COMMAND"])[: ADDONS_PATH + 1]
        data_dir = f"--data-dir={os.environ['MFA_DATA_DIR']}"
        argv = [python, script, name, addons_path, data_dir, *options]
        with self.log.open("ab") as output:
            subprocess.run(
                argv, check=True, stdout=output, stderr=subprocess.STDOUT, timeout=INSTALL_LIMIT
            )

    def close(self):
        self.stop()
        self.command("db", "drop", self.database)
        super().close()


@needs_odoo
class Neutralize(unittest.TestCase):
    """One story, since each copy takes its time.

    ``ann`` has an app, a trusted browser, recovery codes and a help code, and has left an
    enrolment unfinished.
    """

    def setUp(self):
        self.production = ScratchOdoo()
        self.addCleanup(self.production.close)
        self.production.run("--init=auth_totp_mfa")
        self.production.start()
        [self.ann] = make_people(1, site=(self.production.server, self.production.database))
        Browser(self.production.server).log_in(self.ann).enrol(self.ann)
        self.browser = Browser(self.production.server).log_in_and_trust(self.ann)
        self.codes = make_recovery_codes(self.ann, 2, self.production.database)
        [self.help_code] = make_help_codes(self.ann, 1, self.production.database)
        action = self.browser.press(
            self.ann, "res.users", "action_totp_enable_wizard", [self.ann.uid]
        )
        self.assertEqual(action["res_model"], "res.users.authenticator.create")
        self.production.stop()

    def test_copies(self):
        copy = self.copy("copy")
        self.assertEqual(self.rows(DEVICES, copy), self.rows(DEVICES, self.production))
        copy.start()
        open_session = self.check_plain_copy(copy)
        copy.stop()
        before = {sql: self.rows(sql, copy) for sql in (SECRET, APPS, TRAIL)}
        copy.command("neutralize", f"--database={copy.database}")
        self.assertNeutralized(copy, before)
        copy.start()
        self.check_neutralized(copy, open_session)
        self.assertEqual(copy.bad_lines(), [])
        copy.stop()
        before = {sql: self.rows(sql, self.production) for sql in (SECRET, APPS, TRAIL)}
        self.assertNeutralized(self.copy("staging", "--neutralize"), before)

    def check_plain_copy(self, copy):
        """It trusts what the production trusted, and none of its sessions."""
        self.assertFalse(self.browser.is_in(copy.server))
        browser = self.browser.beside(self.ann, copy.server)
        self.assertTrue(browser.is_in())
        return browser

    def check_neutralized(self, copy, open_session):
        """It asks for a code in each browser; app and recovery codes are those there were."""
        self.assertFalse(open_session.is_in(copy.server))
        browser = self.browser.trusted_only(copy.server)
        self.assertIn("/web/login/totp", browser.give_password(self.ann).headers["Location"])
        self.assertTrue(is_code_page(browser.get("/web/login/totp")))
        browser.give_code(self.help_code)
        self.assertFalse(browser.is_in())
        browser.give_code(self.codes[0])
        self.assertTrue(browser.is_in())
        self.assertTrue(Browser(copy.server).log_in(self.ann).is_in())

    def assertNeutralized(self, copy, before):
        self.assertEqual(self.rows(DEVICES, copy), [])
        for sql in LEFT_OPEN:
            self.assertEqual(self.rows(sql, copy), [], sql)
        self.assertEqual(self.rows(APPS, copy), before[APPS])
        self.assertNotEqual(self.rows(SECRET, copy), before[SECRET])
        lines, kept = self.rows(TRAIL, copy), len(before[TRAIL])
        self.assertEqual(lines[:kept], before[TRAIL])
        line = ("device_revoked", self.ann.login, "database neutralized")
        self.assertEqual([told[2:] for told in lines[kept:] if told[3] == self.ann.login], [line])
        self.assertEqual(self.rows(WEEKLY_MAIL, copy), [(False,)])

    def copy(self, suffix, *options):
        copy = CopyOdoo(self.production.database, suffix, *options)
        self.addCleanup(copy.close)
        return copy

    def rows(self, sql, odoo):
        return query(sql, name=odoo.database)
