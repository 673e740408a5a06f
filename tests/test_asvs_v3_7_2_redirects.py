"""``redirect`` leads from every step of the login to a page of this site, and nowhere else."""

import re
from html import unescape
from urllib.parse import urlsplit

import odoo.http
from odoo.tests import tagged

from .common import code_of
from .test_recovery import PAGES
from .test_setup import HTML, SetupCase

SCHEMES = ("", "http", "https", "otpauth", "data", "mailto", "tel")
"""Of links on a page; ``website`` has a footer with the company's mail and phone."""
TARGETS = (
    "https://evil.example/x",
    "HTTPS://EVIL.EXAMPLE",
    "//evil.example",
    "///evil.example",
    "////evil.example//",
    r"\\evil.example",
    r"\/evil.example",
    r"/\evil.example",
    r"/\/\evil.example",
    "https:evil.example",
    "https:/evil.example",
    r"https:\\evil.example",
    "http:///evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    " //evil.example",
    "\xa0//evil.example",
    "\x00//evil.example",
    "//\x01evil.example",
    "%2F%2Fevil.example",
    "/%2F/evil.example",
    "%5C%5Cevil.example",
    "/%09/evil.example",
    "https%3A%2F%2Fevil.example",
    "//user@evil.example",
    "https://127.0.0.1@evil.example/",
    "https://evil.example#@127.0.0.1",
    "https://evil.example\\@127.0.0.1",
    "//[::ffff:1.2.3.4]",
    "//[evil.example",
    "https://[",
    "//evil。example",
    "／／evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://127.0.0.1/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://evil.example/1",
    "\ud800",
    "x" * 5000,
)
MARKED = {"answer": "kept", "skip": "1", "done": "1"}
"""What the forms of the pages after a login send to go on."""


def place_of(location):
    """Return scheme and host of ``location`` as browsers read it (WHATWG URL Standard)."""
    text = re.sub(r"[\t\n\r]", "", location.strip("".join(map(chr, range(0x21)))))
    path, mark, rest = text.partition("?")
    parts = urlsplit(path.replace("\\", "/") + mark + rest)
    return parts.scheme, parts.netloc


@tagged("post_install", "-at_install")
class TestRedirects(SetupCase):
    def assertStays(self, answer):
        self.assertEqual(answer.status_code, 303, answer.text[:300])
        location = answer.headers["Location"]
        self.assertTrue(location.startswith("/"), location)
        self.assertEqual(place_of(location), ("", ""), location)

    def half_open(self, user):
        """Return what the session holds once the password was given."""
        self.new_browser()
        self.post_password(user)
        return dict(self.stored_session())

    def restore(self, data):
        """Give the browser a session with ``data``, as another password step would."""
        session = self.stored_session()
        session.clear()
        session.update(data)
        odoo.http.root.session_store.save(session)

    def each(self, ask):
        """Call ``ask`` with each target; whatever it answers must stay on the site."""
        for target in TARGETS:
            with self.subTest(target=ascii(target)[:60]):
                try:
                    target.encode()
                except UnicodeEncodeError:
                    target = target.encode(errors="surrogatepass")
                self.assertStays(ask(target))

    def test_second_step(self):
        pending = self.half_open(self.ann)

        def ask(target):
            self.restore(pending)
            csrf = self.csrf_of(self.url_open("/web/login/totp"))
            values = {"totp_token": self.new_code(), "csrf_token": csrf, "redirect": target}
            return self.url_open("/web/login/totp", data=values, allow_redirects=False)

        self.each(ask)

    def test_trusted_device(self):
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        pending = self.half_open(self.ann)
        self.restore(pending)
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)

        def ask(target):
            self.restore(pending)
            params = {"redirect": target}
            return self.url_open("/web/login/totp", params=params, allow_redirects=False)

        self.each(ask)

    def test_pages_of_an_open_session(self):
        """Recovery code, set-up, sheet of codes, and the code page that a tab still shows."""
        self.log_in()
        csrf = self.csrf_of(self.url_open(PAGES + "codes"))
        for path in ("lost", "setup", "codes"):

            def ask(target, path=path):
                values = {"csrf_token": csrf, "redirect": target, **MARKED}
                return self.url_open(PAGES + path, data=values, allow_redirects=False)

            self.each(ask)
        params = {"allow_redirects": False}
        self.each(lambda to: self.url_open("/web/login/totp", params={"redirect": to}, **params))

    def test_reminder(self):
        self.require("app", mfa_grace_days=5)
        self.post_password(self.bob)
        page = self.url_open("/odoo", headers=HTML)
        values = {"csrf_token": self.csrf_of(page), "answer": "later"}
        self.each(
            lambda target: self.url_open(
                PAGES + "reminder", data={**values, "redirect": target}, allow_redirects=False
            )
        )

    def test_set_up_before_the_session(self):
        """What leads from the password to the set-up, and from a void login back, carries it on."""
        self.require("app")
        for path in (PAGES + "setup", "/web/login/totp"):
            self.new_browser()
            self.each(
                lambda target, path=path: self.url_open(
                    path, params={"redirect": target}, allow_redirects=False
                )
            )

    def test_no_link_of_a_page_leads_elsewhere(self):
        """Neither the links nor the addresses of the forms, with the target in the page."""
        self.require("app")
        pages = {"/web/login/totp": self.ann, PAGES + "setup": self.bob}
        for path, user in pages.items():
            self.half_open(user)
            for target in TARGETS:
                if target == "\ud800":
                    continue
                text = self.url_open(path, params={"redirect": target}).text
                for link in re.findall(r'(?:href|action|src|formaction)="([^"]*)"', text):
                    scheme, host = place_of(unescape(link))
                    with self.subTest(path=path, target=ascii(target)[:60], link=link[:200]):
                        self.assertIn(scheme, SCHEMES)
                        self.assertNotIn("evil", host.lower())
                        self.assertNotIn("1.2.3.4", host)

    def test_pages_of_this_site_are_reached(self):
        for target in ("/my/security", "/odoo?debug=1#menu", "/web?next=//evil.example"):
            self.new_browser()
            page = self.post_password(self.ann)
            values = {"totp_token": code_of(self.secret_again()), "redirect": target}
            answer = self.url_open(
                "/web/login/totp",
                data={"csrf_token": self.csrf_of(page), **values},
                allow_redirects=False,
            )
            self.assertEqual(answer.headers["Location"], target)

    def secret_again(self):
        self.new_code()
        return "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
