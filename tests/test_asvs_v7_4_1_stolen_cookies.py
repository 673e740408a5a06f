"""Stolen cookies, of a session and of a trusted device, and what makes them worthless.

OWASP ASVS 5.0 7.4.1 to 7.4.3 and 6.5.6. More on trusted devices is in ``TestTrustedDevice``.
"""

from odoo.tests import tagged

from .common import OTHER_SECRET
from .test_setup import SetupCase


class StolenCase(SetupCase):
    def steal(self):
        """Let Ann log in and trust her browser; return her two cookies."""
        self.new_browser()
        self.log_in(code=self.new_code(), remember="1")
        return self.opener.cookies["session_id"], self.cookie(self.ann).value

    def come_with(self, session_id=None, token=None):
        self.new_browser()
        if session_id:
            self.set_cookie("session_id", session_id)
        if token:
            self.set_cookie(f"trusted_devices_{self.ann.id}", token)

    def changes(self):
        """Yield ``(name, function)`` of what makes earlier sessions and devices worthless."""
        ann = self.ann
        yield "app added", lambda: ann._mfa_enrol("Tablet", OTHER_SECRET, 1)
        yield "app removed", lambda: ann.authenticator_ids[1:]._remove(ann)
        yield "disabled", ann._mfa_disable
        yield "password", lambda: ann.write({"password": "mfa_ann_password"})
        yield "archived", lambda: ann.write({"active": False})
        yield "reset", lambda: ann._mfa_reset("stolen")

    def restore(self):
        self.ann.active = True
        if not self.ann.authenticator_ids:
            self.enrol(self.ann)
        if not self.ann.mfa_enabled:
            self.ann._mfa_enable()
        self.env.flush_all()


@tagged("post_install", "-at_install")
class TestStolenCookies(StolenCase):
    def test_each_change_ends_them(self):
        for name, change in self.changes():
            with self.subTest(name):
                session_id, token = self.steal()
                self.come_with(session_id)
                self.assertLoggedIn(self.ann)
                change()
                self.env.flush_all()
                self.assertLoggedOut()
                self.restore()
                self.come_with(token=token)
                self.assertIn("totp_token", self.post_password(self.ann).text)
                self.assertLoggedOut()

    def test_log_out(self):
        session_id, _token = self.steal()
        self.url_open("/web/session/logout")
        self.come_with(session_id)
        self.assertLoggedOut()

    def test_device_opens_nothing_without_the_password(self):
        _session_id, token = self.steal()
        self.come_with(token=token)
        for path in ("/web/login/totp", "/odoo", "/my/security", "/web/login/totp/codes"):
            with self.subTest(path):
                self.assertIn("/web/login", self.url_open(path).url)
                self.assertLoggedOut()
        self.assertIn("Wrong login", self.post_password(self.ann, "wrong").text)
        self.assertLoggedOut()

    def test_device_revoked_while_the_thief_is_at_the_form(self):
        _session_id, token = self.steal()
        self.come_with()
        self.post_password(self.ann)
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        self.ann.trusted_device_ids._revoke()
        self.assertIn("totp_token", self.url_open("/web/login/totp").text)
        self.assertLoggedOut()

    def test_device_proves_no_second_factor(self):
        _session_id, token = self.steal()
        self.come_with(token=token)
        self.post_password(self.ann)
        self.assertLoggedIn(self.ann)
        self.assertTrue(self.rpc("/mfa/identity")["result"]["needs_code"])
        answer = self.call("res.users", "action_totp_disable", [self.ann.id])
        self.assertTrue(self.is_identity_check(answer))
