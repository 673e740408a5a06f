"""A code that was accepted anywhere is refused everywhere. OWASP ASVS 5.0 6.5.1 and 6.6.2.

Every entry is tried first with a code, and then every entry with that same code.
"""

import time

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET, at, code_of
from .test_auth_timeout import AuthTimeoutCase
from .test_enrolment import ENABLING, STALE
from .test_identity import PasskeyCase
from .test_recovery import PAGES
from .test_setup import SETUP, SetupCase


class ReplayCase(SetupCase):
    """``mfa_portal`` has an app and can use each entry. An entry tells whether it took a code."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")
        cls.enrol(cls.portal, OTHER_SECRET)

    def stale(self, user=None):
        self.sign_in(user or self.portal, password_age=5, proof_age=STALE)

    def at_login(self, code):
        self.new_browser()
        self.post_code(self.post_password(self.portal), code)
        return self.session_uid() == self.portal.id

    def in_the_dialog_of_the_portal(self, code):
        self.stale()
        return not self.rpc("/mfa/identity", code=code)["result"]["needs_code"]

    def in_the_identity_check(self, code):
        self.stale()
        answer = self.call("res.users", "revoke_all_devices", [self.portal.id])
        self.assertTrue(self.is_identity_check(answer))
        return "error" not in self.identify(answer, self.portal, code)

    def on_the_confirmation_page(self, code):
        self.stale()
        page = self.url_open("/my/security")
        form = {"button": "revoke_all", "csrf_token": self.csrf_of(page)}
        page = self.url_open("/my/security/press", form)
        self.assertIn("/my/security/confirm/", page.url)
        form = {"password": "mfa_portal_password", "csrf_token": self.csrf_of(page)}
        page = self.url_open(page.url, {**form, "mfa_code": code})
        return "/confirm/" not in page.url and "alert-danger" not in page.text

    def with_a_new_password(self, code):
        self.stale()
        form = {"old": "mfa_portal_password", "new1": "mfa_portal_password"}
        form["csrf_token"] = self.csrf_of(self.url_open("/my/security"))
        form |= {"new2": "mfa_portal_password", "mfa_code": code}
        return "Password Updated" in self.url_open("/my/security", form).text

    def on_the_page_of_recovery_codes(self, code):
        self.stale()
        page = self.url_open(PAGES + "codes")
        return len(self.codes_on(self.post(PAGES + "codes", page, code=code))) == 10

    def at_the_enabling(self, code):
        if self.portal.mfa_enabled:
            self.portal._mfa_disable()
        self.sign_in(self.portal, password_age=5)
        dialog = self.press("res.users", "action_mfa_enable", [self.portal.id])
        dialog = dialog["result"]["res_id"]
        self.call(ENABLING, "write", [dialog], {"confirmation_code": code})
        taken = "error" not in self.press(ENABLING, "action_enable", [dialog])
        self.assertEqual(self.is_on(self.portal), taken)
        if not taken:
            self.portal._mfa_enable()
        return taken

    def on_the_lock_screen(self, code):
        self.stale()
        path = "/auth-timeout/session/check-identity"
        return "error" not in self.rpc(path, type="totp", token=code)

    def for_codes_of_any_kind(self):
        return [
            self.at_login,
            self.in_the_dialog_of_the_portal,
            self.in_the_identity_check,
            self.on_the_confirmation_page,
            self.with_a_new_password,
        ]

    def assertTakenOnce(self, entries, new_code):
        """Try each entry first, with a code of its own, then all of them with that code."""
        for first in entries:
            with freeze_time(at(time.time())), mute_logger("odoo.http"):
                code = new_code()
                self.assertTrue(first(code), f"{first.__name__} should take a code")
                for second in entries:
                    with self.subTest(first=first.__name__, second=second.__name__):
                        self.assertFalse(second(code))


@tagged("post_install", "-at_install")
class TestReplay(ReplayCase):
    def test_code_of_an_app(self):
        entries = [
            *self.for_codes_of_any_kind(),
            self.on_the_page_of_recovery_codes,
            self.at_the_enabling,
        ]
        if "auth_timeout" in self.env.registry._init_modules:
            entries.append(self.on_the_lock_screen)
        self.assertTakenOnce(entries, lambda: self.new_code(OTHER_SECRET))

    def test_recovery_code(self):
        codes = iter(self.portal._mfa_make_recovery_codes())
        self.assertTakenOnce(self.for_codes_of_any_kind(), lambda: next(codes))

    def test_recovery_code_on_the_page_that_makes_new_ones(self):
        code = self.portal._mfa_make_recovery_codes()[0]
        self.assertTrue(self.on_the_page_of_recovery_codes(code))
        self.assertTakenNowhere(code)

    def assertTakenNowhere(self, code):
        for entry in [*self.for_codes_of_any_kind(), self.on_the_page_of_recovery_codes]:
            with self.subTest(entry.__name__), mute_logger("odoo.http"):
                self.assertFalse(entry(code))

    def test_help_code(self):
        code = self.portal._mfa_make_help_code("lost")
        self.assertTrue(self.at_login(code))
        self.assertTakenNowhere(code)
        self.portal._mfa_reset("lost")
        self.require()
        self.new_browser()
        page = self.begin(self.portal)
        self.assertConfirmation(self.confirm_setup(page, code, self.portal))

    def test_code_of_an_earlier_time_step(self):
        """The app's next code is used; the one before, though still in time, is void."""
        with freeze_time(at(time.time())):
            later, earlier = code_of(OTHER_SECRET, 1), code_of(OTHER_SECRET)
            self.assertTrue(self.at_login(later))
            self.assertTakenNowhere(earlier)


@tagged("post_install", "-at_install")
class TestReplayOfMailCodes(SetupCase):
    """Core's code by email stays the same for an hour: one that was accepted is void."""

    def log_in_by_mail(self, code=None):
        """Give ``code`` after the password, or the one that was sent then; return what it was."""
        self.new_browser()
        page = self.post_password(self.bob)
        code = code or self.mail_code()
        self.post_code(page, code)
        return code if self.session_uid() == self.bob.id else None

    def test_at_the_login(self):
        self.require("mail")
        code = self.log_in_by_mail()
        self.assertTrue(code)
        self.assertIsNone(self.log_in_by_mail(code))
        self.assertTrue(self.log_in_by_mail(), "the next one is good")

    def test_from_the_login_to_the_set_up(self):
        self.require("mail")
        code = self.log_in_by_mail()
        self.assertTrue(code)
        self.require()
        self.new_browser()
        self.assertConfirmation(self.confirm_setup(self.begin(), code))

    def test_from_the_set_up_to_the_login(self):
        self.require()
        page = self.begin()
        code = self.mail_code()
        self.assertIn("mfa_key", self.confirm_setup(page, code).text)
        self.require("mail")
        self.assertIsNone(self.log_in_by_mail(code))

    def test_code_belongs_to_one_login(self):
        """A thief who has the password waits at the form for the owner's code."""
        for level, path in (("mail", "/web/login/totp"), ("app", SETUP)):
            with self.subTest(level):
                self.require(level)
                self.new_browser()
                page = self.post_password(self.bob)
                thief = self.opener.cookies["session_id"]
                self.new_browser()
                self.post_password(self.bob)
                self.new_browser()
                self.set_cookie("session_id", thief)
                code = self.mail_code()
                form = {"csrf_token": self.csrf_of(page), "totp_token": code}
                answer = self.url_open(path, {**form, "confirmation": code})
                self.assertIn("Please start again", answer.text)
                self.assertNotIn("mfa_key", answer.text)
                self.assertLoggedOut()


@tagged("post_install", "-at_install")
class TestReplayOnTheLockScreen(AuthTimeoutCase, SetupCase):
    @mute_logger("odoo.http")
    def test_mail_code(self):
        self.require("mail")
        page = self.post_password(self.bob)
        code = self.mail_code()
        self.post_code(page, code)
        self.assertLoggedIn(self.bob)
        self.assertIn("error", self.check(type="totp_mail", token=code))
        code = self.mail_code()
        self.assertNotIn("error", self.check(type="totp_mail", token=code))
        self.assertIn("error", self.check(type="totp_mail", token=code))


@tagged("post_install", "-at_install")
class TestReplayOfPasskeys(PasskeyCase):
    """What a passkey signed is good for one question of one session (6.7.2)."""

    def log_in_by_passkey(self, answer):
        page = self.url_open("/web/login")
        form = {"csrf_token": self.csrf_of(page), "password": "", "webauthn_response": answer}
        self.url_open("/web/login", {**form, "type": "webauthn"})
        return self.session_uid() == self.ann.id

    def test_passkey(self):
        self.own_passkey(self.ann)
        self.new_browser()
        answer = self.touch()
        self.assertTrue(self.log_in_by_passkey(answer))
        self.url_open("/web/session/logout")
        self.assertFalse(self.log_in_by_passkey(answer), "no question")
        self.rpc("/auth/passkey/start-auth")
        self.assertFalse(self.log_in_by_passkey(answer), "another question")
        self.stale()
        self.rpc("/auth/passkey/start-auth")
        self.assertTrue(self.rpc("/mfa/identity", passkey=answer)["result"]["needs_code"])
        answer = self.touch()
        self.assertFalse(self.rpc("/mfa/identity", passkey=answer)["result"]["needs_code"])
        self.new_browser()
        self.rpc("/auth/passkey/start-auth")
        self.assertFalse(self.log_in_by_passkey(answer))
