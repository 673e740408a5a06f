"""Ways in that might ask for less than the login page does. OWASP ASVS 5.0 6.3.4 and 6.3.6.

All with the right password of somebody who has an app, under each policy.
"""

import base64
import json

from odoo.tests import get_db_name, tagged
from odoo.tools import mute_logger

from .test_setup import SetupCase

PASSWORD = "mfa_ann_password"
CONVINCING = {"interactive": True, "mfa": "skip", "base_location": "x", "REMOTE_ADDR": "127.0.0.1"}
"""What a client might say of itself."""


class DowngradeCase(SetupCase):
    def each_policy(self):
        for level in ("optional", "mail", "app"):
            self.require(level)
            self.new_browser()
            yield level


@tagged("post_install", "-at_install")
class TestDowngrade(DowngradeCase):
    def test_fields_of_the_login_form(self):
        for level in self.each_policy():
            for values in (
                {"mfa": "skip", "auth_method": "passkey"},
                {"type": ["password", "webauthn"], "webauthn_response": "{}"},
                {"interactive": "", "uid": self.ann.id, "pre_uid": self.ann.id},
                {"remember": "1", "totp_token": "", "redirect": "/web/login/totp?skip=1"},
            ):
                with self.subTest(level, values=values):
                    self.new_browser()
                    self.post_password(self.ann, **values)
                    self.assertLoggedOut()

    def test_password_in_the_address(self):
        for level in self.each_policy():
            for path in ("/web/login", "/web", "/web/login/totp", "/web/login/totp/setup"):
                with self.subTest(level, path=path):
                    self.url_open(f"{path}?login=mfa_ann&password={PASSWORD}&type=password")
                    self.assertLoggedOut()

    def test_http_authentication(self):
        basic = "Basic " + base64.b64encode(f"mfa_ann:{PASSWORD}".encode()).decode()
        for level in self.each_policy():
            for header in (basic, f"Bearer {PASSWORD}", f"Bearer mfa_ann:{PASSWORD}"):
                for path in ("/odoo", "/web/session/get_session_info", "/json/2/res.users/read"):
                    with self.subTest(level, header=header[:6], path=path):
                        self.assertNotTold(path, {"Authorization": header})

    def assertNotTold(self, path, headers):
        headers = {"Content-Type": "application/json", **headers}
        body = json.dumps({"ids": [self.ann.id], "fields": ["login"], "params": {}})
        with mute_logger("odoo.http"):
            answer = self.url_open(path, body, headers=headers)
        self.assertNotIn("mfa_ann", answer.text)
        self.assertLoggedOut()

    @mute_logger("odoo.http")
    def test_rpc(self):
        database = get_db_name()
        for level in self.each_policy():
            for given in ({}, CONVINCING):
                with self.subTest(level, given=given):
                    arguments = [database, "mfa_ann", PASSWORD]
                    self.assertFalse(self.xmlrpc_common.authenticate(*arguments, given))
                    self.assertFalse(self.xmlrpc_common.login(*arguments))
                    params = {"service": "common", "method": "authenticate"}
                    answer = self.rpc("/jsonrpc", **params, args=[*arguments, given])
                    self.assertFalse(answer.get("result"))
            params = {"service": "object", "method": "execute_kw"}
            call = [database, self.ann.id, PASSWORD, "res.users", "read", [[self.ann.id]]]
            self.assertIn("error", self.rpc("/jsonrpc", **params, args=call))

    @mute_logger("odoo.http")
    def test_no_code_is_mailed_and_none_is_taken(self):
        """The weaker way is not offered to who has the stronger one, whatever the policy."""
        code = self.ann._get_totp_mail_code()[0]
        for level in self.each_policy():
            with self.subTest(level):
                page = self.post_password(self.ann)
                self.rpc("/auth-timeout/send-totp-mail-code")
                self.url_open("/web/login/totp/setup")
                self.assertEqual(self.mails_sent(self.ann), 0)
                self.post_code(page, code, type="totp_mail", auth_method="totp_mail")
                self.confirm_setup(page, code)
                self.assertLoggedOut()

    def test_policy_that_is_relaxed_lets_nobody_past_their_app(self):
        self.require()
        self.post_password(self.ann)
        self.require("optional")
        for path in ("/odoo", "/web/login/totp/setup", "/web/login", "/web/login/totp"):
            self.assertIn("/web/login", self.url_open(path).url)
            self.assertLoggedOut()

    def test_passkey_that_is_gone(self):
        """Who deleted their passkey is asked for a code again, and their app is still there."""
        if "auth.passkey.key" not in self.env:
            self.skipTest("auth_passkey is not installed")
        key = self.env["auth.passkey.key"].with_user(self.ann).sudo()
        key = key.create({"name": "Key", "credential_identifier": "x"})
        self.env.flush_all()
        key.unlink()
        self.assertIn("totp_token", self.post_password(self.ann).text)
        self.assertLoggedOut()
