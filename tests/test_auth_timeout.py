import time
from datetime import timedelta
from unittest.mock import patch

import odoo.http
from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import SECRET, MfaCase, code_of
from .test_identity import PasskeyCase
from .test_tours import TourCase


class AuthTimeoutCase(MfaCase):
    """With core's ``auth_timeout``, which asks for the identity of an idle session."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "auth_timeout" not in cls.env.registry._init_modules:
            cls.skipTest(cls, "auth_timeout is not installed")

    def be_idle(self):
        """Let the session of the browser be idle for longer than the group allows."""
        self.put_in_session(**{"identity-check-next": time.time() - 16 * 60})

    address = "/auth-timeout/session/check-identity"

    def check(self, **credential):
        return self.rpc(self.address, **credential)

    def is_locked(self):
        answer = self.call("res.users", "read", [self.ann.id], ["login"])
        return "CheckIdentityException" in str(answer.get("error", ""))


@tagged("post_install", "-at_install")
class TestAuthTimeout(AuthTimeoutCase):
    def test_lock_is_opened_by_a_code_once(self):
        self.ann.group_ids[0].lock_timeout_inactivity = 15
        self.log_in()
        self.be_idle()
        self.assertTrue(self.is_locked())
        self.assertIn("totp", self.check()["result"]["auth_methods"])
        self.check(type="totp", token=code_of(SECRET, offset=9))
        self.assertTrue(self.is_locked())
        code = self.new_code()
        self.check(type="totp", token=code)
        self.assertFalse(self.is_locked())
        self.be_idle()
        self.check(type="totp", token=code)
        self.assertTrue(self.is_locked(), "a used code opens nothing")

    def test_second_factor_after_the_password(self):
        group = self.ann.group_ids[0]
        group.write({"lock_timeout_inactivity": 15, "lock_timeout_inactivity_mfa": True})
        self.log_in()
        self.be_idle()
        answer = self.check(type="password", password="mfa_ann_password")
        self.assertTrue(answer["result"]["mfa"])
        self.check(type="password", password="mfa_ann_password")
        self.assertTrue(self.is_locked(), "the password is no second factor")
        self.check(type="totp", token=self.new_code())
        self.assertFalse(self.is_locked())

    def test_password_proves_no_second_factor(self):
        """The lock screen sets core's mark after a password; our buttons want more."""
        self.ann.group_ids[0].lock_timeout_inactivity = 15
        self.log_in()
        session = self.stored_session()
        session.pop("mfa_proof")
        odoo.http.root.session_store.save(session)
        self.be_idle()
        self.check(type="password", password="mfa_ann_password")
        self.assertFalse(self.is_locked())
        answer = self.call("res.users", "action_totp_disable", [self.ann.id])
        self.assertEqual(answer["result"]["res_model"], "res.users.identitycheck")
        self.assertTrue(self.ann.mfa_enabled)

    def test_group_shortens_the_life_of_a_device(self):
        group = self.ann.group_ids[0]
        group.write({"lock_timeout": 24 * 60, "lock_timeout_mfa": True})
        self.log_in(remember="1")
        self.assertAlmostEqual(self.cookie(self.ann).expires, time.time() + 86400, delta=60)
        device = self.ann.trusted_device_ids
        expected = fields.Datetime.now() + timedelta(days=1)
        self.assertAlmostEqual(device.expiration_date, expected, delta=timedelta(minutes=1))


@tagged("post_install", "-at_install")
class TestLockScreen(AuthTimeoutCase, PasskeyCase):
    """The lock screen accepts what the account has, and nothing else."""

    def setUp(self):
        super().setUp()
        self.ann.group_ids[0].lock_timeout_inactivity = 15
        self.be_idle()

    def assertLocked(self, answer, text=""):
        self.assertEqual(answer["error"]["data"]["name"].rpartition(".")[0], self.EXCEPTIONS)
        self.assertIn(text, answer["error"]["data"]["message"])
        self.assertTrue(self.is_locked())

    EXCEPTIONS = "odoo.addons.auth_totp_mfa.exceptions"

    def failures(self):
        self.env.invalidate_all()
        return sum(self.env["res.users.mfa.attempt"].search([]).mapped("failures"))

    def mails(self):
        return self.env["mail.mail"].sudo().search_count([])

    def test_no_code_by_email_for_somebody_with_an_app(self):
        self.assertEqual(self.check()["result"]["auth_methods"], ["totp", "password"])
        before = self.mails()
        with mute_logger("odoo.http"):
            answer = self.rpc("/auth-timeout/send-totp-mail-code")
            self.assertLocked(answer, "authenticator app")
            self.assertEqual(self.mails(), before)
            code = self.ann._get_totp_mail_code()[0]
            answer = self.check(type="totp_mail", token=code)
        self.assertIn("no such way", answer["error"]["data"]["message"])
        self.assertTrue(self.is_locked())
        self.assertEqual(self.failures(), 0)

    def test_code_by_email_under_a_policy(self):
        self.env["ir.config_parameter"].set_param("auth_totp.policy", "all_required")
        self.assertNotIn("totp_mail", self.check()["result"]["auth_methods"])
        self.sign_in(self.bob)
        self.be_idle()
        self.assertEqual(self.check()["result"]["auth_methods"], ["totp_mail", "password"])
        before = self.mails()
        self.assertNotIn("error", self.rpc("/auth-timeout/send-totp-mail-code"))
        self.assertEqual(self.mails(), before + 1)
        self.env.invalidate_all()
        self.check(type="totp_mail", token=self.bob._get_totp_mail_code()[0])
        self.assertNotIn("error", self.call("res.users", "read", [self.bob.id], ["login"]))

    @mute_logger("odoo.http")
    def test_passkey_is_offered_where_there_is_one(self):
        self.assertNotIn("webauthn", self.check()["result"]["auth_methods"])
        answer = self.check(type="webauthn", webauthn_response=self.touch())
        self.assertIn("no such way", answer["error"]["data"]["message"])
        self.own_passkey(self.ann)
        self.stale()
        self.be_idle()
        self.assertEqual(self.check()["result"]["auth_methods"][0], "webauthn")
        for text in ("x", "{}", '{"id": 1}', '{"id": {}}', '{"id": "\\u0000"}'):
            answer = self.check(type="webauthn", webauthn_response=text)
            self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.AccessDenied", text)
        self.check(type="webauthn", webauthn_response=self.touch())
        self.assertFalse(self.is_locked())
        self.assertFalse(self.rpc("/mfa/identity")["result"]["needs_code"], "it is a proof")

    def test_code_is_a_proof(self):
        """Its time step is used up, so the next dialog would have to wait for another."""
        self.check(type="totp", token=self.new_code())
        self.assertFalse(self.is_locked())
        self.assertFalse(self.rpc("/mfa/identity")["result"]["needs_code"])

    def test_password_is_none(self):
        self.check(type="password", password="mfa_ann_password")
        self.assertFalse(self.is_locked())
        self.assertTrue(self.rpc("/mfa/identity")["result"]["needs_code"])

    def test_what_people_type(self):
        for typed in ("{} {}", " {}-{} "):
            code = self.new_code()
            self.be_idle()
            self.check(type="totp", token=typed.format(code[:3], code[3:]))
            self.assertFalse(self.is_locked())

    def test_garbage_is_neither_counted_nor_compared(self):
        garbage = (["1"], {"a": 1}, 5, 1.5, True, None, "", "abc", "12345", "1" * 10**6, "\x00")
        with self.assertLogs("odoo.http", "WARNING") as log:
            for token in garbage:
                for kind in ("totp", "totp_mail", "webauthn", "password"):
                    with self.subTest(token=str(token)[:9], type=kind):
                        self.assertIn("error", self.check(type=kind, token=token))
            for credential in (
                {"token": "123456"},
                {"type": "totp"},
                {"type": ["totp"], "token": "123456"},
                {"type": {"totp": 1}, "token": "123456"},
                {"type": "password", "password": ["x"]},
                {"type": "password", "password": {"x": 1}},
                {"type": "api_key", "password": "x"},
                {"type": "password"},
                {"type": "webauthn"},
                {"type": None},
            ):
                with self.subTest(credential=credential):
                    self.assertIn("error", self.check(**credential))
        self.assertFalse([line for line in log.output if "Traceback" in line])
        self.assertTrue(self.is_locked())

    def test_garbage_at_the_other_spelling_of_the_address(self):
        self.address += "/"
        self.test_garbage_is_neither_counted_nor_compared()
        self.assertEqual(self.failures(), 0)

    def test_lock_screen_of_nobody(self):
        self.new_browser()
        self.assertIn("error", self.check(type="totp", token=code_of(SECRET)))
        self.post_password(self.ann)
        self.assertIn("error", self.check(type="totp", token=code_of(SECRET)))
        self.assertLoggedOut()


@tagged("post_install", "-at_install")
class TestAuthTimeoutTour(AuthTimeoutCase, TourCase):
    def test_lock_screen(self):
        """An idle person gives a code on the lock screen and goes on.

        Five seconds are enough for what the page asks for by itself: refused by the lock,
        it would end the tour.
        """
        timeouts = {"lock_timeout": [], "lock_timeout_inactivity": [(5, False)]}
        with patch.object(
            self.env.registry["res.groups"], "_get_lock_timeouts", return_value=timeouts
        ):
            self.run_tour("/odoo", "mfa_lock_screen", "mfa_ann")
