"""Who sends the request names its host: no link, QR code or redirect believes it."""

from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from odoo.tests import tagged
from odoo.tools import config

from .common import OTHER_SECRET, MailCase, code_of
from .test_coverage_attacks import COVERAGE
from .test_enrolment import ENROLMENT
from .test_help import DIALOG, HelpCase

SITE = "https://odoo.example.com"
EVIL = "evil.example"
FORGED = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Server": EVIL,
    "X-Host": EVIL,
    "X-Original-Host": EVIL,
    "Forwarded": f"for=192.0.2.1;host={EVIL};proto=https",
}
BOTH = (False, True)
"""With ``proxy_mode`` or without."""
PAGES = (
    "/web/login",
    "/web/login/totp",
    "/web/login/totp?recovery=1",
    "/web/login/totp/setup",
    "/web/login/totp/codes",
    "/web/login/totp/lost",
    "/web/login/totp/reminder",
    "/my/security",
)


class HostCase(MailCase, HelpCase):
    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("web.base.url", SITE)
        self.env["ir.config_parameter"].set_param("web.base.url.freeze", False)
        self.root.email = "root@example.com"

    def base_url_now(self):
        self.env.invalidate_all()
        return self.env["ir.config_parameter"].get_param("web.base.url")

    @contextmanager
    def forging(self, proxy_mode=False):
        config["proxy_mode"] = proxy_mode
        self.opener.headers.update(FORGED)
        try:
            with self.subTest(proxy_mode=proxy_mode):
                yield
        finally:
            config["proxy_mode"] = False
            for name in FORGED:
                del self.opener.headers[name]


@tagged("post_install", "-at_install")
class TestHostHeader(HostCase):
    def test_pages_before_and_after_the_login(self):
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.new_browser()
                page = self.post_password(self.ann)
                for path in PAGES:
                    self.assertNotIn(EVIL, self.url_open(path).text, path)
                self.post_code(page, self.new_code())
                self.assertLoggedIn(self.ann)
                for path in PAGES:
                    answer = self.url_open(path, allow_redirects=False)
                    self.assertNotIn(EVIL, answer.text + answer.headers.get("Location", ""), path)

    def test_login_leads_to_a_path(self):
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.new_browser()
                page = self.post_password(self.ann)
                values = {"totp_token": self.new_code(), "csrf_token": self.csrf_of(page)}
                answer = self.url_open("/web/login/totp", data=values, allow_redirects=False)
                self.assertEqual(answer.headers["Location"], "/odoo")

    def test_issuer_of_the_qr_code(self):
        """Who scans a wrong name would look for the codes of another site."""
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.act_as(self.ann)
                action = self.press("res.users", "action_mfa_add_app", self.ann.ids)["result"]
                [screen] = self.call(ENROLMENT, "read", [action["res_id"]], ["otpauth_uri"])[
                    "result"
                ]
                uri = unquote(screen["otpauth_uri"])
                self.assertIn(f"({urlsplit(SITE).hostname})", uri)
                self.assertNotIn(EVIL, uri)

    def test_sheet_of_recovery_codes(self):
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.act_as(self.ann)
                action = self.press("res.users", "action_mfa_recovery_codes", self.ann.ids)[
                    "result"
                ]
                self.assertIn(f"Recovery codes for {SITE}", action["params"]["text"])

    def test_mails(self):
        """Password reset, invitation, help and reset, code by email, notices."""
        self.env["ir.config_parameter"].set_param("auth_signup.reset_password", "True")
        self.env.company.mfa_policy_portal = "mail"
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.new_browser()
                self.post_password(self.portal)
                self.url_open("/web/login/totp")
                page = self.url_open("/web/reset_password")
                values = {"login": self.bob.login, "csrf_token": self.csrf_of(page)}
                self.url_open("/web/reset_password", data=values)
                self.act_as(self.boss)
                self.assertNotIn("error", self.call(COVERAGE, "action_invite", self.bob.ids))
                self.make_codes(self.ann)
                dialog = self.open_dialog(self.ann)
                self.fill(dialog, choice="reset", reason="lost", remove_api_keys=True)
                self.assertNotIn("error", self.press(DIALOG, "action_help", [dialog]))
                mails = self.new_mails()
                self.assertIn("password", " ".join(mails.mapped("subject")).lower())
                self.assertGreater(len(mails), 4)
                for mail in mails:
                    self.assertNotIn(EVIL, mail.body_html + mail.subject, mail.subject)
                    self.assertNotIn(EVIL, mail.email_from)
                self.enrol(self.ann)
                self.forget_mails()
                self.env["auth.totp.rate.limit.log"].sudo().search([]).unlink()

    def forget_mails(self):
        self.last_mail = self.mails().search([], order="id desc", limit=1).id or 0


@tagged("post_install", "-at_install")
class TestGuessedAddress(HostCase):
    """Core takes the address of an administrator's login for the site's own.

    All links in mails begin with it: whoever has only the password must not set it.
    """

    def test_password_alone_sets_no_address(self):
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.new_browser()
                page = self.post_password(self.root)
                self.assertIn("totp_token", page.text)
                self.assertEqual(self.base_url_now(), SITE)
                self.post_code(page, "000000")
                self.assertEqual(self.base_url_now(), SITE)
                answer = self.rpc(
                    "/web/session/authenticate",
                    db=self.env.cr.dbname,
                    login=self.root.login,
                    password="mfa_root_password",
                )
                self.assertIsNone(answer["result"]["uid"])
                self.assertEqual(self.base_url_now(), SITE)

    def test_password_alone_where_an_app_is_required(self):
        self.root._mfa_reset("lost")
        self.env.company.mfa_policy_sensitive = "app"
        with self.forging():
            self.new_browser()
            self.post_password(self.root)
            self.assertEqual(self.base_url_now(), SITE)

    def test_whole_login_sets_it_as_core_does(self):
        here = self.base_url()
        self.new_browser()
        self.log_in(self.root, code=code_of(OTHER_SECRET), remember="1")
        self.assertEqual(self.base_url_now(), here)
        self.env["ir.config_parameter"].set_param("web.base.url", SITE)
        self.authenticate(None, None)
        self.post_password(self.root)
        self.assertLoggedIn(self.root)
        self.assertEqual(self.base_url_now(), here)

    def test_login_without_a_second_factor_sets_it_as_core_does(self):
        self.root._mfa_reset("lost")
        self.new_browser()
        self.post_password(self.root)
        self.assertLoggedIn(self.root)
        self.assertEqual(self.base_url_now(), self.base_url())

    def test_nobody_else_sets_it(self):
        self.new_browser()
        self.log_in()
        self.assertEqual(self.base_url_now(), SITE)

    def test_frozen_address_stays(self):
        self.env["ir.config_parameter"].set_param("web.base.url.freeze", "True")
        self.new_browser()
        self.log_in(self.root, code=code_of(OTHER_SECRET))
        self.assertEqual(self.base_url_now(), SITE)
