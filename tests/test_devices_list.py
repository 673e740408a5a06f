from odoo.http import root
from odoo.tests import tagged
from odoo.tests.common import HOST

from .common import CHROME_ON_WINDOWS, FIREFOX, OTHER_SECRET
from .test_enrolment import EnrolmentCase

LOGOUT = "res.users.mfa.logout"


@tagged("post_install", "-at_install")
class TestDevicesList(EnrolmentCase):
    """ "Log out" on core's Devices list, over HTTP, with sessions of real logins."""

    def setUp(self):
        super().setUp()
        # ``requests`` sends no Secure cookie over plain HTTP.
        self.env["ir.config_parameter"].sudo().set_param("auth_totp.secure_cookie", "0")
        self.laptop = self.log_in_from(CHROME_ON_WINDOWS, remember="1")
        self.phone = self.log_in_from(FIREFOX)
        self.desk = self.log_in_from("Mozilla/5.0 (X11; Linux x86_64) Safari/605.1.15")
        self.use_browser(self.desk)

    def log_in_from(self, user_agent, user=None, **values):
        """Log in with a code in a browser of its own; return its cookies."""
        user = user or self.ann
        self.new_browser(user_agent)
        self.opener.cookies.clear(HOST, "/", "session_id")  # its session is in no list
        secret = {"secret": OTHER_SECRET} if user != self.ann else {}
        self.log_in(user, self.new_code(**secret), **values)
        self.rpc("/web/session/get_session_info")
        return user_agent, self.opener.cookies.copy()

    def use_browser(self, browser):
        user_agent, cookies = browser
        self.opener.cookies.clear()
        self.opener.cookies.update(cookies)
        self.opener.headers["User-Agent"] = user_agent

    def is_in(self, browser):
        """Tell whether the session of ``browser`` is logged in."""
        self.env.invalidate_all()
        self.use_browser(browser)
        uid = self.session_uid()
        self.use_browser(self.desk)
        return bool(uid)

    def line_of(self, browser):
        """Return the id of the session of ``browser`` in core's list."""
        sid = browser[1]["session_id"]
        lines = self.env["res.device"].sudo().search([])
        return lines.filtered(lambda line: sid.startswith(line.session_identifier)).id

    def log_out(self, browser, **kwargs):
        return self.press("res.device", "revoke", [self.line_of(browser)], self.ann, **kwargs)

    def assertDone(self, answer):
        """Expect that nothing is asked, nor refused: core's button answers nothing."""
        self.assertNotIn("error", answer)
        self.assertIsNone(answer.get("result"))

    def trail(self):
        lines = self.env["res.users.mfa.event"].search([("user_id", "=", self.ann.id)])
        return [line.kind for line in lines if line.kind == "device_revoked"]

    def test_untrusted_browser_is_logged_out_at_once(self):
        self.assertDone(self.log_out(self.phone))
        self.assertFalse(self.is_in(self.phone))
        self.assertTrue(self.is_in(self.laptop))

    def test_trusted_browser_asks(self):
        answer = self.log_out(self.laptop)["result"]
        self.assertEqual(answer["res_model"], LOGOUT)
        self.assertTrue(self.is_in(self.laptop), "nothing happens before the answer")
        names = self.call(LOGOUT, "read", [answer["res_id"]], ["names"])["result"][0]["names"]
        self.assertEqual(names, "Chrome on Windows")
        self.press(LOGOUT, "action_log_out", [answer["res_id"]])
        self.assertFalse(self.is_in(self.laptop))
        self.assertTrue(self.is_in(self.phone))
        self.use_browser(self.laptop)
        self.assertNotIn("totp_token", self.post_password(self.ann).text, "still trusted")
        self.assertEqual(self.trail(), [])

    def test_trust_is_forgotten_on_demand(self):
        answer = self.log_out(self.laptop)["result"]
        with self.assertOneMail(self.ann, "Trusted Device Removed"):
            self.press(LOGOUT, "action_log_out_and_forget", [answer["res_id"]])
        self.assertFalse(self.is_in(self.laptop))
        self.assertFalse(self.ann.trusted_device_ids)
        self.assertEqual(self.trail(), ["device_revoked"])
        self.use_browser(self.laptop)
        self.assertIn("totp_token", self.post_password(self.ann).text)

    def test_session_that_the_device_opened(self):
        """The second login in the trusted browser, without a code, is known as well."""
        self.use_browser(self.laptop)
        self.url_open("/web/session/logout")
        self.assertNotIn("totp_token", self.post_password(self.ann).text)
        self.rpc("/web/session/get_session_info")
        second = CHROME_ON_WINDOWS, self.opener.cookies.copy()
        self.use_browser(self.desk)
        self.assertEqual(self.log_out(second)["result"]["res_model"], LOGOUT)

    def test_device_that_is_no_longer_trusted_asks_nothing(self):
        self.ann.trusted_device_ids._void()
        self.assertDone(self.log_out(self.laptop))
        self.assertFalse(self.is_in(self.laptop))

    def test_all_devices(self):
        for button, devices in (("action_log_out", 1), ("action_log_out_and_forget", 0)):
            with self.subTest(button=button):
                answer = self.press(
                    "res.users", "action_revoke_all_devices", [self.ann.id], self.ann
                )["result"]
                self.press(LOGOUT, button, [answer["res_id"]])
                self.assertFalse(self.is_in(self.laptop))
                self.assertFalse(self.is_in(self.phone))
                self.assertTrue(self.is_in(self.desk))
                self.assertEqual(len(self.ann.trusted_device_ids), devices)
            self.use_browser(self.laptop)
            self.post_password(self.ann)
            self.rpc("/web/session/get_session_info")
            self.use_browser(self.desk)

    def test_all_devices_without_trust(self):
        self.ann.trusted_device_ids._void()
        answer = self.press("res.users", "action_revoke_all_devices", [self.ann.id], self.ann)
        self.assertEqual(answer["result"]["tag"], "reload")
        self.assertFalse(self.is_in(self.phone))

    def test_present_session(self):
        self.use_browser(self.laptop)
        self.desk = self.laptop
        answer = self.log_out(self.laptop)["result"]
        after = self.press(LOGOUT, "action_log_out_and_forget", [answer["res_id"]])["result"]
        self.assertEqual(after["params"]["next"]["url"], "/web/login")
        self.assertLoggedOut()

    def test_it_asks_who_it_is(self):
        """A proof that is too old: the list asks, and so does the dialog."""
        answer = self.log_out(self.laptop)["result"]
        session = self.stored_session()
        session.pop("mfa_proof")
        root.session_store.save(session)
        for button in ("action_log_out", "action_log_out_and_forget"):
            asked = self.press(LOGOUT, button, [answer["res_id"]])
            self.assertTrue(self.is_identity_check(asked))
        asked = self.press("res.device", "revoke", [self.line_of(self.laptop)])
        self.assertTrue(self.is_identity_check(asked))
        self.assertTrue(self.is_in(self.laptop))
        self.assertTrue(self.ann.trusted_device_ids)

    def test_devices_and_dialogs_of_others(self):
        """Neither a colleague's sessions nor dialogs; an administrator forgets no trust."""
        answer = self.log_out(self.laptop)["result"]
        for groups in ("base.group_user", "base.group_system"):
            user = self.new_person(f"mfa_{groups[-6:]}", groups)
            self.sign_in(user, password_age=5)
            for button in ("action_log_out", "action_log_out_and_forget"):
                self.message_of(self.press(LOGOUT, button, [answer["res_id"]]))
            if groups == "base.group_user":
                line = self.line_of(self.laptop)
                self.message_of(self.press("res.device", "revoke", [line]))
                self.assertTrue(self.is_in(self.laptop))
        self.sign_in(user, password_age=5)
        self.assertDone(self.press("res.device", "revoke", [self.line_of(self.laptop)]))
        self.assertFalse(self.is_in(self.laptop))
        self.assertTrue(self.ann.trusted_device_ids)
