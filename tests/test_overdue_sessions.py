from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET
from .passkey import Passkey
from .test_enrolment import Buttons
from .test_open_sessions import OpenSessionCase

MISSES = "does not meet yet"


@tagged("post_install", "-at_install")
class TestSavingHour(Buttons, OpenSessionCase):
    """A session that misses the policy saves its work, and gains nothing for later."""

    def setUp(self):
        super().setUp()
        self.open_by_password(self.bob)

    def assertMisses(self, answer):
        self.assertIn(MISSES, self.message_of(answer))

    def make_key(self, user):
        values = {"name": "Script", "duration": "1"}
        [wizard] = self.call("res.users.apikeys.description", "create", [values])["result"]
        return self.press("res.users.apikeys.description", "make_key", [wizard], user)

    @mute_logger("odoo.http")
    def test_no_api_key(self):
        for level in ("app", "mail"):
            with self.subTest(level=level):
                self.set_policy(self.company, employee=level)
                self.assertMisses(self.make_key(self.bob))
        self.assertFalse(self.env["res.users.apikeys"].search([("user_id", "=", self.bob.id)]))

    def test_api_key_of_who_meets_the_policy(self):
        self.set_policy(self.company, employee="optional")
        self.assertIn("key", str(self.make_key(self.bob)["result"]))

    @mute_logger("odoo.http")
    def test_no_passkey(self):
        if "auth_passkey_key_ids" not in self.bob._fields:
            self.skipTest("auth_passkey is not installed")
        self.set_policy(self.company, employee="app")
        action = self.press("res.users", "action_create_passkey", self.bob.ids, self.bob)["result"]
        registration = Passkey(self.base_url()).register(action["context"]["registration"])
        [dialog] = self.call("auth.passkey.key.create", "create", [{"name": "Key"}])["result"]
        answer = self.call("auth.passkey.key.create", "make_key", [dialog], registration)
        self.assertMisses(answer)
        self.assertFalse(self.bob.auth_passkey_key_ids)

    @mute_logger("odoo.http")
    def test_no_other_address_for_the_code(self):
        self.set_policy(self.company, employee="app")
        values = {"email": "thief@example.com"}
        self.assertMisses(self.call("res.users", "write", self.bob.ids, values))
        self.assertMisses(self.call("res.partner", "write", self.bob.partner_id.ids, values))
        self.assertEqual(self.bob.email, "bob@example.com")
        self.assertIn("result", self.call("res.users", "write", self.bob.ids, {"tz": "UTC"}))

    def test_address_of_who_meets_the_policy(self):
        self.set_policy(self.company, portal="app")
        values = {"email": "new@example.com"}
        self.assertIn("result", self.call("res.users", "write", self.bob.ids, values))

    @mute_logger("odoo.http")
    def test_administrator_weakens_no_policy(self):
        self.new_browser()
        self.open_by_password(self.admin)
        self.set_policy(self.company, sensitive="app")
        weaker = {"mfa_policy_sensitive": "optional"}
        self.assertMisses(self.call("res.company", "write", self.company.ids, weaker))
        settings = self.call("res.config.settings", "create", [weaker])["result"]
        self.assertMisses(self.call("res.config.settings", "execute", settings))
        group = self.env.ref("base.group_system")
        unmarked = {"mfa_sensitive": False}
        self.assertMisses(self.call("res.groups", "write", group.ids, unmarked))
        self.assertEqual(self.company.mfa_policy_sensitive, "app")
        self.assertTrue(group.mfa_sensitive)

    def test_administrator_who_meets_the_policy_weakens_it(self):
        self.new_browser()
        self.set_policy(self.company, sensitive="app")
        self.enrol(self.admin, OTHER_SECRET)
        self.sign_in(self.admin)
        weaker = {"mfa_policy_sensitive": "optional"}
        self.assertIn("result", self.call("res.company", "write", self.company.ids, weaker))
