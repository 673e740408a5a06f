"""A request that fails, or only asks for a page, changes nothing (ASVS 2.3.3, 3.5.3).

Core shows its error page of websites and portals, and saves for it what the request did to the
session. Patches stand for code of other modules that fails.
"""

from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..controllers.home import Home
from .common import code_of
from .test_recovery import PAGES
from .test_setup import SetupCase

ODD_TARGETS = ("1://[", "-://[", "+://[x", "1://]", "//[", "http://[x")
"""Addresses at which parsers fail."""


@tagged("post_install", "-at_install")
class TestFailedRequests(SetupCase):
    def see_fail(self, request, error=RuntimeError):
        """Have the last line of a login fail, as a module's might."""
        failing = patch.object(Home, "_login_redirect", side_effect=error("A module's"))
        with failing, mute_logger("odoo.http"):
            answer = request()
        self.assertGreaterEqual(answer.status_code, 400)
        self.env.invalidate_all()
        return answer

    def assertNothingGiven(self):
        session = self.stored_session()
        self.assertIsNone(session.uid)
        self.assertFalse(session.get("mfa_proof") or session.get("mfa_factor"))
        self.assertLoggedOut()

    def test_code_of_an_app(self):
        page = self.post_password(self.ann)
        for error in (RuntimeError, AccessError):
            self.see_fail(lambda: self.post_code(page, self.new_code()), error)
            self.assertNothingGiven()
        self.assertNotIn("code_accepted", self.kinds_of(self.ann))
        self.post_code(page, self.new_code())
        self.assertLoggedIn(self.ann)

    def password_on(self, page, user, **options):
        """Give the password on ``page``, which was opened before."""
        values = {"login": user.login, "password": f"{user.login}_password"}
        values["csrf_token"] = self.csrf_of(page)
        return self.url_open("/web/login", data=values, **options)

    def test_recovery_code(self):
        page = self.post_password(self.ann)
        for _try in range(2):
            self.see_fail(lambda: self.post_code(page, self.codes[0], recovery="1"))
            self.assertNothingGiven()
        self.assertEqual(self.left(), 10)

    def test_password_alone(self):
        page = self.url_open("/web/login")
        self.see_fail(lambda: self.password_on(page, self.bob))
        self.assertNothingGiven()

    def test_trusted_device(self):
        self.log_in(remember="1")
        cookie = self.cookie(self.ann)
        self.new_browser()
        self.set_cookie(cookie.name, cookie.value)
        page = self.url_open("/web/login")
        self.password_on(page, self.ann, allow_redirects=False)
        self.see_fail(lambda: self.url_open("/web/login/totp"))
        self.assertNothingGiven()
        self.url_open("/web/login/totp")
        self.assertLoggedIn(self.ann)

    def test_set_up(self):
        self.require()
        page = self.begin_app()
        self.see_fail(lambda: self.set_up(page))
        self.assertNothingGiven()
        self.assertFalse(self.bob.authenticator_ids)

    def test_proof(self):
        self.log_in()
        self.put_in_session(mfa_proof=None)
        page = self.url_open(PAGES + "codes")
        with (
            patch.object(
                type(self.env["res.users"]),
                "_mfa_make_recovery_codes",
                side_effect=RuntimeError("A module's"),
            ),
            mute_logger("odoo.http"),
        ):
            answer = self.post(PAGES + "codes", page, code=self.new_code())
        self.assertEqual(answer.status_code, 500)
        self.assertFalse(self.stored_session().get("mfa_proof"))
        self.assertLoggedIn(self.ann)

    def test_page_that_is_not_there_of_an_ended_session(self):
        """``website`` shows pages of its own there, to whom they are for."""
        self.log_in()
        self.ann._mfa_end_sessions()
        self.env.flush_all()
        self.assertEqual(self.url_open("/no-such-page").status_code, 404)
        self.assertIsNone(self.stored_session().uid)

    def test_target_that_only_one_parser_reads(self):
        for target in ODD_TARGETS:
            with self.subTest(target=target):
                self.new_browser()
                page = self.post_password(self.ann)
                answer = self.post_code(page, self.new_code(), redirect=target)
                self.assertLess(answer.status_code, 400)
                self.assertLoggedIn(self.ann)


@tagged("post_install", "-at_install")
class TestAskingForPages(SetupCase):
    """Neither GET nor HEAD, which another site can have a browser send, does anything."""

    METHODS = ("GET", "HEAD")

    def ask(self, method, path, **params):
        return self.opener.request(method, f"{self.base_url()}{path}", params=params)

    def test_code_in_the_address_opens_nothing(self):
        self.post_password(self.ann)
        for method in self.METHODS:
            for code in (self.new_code(), self.codes[0]):
                with self.subTest(method=method, code=code):
                    self.ask(method, "/web/login/totp", totp_token=code, remember="1")
                    self.assertLoggedOut()
        self.assertEqual(self.left(), 10)
        self.assertNotIn("code_refused", self.kinds_of(self.ann))

    def test_recovery_codes_are_not_replaced(self):
        self.log_in()
        newest = self.ann._mfa_newest_recovery_code()
        for method in self.METHODS:
            self.ask(method, PAGES + "codes", voids=newest)
            self.assertEqual(self.ann._mfa_newest_recovery_code(), newest)

    def test_answers_of_who_used_a_recovery_code(self):
        self.use_code(self.codes[0])
        for method in self.METHODS:
            self.ask(method, PAGES + "lost", answer="no")
        self.assertPage(self.url_open(PAGES + "lost"), "lost")

    def test_set_up(self):
        self.require()
        page = self.begin()
        for method in self.METHODS:
            self.ask(method, PAGES + "setup", confirmation=self.mail_code())
        self.assertConfirmation(self.url_open(PAGES + "setup"))
        page = self.confirm_setup(page)
        for method in self.METHODS:
            code = code_of(self.key_on(page))
            self.ask(method, PAGES + "setup", name="Phone", code=code)
        self.assertFalse(self.bob.authenticator_ids)
        self.assertLoggedOut()

    def test_dialogs_of_the_portal(self):
        self.sign_in(self.paul, password_age=0, proof_age=0)
        page = self.url_open("/my/security")
        button = {"button": "add", "csrf_token": self.csrf_of(page)}
        dialog = self.url_open("/my/security/press", data=button)
        path = dialog.url.partition(self.base_url())[2].partition("?")[0]
        self.assertIn("/my/security/", path)
        code = code_of(self.key_on(dialog))
        for method in self.METHODS:
            self.ask(method, path, name="Phone", code=code)
            self.assertFalse(self.paul.authenticator_ids)
