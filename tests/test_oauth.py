"""A login by core's ``auth_oauth``, with a provider of our own on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from odoo.tests import tagged

from ..models.res_users_mfa_guarded import open_door
from .test_setup import HTML, SetupCase


class Provider(BaseHTTPRequestHandler):
    """Say of every token that it is the person ``bob at the provider``'s."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"sub": "bob at the provider"}).encode())

    def log_message(self, *args):
        """Stay silent."""


@tagged("post_install", "-at_install")
class TestOAuth(SetupCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "auth_oauth" not in cls.env.registry._init_modules:
            cls.skipTest(cls, "auth_oauth is not installed")
        server = HTTPServer(("127.0.0.1", 0), Provider)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        address = f"http://127.0.0.1:{server.server_port}/"
        cls.provider = cls.env["auth.oauth.provider"].create(
            {
                "name": "Ours",
                "body": "Log in with ours",
                "auth_endpoint": address,
                "validation_endpoint": address,
                "enabled": True,
            }
        )
        cls.bob.write({"oauth_provider_id": cls.provider.id, "oauth_uid": "bob at the provider"})

    def sign_in_by_oauth(self):
        state = json.dumps({"d": self.env.cr.dbname, "p": self.provider.id, "r": "/my/security"})
        path = "/auth_oauth/signin?access_token=token&state="
        return self.url_open(path + state, headers=HTML)

    def test_optional(self):
        self.assertTrue(self.sign_in_by_oauth().url.endswith("/my/security"))
        self.assertLoggedIn(self.bob)

    def test_must_enrol(self):
        self.require()
        page = self.sign_in_by_oauth()
        self.assertConfirmation(page)
        self.assertLoggedOut()
        self.set_up(self.confirm_setup(page))
        self.assertLoggedIn(self.bob)

    def test_code_by_mail(self):
        self.require("mail")
        self.assertIn("just sent via email", self.sign_in_by_oauth().text)
        self.assertLoggedOut()

    def test_code_of_the_app(self):
        self.enrol(self.bob)
        self.assertIn('name="totp_token"', self.sign_in_by_oauth().text)
        self.assertLoggedOut()

    def test_exempt_account_elsewhere(self):
        """Refused at the login, though the provider vouches for the person."""
        open_door(self.bob).mfa_exempt_networks = "192.0.2.0/24"
        self.assertNotIn("/my/security", self.sign_in_by_oauth().url)
        self.assertLoggedOut()
        self.assertEqual(self.url_open("/web/login/totp").url, self.base_url() + "/web/login")
