import base64
import logging
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from unittest import skipUnless
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET, SECRET, MfaCase, code_of

APP = "res.users.authenticator"
ENROLMENT = "res.users.authenticator.create"
RENAMING = "res.users.authenticator.rename"
ENABLING = "res.users.mfa.enable"
CORE_WIZARD = "auth_totp.wizard"
THIEF_SECRET = "THIEFTHIEFTHIEFTHIEFTHIEFTHIEFTH"
STALE = 601
"""Seconds after which a proof no longer counts: ten minutes."""


class Buttons:
    """Press the buttons of the web client, and answer its identity check."""

    def sign_in(self, user, password_age=None, proof_age=None):
        """Begin a session; the ages say how long ago, in seconds, what was proven."""
        now, extra = time.time(), {}
        if password_age is not None:
            extra["identity-check-last"] = now - password_age
        if proof_age is not None:
            extra["mfa_proof"] = {"uid": user.id, "at": now - proof_age}
        self.authenticate(user.login, None, session_extra=extra)

    def is_identity_check(self, answer):
        result = answer.get("result")
        return isinstance(result, dict) and result.get("res_model") == "res.users.identitycheck"

    def press(self, model, method, ids, user=None, code=None, password=None):
        """Press a button; where it asks who it is, give ``user``'s password and ``code``."""
        answer = self.call(model, method, ids)
        if not self.is_identity_check(answer) or user is None:
            return answer
        return self.identify(answer, user, code, password)

    def identify(self, answer, user, code=None, password=None):
        """Answer the identity check in ``answer``, and return what comes after it."""
        context = {"password": password or f"{user.login}_password", "mfa_code": code}
        return self.call(
            "res.users.identitycheck", "run_check", [answer["result"]["res_id"]], context=context
        )

    def message_of(self, answer):
        """Return the message of the error that ``answer`` must be."""
        self.assertIn("error", answer)
        return answer["error"]["data"]["message"]


class EnrolmentCase(Buttons, MfaCase):
    SPEC = {"name": {}, "qr_code": {}, "secret_key": {}, "otpauth_uri": {}}

    def open_screen(self, user, code=None):
        """Press "Add an app", pass the identity check; return the id of the screen."""
        action = self.press("res.users", "action_totp_enable_wizard", [user.id], user, code)
        self.assertEqual(action["result"]["res_model"], ENROLMENT)
        return action["result"]["res_id"]

    def open_core_screen(self, user):
        """Do as the script of core's portal page; return the screen and all that it reads."""
        action = self.press("res.users", "action_totp_enable_wizard", [user.id], user)["result"]
        self.assertEqual(action["res_model"], CORE_WIZARD)
        [row] = self.call(CORE_WIZARD, "read", [action["res_id"]], [])["result"]
        row["secret"] = row["secret"].replace(" ", "")
        return action["res_id"], row

    def read_screen(self, screen):
        context = {"bin_size": True}
        return self.call(ENROLMENT, "web_read", [screen], self.SPEC, context=context)["result"][0]

    def secret_on(self, screen):
        return self.read_screen(screen)["secret_key"].replace(" ", "")

    def fill(self, screen, **values):
        return self.call(ENROLMENT, "web_save", [screen], values, self.SPEC)

    def confirm(self, screen, secret, user, offset=0, **values):
        """Type the code that an app shows for ``secret``, and press the button."""
        answer = self.fill(screen, confirmation_code=code_of(secret, offset), **values)
        self.assertNotIn("error", answer)
        return self.press(ENROLMENT, "action_create", [screen], user)

    def apps_of(self, user):
        self.env.cr.execute(
            "SELECT name, secret_key FROM res_users_authenticator WHERE user_id = %s ORDER BY id",
            [user.id],
        )
        return self.env.cr.fetchall()

    def count(self, table):
        self.env.cr.execute(f"SELECT count(*) FROM {table}")
        return self.env.cr.fetchone()[0]

    def is_on(self, user):
        self.env.invalidate_all()
        return user.mfa_enabled

    @contextmanager
    def assertOneMail(self, user, subject=""):
        """Expect one mail more, to ``user``."""
        mails = self.env["mail.mail"].sudo()
        before = mails.search([])
        yield
        self.env.invalidate_all()
        new = mails.search([]) - before
        self.assertEqual(len(new), 1, new.mapped("subject"))
        self.assertIn(user.email, new.email_to)
        self.assertIn(subject, new.subject)


@tagged("post_install", "-at_install")
class TestEnrolment(EnrolmentCase):
    """The enrolment screen, called as the web client calls it."""

    def setUp(self):
        super().setUp()
        self.post_password(self.bob)

    def test_enrol_the_first_app(self):
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        with self.assertOneMail(self.bob, "Authentication Enabled"):
            answer = self.confirm(screen, secret, self.bob, name="My phone")
        self.assertEqual(answer["result"]["params"]["type"], "success")
        self.assertTrue(self.is_on(self.bob))
        self.assertEqual(self.apps_of(self.bob), [("My phone", secret)])
        self.assertLoggedIn(self.bob)
        self.assertTrue(self.stored_session().get("mfa_since"), "its age is that of others now")
        self.new_browser()
        self.log_in(self.bob, code_of(secret, 1))
        self.assertLoggedIn(self.bob)

    def test_code_of_the_enrolment_is_used_up(self):
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        code = code_of(secret)
        self.fill(screen, confirmation_code=code)
        self.press(ENROLMENT, "action_create", [screen], self.bob)
        self.new_browser()
        self.assertIn("used already", self.log_in(self.bob, code).text)

    def test_other_sessions_end(self):
        other = self.opener.cookies["session_id"]
        self.new_browser()
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        self.confirm(screen, self.secret_on(screen), self.bob)
        self.assertLoggedIn(self.bob)
        self.new_browser()
        self.opener.cookies.clear()
        self.set_cookie("session_id", other)
        self.assertLoggedOut()

    def test_enrolment_proves_the_second_factor(self):
        screen = self.open_screen(self.bob)
        self.confirm(screen, self.secret_on(screen), self.bob)
        answer = self.press("res.users", "action_totp_enable_wizard", [self.bob.id])
        self.assertEqual(answer["result"]["res_model"], ENROLMENT)

    def test_uri_and_key(self):
        row = self.read_screen(self.open_screen(self.bob))
        uri = urlsplit(row["otpauth_uri"])
        query = parse_qs(uri.query)
        self.assertRegex(row["secret_key"], r"^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$")
        self.assertEqual(query["secret"], [row["secret_key"].replace(" ", "")])
        host = urlsplit(self.env["ir.config_parameter"].get_param("web.base.url")).hostname
        self.assertEqual(query["issuer"], [f"{self.bob.company_id.name} ({host})"])
        self.assertTrue(unquote(uri.path).endswith(":mfa_bob"))

    @skipUnless(shutil.which("zbarimg"), "zbarimg is not on this machine")
    def test_picture_is_the_uri(self):
        row = self.read_screen(self.open_screen(self.bob))
        with tempfile.NamedTemporaryFile(suffix=".png") as picture:
            picture.write(base64.b64decode(row["qr_code"]))
            picture.flush()
            text = subprocess.check_output(["zbarimg", "-q", "--raw", picture.name], text=True)
        self.assertEqual(text.strip(), row["otpauth_uri"])

    def test_secrets_differ(self):
        secrets = {self.secret_on(self.open_screen(self.bob)) for _time in range(3)}
        self.assertEqual(len(secrets), 3)

    def test_wrong_code_keeps_the_key(self):
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        for code in (code_of(secret, 5), code_of(OTHER_SECRET), "abc", "", False):
            self.fill(screen, confirmation_code=code)
            with self.subTest(code=code), mute_logger("odoo.http"):
                answer = self.press(ENROLMENT, "action_create", [screen], self.bob)
                self.assertIn("code is not right", self.message_of(answer))
                self.assertEqual(self.secret_on(screen), secret)
        self.assertEqual(self.apps_of(self.bob), [])
        self.assertFalse(self.is_on(self.bob))
        self.confirm(screen, secret, self.bob)
        self.assertTrue(self.is_on(self.bob))

    def test_names(self):
        self.env[APP]._enrol(self.bob, "Phone", OTHER_SECRET)
        for name, message in (
            ("Phone", "already have an app named"),
            ("PHONE", "already have an app named"),
            ("  phone ", "already have an app named"),
            ("", "1 to 64"),
            ("   ", "1 to 64"),
            ("x" * 65, "1 to 64"),
        ):
            screen = self.open_screen(self.bob)
            secret = self.secret_on(screen)
            values = {"name": name, "confirmation_code": code_of(secret)}
            with self.subTest(name=name), mute_logger("odoo.http", "odoo.sql_db"):
                answer = self.fill(screen, **values)
                if "error" not in answer:
                    answer = self.press(ENROLMENT, "action_create", [screen], self.bob)
                self.assertIn(message, self.message_of(answer))
        self.assertEqual(len(self.apps_of(self.bob)), 1)
        screen = self.open_screen(self.bob)
        self.confirm(screen, self.secret_on(screen), self.bob, name="x" * 64)
        self.assertEqual(len(self.apps_of(self.bob)), 2)

    def test_proposed_names_are_free(self):
        for number in range(3):
            screen = self.open_screen(self.bob)
            self.confirm(screen, self.secret_on(screen), self.bob)
            self.assertEqual(len(self.apps_of(self.bob)), number + 1)

    def test_ten_apps_and_no_more(self):
        for number in range(9):
            self.env[APP]._enrol(self.bob, f"App {number}", OTHER_SECRET)
        screens = [self.open_screen(self.bob) for _time in range(2)]
        self.confirm(screens[0], self.secret_on(screens[0]), self.bob, name="Tenth")
        self.assertEqual(len(self.apps_of(self.bob)), 10)
        with mute_logger("odoo.http"):
            secret = self.secret_on(screens[1])
            answer = self.confirm(screens[1], secret, self.bob, name="Eleventh")
            self.assertIn("10 apps", self.message_of(answer))
            answer = self.press("res.users", "action_totp_enable_wizard", [self.bob.id], self.bob)
            self.assertIn("10 apps", self.message_of(answer))
        self.assertEqual(len(self.apps_of(self.bob)), 10)

    def test_forged_values_are_refused(self):
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        for values in (
            {"secret": THIEF_SECRET},
            {"secret_key": THIEF_SECRET},
            {"otpauth_uri": f"otpauth://totp/x?secret={THIEF_SECRET}"},
            {"user_id": self.ann.id},
            {"create_uid": self.ann.id},
            {"name": "x", "secret": THIEF_SECRET},
        ):
            for method, args in (
                ("create", [values]),
                ("write", [[screen], values]),
                ("web_save", [[], values, {}]),
                ("web_save", [[screen], values, {}]),
            ):
                with self.subTest(values=values, method=method), mute_logger("odoo.http"):
                    self.message_of(self.call(ENROLMENT, method, *args))
        self.assertEqual(self.secret_on(screen), secret)
        with mute_logger("odoo.http"):
            self.message_of(self.confirm(screen, THIEF_SECRET, self.bob))
        self.assertEqual(self.apps_of(self.bob), [])

    def test_secret_of_the_context_is_not_taken(self):
        context = {"default_secret": THIEF_SECRET, "default_secret_key": THIEF_SECRET}
        context["default_user_id"] = context["default_create_uid"] = self.ann.id
        answer = self.call("res.users", "action_totp_enable_wizard", [self.bob.id], context=context)
        screen = self.identify(answer, self.bob)["result"]["res_id"]
        self.assertNotEqual(self.secret_on(screen), THIEF_SECRET)
        self.confirm(screen, self.secret_on(screen), self.bob)
        self.assertEqual(len(self.apps_of(self.bob)), 1)
        self.assertEqual(len(self.apps_of(self.ann)), 1)

    def test_screen_is_its_owner_s(self):
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.sign_in(self.ann, password_age=0, proof_age=0)
        with mute_logger("odoo.http", "odoo.models"):
            for method, args in (
                ("web_read", [[screen], self.SPEC]),
                ("read", [[screen], ["secret_key"]]),
                ("write", [[screen], {"name": "x"}]),
                ("action_create", [[screen]]),
            ):
                with self.subTest(method=method):
                    answer = self.call(ENROLMENT, method, *args)
                    self.message_of(answer)
                    self.assertNotIn(secret[:4], str(answer))
        self.assertEqual(len(self.apps_of(self.ann)), 1)

    def test_nobody_enrols_for_another(self):
        self.sign_in(self.ann, password_age=0, proof_age=0)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_totp_enable_wizard", [self.bob.id])
        self.assertIn("Only the owner", self.message_of(answer))

    def test_screen_and_secret_are_gone_afterwards(self):
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.confirm(screen, secret, self.bob)
        self.env.cr.execute("SELECT secret FROM res_users_authenticator_create")
        self.assertNotIn(secret, str(self.env.cr.fetchall()))
        with mute_logger("odoo.http"):
            self.message_of(self.press(ENROLMENT, "action_create", [screen], self.bob))
        self.assertEqual(len(self.apps_of(self.bob)), 1)

    def test_screen_left_behind_is_collected(self):
        """Half an hour after it was last touched."""
        screen = self.open_screen(self.bob)
        for minutes, left in ((29, 1), (31, 0)):
            self.env.cr.execute(
                "UPDATE res_users_authenticator_create SET write_date ="
                " (now() AT TIME ZONE 'UTC') - make_interval(mins => %s) WHERE id = %s",
                [minutes, screen],
            )
            self.env.invalidate_all()
            self.env[ENROLMENT]._transient_vacuum()
            self.assertEqual(self.count("res_users_authenticator_create"), left)

    def test_secret_is_in_no_log(self):
        """Not even with every logger at DEBUG, as a server under investigation runs."""
        with self.assertLogs(level="DEBUG") as log, self.all_loggers_at_debug():
            screen = self.open_screen(self.bob)
            secret = self.secret_on(screen)
            self.fill(screen, confirmation_code=code_of(secret, 5))
            self.press(ENROLMENT, "action_create", [screen], self.bob)
            self.confirm(screen, secret, self.bob, name="Phone")
            self.new_browser()
            self.log_in(self.bob, code_of(secret, 1))
        lines = [line for line in log.output if secret in line.replace(" ", "")]
        self.assertFalse([line.replace(secret, "*")[:300] for line in lines])

    @contextmanager
    def all_loggers_at_debug(self):
        names = (
            "odoo",
            "odoo.sql_db",
            "odoo.http",
            "odoo.models",
            "odoo.service.model",
            "werkzeug",
        )
        levels = {name: logging.getLogger(name).level for name in names}
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)

    def test_secret_is_in_no_log_of_a_failing_query(self):
        """The database refuses the name: the query that fails must not name the secret."""
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.env[APP]._enrol(self.bob, "Phone", OTHER_SECRET)
        with self.assertLogs(level="INFO") as log:
            self.confirm(screen, secret, self.bob, name="Phone")
        self.assertNotIn(secret, "".join(log.output))

    def test_secret_is_in_no_mail(self):
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.confirm(screen, secret, self.bob)
        for table, column in (("mail_mail", "body_html"), ("mail_message", "body")):
            self.env.cr.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
            text = str(self.env.cr.fetchall())
            self.assertNotIn(secret, text)
            self.assertNotIn(pyotp.TOTP(secret).secret[:8], text)

    def test_second_app_sends_its_own_mail(self):
        screen = self.open_screen(self.bob)
        self.confirm(screen, self.secret_on(screen), self.bob)
        screen = self.open_screen(self.bob)
        with self.assertOneMail(self.bob, "App Added"):
            self.confirm(screen, self.secret_on(screen), self.bob)


@tagged("post_install", "-at_install")
class TestButtons(EnrolmentCase):
    """What the owner does with apps, devices and the switch."""

    def setUp(self):
        super().setUp()
        self.log_in(remember="1")
        self.press("res.users", "action_totp_enable_wizard", [self.ann.id], self.ann)

    @property
    def app(self):
        return self.ann.authenticator_ids[0]

    def test_last_app_stays_while_mfa_is_on(self):
        with mute_logger("odoo.http"):
            answer = self.press(APP, "action_remove", [self.app.id])
        self.assertIn("last app", self.message_of(answer))
        self.assertEqual(len(self.apps_of(self.ann)), 1)

    def test_all_apps_at_once_are_the_last_ones(self):
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        with mute_logger("odoo.http"):
            answer = self.press(APP, "action_remove", self.ann.authenticator_ids.ids)
        self.assertIn("last app", self.message_of(answer))
        self.assertEqual(len(self.apps_of(self.ann)), 2)

    def test_one_of_two_is_removed(self):
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        with self.assertOneMail(self.ann, "App Removed"):
            self.press(APP, "action_remove", [self.app.id])
        self.assertEqual(self.apps_of(self.ann), [("Tablet", OTHER_SECRET)])
        self.assertFalse(self.ann.trusted_device_ids)
        self.assertLoggedIn(self.ann)
        self.new_browser()
        self.log_in(offset=1)
        self.assertLoggedOut()

    def test_last_app_is_removed_while_mfa_is_off(self):
        self.press("res.users", "action_totp_disable", [self.ann.id])
        self.press(APP, "action_remove", [self.app.id])
        self.assertEqual(self.apps_of(self.ann), [])
        self.assertFalse(self.is_on(self.ann))

    def test_disable_keeps_the_apps_and_drops_the_devices(self):
        self.assertTrue(self.ann.trusted_device_ids)
        with self.assertOneMail(self.ann, "Authentication Disabled"):
            self.press("res.users", "action_totp_disable", [self.ann.id])
        self.assertFalse(self.is_on(self.ann))
        self.assertEqual(self.apps_of(self.ann), [("Phone", SECRET)])
        self.assertFalse(self.ann.trusted_device_ids)
        self.assertLoggedIn(self.ann)
        self.new_browser()
        self.post_password(self.ann)
        self.assertLoggedIn(self.ann)

    def test_disable_ends_other_sessions(self):
        other = self.opener.cookies["session_id"]
        self.sign_in(self.ann, password_age=0, proof_age=0)
        self.press("res.users", "action_totp_disable", [self.ann.id])
        self.assertLoggedIn(self.ann)
        self.new_browser()
        self.set_cookie("session_id", other)
        self.assertLoggedOut()

    def test_disabled_twice_says_so(self):
        self.press("res.users", "action_totp_disable", [self.ann.id])
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_totp_disable", [self.ann.id])
        self.assertIn("not enabled", self.message_of(answer))

    def test_enable_needs_a_right_code(self):
        self.press("res.users", "action_totp_disable", [self.ann.id])
        dialog = self.press("res.users", "action_mfa_enable", [self.ann.id])["result"]["res_id"]
        for code in (code_of(SECRET, 5), code_of(OTHER_SECRET), "", "abcdef", False):
            self.call(ENABLING, "write", [dialog], {"confirmation_code": code})
            with self.subTest(code=code), mute_logger("odoo.http"):
                self.message_of(self.press(ENABLING, "action_enable", [dialog]))
                self.assertFalse(self.is_on(self.ann))
        self.call(ENABLING, "write", [dialog], {"confirmation_code": code_of(SECRET, 1)})
        with self.assertOneMail(self.ann, "Authentication Enabled"):
            self.press(ENABLING, "action_enable", [dialog])
        self.assertTrue(self.is_on(self.ann))
        self.assertLoggedIn(self.ann)
        self.assertEqual(self.count("res_users_mfa_enable"), 0)

    def test_enable_takes_no_used_code(self):
        self.press("res.users", "action_totp_disable", [self.ann.id])
        dialog = self.press("res.users", "action_mfa_enable", [self.ann.id])["result"]["res_id"]
        used = code_of(SECRET, now=30 * self.ann.authenticator_ids.last_step)
        self.call(ENABLING, "write", [dialog], {"confirmation_code": used})
        with mute_logger("odoo.http"):
            answer = self.press(ENABLING, "action_enable", [dialog])
        self.assertIn("used already", self.message_of(answer))

    def test_enable_without_an_app(self):
        self.sign_in(self.bob, password_age=0)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_mfa_enable", [self.bob.id])
        self.assertIn("Add an authenticator app first", self.message_of(answer))

    def test_guessing_at_the_enable_dialog_is_limited(self):
        self.press("res.users", "action_totp_disable", [self.ann.id])
        dialog = self.press("res.users", "action_mfa_enable", [self.ann.id])["result"]["res_id"]
        self.call(ENABLING, "write", [dialog], {"confirmation_code": code_of(SECRET, 5)})
        with mute_logger("odoo.http"):
            for _guess in range(5):
                self.press(ENABLING, "action_enable", [dialog])
                self.keep_the_count()
            answer = self.press(ENABLING, "action_enable", [dialog])
        self.assertIn("Too many wrong codes", self.message_of(answer))

    def keep_the_count(self):
        """Count as a second connection does; in tests it is undone with the request."""
        self.env["res.users.mfa.attempt"]._reserve(self.ann)

    def test_rename(self):
        action = self.press(APP, "action_rename", [self.app.id])["result"]
        self.assertEqual(action["res_model"], RENAMING)
        self.call(RENAMING, "web_save", [action["res_id"]], {"name": "  My   phone "}, {})
        self.press(RENAMING, "action_rename", [action["res_id"]])
        self.assertEqual(self.apps_of(self.ann), [("My phone", SECRET)])
        self.assertTrue(self.is_on(self.ann))

    def test_rename_in_another_case(self):
        dialog = self.press(APP, "action_rename", [self.app.id])["result"]["res_id"]
        self.call(RENAMING, "web_save", [dialog], {"name": "PHONE"}, {})
        self.press(RENAMING, "action_rename", [dialog])
        self.assertEqual(self.apps_of(self.ann), [("PHONE", SECRET)])

    def test_rename_to_a_taken_name(self):
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        for name in ("tablet", " ", "x" * 65):
            dialog = self.press(APP, "action_rename", [self.app.id])["result"]["res_id"]
            with self.subTest(name=name), mute_logger("odoo.http"):
                self.call(RENAMING, "web_save", [dialog], {"name": name}, {})
                self.message_of(self.press(RENAMING, "action_rename", [dialog]))
                self.assertEqual(self.apps_of(self.ann)[0], ("Phone", SECRET))

    def test_revoke_devices(self):
        device = self.ann.trusted_device_ids
        with self.assertOneMail(self.ann, "Trusted Device Removed"):
            self.press("res.users.device", "action_revoke", device.ids)
        self.assertFalse(device.exists())

    def test_revoke_all_devices(self):
        with self.assertOneMail(self.ann, "Trusted Device Removed"):
            self.press("res.users", "revoke_all_devices", [self.ann.id])
        self.assertFalse(self.ann.trusted_device_ids)

    def test_mail_is_in_the_language_of_the_owner(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.ref("mail.account_security_alert").update_field_translations(
            "arch_db", {"fr_FR": {"Dear": "Bonjour"}}
        )
        self.ann.lang = "fr_FR"
        self.env.flush_all()
        context = {"lang": "en_US"}
        self.call("res.users", "revoke_all_devices", [self.ann.id], context=context)
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertIn("Bonjour", mail.body_html)


@tagged("post_install", "-at_install")
class TestProof(EnrolmentCase):
    """Password and second factor before each change; neither alone, nor an old proof."""

    def setUp(self):
        super().setUp()
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        self.device = (
            self.env["res.users.device"]
            ._mfa_open_door()
            .create(
                {
                    "name": "Chrome on Linux",
                    "user_id": self.ann.id,
                    "token_hash": "hash of a token",
                    "expires_at": "2099-01-01 00:00:00",
                }
            )
        )
        self.env.flush_all()

    def buttons(self):
        """Return each guarded button of a person with MFA on: model, method, ids."""
        apps = self.ann.authenticator_ids
        enrolment = self.env[ENROLMENT].with_user(self.ann)._start()
        renaming = self.env[RENAMING].with_user(self.ann)._start(apps[0])
        enabling = self.env[ENABLING].with_user(self.ann)._start()
        self.env.flush_all()
        return [
            ("res.users", "action_totp_enable_wizard", self.ann.ids),
            ("res.users", "action_totp_disable", self.ann.ids),
            ("res.users", "revoke_all_devices", self.ann.ids),
            ("res.users", "action_mfa_enable", self.ann.ids),
            (APP, "action_rename", apps[:1].ids),
            (APP, "action_remove", apps[:1].ids),
            ("res.users.device", "action_revoke", self.device.ids),
            (ENROLMENT, "action_create", enrolment.ids),
            (RENAMING, "action_rename", renaming.ids),
            (ENABLING, "action_enable", enabling.ids),
        ]

    CORE_BUTTONS = ("api_key_wizard", "preference_change_password", "action_revoke_all_devices")

    def state(self):
        return self.is_on(self.ann), self.apps_of(self.ann), self.device.exists().ids

    def check_asks_for_both(self, button):
        """The button asks; neither the password alone nor a wrong code is enough."""
        before = self.state()
        answer = self.press(*button)
        self.assertTrue(self.is_identity_check(answer), answer)
        check = [answer["result"]["res_id"]]
        form = self.call("res.users.identitycheck", "web_read", check, {"needs_code": {}})
        self.assertTrue(form["result"][0]["needs_code"])
        for code in (None, "", "000000x", code_of(SECRET, 7)):
            with self.subTest(code=code), mute_logger("odoo.http"):
                self.message_of(self.identify(answer, self.ann, code))
        with mute_logger("odoo.http"):
            wrong = self.identify(answer, self.ann, code_of(SECRET), password="wrong_password")
            self.assertIn("Incorrect Password", self.message_of(wrong))
        self.assertEqual(self.state(), before)

    def test_without_a_proof(self):
        for button in self.buttons():
            with self.subTest(button=button):
                self.sign_in(self.ann)
                self.check_asks_for_both(button)

    def test_core_s_mark_alone_is_not_enough(self):
        """``auth_timeout`` sets it after a password, on a route of its own."""
        for button in self.buttons():
            with self.subTest(button=button):
                self.sign_in(self.ann, password_age=0)
                self.check_asks_for_both(button)

    def test_old_proof_is_not_enough(self):
        for button in self.buttons():
            for password_age in (0, STALE):
                with self.subTest(button=button, password_age=password_age):
                    self.sign_in(self.ann, password_age=password_age, proof_age=STALE)
                    self.assertTrue(self.is_identity_check(self.press(*button)))

    def test_auth_timeout_s_route_is_not_enough(self):
        """The mark set by the route itself, where that module is installed."""
        if "auth_timeout" not in self.env.registry._init_modules:
            self.skipTest("auth_timeout is not installed")
        for button in self.buttons():
            self.sign_in(self.ann)
            answer = self.rpc(
                "/auth-timeout/session/check-identity",
                type="password",
                login="mfa_ann",
                password="mfa_ann_password",
            )
            self.assertNotIn("error", answer)
            session = self.stored_session()
            self.assertIn("identity-check-last", session)
            with self.subTest(button=button):
                self.assertTrue(self.is_identity_check(self.press(*button)))

    def test_password_is_asked_after_a_login_by_code(self):
        self.log_in()
        answer = self.press("res.users", "action_totp_disable", [self.ann.id])
        self.assertTrue(self.is_identity_check(answer))
        form = self.call(
            "res.users.identitycheck", "web_read", [answer["result"]["res_id"]], {"needs_code": {}}
        )
        self.assertFalse(form["result"][0]["needs_code"], "the code was given a moment ago")
        self.identify(answer, self.ann)
        self.assertFalse(self.is_on(self.ann))

    def test_both_open(self):
        self.sign_in(self.ann)
        answer = self.press("res.users", "action_totp_disable", [self.ann.id])
        answer = self.identify(answer, self.ann, code_of(SECRET))
        self.assertNotIn("error", answer)
        self.assertFalse(self.is_on(self.ann))

    def test_code_of_the_check_is_used_up(self):
        self.sign_in(self.ann)
        answer = self.press("res.users", "revoke_all_devices", [self.ann.id])
        code = code_of(SECRET)
        self.assertNotIn("error", self.identify(answer, self.ann, code))
        self.sign_in(self.ann)
        answer = self.press("res.users", "revoke_all_devices", [self.ann.id])
        with mute_logger("odoo.http"):
            self.assertIn("used already", self.message_of(self.identify(answer, self.ann, code)))

    def test_password_is_enough_while_mfa_is_off(self):
        self.ann._mfa_disable()
        self.env.flush_all()
        self.sign_in(self.ann)
        answer = self.press("res.users", "action_mfa_enable", [self.ann.id], self.ann)
        self.assertEqual(answer["result"]["res_model"], ENABLING)

    def test_core_s_own_buttons_ask_for_both(self):
        """Whoever makes a key or a password proves the second factor as well."""
        for method in self.CORE_BUTTONS:
            for password_age in (None, 0):
                with self.subTest(method=method, password_age=password_age):
                    self.sign_in(self.ann, password_age=password_age)
                    self.check_asks_for_both(("res.users", method, self.ann.ids))

    def test_key_is_made_with_both_only(self):
        """A key is a way in without a code: core's mark alone must not make one."""
        keys = self.env["res.users.apikeys"].sudo()
        before = keys.search_count([])
        for password_age in (None, 0):
            self.sign_in(self.ann, password_age=password_age)
            values = {"name": "Thief", "duration": "1"}
            wizard = self.call("res.users.apikeys.description", "create", values)["result"]
            self.press("res.users.apikeys.description", "make_key", [wizard])
            with self.subTest(password_age=password_age):
                self.assertEqual(keys.search_count([]), before)

    def test_buttons_are_not_pressed_without_a_session(self):
        self.authenticate(None, None)
        for button in self.buttons():
            with self.subTest(button=button), mute_logger("odoo.http"):
                self.assertIn("error", self.call(button[0], button[1], button[2]))


@tagged("post_install", "-at_install")
class TestPortal(EnrolmentCase):
    """A portal user, by core's own enrolment screen and the route of its identity dialog."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")

    def enable(self, screen, code):
        with mute_logger("odoo.http"):
            return self.call(CORE_WIZARD, "enable", [screen], context={"code": code})

    def test_portal_user_enrols(self):
        self.post_password(self.portal)
        screen, row = self.open_core_screen(self.portal)
        secret = row["secret"]
        self.message_of(self.enable(screen, code_of(secret, 5)))
        self.assertFalse(self.is_on(self.portal))
        with self.assertOneMail(self.portal, "Authentication Enabled"):
            self.assertNotIn("error", self.enable(screen, code_of(secret)))
        self.assertTrue(self.is_on(self.portal))
        self.assertEqual(self.apps_of(self.portal)[0][1], secret)
        self.assertLoggedIn(self.portal)
        self.env.cr.execute("SELECT secret, url, qrcode FROM auth_totp_wizard")
        self.assertNotIn(secret, str(self.env.cr.fetchall()))
        self.new_browser()
        self.log_in(self.portal, code_of(secret, 1))
        self.assertLoggedIn(self.portal)

    def test_secret_of_the_client_leads_to_no_app(self):
        self.post_password(self.portal)
        screen, _row = self.open_core_screen(self.portal)
        values = {"user_id": self.portal.id, "secret": THIEF_SECRET}
        forged = {f"default_{name}": value for name, value in values.items()}
        with mute_logger("odoo.http"):
            for method, args in (
                ("create", [values]),
                ("web_save", [[], values, {}]),
                ("write", [[screen], {"secret": THIEF_SECRET}]),
                ("web_save", [[screen], {"secret": THIEF_SECRET}, {}]),
                ("copy", [[screen], values]),
            ):
                with self.subTest(method=method):
                    self.message_of(self.call(CORE_WIZARD, method, *args, context=forged))
        self.message_of(self.enable(screen, code_of(THIEF_SECRET)))
        self.assertEqual(self.apps_of(self.portal), [])

    def test_emptied_secret_leads_to_no_app(self):
        """Core empties its screen when it is done; the code of no key is known to all."""
        self.post_password(self.portal)
        screen, row = self.open_core_screen(self.portal)
        secret = row["secret"]
        self.enable(screen, code_of(secret))
        self.press("res.users", "action_totp_disable", [self.portal.id], self.portal)
        for code in ("328482", "812658", "000000"):
            answer = self.enable(screen, code)
            self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.UserError")
        self.assertEqual(len(self.apps_of(self.portal)), 1)
        self.assertFalse(self.is_on(self.portal))

    def test_portal_user_with_mfa_enrols_no_second_app_by_the_password_alone(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.sign_in(self.portal, password_age=0)
        answer = self.press("res.users", "action_totp_enable_wizard", [self.portal.id])
        self.assertTrue(self.is_identity_check(answer))

    # -- the route of the portal's identity dialog ---------------------------------

    ASKED = {"needs_code": True, "has_passkey": False, "error": False}
    NOT_ASKED = {**ASKED, "needs_code": False}

    def prove(self, code=None):
        return self.rpc("/mfa/identity", code=code)["result"]

    def test_route_takes_a_right_code(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.sign_in(self.portal)
        self.assertEqual(self.prove(), self.ASKED)
        self.assertEqual(self.prove(code_of(OTHER_SECRET)), self.NOT_ASKED)
        self.assertEqual(self.prove(), self.NOT_ASKED)
        answer = self.press("res.users", "action_totp_disable", [self.portal.id])
        self.assertTrue(self.is_identity_check(answer), "the password is asked as well")
        self.identify(answer, self.portal)
        self.assertFalse(self.is_on(self.portal))

    def test_route_refuses_a_wrong_code(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.sign_in(self.portal, password_age=0)
        for code in (code_of(OTHER_SECRET, 5), code_of(SECRET), "", "x", 5, [], {}, True):
            with self.subTest(code=code):
                answer = self.prove(code)
                self.assertTrue(answer["needs_code"])
                self.assertTrue(answer["error"])
        answer = self.press("res.users", "action_totp_disable", [self.portal.id])
        self.assertTrue(self.is_identity_check(answer))

    def test_route_takes_a_code_once(self):
        self.enrol(self.portal, OTHER_SECRET)
        code = code_of(OTHER_SECRET)
        self.sign_in(self.portal)
        self.prove(code)
        self.sign_in(self.portal)
        self.assertIn("used already", self.prove(code)["error"])

    def test_route_limits_guessing(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.sign_in(self.portal)
        for _guess in range(5):
            self.assertIn("Verification failed", self.prove(code_of(OTHER_SECRET, 5))["error"])
        answer = self.prove(code_of(OTHER_SECRET))
        self.assertIn("Too many wrong codes", answer["error"])
        self.assertTrue(answer["needs_code"])

    def test_route_needs_a_login(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.authenticate(None, None)
        with mute_logger("odoo.http"):
            self.assertIn("error", self.rpc("/mfa/identity", code=code_of(OTHER_SECRET)))
        self.post_password(self.portal)
        with mute_logger("odoo.http"):
            self.assertIn("error", self.rpc("/mfa/identity", code=code_of(OTHER_SECRET)))
        self.assertLoggedOut()

    def test_route_asks_nothing_of_a_user_without_mfa(self):
        self.sign_in(self.portal)
        self.assertEqual(self.prove("123456"), self.NOT_ASKED)
        session = self.stored_session()
        self.assertNotIn("mfa_proof", session)
