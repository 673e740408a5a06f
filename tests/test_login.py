import time
from datetime import timedelta

from freezegun import freeze_time
from werkzeug.test import EnvironBuilder

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools._vendor.useragents import UserAgent

from .common import (
    CHROME,
    CHROME_ON_WINDOWS,
    FIREFOX,
    OTHER_SECRET,
    SECRET,
    MfaCase,
    at,
    code_of,
)


def user_agent():
    return UserAgent(EnvironBuilder(headers={"User-Agent": CHROME % 140}).get_environ())


@tagged("post_install", "-at_install")
class TestLogin(MfaCase):
    """Each branch of the second step, over HTTP."""

    def test_code_logs_in(self):
        answer = self.log_in()
        self.assertLoggedIn(self.ann)
        self.assertNotIn("totp_token", answer.text)
        self.assertTrue(self.ann.authenticator_ids.last_used)

    def test_user_without_mfa_needs_no_code(self):
        page = self.post_password(self.bob)
        self.assertNotIn("totp_token", page.text)
        self.assertLoggedIn(self.bob)

    def test_half_open_session_is_nobody(self):
        self.post_password(self.ann)
        self.assertLoggedOut()
        answer = self.call("res.users", "read", [self.ann.id], ["login"])
        self.assertIn("Session", answer["error"]["message"])

    def test_json_login_stays_half_open(self):
        self.authenticate(None, None)
        answer = self.rpc(
            "/web/session/authenticate",
            db=self.env.cr.dbname,
            login="mfa_ann",
            password="mfa_ann_password",
        )
        self.assertIsNone(answer["result"]["uid"])

    def test_wrong_code_is_refused_and_announced(self):
        page = self.post_password(self.ann)
        answer = self.post_code(page, code_of(SECRET, offset=5))
        self.assertIn('role="alert"', answer.text)
        self.assertIn("Verification failed", answer.text)
        self.assertIn('aria-invalid="true"', answer.text)
        self.assertLoggedOut()
        self.post_code(answer, code_of(SECRET))
        self.assertLoggedIn(self.ann)

    def test_form_is_made_for_codes(self):
        page = self.post_password(self.ann)
        self.assertIn('autocomplete="one-time-code"', page.text)
        self.assertIn('inputmode="numeric"', page.text)
        self.assertIn('autofocus="autofocus"', page.text)

    def test_what_people_type(self):
        for secret, typed in (
            (SECRET, lambda code: f" {code[:3]} {code[3:]} "),
            (OTHER_SECRET, lambda code: f"{code[:3]}-{code[3:]}"),
            (SECRET, lambda code: code.translate({48 + i: 0x660 + i for i in range(10)})),
            (OTHER_SECRET, lambda code: code.translate({48 + i: 0xFF10 + i for i in range(10)})),
        ):
            self.ann.authenticator_ids._mfa_open_door().unlink()
            self.enrol(self.ann, secret)
            code = typed(code_of(secret))
            with self.subTest(code=code):
                self.new_browser()
                self.log_in(code=code)
                self.assertLoggedIn(self.ann)

    def test_what_is_no_code(self):
        for garbage in ("", "abcdef", "12345", "1234567", "-12345", "1e5", "０x1234", "\x00" * 6):
            with self.subTest(garbage=garbage):
                self.new_browser()
                page = self.post_password(self.ann)
                answer = self.post_code(page, garbage)
                self.assertIn("This is not a code. Enter the six digits", answer.text)
                self.assertLoggedOut()
        self.assertFalse(self.env["res.users.mfa.attempt"].search([]), "garbage is not counted")

    def test_leading_zero(self):
        now = time.time()
        while not code_of(SECRET, now=now).startswith("0"):
            now += 30
        with freeze_time(at(now), tick=False):
            self.log_in(code=code_of(SECRET, now=now))
            self.assertLoggedIn(self.ann)

    def test_every_app_of_the_user_opens(self):
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        self.log_in(code=code_of(OTHER_SECRET))
        self.assertLoggedIn(self.ann)

    def test_app_used_last_is_compared_first(self):
        """Ten apps make the login of who uses one of them no slower."""
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        self.log_in(code=code_of(OTHER_SECRET))
        secrets = self.ann.authenticator_ids._read_secrets().values()
        self.assertEqual(list(secrets), [OTHER_SECRET, SECRET])
        self.new_browser()
        self.assertIn("used already", self.log_in(code=code_of(OTHER_SECRET)).text)
        self.assertLoggedOut()
        self.log_in(code=code_of(SECRET))
        self.assertLoggedIn(self.ann)

    def test_app_of_another_user_does_not(self):
        self.enrol(self.bob, OTHER_SECRET)
        self.log_in(code=code_of(OTHER_SECRET))
        self.assertLoggedOut()

    def test_code_is_accepted_once(self):
        code = code_of(SECRET)
        self.log_in(code=code)
        self.new_browser()
        answer = self.log_in(code=code)
        self.assertIn("used already", answer.text)
        self.assertLoggedOut()

    def test_earlier_step_is_refused_after_a_later_one(self):
        self.log_in(offset=1)
        self.new_browser()
        self.log_in(code=code_of(SECRET))
        self.assertLoggedOut()

    def test_drift_is_one_step_either_side(self):
        # Half a minute into a step, so that no step ends while this test runs.
        middle = time.time() // 30 * 30 + 15
        for offset, accepted in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
            with self.subTest(offset=offset), freeze_time(at(middle), tick=False):
                self.new_browser()
                self.log_in(code=code_of(SECRET, offset, middle))
                self.assertEqual(self.session_uid(), self.ann.id if accepted else None)

    def test_csrf(self):
        self.post_password(self.ann)
        with mute_logger("odoo.http"):
            answer = self.url_open("/web/login/totp", data={"totp_token": code_of(SECRET)})
        self.assertEqual(answer.status_code, 400)
        self.assertLoggedOut()

    def test_redirect_leads_nowhere_else(self):
        for target in (
            "https://evil.example/x",
            "//evil.example/x",
            r"\\evil.example/x",
            r"/\evil.example",
            "javascript:alert(1)",
            "/odoo\r\nSet-Cookie: evil=1",
        ):
            with self.subTest(target=target):
                self.ann.authenticator_ids._mfa_open_door().unlink()
                self.enrol(self.ann)
                self.new_browser()
                page = self.post_password(self.ann, redirect=target)
                answer = self.url_open(
                    "/web/login/totp",
                    data={
                        "totp_token": code_of(SECRET),
                        "csrf_token": self.csrf_of(page),
                        "redirect": target,
                    },
                    allow_redirects=False,
                )
                self.assertEqual(answer.status_code, 303)
                location = answer.headers["Location"]
                self.assertRegex(location, rf"^({self.base_url()})?/(?![/\\])")

    def test_login_leads_on(self):
        page = self.post_password(self.ann, redirect="/my/security")
        self.assertIn("/my/security", page.text)
        answer = self.post_code(page, code_of(SECRET), redirect="/my/security")
        self.assertTrue(answer.url.endswith("/my/security"))

    # -- the half-open session -----------------------------------------------------

    def test_login_time_out(self):
        page = self.post_password(self.ann)
        later = time.time() + 16 * 60
        with freeze_time(at(later), tick=True):
            answer = self.post_code(page, code_of(SECRET, now=later))
        self.assertIn("Please start again", answer.text)
        self.assertLoggedOut()

    def test_login_within_the_time_out(self):
        page = self.post_password(self.ann)
        later = time.time() + 14 * 60
        with freeze_time(at(later), tick=True):
            self.post_code(page, code_of(SECRET, now=later))
            self.assertLoggedIn(self.ann)

    def test_login_time_out_is_set(self):
        self.env["ir.config_parameter"].set_param("auth_totp.login_timeout", "2")
        page = self.post_password(self.ann)
        later = time.time() + 3 * 60
        with freeze_time(at(later), tick=True):
            self.post_code(page, code_of(SECRET, now=later))
        self.assertLoggedOut()

    def test_password_changed_in_the_middle(self):
        page = self.post_password(self.ann)
        self.ann.password = "another password"
        answer = self.post_code(page, code_of(SECRET))
        self.assertIn("Please start again", answer.text)
        self.assertLoggedOut()

    def test_account_archived_in_the_middle(self):
        page = self.post_password(self.ann)
        self.ann.active = False
        answer = self.post_code(page, code_of(SECRET))
        self.assertIn("Please start again", answer.text)
        self.assertLoggedOut()

    def test_mfa_disabled_in_the_middle(self):
        page = self.post_password(self.ann)
        self.ann._mfa_disable()
        self.post_code(page, code_of(SECRET))
        self.assertLoggedOut()

    def test_proof_of_an_earlier_login_is_forgotten(self):
        """Ann gave a code; without logging out, Bob comes in by his trusted device."""
        self.enrol(self.bob, OTHER_SECRET)
        devices = self.env["res.users.device"]
        _device, token, _age = devices._issue(self.bob, user_agent(), "127.0.0.1")
        self.log_in()
        self.set_cookie(f"trusted_devices_{self.bob.id}", token)
        self.post_password(self.bob)
        self.assertLoggedIn(self.bob)
        answer = self.call("res.users", "action_totp_disable", [self.bob.id])
        self.assertEqual(answer["result"]["res_model"], "res.users.identitycheck")

    def test_second_person_starts_where_a_first_one_did_not_finish(self):
        """Core caches a session's token whoever it is of."""
        self.enrol(self.bob, OTHER_SECRET)
        self.post_password(self.ann)
        page = self.post_password(self.bob)
        self.env.registry.clear_cache()
        page = self.url_open("/web/login/totp")
        self.post_code(page, code_of(OTHER_SECRET))
        self.assertLoggedIn(self.bob)

    def test_second_step_without_a_first(self):
        self.authenticate(None, None)
        answer = self.url_open("/web/login/totp")
        self.assertTrue(answer.url.split("?")[0].endswith("/web/login"))

    # -- guessing ------------------------------------------------------------------

    def test_guessing_is_slowed_down(self):
        """After five failures not even the right code is compared, for a minute."""
        # Core's own cool-down by address would hide ours.
        self.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")
        page = self.post_password(self.ann)
        for _guess in range(5):
            page = self.post_code(page, code_of(SECRET, offset=7))
        page = self.post_code(page, code_of(SECRET))
        self.assertIn("Too many wrong codes", page.text)
        self.assertLoggedOut()
        later = time.time() + 61
        with freeze_time(at(later), tick=True):
            self.post_code(page, code_of(SECRET, now=later))
            self.assertLoggedIn(self.ann)
        self.assertFalse(self.env["res.users.mfa.attempt"].search([]), "a success clears the count")

    def test_correct_password_clears_no_failures(self):
        page = self.post_password(self.ann)
        self.post_code(page, code_of(SECRET, offset=7))
        self.new_browser()
        self.post_password(self.ann)
        self.assertEqual(self.env["res.users.mfa.attempt"].search([]).failures, 1)


@tagged("post_install", "-at_install")
class TestTrustedDevice(MfaCase):
    """The cookie of a trusted device, and whom it lets in."""

    def trust(self, user=None, code=None):
        """Log in, remember this browser, log out; return the cookie."""
        self.log_in(user, code, remember="1")
        cookie = self.cookie(user or self.ann)
        self.assertTrue(cookie, "the browser should have got a cookie")
        self.url_open("/web/session/logout")
        return cookie

    def come_back(self, user=None, token=None):
        """Give the password with ``token`` as the cookie; return the uid let in."""
        user = user or self.ann
        if token is not None:
            # A browser sends a Secure cookie to localhost over plain HTTP, this one does not.
            self.set_cookie(f"trusted_devices_{user.id}", token)
        self.post_password(user)
        return self.session_uid()

    def test_flags_of_the_cookie(self):
        cookie = self.trust()
        self.assertTrue(cookie.secure)
        self.assertTrue(cookie.has_nonstandard_attr("HttpOnly"))
        self.assertEqual(cookie.get_nonstandard_attr("SameSite"), "Lax")
        self.assertGreaterEqual(len(cookie.value), 43, "256 bits in Base64")
        self.assertAlmostEqual(cookie.expires, time.time() + 30 * 86400, delta=60)

    def test_secure_cookie_0_drops_the_flag_at_the_next_login(self):
        self.env["ir.config_parameter"].set_param("auth_totp.secure_cookie", "0")
        self.assertFalse(self.trust().secure)
        self.env["ir.config_parameter"].set_param("auth_totp.secure_cookie", "1")
        self.new_browser()
        self.assertTrue(self.trust(code=code_of(SECRET, offset=1)).secure)

    def test_server_keeps_a_hash_only(self):
        cookie = self.trust()
        self.env.cr.execute("SELECT * FROM res_users_device WHERE user_id = %s", [self.ann.id])
        self.assertNotIn(cookie.value, str(self.env.cr.fetchall()))

    def test_trusted_device_needs_no_code(self):
        cookie = self.trust()
        self.assertEqual(self.come_back(token=cookie.value), self.ann.id)
        self.assertTrue(self.ann.trusted_device_ids.last_used)

    def test_use_is_noted_of_this_device_alone(self):
        self.trust()
        other = self.ann.trusted_device_ids
        used = other.last_used
        self.new_browser()
        token = self.trust(code=self.new_code()).value
        device = self.ann.trusted_device_ids - other
        later = fields.Datetime.now() + timedelta(hours=1)
        with freeze_time(later), self.coming_from("192.0.2.9"):
            self.assertEqual(self.come_back(token=token), self.ann.id)
        self.assertEqual((device.last_ip, device.last_used), ("192.0.2.9", later))
        self.assertEqual((other.last_ip, other.last_used), ("127.0.0.1", used))

    def test_list_tells_from_where_a_device_was_added(self):
        devices = self.env["res.users.device"]
        agent = user_agent()
        for place, told in (("Ghent, Belgium", "Ghent, Belgium (192.0.2.1)"), (None, "192.0.2.1")):
            device, _token, _age = devices._issue(self.ann, agent, "192.0.2.1", place)
            self.assertEqual(device.added_from, told)

    def test_without_the_box_no_device_is_trusted(self):
        self.log_in()
        self.assertIsNone(self.cookie(self.ann))
        self.assertFalse(self.ann.trusted_device_ids)

    def test_two_users_on_one_browser(self):
        self.enrol(self.bob, OTHER_SECRET)
        ann = self.trust()
        bob = self.trust(self.bob, code_of(OTHER_SECRET))
        self.assertNotEqual(ann.name, bob.name)
        self.assertEqual(self.come_back(self.ann, ann.value), self.ann.id)
        self.url_open("/web/session/logout")
        self.assertEqual(self.come_back(self.bob, bob.value), self.bob.id)

    def test_cookie_of_another_user(self):
        self.enrol(self.bob, OTHER_SECRET)
        token = self.trust().value
        self.new_browser()
        self.assertIsNone(self.come_back(self.bob, token))

    def test_stolen_by_another_browser(self):
        token = self.trust().value
        for thief in (FIREFOX, CHROME_ON_WINDOWS):
            self.new_browser(thief)
            with self.assertLogs("odoo.addons.auth_totp_mfa", "WARNING") as log:
                self.assertIsNone(self.come_back(token=token))
            self.assertIn("device_refused", "".join(log.output))

    def test_newer_version_is_the_same_browser(self):
        token = self.trust().value
        self.new_browser(CHROME % 155)
        self.assertEqual(self.come_back(token=token), self.ann.id)

    def test_invented_token(self):
        self.trust()
        for token in ("", "x", "a" * 43, "' OR 1=1 --"):
            self.new_browser()
            with self.subTest(token=token):
                self.assertIsNone(self.come_back(token=token))

    def test_expired(self):
        token = self.trust().value
        for days, uid in ((29.9, self.ann.id), (30.1, None)):
            self.new_browser()
            with freeze_time(at(time.time() + days * 86400), tick=True):
                self.assertEqual(self.come_back(token=token), uid)

    def test_shorter_age_holds_for_devices_trusted_before(self):
        token = self.trust().value
        device = self.ann.trusted_device_ids
        # Odoo's clock and PostgreSQL's may be a second apart.
        full = min(device.expires_at, device.create_date + timedelta(days=30))
        self.assertEqual(device.expiration_date, full)
        self.env["ir.config_parameter"].set_param("auth_totp.trusted_device_age", "2")
        device.invalidate_recordset(["expiration_date"])
        self.assertEqual(device.expiration_date, device.create_date + timedelta(days=2))
        self.new_browser()
        with freeze_time(at(time.time() + 3 * 86400), tick=True):
            self.assertIsNone(self.come_back(token=token))

    def test_revoked(self):
        token = self.trust().value
        self.ann.trusted_device_ids._revoke()
        self.new_browser()
        self.assertIsNone(self.come_back(token=token))

    def test_password_change_voids_devices(self):
        token = self.trust().value
        self.ann.password = "mfa_ann_password"
        self.new_browser()
        self.assertIsNone(self.come_back(token=token))

    def test_new_app_voids_devices(self):
        self.trust()
        self.ann._mfa_enrol("Tablet", OTHER_SECRET, 1)
        self.assertFalse(self.ann.trusted_device_ids)

    def test_login_from_a_trusted_device_sends_no_mail(self):
        token = self.trust().value
        self.env["mail.mail"].sudo().search([]).unlink()
        self.come_back(token=token)
        self.assertFalse(self._new_connection_mails())
        self.new_browser()
        self.post_password(self.ann)
        self.assertTrue(self._new_connection_mails())

    def _new_connection_mails(self):
        return self.env["mail.mail"].sudo().search([("subject", "=like", "New Connection%")])

    def test_core_cookie_is_not_honoured(self):
        key = (
            self.env["auth_totp.device"]
            .with_user(self.ann)
            .sudo()
            ._generate("browser", "core", fields.Datetime.now() + timedelta(days=9))
        )
        self.authenticate(None, None)
        self.set_cookie("td_id", key)
        page = self.post_password(self.ann)
        self.assertIn("totp_token", page.text)
        self.assertLoggedOut()

    def test_box_is_not_offered_where_the_cookie_would_be_dropped(self):
        """Plain HTTP under another name than localhost, as a proxy without proxy_mode."""
        self.post_password(self.ann)
        host = self._another_host()
        page = self.url_open("/web/login/totp", headers=host)
        self.assertNotIn('name="remember"', page.text)
        self.assertIn("proxy_mode", page.text)
        answer = self.url_open(
            "/web/login/totp",
            data={
                "totp_token": code_of(SECRET),
                "csrf_token": self.csrf_of(page),
                "remember": "1",
            },
            headers=host,
            allow_redirects=False,
        )
        self.assertEqual(answer.status_code, 303)
        self.assertNotIn("trusted_devices", answer.headers.get("Set-Cookie", ""))
        self.assertFalse(self.ann.trusted_device_ids)

    def _another_host(self):
        """Let the same browser come by another name; return the header for it."""
        self.opener.cookies.set("session_id", self.opener.cookies["session_id"])
        return {"Host": "erp.example.com"}

    def test_box_is_offered_over_plain_http_without_secure(self):
        self.env["ir.config_parameter"].set_param("auth_totp.secure_cookie", "0")
        self.post_password(self.ann)
        page = self.url_open("/web/login/totp", headers=self._another_host())
        self.assertIn('name="remember"', page.text)


@tagged("post_install", "-at_install")
class TestSession(MfaCase):
    """The age of a session that began with a second factor."""

    def days_later(self, days):
        """Move the clock; the browser keeps its cookie, as if it had come by each day."""
        self.set_cookie("session_id", self.opener.cookies["session_id"])
        return freeze_time(at(time.time() + days * 86400), tick=True)

    def test_session_ends_at_its_age(self):
        self.log_in()
        with self.days_later(29.9):
            self.assertLoggedIn(self.ann)
        with self.days_later(30.1):
            self.assertLoggedOut()

    def test_session_that_a_trusted_device_opens_ends_at_its_age(self):
        self.env["ir.config_parameter"].set_param("auth_totp.session_age", "3")
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        self.post_password(self.ann)
        self.assertLoggedIn(self.ann)
        self.assertNotIn("mfa_pending", self.stored_session())
        with self.days_later(3.1):
            self.assertLoggedOut()

    def test_session_age_is_set(self):
        self.env["ir.config_parameter"].set_param("auth_totp.session_age", "3")
        self.log_in()
        with self.days_later(3.1):
            page = self.url_open("/odoo")
            self.assertIn("You were logged out, as set for accounts", page.text)
            self.assertLoggedOut()

    def test_session_without_mfa_has_no_such_age(self):
        self.post_password(self.bob)
        with self.days_later(400):
            self.assertLoggedIn(self.bob)

    def test_use_extends(self):
        self.env["ir.config_parameter"].set_param("auth_totp.session_extend", "1")
        self.log_in()
        with self.days_later(20):
            self.url_open("/odoo")
        with self.days_later(45):
            self.assertLoggedIn(self.ann)
        with self.days_later(51):
            self.assertLoggedOut()

    def test_polling_extends_nothing(self):
        self.env["ir.config_parameter"].set_param("auth_totp.session_extend", "1")
        self.log_in()
        with self.days_later(20):
            self.rpc("/web/session/check")
            self.rpc("/web/session/get_session_info")
            self.call("res.users", "has_group", [self.ann.id], "base.group_user")
        with self.days_later(31):
            self.assertLoggedOut()

    def test_use_extends_nothing_unless_set(self):
        self.log_in()
        with self.days_later(20):
            self.url_open("/odoo")
        with self.days_later(31):
            self.assertLoggedOut()

    def test_person_is_told_a_day_before(self):
        self.log_in()
        info = self.rpc("/web/session/get_session_info")["result"]
        self.assertAlmostEqual(info["mfa_session_end"], time.time() + 30 * 86400, delta=60)

    def test_bad_durations_leave_the_default(self):
        for value in ("0", "-5", "1.5", "soon", "1e9", "99999999999999999999"):
            self.env["ir.config_parameter"].set_param("auth_totp.session_age", value)
            with self.subTest(value=value), mute_logger("odoo.addons.auth_totp_mfa"):
                age = self.env["ir.config_parameter"]._mfa_duration("auth_totp.session_age")
                self.assertEqual(age, timedelta(days=30))

    def test_bad_duration_is_logged_once(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("auth_totp.session_age", "tomorrow")
        with self.assertLogs("odoo.addons.auth_totp_mfa", "WARNING") as log:
            parameters._mfa_duration("auth_totp.session_age")
            parameters._mfa_duration("auth_totp.session_age")
        self.assertEqual(len(log.output), 1)
