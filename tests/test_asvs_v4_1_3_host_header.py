"""Who sends the request names its host: no link, QR code or redirect believes it."""

import re
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from odoo import http
from odoo.tests import tagged
from odoo.tests.common import HOST
from odoo.tools import config

from .common import OTHER_SECRET, MailCase, code_of
from .test_coverage_attacks import COVERAGE
from .test_enrolment import ENROLMENT
from .test_help import DIALOG, HelpCase
from .test_tours import TourCase

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


class HostCase(MailCase, HelpCase, TourCase):
    forged = {}

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("web.base.url", SITE)
        self.env["ir.config_parameter"].set_param("web.base.url.freeze", False)
        self.root.email = "root@example.com"
        if "auth.oauth.provider" in self.env:  # core tells them which host to lead back to
            self.env["auth.oauth.provider"].search([]).enabled = False

    def base_url_now(self):
        self.env.invalidate_all()
        return self.env["ir.config_parameter"].get_param("web.base.url")

    @contextmanager
    def forging(self, proxy_mode=False):
        config["proxy_mode"] = proxy_mode
        self.forged = FORGED
        try:
            with self.subTest(proxy_mode=proxy_mode):
                yield
        finally:
            config["proxy_mode"] = False
            self.forged = {}

    def url_open(self, url, *args, headers=None, **kwargs):
        headers = {**self.forged, **(headers or {})}
        self.move_cookies(HOST, headers.get("Host", HOST))
        try:
            return super().url_open(url, *args, headers=headers, **kwargs)
        finally:
            self.move_cookies(EVIL, HOST)

    def move_cookies(self, source, target):
        """``requests`` sends a cookie to the host that the header names."""
        jar = self.opener.cookies
        for cookie in [cookie for cookie in jar if cookie.domain == source != target]:
            jar.clear(source, cookie.path, cookie.name)
            jar.set(cookie.name, cookie.value, domain=target, path=cookie.path)


@tagged("post_install", "-at_install")
class TestHostHeader(HostCase):
    def text_of(self, answer):
        """Return a page without what ``website`` tells social networks in each, of this host."""
        if "website" not in self.env:
            return answer.text
        return re.sub(r'<meta (property="og|name="twitter):[^>]*>', "", answer.text)

    def test_pages_before_and_after_the_login(self):
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.new_browser()
                page = self.post_password(self.ann)
                for path in PAGES:
                    self.assertNotIn(EVIL, self.text_of(self.url_open(path)), path)
                self.post_code(page, self.new_code())
                self.assertLoggedIn(self.ann)
                for path in PAGES:
                    answer = self.url_open(path, allow_redirects=False)
                    shown = self.text_of(answer) + answer.headers.get("Location", "")
                    self.assertNotIn(EVIL, shown, path)

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
        """Code by email, new connection, invitation, help code, reset."""
        self.env.company.mfa_policy_portal = "mail"
        for proxy_mode in BOTH:
            with self.forging(proxy_mode):
                self.new_browser()
                self.post_password(self.portal)
                self.url_open("/web/login/totp")
                self.act_as(self.boss)
                self.assertNotIn("error", self.call(COVERAGE, "action_invite", self.bob.ids))
                self.make_codes(self.ann)
                dialog = self.open_dialog(self.ann)
                self.fill(dialog, choice="reset", reason="lost", remove_api_keys=True)
                self.assertNotIn("error", self.press(DIALOG, "action_help", [dialog]))
                mails = self.new_mails()
                self.assertGreater(len(mails), 4)
                for mail in mails:
                    self.assertNotIn(EVIL, mail.body_html + mail.subject, mail.subject)
                    self.assertNotIn(EVIL, mail.email_from or "")
                self.enrol(self.ann)
                self.forget_mails()
                self.env["auth.totp.rate.limit.log"].sudo().search([]).unlink()

    def test_link_to_a_new_password(self):
        """The body of core's mail, as its page makes it: core rolls the mail itself back."""
        with self.route_for_tours("mail", self.reset_mail):
            for proxy_mode in BOTH:
                with self.forging(proxy_mode):
                    body = self.rpc("/mfa/test/mail")["result"]
                    self.assertIn(f"{SITE}/web/reset_password?", body)
                    self.assertNotIn(EVIL, body)

    def reset_mail(self):
        user = http.request.env["res.users"].sudo().search([("login", "=", "mfa_bob")])
        user.partner_id.signup_prepare(signup_type="reset")
        template = user.env.ref("auth_signup.reset_password_email")
        render = user.env["mail.render.mixin"]
        return render._render_template(
            template, "res.users", user.ids, "qweb_view", options={"post_process": True}
        )[user.id]

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
        token = self.cookie(self.root).value
        self.env["ir.config_parameter"].set_param("web.base.url", SITE)
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.root.id}", token)
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
