"""Secrets at rest. Keys are set as ``odoo.conf`` sets them, in ``odoo.tools.config``."""

import logging
import os
import time
from contextlib import contextmanager, suppress

from cryptography.fernet import Fernet
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import config, mute_logger

from ..hooks import post_init_hook, uninstall_hook
from ..models.secret_store import OPTION, VARIABLE
from .common import OTHER_SECRET, SECRET, MfaCase, at, code_of
from .test_enrolment import CORE_WIZARD, ENROLMENT, EnrolmentCase
from .test_hooks import HookCase

STORE_LOGGER = "odoo.addons.auth_totp_mfa.models.secret_store"
APP = "res.users.authenticator"
OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _number in range(3))
LOST = ((), (NEW,), (NEW, FOREIGN), ("no key",))
"""What may stand in ``odoo.conf`` where secrets are sealed under ``OLD``."""
MALFORMED = ("no key", OLD[:-1], f"{OLD}x", OLD.replace("=", "!"), f"{OLD} {NEW[:-2]}")


class Keys:
    """What a test of encryption needs; put before a test case."""

    def setUp(self):
        super().setUp()
        held, environment = config.get(OPTION), os.environ.pop(VARIABLE, None)
        self.addCleanup(self.set_environment, environment)
        self.addCleanup(self.use, held or "")
        self.use()

    def use(self, *keys):
        """Let ``odoo.conf`` hold ``keys``, the newest first."""
        config[OPTION] = ", ".join(keys)

    def set_environment(self, text):
        os.environ.pop(VARIABLE, None)
        if text is not None:
            os.environ[VARIABLE] = text

    def stored(self, table="res_users_authenticator", column="secret_key"):
        """Return the texts that the table really holds."""
        self.env.flush_all()
        self.env.cr.execute(f"SELECT {column} FROM {table} WHERE {column} <> '' ORDER BY id")
        return [text for (text,) in self.env.cr.fetchall()]

    def assertNotInDump(self, *secrets):
        """Look for secrets, as Base32 and in groups of four, in every row of the database."""
        self.env.flush_all()
        forms = [f"%{form}%" for secret in secrets for form in (secret, grouped(secret))]
        self.env.cr.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = current_schema::regnamespace"
        )
        for (table,) in self.env.cr.fetchall():
            self.env.cr.execute(
                f'SELECT count(*) FROM "{table}" AS line WHERE line::text LIKE ANY(%s)', [forms]
            )
            self.assertEqual(self.env.cr.fetchone()[0], 0, f"a secret stands in {table}")

    @contextmanager
    def assertRemedyLogged(self):
        with self.assertLogs(STORE_LOGGER, "ERROR") as log:
            yield
        for line in log.output:
            self.assertIn(OPTION, line)
            self.assertIn(VARIABLE, line)
            for key in (OLD, NEW, FOREIGN, SECRET):
                self.assertNotIn(key, line)

    def encrypt(self):
        return self.env[APP]._encrypt_secrets()


@contextmanager
def logger_at_debug(name):
    """Let a logger write at DEBUG what ``assertLogs`` catches."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)


def grouped(secret):
    return " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))


@tagged("post_install", "-at_install")
class TestEncryptedEnrolment(Keys, EnrolmentCase):
    def enrol_on_screen(self):
        """Enrol an app of Bob's as a person does; return its secret."""
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.assertNotIn("error", self.confirm(screen, secret, self.bob, name="My phone"))
        return secret

    def test_dump_yields_no_code(self):
        self.use(OLD)
        self.assertEqual(self.encrypt(), (1, 0))
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.assertNotInDump(SECRET, secret)
        self.assertNotIn("error", self.confirm(screen, secret, self.bob, name="My phone"))
        self.assertNotInDump(SECRET, secret)
        self.new_browser()
        self.log_in(self.bob, code_of(secret, 1))
        self.assertLoggedIn(self.bob)
        self.new_browser()
        self.log_in(self.ann)
        self.assertLoggedIn(self.ann)

    def test_dump_without_a_key_does(self):
        """So that the test above looks where secrets are."""
        with self.assertRaises(AssertionError):
            self.assertNotInDump(SECRET)

    def test_plain_without_a_key(self):
        secret = self.enrol_on_screen()
        self.assertEqual(self.stored(), [SECRET, secret])

    def test_missing_key_stores_nothing_in_plain(self):
        """Such as on the second server, which nobody told the key."""
        self.use(OLD)
        self.encrypt()
        before = self.stored()
        self.use()
        self.post_password(self.bob)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_totp_enable_wizard", [self.bob.id], self.bob)
        self.assertIn(OPTION, self.message_of(answer))
        self.assertEqual(self.stored(), before)

    def test_environment_goes_before_the_file(self):
        self.use(OLD)
        for text, sealed_by in ((NEW, NEW), ("  ", OLD), ("", OLD)):
            self.set_environment(text)
            app = self.env[APP]._enrol(self.bob, f"Phone {text!r}", OTHER_SECRET)
            self.set_environment(None)
            self.use(sealed_by)
            self.assertEqual(app._read_secrets(), {app.id: OTHER_SECRET})
            self.use(OLD)

    def test_malformed_key_refuses_enrolment(self):
        for text in MALFORMED:
            for place in (OPTION, VARIABLE):
                self.use(text if place == OPTION else "")
                self.set_environment(text if place == VARIABLE else None)
                with self.subTest(text=text, place=place), mute_logger("odoo.http"):
                    self.sign_in_to_press(self.bob)
                    message = self.message_of(
                        self.press(
                            "res.users", "action_totp_enable_wizard", [self.bob.id], self.bob
                        )
                    )
                    self.assertIn(place, message)
                    self.assertNotIn(OLD[:10], message)
                    with self.assertRaises(UserError):
                        self.env[APP]._enrol(self.bob, "Phone", OTHER_SECRET)
        self.assertEqual(self.stored(), [SECRET])

    def sign_in_to_press(self, user):
        self.new_browser()
        self.post_password(user)

    def test_key_malformed_before_the_confirmation(self):
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.use("no key")
        with mute_logger("odoo.http"):
            self.assertIn(OPTION, self.message_of(self.confirm(screen, secret, self.bob)))
        self.assertEqual(self.stored(), [SECRET])
        self.assertFalse(self.is_on(self.bob))

    def test_plain_apps_work_with_a_malformed_key(self):
        self.use("no key")
        self.log_in()
        self.assertLoggedIn(self.ann)

    def test_key_lost_before_the_confirmation(self):
        self.use(OLD)
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.use(NEW)
        with mute_logger("odoo.http"), self.assertRemedyLogged():
            answer = self.call(ENROLMENT, "action_create", [screen])
            self.assertIn("expired", self.message_of(answer))
        self.use(NEW, OLD)
        self.assertNotIn("error", self.confirm(screen, secret, self.bob, name="My phone"))
        self.assertTrue(self.stored()[1].startswith("fernet:"))

    def test_secret_is_in_no_log(self):
        self.use(OLD)
        with self.assertLogs(level="DEBUG") as log, logger_at_debug("odoo.sql_db"):
            secret = self.enrol_on_screen()
            self.encrypt()
        text = "".join(log.output).replace(" ", "")
        for hidden in (secret, SECRET, OLD):
            self.assertFalse(hidden in text)


@tagged("post_install", "-at_install")
class TestEncryptedPortal(Keys, EnrolmentCase):
    """Core's enrolment screen, which scripts may still open for portal users."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")

    def test_core_screen(self):
        for key in (OLD, ""):
            self.use(key)
            self.sign_in(self.portal)
            screen, row = self.open_core_screen(self.portal)
            secret = row["secret"]
            with self.subTest(key=bool(key)):
                self.assertEqual(len(secret), 32)
                self.assertIn(f"secret={secret}", row["url"])
                self.assertTrue(row["qrcode"])
                self.env.cr.execute("SELECT url, qrcode FROM auth_totp_wizard")
                self.assertEqual(set(self.env.cr.fetchall()), {(None, None)})
                if key:
                    self.assertNotInDump(secret)
                answer = self.call(CORE_WIZARD, "enable", [screen], context={"code": ""})
                self.assertIn("numbers", self.message_of(answer))
                answer = self.call(
                    CORE_WIZARD, "enable", [screen], context={"code": code_of(secret)}
                )
                self.assertNotIn("error", answer)
                self.assertEqual(self.stored("auth_totp_wizard", "secret"), [])
                self.assertTrue(self.is_on(self.portal))
            self.portal._mfa_set_enabled(False)
            self.portal.authenticator_ids._mfa_open_door().unlink()

    def test_key_lost_before_the_code(self):
        self.use(OLD)
        self.sign_in(self.portal)
        screen, row = self.open_core_screen(self.portal)
        code = code_of(row["secret"])
        self.use(NEW)
        with mute_logger("odoo.http"), self.assertRemedyLogged():
            answer = self.call(CORE_WIZARD, "enable", [screen], context={"code": code})
        self.assertIn("expired", self.message_of(answer))
        self.assertFalse(self.is_on(self.portal))

    def test_malformed_key(self):
        self.use("no key")
        self.sign_in(self.portal)
        with mute_logger("odoo.http"):
            answer = self.press(
                "res.users", "action_totp_enable_wizard", [self.portal.id], self.portal
            )
        self.assertIn(OPTION, self.message_of(answer))

    def test_secret_is_in_no_log(self):
        self.use(OLD)
        self.sign_in(self.portal)
        with self.assertLogs(level="DEBUG") as log, logger_at_debug("odoo.sql_db"):
            screen, row = self.open_core_screen(self.portal)
            secret = row["secret"]
            self.call(CORE_WIZARD, "enable", [screen], context={"code": code_of(secret)})
        self.assertTrue(self.is_on(self.portal))
        self.assertFalse(secret in "".join(log.output).replace(" ", ""))


@tagged("post_install", "-at_install")
class TestLostKey(Keys, EnrolmentCase):
    """Rows that no key opens: the key is gone, another one, malformed, or the row is damaged."""

    def setUp(self):
        super().setUp()
        self.use(OLD)
        self.encrypt()
        self.codes = self.ann._mfa_make_recovery_codes()
        self.sealed = self.stored()

    def failures(self):
        self.env.cr.execute(
            "SELECT COALESCE(sum(failures), 0) FROM res_users_mfa_attempt WHERE user_id = %s",
            [self.ann.id],
        )
        return self.env.cr.fetchone()[0]

    def test_login_says_so_and_counts_nothing(self):
        for keys in LOST:
            self.use(*keys)
            for _try in range(7):
                self.new_browser()
                with self.assertRemedyLogged():
                    page = self.log_in()
                self.assertIn("cannot read the keys of your apps", page.text)
                self.assertNotIn("double-check", page.text)
                self.assertLoggedOut()
            self.assertEqual(self.failures(), 0)
            self.assertTrue(self.is_on(self.ann))
        self.assertEqual(self.stored(), self.sealed)

    def test_trail_is_not_flooded(self):
        self.use()
        for _try in range(3):
            self.new_browser()
            with self.assertRemedyLogged():
                self.log_in()
        lines = self.env["res.users.mfa.event"].search(
            [("user_id", "=", self.ann.id), ("kind", "=", "code_refused")]
        )
        self.assertEqual(lines.mapped("note"), ["secrets cannot be decrypted"])

    def test_recovery_code_still_works(self):
        for number, keys in enumerate(LOST):
            self.use(*keys)
            self.new_browser()
            page = self.post_password(self.ann)
            self.post_code(page, self.codes[number])
            self.assertLoggedIn(self.ann)
        self.assertEqual(self.stored(), self.sealed)

    def test_key_put_back(self):
        self.use()
        with self.assertRemedyLogged():
            self.log_in()
        self.use(NEW, OLD)
        self.new_browser()
        self.log_in()
        self.assertLoggedIn(self.ann)

    def test_other_app_still_works(self):
        self.use(NEW)
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        with self.assertRemedyLogged():
            self.log_in(code=code_of(OTHER_SECRET))
        self.assertLoggedIn(self.ann)

    def test_guessing_at_the_other_app_is_counted(self):
        """Otherwise one unreadable app would open the readable one to guessing."""
        self.use(NEW)
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        for guess in range(1, 6):
            self.new_browser()
            with self.assertRemedyLogged():
                page = self.log_in(code=code_of(OTHER_SECRET, 5))
            self.assertIn("Phone", page.text, "it says which app cannot be read")
            self.assertEqual(self.failures(), guess)
        self.new_browser()
        self.assertIn("Too many", self.log_in(code=code_of(OTHER_SECRET)).text)

    def test_damaged_row(self):
        damaged = self.sealed[0][:-4] + "AAAA"
        self.env.cr.execute("UPDATE res_users_authenticator SET secret_key = %s", [damaged])
        with self.assertRemedyLogged():
            self.assertIn("cannot read", self.log_in().text)

    def test_identity_check(self):
        self.sign_in(self.ann)
        self.use()
        with mute_logger("odoo.http"), self.assertRemedyLogged():
            answer = self.press(
                "res.users", "action_totp_disable", [self.ann.id], self.ann, code_of(SECRET)
            )
        self.assertIn("cannot read", self.message_of(answer))
        self.assertTrue(self.is_on(self.ann))
        self.assertEqual(self.failures(), 0)

    def test_totp_secret_does_not_read_as_empty(self):
        self.use(NEW)
        self.enrol(self.bob, OTHER_SECRET)
        for keys in LOST:
            self.use(*keys)
            self.env.invalidate_all()
            with self.assertRemedyLogged(), self.assertRaisesRegex(AccessError, OPTION):
                self.ann.sudo().totp_secret  # noqa: B018
            self.assertTrue(self.ann.totp_enabled)
        self.use(NEW)
        self.env.invalidate_all()
        _ann, bob = (self.ann + self.bob).sudo()
        with self.assertRemedyLogged():
            self.assertEqual(bob.totp_secret, OTHER_SECRET, "one does not hide the other")

    def test_old_session_token(self):
        self.env.cr.execute("UPDATE res_users SET mfa_epoch = NULL WHERE id = %s", [self.ann.id])
        self.env.registry.clear_cache()
        user = self.ann.with_user(self.ann)
        token = user._legacy_session_token_hash_compute("sid")
        for keys in LOST:
            self.use(*keys)
            with self.assertRemedyLogged():
                other = user._legacy_session_token_hash_compute("sid")
            self.assertNotEqual(other, token)

    def test_unreadable_is_never_overwritten(self):
        self.use(NEW)
        self.assertEqual(self.encrypt(), (0, 1))
        self.assertEqual(self.stored(), self.sealed)


@tagged("post_install", "-at_install")
class TestRotation(Keys, MfaCase):
    def fill(self, number):
        """Give ``number`` users one app each."""
        self.env.cr.execute(
            """
            WITH person AS (
                INSERT INTO res_users (login, active, company_id, partner_id, notification_type)
                SELECT 'mfa_many_' || n, true, u.company_id, u.partner_id, 'email'
                  FROM generate_series(1, %s) AS n, res_users AS u WHERE u.id = %s
             RETURNING id)
            INSERT INTO res_users_authenticator (name, user_id, secret_key)
            SELECT 'Phone', id, %s FROM person
            """,
            [number, self.ann.id, OTHER_SECRET],
        )

    def test_encrypt_then_rotate(self):
        self.use(OLD)
        self.assertEqual(self.encrypt(), (1, 0))
        first = self.stored()
        self.assertEqual(self.encrypt(), (0, 0))
        self.assertEqual(self.stored(), first)
        self.use(NEW, OLD)
        self.log_in()
        self.assertLoggedIn(self.ann)
        self.assertEqual(self.encrypt(), (1, 0))
        self.assertNotEqual(self.stored(), first)
        self.use(NEW)
        middle = time.time() + 60
        with freeze_time(at(middle)):
            self.new_browser()
            self.log_in(code=code_of(SECRET, now=middle))
            self.assertLoggedIn(self.ann)

    def test_progress(self):
        self.fill(2500)
        self.use(OLD)
        calls = []
        outcome = self.env[APP]._encrypt_secrets(progress=lambda *numbers: calls.append(numbers))
        self.assertEqual(outcome, (2501, 0))
        self.assertEqual(calls, [(1000, 2501), (2000, 2501), (2501, 2501)])

    def test_interrupted_and_run_again(self):
        self.fill(2500)
        self.use(OLD)

        def interrupt(done, total):
            raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):  # assertRaises would roll back what is kept
            self.env[APP]._encrypt_secrets(progress=interrupt)
        sealed = [text for text in self.stored() if text.startswith("fernet:")]
        self.assertEqual(len(sealed), 1000)
        self.assertEqual(self.encrypt(), (1501, 0))

    def test_unreadable_rows_are_counted_and_passed_over(self):
        self.use(FOREIGN)
        self.enrol(self.bob, OTHER_SECRET)
        [_plain, foreign] = self.stored()
        self.use(NEW, OLD)
        calls = []
        outcome = self.env[APP]._encrypt_secrets(lambda *numbers: calls.append(numbers))
        self.assertEqual(outcome, (1, 1))
        self.assertEqual(calls, [(2, 2)])
        self.assertIn(foreign, self.stored())

    def test_unfinished_enrolments_too(self):
        self.env[ENROLMENT].with_user(self.bob)._start()
        self.env[CORE_WIZARD]._mfa_start(self.bob, grouped(OTHER_SECRET))
        self.use(OLD)
        self.assertEqual(self.encrypt(), (3, 0))
        for table, column in ((ENROLMENT, "secret"), (CORE_WIZARD, "secret"), (APP, "secret_key")):
            [stored] = self.stored(table.replace(".", "_"), column)
            self.assertTrue(stored.startswith("fernet:"))

    def test_no_key(self):
        for keys, message in (((), "no key"), (("no key",), "malformed")):
            self.use(*keys)
            with self.assertRaisesRegex(UserError, message) as caught:
                self.encrypt()
            self.assertIn(OPTION, str(caught.exception))
        self.assertEqual(self.stored(), [SECRET])

    # -- what the settings say -----------------------------------------------------

    def shown(self):
        admin = self.env.ref("base.user_admin")
        screen = self.env["res.config.settings"].with_user(admin).new({})
        text = screen.mfa_encryption
        for key in (OLD, NEW, FOREIGN):
            self.assertNotIn(key[:6], text)
        return text

    def test_settings(self):
        self.assertEqual(self.shown(), f"Secrets are not encrypted: set {OPTION} in odoo.conf.")
        self.use(OLD)
        self.assertIn("Secrets not under the newest key: 1 of 1.", self.shown())
        self.encrypt()
        self.assertEqual(self.shown(), "Secrets are encrypted.")
        self.enrol(self.bob, OTHER_SECRET)
        self.use(NEW, OLD)
        self.assertIn("Secrets not under the newest key: 2 of 2.", self.shown())
        self.use(NEW)
        self.enrol(self.bob, OTHER_SECRET, "Tablet")
        self.assertEqual(
            self.shown(),
            f"Secrets that cannot be read: 2. Add the key that encrypted them to {OPTION}.",
        )
        self.use()
        self.assertIn("Secrets that cannot be read: 3.", self.shown())
        self.use("no key")
        self.assertIn("malformed", self.shown())

    def test_settings_ask_once(self):
        self.use(OLD)
        with self.assertQueryCount(1):
            self.env["res.config.settings"]._mfa_describe_encryption()


@tagged("post_install", "-at_install")
class TestEncryptedHooks(Keys, HookCase):
    def test_install_seals_what_it_adopts(self):
        self.use(OLD)
        self.encrypt()
        self.hold_in_core(self.bob, OTHER_SECRET, 12345)
        self.hold_in_core(self.carl, "jbsw y3dp ehpk 3pxp", 0)
        post_init_hook(self.env)
        self.assertNotInDump(SECRET, OTHER_SECRET, "jbswy3dpehpk3pxp")
        self.assertEqual(self.bob.sudo().totp_secret, OTHER_SECRET)
        self.log_in(self.bob, code_of(OTHER_SECRET))
        self.assertLoggedIn(self.bob)

    def test_install_with_a_malformed_key(self):
        self.use("no key")
        self.hold_in_core(self.bob, OTHER_SECRET)
        with self.assertRaisesRegex(UserError, OPTION):
            post_init_hook(self.env)
        self.assertEqual(self.row_of(self.bob, "totp_secret"), (OTHER_SECRET,))

    def test_install_removes_core_s_unfinished_screens(self):
        self.env.cr.execute(
            "INSERT INTO auth_totp_wizard (user_id, secret, url) VALUES (%s, %s, %s)",
            [self.bob.id, OTHER_SECRET, f"otpauth://totp/x?secret={OTHER_SECRET}"],
        )
        post_init_hook(self.env)
        self.assertNotInDump(OTHER_SECRET)

    def test_secret_is_in_no_log(self):
        self.hold_in_core(self.bob, OTHER_SECRET)
        for key in ("", OLD):
            self.use(key)
            with self.assertLogs(level="DEBUG") as log, logger_at_debug("odoo.sql_db"):
                uninstall_hook(self.env)
                self.env.cr.execute("DELETE FROM res_users_authenticator")
                post_init_hook(self.env)
            self.assertEqual(len(self.stored()), 2, "both have gone there and back")
            text = "".join(log.output)
            self.assertFalse(SECRET in text or OTHER_SECRET in text)

    def test_session_of_core_goes_on(self):
        self.use(OLD)
        self.hold_in_core(self.bob, OTHER_SECRET)
        self.authenticate(self.bob.login, None)
        post_init_hook(self.env)
        self.assertLoggedIn(self.bob)

    def test_uninstall_hands_back_in_plain(self):
        self.use(OLD)
        self.encrypt()
        self.use(NEW, OLD)
        self.enrol(self.bob, OTHER_SECRET)
        uninstall_hook(self.env)
        for user, secret in ((self.ann, SECRET), (self.bob, OTHER_SECRET)):
            self.assertEqual(self.row_of(user, "totp_secret"), (secret,))

    def test_uninstall_is_refused(self):
        self.use(OLD)
        self.encrypt()
        self.use(NEW)
        self.enrol(self.bob, OTHER_SECRET)
        self.env["ir.config_parameter"].set_param("auth_totp.session_age", "5")
        before = self.stored()
        for keys in ((), (NEW,), ("no key",)):
            self.use(*keys)
            number = 1 if keys == (NEW,) else 2
            with (
                self.subTest(keys=keys),
                self.assertRemedyLogged(),
                self.assertRaisesRegex(UserError, rf"decrypted \({number}\).*{OPTION}"),
            ):
                uninstall_hook(self.env)
            self.assertEqual(self.stored(), before)
            self.assertEqual(self.row_of(self.bob, "totp_secret"), (None,))
            parameters = self.env["ir.config_parameter"]
            self.assertEqual(parameters.get_param("auth_totp.session_age"), "5")

    def test_uninstall_where_the_unreadable_are_reset(self):
        self.use(OLD)
        self.encrypt()
        self.use()
        self.ann._mfa_reset("the key is lost")
        uninstall_hook(self.env)
        self.assertEqual(self.row_of(self.ann, "totp_secret"), (None,))
