import time
from datetime import timedelta
from unittest.mock import patch

import odoo.http
from odoo import fields
from odoo.tests import tagged

from .common import SECRET, MfaCase, code_of
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
        session = odoo.http.root.session_store.get(self.opener.cookies["session_id"])
        session["identity-check-next"] = time.time() - 16 * 60
        odoo.http.root.session_store.save(session)

    def check(self, **credential):
        return self.rpc("/auth-timeout/session/check-identity", **credential)

    def is_locked(self):
        answer = self.call("res.users", "read", [self.ann.id], ["login"])
        return "CheckIdentityException" in str(answer.get("error", ""))


@tagged("post_install", "-at_install")
class TestAuthTimeout(AuthTimeoutCase):
    def test_lock_is_opened_by_a_code_once(self):
        self.ann.group_ids[0].lock_timeout_inactivity = 15
        self.log_in(code=code_of(SECRET, offset=-1))
        self.be_idle()
        self.assertTrue(self.is_locked())
        self.assertIn("totp", self.check()["result"]["auth_methods"])
        self.check(type="totp", token=code_of(SECRET, offset=9))
        self.assertTrue(self.is_locked())
        code = code_of(SECRET)
        self.check(type="totp", token=code)
        self.assertFalse(self.is_locked())
        self.be_idle()
        self.check(type="totp", token=code)
        self.assertTrue(self.is_locked(), "a used code opens nothing")

    def test_second_factor_after_the_password(self):
        group = self.ann.group_ids[0]
        group.write({"lock_timeout_inactivity": 15, "lock_timeout_inactivity_mfa": True})
        self.log_in(code=code_of(SECRET, offset=-1))
        self.be_idle()
        answer = self.check(type="password", password="mfa_ann_password")
        self.assertTrue(answer["result"]["mfa"])
        self.check(type="password", password="mfa_ann_password")
        self.assertTrue(self.is_locked(), "the password is no second factor")
        self.check(type="totp", token=code_of(SECRET))
        self.assertFalse(self.is_locked())

    def test_password_proves_no_second_factor(self):
        """The lock screen sets core's mark after a password; our buttons want more."""
        self.ann.group_ids[0].lock_timeout_inactivity = 15
        self.log_in()
        session = odoo.http.root.session_store.get(self.opener.cookies["session_id"])
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
class TestAuthTimeoutTour(AuthTimeoutCase, TourCase):
    def test_lock_screen(self):
        """An idle person gives a code on the lock screen and goes on."""
        timeouts = {"lock_timeout": [], "lock_timeout_inactivity": [(1, False)]}
        with patch.object(
            self.env.registry["res.groups"], "_get_lock_timeouts", return_value=timeouts
        ):
            self.run_tour("/odoo", "mfa_lock_screen", "mfa_ann")
