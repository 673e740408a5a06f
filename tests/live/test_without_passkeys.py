"""The addon in a database from which core's ``auth_passkey`` was taken."""

import unittest

from odoo_process import INSTALL_LIMIT, ScratchOdoo, needs_odoo
from support import Browser, admin_call, make_people


@needs_odoo
class WithoutPasskeys(unittest.TestCase):
    def test_login_report_and_help(self):
        odoo = ScratchOdoo()
        self.addCleanup(odoo.close)
        odoo.run("--init=auth_totp_mfa")
        odoo.start()
        site = odoo.server, odoo.database

        def call(*args, **options):
            return admin_call(*args, site=site, **options)

        modules = call("ir.module.module", "search", [("name", "=", "auth_passkey")])
        call("ir.module.module", "button_immediate_uninstall", modules, limit=INSTALL_LIMIT)
        [person] = make_people(1, site=site)
        Browser(odoo.server).log_in(person).enrol(person)
        browser = Browser(odoo.server).log_in(person)
        self.assertTrue(browser.is_in())
        [row] = call(
            "mfa.coverage",
            "search_read",
            [("user_id", "=", person.uid)],
            ["app_count", "passkey_count"],
        )
        self.assertEqual((row["app_count"], row["passkey_count"]), (1, 0))
        odoo.stop()
        self.assertEqual(odoo.bad_lines(), [])
