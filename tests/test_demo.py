"""The demo data show every state of the coverage report."""

from datetime import timedelta

from freezegun import freeze_time

from odoo.modules import Manifest
from odoo.tests import TransactionCase, tagged
from odoo.tools import convert_file

ADDON = "auth_totp_mfa"


@tagged("post_install", "-at_install")
class TestDemo(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.env.ref(f"{ADDON}.demo_company_trading", raise_if_not_found=False):
            for path in Manifest.for_addon(ADDON)["demo"]:
                convert_file(cls.env, ADDON, path, {}, mode="init", noupdate=True)
        cls.env["res.users"]._mfa_forget_rules()
        installed = cls.env.ref(f"{ADDON}.demo_company_trading").create_date
        cls.startClassPatcher(freeze_time(installed + timedelta(hours=1)))

    def row_of(self, name):
        return self.env["mfa.coverage"].browse(self.env.ref(f"{ADDON}.demo_user_{name}").id)

    def test_every_state_occurs(self):
        wanted = {
            "director": "app",
            "sysadmin": "app",
            "deputy": "missing",
            "personnel": "missing",
            "payroll": "missing",
            "trainee": "grace",
            "newcomer": "grace",
            "terminal": "exempt",
            "connector": "exempt",
            "consultant": "mail",
            "subscriber": "mail",
            "customer": "app",
            "supplier": "unprotected",
        }
        if "auth.passkey.key" in self.env:
            wanted["technician"] = "passkey"
        self.assertEqual({name: self.row_of(name).state for name in wanted}, wanted)

    def test_what_an_administrator_looks_for_occurs(self):
        self.assertTrue(self.row_of("deputy").sensitive)
        self.assertTrue(self.row_of("sysadmin").sensitive)
        self.assertTrue(self.row_of("purchasing").few_codes)
        self.assertTrue(self.row_of("director").device_count)
        self.assertFalse(self.row_of("newcomer").last_login)
        self.assertFalse(self.row_of("terminal").api_key_count)
        keys = {name: self.row_of(name) for name in ("connector", "reporting")}
        self.assertEqual([row.api_key_count for row in keys.values()], [1, 1])
        self.assertEqual([row.api_limited for row in keys.values()], [True, False])

    def test_dates_lie_in_the_past(self):
        """Over more than a day, and no login is older than its account."""
        rows = [self.row_of(name) for name in ("director", "sales", "purchasing", "customer")]
        used = [row.last_factor for row in rows]
        self.assertGreater(max(used) - min(used), timedelta(days=1))
        for row in rows:
            self.assertLess(row.user_id.create_date, row.last_login)

    def test_nobody_else_is_concerned(self):
        """The main company and its users are as without demo data of this addon."""
        main = self.env.ref("base.main_company")
        self.assertEqual(main.mfa_policy_internal, "optional")
        admin = self.env.ref("base.user_admin")
        demo = self.env.ref(f"{ADDON}.demo_company_trading")
        self.assertNotIn(demo, admin.company_ids)
        self.assertFalse(admin._mfa_demand().company)

    def test_administrator_sees_them_all(self):
        """The portal users, too, who are seen by company."""
        seen = self.env["mfa.coverage"].with_user(self.env.ref("base.user_admin")).search([])
        for name in ("customer", "subscriber", "deputy"):
            self.assertIn(self.row_of(name).user_id, seen.user_id)
