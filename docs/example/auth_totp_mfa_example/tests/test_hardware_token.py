import pyotp

from odoo.tests import tagged

from odoo.addons.auth_totp_mfa.tests.common import SECRET, MfaCase
from odoo.addons.auth_totp_mfa.tests.test_enrolment import Buttons

TOKEN_SECRET = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"


@tagged("post_install", "-at_install")
class TestHardwareToken(Buttons, MfaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bob._token_assign(TOKEN_SECRET)

    def shown(self, times=0):
        """Return what the token shows after so many presses."""
        return pyotp.HOTP(TOKEN_SECRET, digits=8).at(times)

    def test_code_of_the_token_logs_in_once(self):
        self.log_in(self.bob, self.shown())
        self.assertLoggedIn(self.bob)
        self.assertEqual(self.bob.trusted_device_ids.ids, [])
        self.new_browser()
        answer = self.log_in(self.bob, self.shown())
        self.assertIn("not the next code", answer.text)
        self.assertLoggedOut()

    def test_presses_by_mistake_are_skipped(self):
        self.log_in(self.bob, self.shown(3))
        self.assertLoggedIn(self.bob)

    def test_remember_trusts_the_browser(self):
        self.log_in(self.bob, self.shown(), remember="1")
        self.assertEqual(len(self.bob.trusted_device_ids), 1)

    def test_wrong_codes_are_counted_with_those_of_apps(self):
        page = self.post_password(self.bob)
        for _try in range(6):
            page = self.post_code(page, self.shown(99))
        self.assertIn("Minutes to wait:", page.text)

    def test_who_has_no_token_goes_on_with_the_app(self):
        page = self.post_password(self.ann)
        answer = self.post_code(page, self.shown())
        self.assertIn("six digits", answer.text)
        self.assertLoggedOut()
        self.post_code(answer, self.new_code(SECRET))
        self.assertLoggedIn(self.ann)

    def test_code_is_a_proof_before_a_change(self):
        self.sign_in(self.bob)
        button = ("res.users", "action_mfa_recovery_codes", self.bob.ids, self.bob)
        self.assertIn("error", self.press(*button, code=self.shown(99)))
        answer = self.press(*button, code=self.shown())
        self.assertEqual(answer["result"]["tag"], "mfa_recovery_codes")

    def test_trail_names_the_token(self):
        self.log_in(self.bob, self.shown())
        event = self.env["res.users.mfa.event"].search(
            [("user_id", "=", self.bob.id), ("kind", "=", "code_accepted")]
        )
        self.assertEqual(event.subject, "Hardware token")

    def test_reset_takes_the_token(self):
        self.bob._mfa_reset("lost")
        self.assertFalse(self.bob.sudo().token_secret)
        self.assertFalse(self.bob.mfa_enabled)
