"""Fifty guesses on every entry, and how many were compared with a secret. OWASP ASVS 5.0 6.3.1.

Comparing takes reading: an app's code is compared after a query that reads the secrets of
the apps, a recovery or help code by a query that deletes it, a code sent by email after one that
reads the time of the login. Those queries are counted as Odoo's cursor logs them.

Entries that answer with an error (the identity check, the lock screen, the enabling) are in
``tests/live``: here the roll-back takes the rows of the second cursor along.
"""

import contextlib
import logging
import math
import re
import time
from contextlib import contextmanager
from xmlrpc.client import Fault

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import config, mute_logger

from .common import OTHER_SECRET, SECRET, at, code_of
from .test_enrolment import CORE_WIZARD, ENABLING, ENROLMENT, STALE, EnrolmentCase

DAY = 24 * 60 * 60
GUESSES = 50
FREE = 5
WAIT = "Too many wrong codes"
READS = {
    "app": r'SELECT id, "secret_key" FROM "res_users_authenticator"',
    "recovery": r'DELETE FROM "res_users_recovery_code" WHERE user_id = \d+ AND code_hash',
    "help": r'DELETE FROM "res_users_help_code" WHERE user_id = \d+ AND code_hash',
    # The time of the login, which the key of core's codes by email is made of.
    "mail": r'SELECT .*"create_date".* FROM "res_users_log"',
}


class _SecretReads(logging.Handler):
    """Count the queries that read what a code is compared with."""

    def __init__(self, kind):
        super().__init__(logging.DEBUG)
        self.pattern = re.compile(READS[kind])
        self.count = 0

    def emit(self, record):
        self.count += bool(self.pattern.search(record.getMessage()))


class GuessCase(EnrolmentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")
        cls.attempts = cls.env["res.users.mfa.attempt"]

    def setUp(self):
        super().setUp()
        # Core's own cool-down by address would hide ours.
        self.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")

    @contextmanager
    def reads(self, kind):
        handler = _SecretReads(kind)
        logger = logging.getLogger("odoo.sql_db")
        level, propagate = logger.level, logger.propagate
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(handler)
        try:
            yield handler
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate

    def rows(self):
        self.env.invalidate_all()
        return {row.counter.split()[0]: row.failures for row in self.attempts.search([])}

    def assertGuessingIsVain(self, kind, guess, wrong, right, counter=None):
        """Give 49 wrong codes and the right one; five are compared.

        The clock stands meanwhile, so that a slow machine does not wait the minute out.

        :param guess: function of a code, to what the server answered
        :param counter: where it is not that of ``kind``
        """
        clock = freeze_time(at(time.time()))
        with clock, self.reads(kind) as reads, mute_logger("odoo.http"):
            answers = [str(guess(wrong)) for _guess in range(GUESSES - 1)]
            answers.append(str(guess(right())))
        self.assertEqual(reads.count, FREE)
        self.assertEqual(sum(WAIT in answer for answer in answers), GUESSES - FREE)
        self.assertIn(WAIT, answers[-1], "not even the right code is compared")
        self.assertEqual(self.rows(), {counter or kind: FREE})

    def stale(self, user=None):
        self.sign_in(user or self.ann, password_age=5, proof_age=DAY)

    def come_back(self, token):
        """Be a browser that keeps the cookie of a trusted device, and no session."""
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        return self.post_password(self.ann)


@tagged("post_install", "-at_install")
class TestGuessingAppCodes(GuessCase):
    WRONG = "000000"

    def setUp(self):
        super().setUp()
        near = {code_of(SECRET, offset) for offset in range(-9, 10)}
        self.assertNotIn(self.WRONG, near, "run again")

    def assertVain(self, guess):
        self.assertGuessingIsVain("app", guess, self.WRONG, self.new_code)

    def test_login_step(self):
        page = self.post_password(self.ann)
        self.assertVain(lambda code: self.post_code(page, code).text)
        self.assertLoggedOut()

    def test_login_step_with_a_new_password_each(self):
        """A correct password clears nothing."""

        def guess(code):
            self.new_browser()
            return self.post_code(self.post_password(self.ann), code).text

        self.assertVain(guess)

    def test_portal_dialog(self):
        self.stale()
        self.assertVain(lambda code: self.rpc("/mfa/identity", code=code))
        self.assertTrue(self.rpc("/mfa/identity")["result"]["needs_code"])

    def test_portal_password(self):
        self.enrol(self.portal)
        self.stale(self.portal)
        form = {"old": "mfa_portal_password", "new1": "thief_1", "new2": "thief_1"}
        page = self.url_open("/my/security")
        form["csrf_token"] = self.csrf_of(page)
        self.assertVain(lambda code: self.url_open("/my/security", {**form, "mfa_code": code}).text)

    def test_portal_account_deleted(self):
        self.enrol(self.portal)
        self.stale(self.portal)
        form = {"validation": "mfa_portal", "password": "mfa_portal_password"}
        form["csrf_token"] = self.csrf_of(self.url_open("/my/security"))
        path = "/my/deactivate_account"
        self.assertVain(lambda code: self.url_open(path, {**form, "mfa_code": code}).text)
        self.assertTrue(self.portal.active)

    def test_all_entries_share_one_counter(self):
        page = self.post_password(self.ann)
        self.stale()
        form = {"old": "mfa_ann_password", "new1": "thief_1", "new2": "thief_1"}
        form["csrf_token"] = self.csrf_of(self.url_open("/my/security"))
        guesses = [
            lambda code: self.rpc("/mfa/identity", code=code),
            lambda code: self.url_open("/my/security", {**form, "mfa_code": code}).text,
        ]
        turn = iter(guesses * GUESSES)
        self.assertVain(lambda code: next(turn)(code))
        self.new_browser()
        page = self.post_password(self.ann)
        self.assertIn(WAIT, self.post_code(page, self.new_code()).text)

    # -- what is guessed there is no secret ----------------------------------------

    @mute_logger("odoo.http")
    def test_enrolment_compares_with_what_the_screen_shows(self):
        """So its guesses are not counted: the key stands above the field, and opens nothing."""
        self.sign_in(self.bob, password_age=5)
        screen = self.open_screen(self.bob)
        with self.reads("app") as reads:
            for _guess in range(GUESSES):
                self.fill(screen, confirmation_code=self.WRONG)
                self.call(ENROLMENT, "action_create", [screen])
        self.assertEqual(reads.count, 0)
        self.assertEqual(self.rows(), {})
        self.confirm(screen, self.secret_on(screen), self.bob)
        self.assertTrue(self.is_on(self.bob))

    def test_enrolment_after_a_recovery_code_likewise(self):
        self.post_code(self.post_password(self.ann), self.ann._mfa_make_recovery_codes()[0])
        path = "/web/login/totp/setup"
        form = {"name": "New", "csrf_token": self.csrf_of(self.url_open(path))}
        with self.reads("app") as reads:
            for _guess in range(GUESSES - 1):
                page = self.url_open(path, {**form, "code": self.WRONG})
            self.assertIn("This code is not right", page.text)
            page = self.url_open(path, {**form, "code": self.new_code()})
        self.assertIn("This code is not right", page.text, "it is the code of another app")
        self.assertEqual(reads.count, 0)
        self.assertEqual(self.rows(), {})
        self.assertEqual(len(self.apps_of(self.ann)), 1)

    @mute_logger("odoo.http")
    def test_core_s_wizard_compares_with_what_it_shows(self):
        self.sign_in(self.portal, password_age=5)
        answer = self.call("res.users", "action_totp_enable_wizard", [self.portal.id])
        wizard = answer["result"]["res_id"]
        with self.reads("app") as reads:
            for _guess in range(GUESSES):
                self.call(CORE_WIZARD, "enable", [wizard], context={"code": self.WRONG})
        self.assertEqual(reads.count, 0)
        self.assertEqual(self.rows(), {})
        secret = self.call(CORE_WIZARD, "read", [wizard], ["secret"])["result"][0]["secret"]
        code = code_of(secret)
        self.call(CORE_WIZARD, "enable", [wizard], context={"code": code})
        self.assertTrue(self.is_on(self.portal))

    @mute_logger("odoo.http")
    def test_core_s_wizard_guesses_at_no_enrolled_app(self):
        """With MFA on it compares nothing; with MFA off, with its own secret only."""
        self.enrol(self.portal, OTHER_SECRET)
        self.portal._mfa_disable()
        self.sign_in(self.portal, password_age=5)
        answer = self.call("res.users", "action_totp_enable_wizard", [self.portal.id])
        context = {"code": code_of(OTHER_SECRET)}
        self.call(CORE_WIZARD, "enable", [answer["result"]["res_id"]], context=context)
        self.assertFalse(self.is_on(self.portal))


@tagged("post_install", "-at_install")
class TestGuessingOneTimeCodes(GuessCase):
    WRONG = "0000-0000-0000-0000"
    WRONG_HELP = "0000-0000-0000"

    def setUp(self):
        super().setUp()
        self.codes = self.ann._mfa_make_recovery_codes()

    def assertVain(self, guess):
        self.assertGuessingIsVain("recovery", guess, self.WRONG, lambda: self.codes[0])
        self.assertEqual(self.ann.recovery_codes_left, 10)

    def test_recovery_code_at_login(self):
        page = self.post_password(self.ann)
        self.assertVain(lambda code: self.post_code(page, code).text)
        self.assertLoggedOut()

    def test_recovery_code_in_the_portal_dialog(self):
        self.stale()
        self.assertVain(lambda code: self.rpc("/mfa/identity", code=code))

    def test_help_code_at_login(self):
        code = self.ann._mfa_make_help_code("lost")
        page = self.post_password(self.ann)
        self.assertGuessingIsVain(
            "help", lambda code: self.post_code(page, code).text, self.WRONG_HELP, lambda: code
        )
        self.assertLoggedOut()

    def test_help_code_is_for_the_login_only(self):
        code = self.ann._mfa_make_help_code("lost")
        self.stale()
        answer = self.call("res.users", "action_totp_disable", [self.ann.id])
        with self.reads("help") as reads, mute_logger("odoo.http"):
            self.message_of(self.identify(answer, self.ann, code))
            self.assertTrue(self.rpc("/mfa/identity", code=code)["result"]["error"])
        self.assertEqual(reads.count, 0)
        self.assertEqual(self.rows(), {})

    # -- the counters are apart ----------------------------------------------------

    def lock(self, **failures):
        for kind, number in failures.items():
            self.attempts._mfa_open_door().create(
                {
                    "user_id": self.ann.id,
                    "counter": self.attempts._get_counter(kind),
                    "failures": number,
                    "last_try": time.time(),
                }
            )
        self.env.flush_all()

    def lock_from_here(self, wrong):
        """Guess until this address waits, as a thief on the owner's network would."""
        page = self.post_password(self.ann)
        for _guess in range(FREE):
            page = self.post_code(page, wrong)
        self.new_browser()

    def test_recovery_code_works_while_app_codes_are_locked_or_closed(self):
        for failures in (FREE, 100):
            self.lock(app=failures)
            self.new_browser()
            page = self.post_password(self.ann)
            page = self.post_code(page, self.new_code())
            self.assertIn(WAIT, page.text)
            self.post_code(page, self.codes.pop())
            self.assertLoggedIn(self.ann)
            self.assertEqual(self.rows(), {}, "a success opens them again")

    def test_help_code_works_while_app_codes_are_closed(self):
        code = self.ann._mfa_make_help_code("lost")
        self.lock(app=100)
        self.post_code(self.post_password(self.ann), code)
        self.assertLoggedIn(self.ann)
        self.assertEqual(self.rows(), {})

    def test_app_code_works_while_one_time_codes_are_locked(self):
        self.lock_from_here(self.WRONG)
        self.lock_from_here(self.WRONG_HELP)
        self.assertEqual(self.rows(), {"recovery": FREE, "help": FREE})
        self.log_in(code=self.new_code())
        self.assertLoggedIn(self.ann)
        self.assertEqual(self.rows(), {})

    def test_help_code_works_while_recovery_codes_are_locked(self):
        code = self.ann._mfa_make_help_code("lost")
        self.lock_from_here(self.WRONG)
        self.post_code(self.post_password(self.ann), code)
        self.assertLoggedIn(self.ann)

    def know_groups(self):
        """Let 127.0.0.1, 192.0.2.7 and 2001:db8::/64 be in groups of their own."""
        self.env["ir.config_parameter"].set_param("database.secret", "a")

    def test_guessing_from_elsewhere_locks_nobody_out(self):
        self.know_groups()
        page = self.post_password(self.ann)
        with self.proxied():
            for _guess in range(FREE + 1):
                page = self.post_code(page, self.WRONG, address="192.0.2.7")
        self.assertIn(WAIT, page.text)
        self.post_code(page, self.codes[0])
        self.assertLoggedIn(self.ann)

    def test_one_host_with_many_addresses_locks_nobody_out(self):
        """As everybody with IPv6 has: here enough to be in every group."""
        self.know_groups()
        page = self.post_password(self.ann)
        with self.proxied():
            for _guess in range(FREE):
                for number in range(64):
                    page = self.post_code(page, self.WRONG, address=f"2001:db8::{number:x}")
        self.assertEqual(self.count("res_users_mfa_attempt"), 1)
        self.post_code(page, self.codes[0])
        self.assertLoggedIn(self.ann)

    # -- a flood -------------------------------------------------------------------

    @contextmanager
    def proxied(self):
        """Be a proxy that says which address a request comes from."""
        config["proxy_mode"] = True
        try:
            yield
        finally:
            config["proxy_mode"] = False

    def post_code(self, page, code, address=None, **values):
        if address:
            self.opener.headers["X-Forwarded-Host"] = self.base_url().partition("//")[2]
            self.opener.headers["X-Forwarded-For"] = address
        try:
            return super().post_code(page, code, **values)
        finally:
            for name in ("X-Forwarded-Host", "X-Forwarded-For"):
                self.opener.headers.pop(name, None)

    def test_flood_adds_a_bounded_number_of_rows(self):
        page = self.post_password(self.ann)
        addresses = [f"192.0.2.{number}" for number in range(24)]
        events = "res_users_mfa_event"
        most = 1 + 16
        before = self.count(events)
        with self.proxied():
            for _round in range(FREE):
                for address in addresses:
                    self.post_code(page, self.WRONG, address=address)
            flooded = self.count(events)
            for address in addresses:
                for code in (self.WRONG, "000000", "garbage"):
                    self.post_code(page, code, address=address)
        self.assertLessEqual(self.count("res_users_mfa_attempt"), most)
        self.assertLessEqual(flooded - before, most * (FREE + 1))
        # A minute may have passed: one try more for each counter.
        self.assertLessEqual(self.count(events) - flooded, most + FREE + 1)

    def test_flood_with_a_used_code_adds_one_line(self):
        code = self.new_code()
        self.log_in(code=code)
        self.new_browser()
        page = self.post_password(self.ann)
        before = self.count("res_users_mfa_event")
        for _again in range(GUESSES):
            self.post_code(page, code)
        self.assertEqual(self.count("res_users_mfa_event"), before + 1)
        self.assertEqual(self.rows().get("app", 0), 0)

    # -- garbage -------------------------------------------------------------------

    GARBAGE = (
        "",
        " ",
        "abc",
        "12345",
        "1234567",
        "12345x",
        "0000-0000-0000-000",
        "0000-0000-0000-000u",
        "0000-0000-0000-0000-0",
        "٠" * 7,
        "x" * 10**6,
        "\x00",
    )
    NO_TEXT = (None, [], ["000000"], {}, {"a": "000000"}, 1.5, True, -1, 10**6, 10**30)

    @contextmanager
    def assertNothingCompared(self):
        with contextlib.ExitStack() as stack:
            reads = [stack.enter_context(self.reads(kind)) for kind in READS]
            stack.enter_context(mute_logger("odoo.http"))
            yield
        self.assertEqual({handler.count for handler in reads}, {0})
        self.assertEqual(self.rows(), {})

    def test_garbage_at_login(self):
        page = self.post_password(self.ann)
        with self.assertNothingCompared():
            for code in self.GARBAGE:
                with self.subTest(code=code[:20]):
                    self.assertEqual(self.post_code(page, code).status_code, 200)
        self.assertLoggedOut()

    def test_garbage_in_the_identity_check(self):
        self.stale()
        answer = self.call("res.users", "action_totp_disable", [self.ann.id])
        with self.assertNothingCompared():
            for code in self.GARBAGE + self.NO_TEXT:
                with self.subTest(code=str(code)[:20]):
                    refusal = self.identify(answer, self.ann, code)
                    self.assertIn("Enter the six digits", self.message_of(refusal))
                    if code is not None:
                        refusal = self.rpc("/mfa/identity", code=code)["result"]["error"]
                        self.assertIn("Enter the six digits", refusal)
        self.assertTrue(self.is_on(self.ann))

    def test_garbage_in_the_enabling(self):
        self.ann._mfa_disable()
        self.sign_in(self.ann, password_age=5)
        dialog = self.call("res.users", "action_mfa_enable", [self.ann.id])["result"]["res_id"]
        with self.assertNothingCompared():
            for code in (*self.GARBAGE, self.codes[0]):
                self.call(ENABLING, "web_save", [dialog], {"confirmation_code": code}, {})
                self.message_of(self.call(ENABLING, "action_enable", [dialog]))


@tagged("post_install", "-at_install")
class TestGuessingOnOtherEntries(GuessCase):
    """The pages of an open session, and ways in that compare no code at all."""

    WRONG = "000000"

    def assertVain(self, guess):
        self.assertGuessingIsVain("app", guess, self.WRONG, self.new_code)

    def test_page_of_recovery_codes(self):
        self.stale()
        path = "/web/login/totp/codes"
        page = self.url_open(path)
        form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', page.text))
        self.assertVain(lambda code: self.url_open(path, {**form, "code": code}).text)
        self.assertFalse(self.ann.recovery_codes_left)

    def test_portal_address(self):
        self.enrol(self.portal)
        self.stale(self.portal)
        form = {
            "partner_id": self.portal.partner_id.id,
            "name": self.portal.name,
            "email": "thief@example.com",
            "phone": "1",
            "street": "Street",
            "city": "City",
            "zip": "1000",
            "country_id": self.env.ref("base.at").id,
            "csrf_token": self.csrf_of(self.url_open("/my/account")),
        }
        path = "/my/address/submit"
        self.assertVain(lambda code: self.url_open(path, {**form, "mfa_code": code}).text)
        self.assertEqual(self.portal.email, "portal@example.com")

    @mute_logger("odoo.http", "odoo.sql_db")
    def test_ways_in_that_take_no_code(self):
        """A code in the place of a password, a key or a passkey is compared with nothing."""
        database = self.env.cr.dbname
        params = {"db": database, "login": "mfa_ann"}
        self.authenticate(None, None)
        with self.reads("app") as reads:
            for code in (self.WRONG, self.new_code()):
                self.rpc("/web/session/authenticate", **params, password=code)
                self.rpc("/web/session/authenticate", **params, password=code, type="totp")
                self.xmlrpc_common.authenticate(database, "mfa_ann", code, {"type": "totp"})
                with self.assertRaises(Fault):
                    self.xmlrpc(self.ann, code, "res.users", "read", [self.ann.id])
                headers = {"Authorization": f"Bearer {code}", "Content-Type": "application/json"}
                answer = self.url_open("/json/2/res.users/read", "{}", headers=headers)
                self.assertEqual(answer.status_code, 401)
                self.assertLoggedOut()
        self.assertEqual(reads.count, 0)
        self.assertEqual(self.rows(), {})


@tagged("post_install", "-at_install")
class TestWaiting(GuessCase):
    """How long, over days, with the portal dialog's route as the entry."""

    def setUp(self):
        super().setUp()
        self.begin = time.time()
        self.now = 0
        self.stale()

    def guess(self, after=0, code="000000"):
        """Give a code ``after`` seconds; return the refusal, or ``False``."""
        self.now += after
        with freeze_time(at(self.begin + self.now), tick=True):
            return self.rpc("/mfa/identity", code=code)["result"]["error"]

    def right(self):
        return self.new_code(now=self.begin + self.now)

    def test_wait_doubles_from_a_minute_to_an_hour(self):
        for _free in range(FREE):
            self.assertIn("double-check", self.guess())
        for wait in (60, 120, 240, 480, 960, 1920, 3600, 3600, 3600):
            self.assertIn(f"Minutes to wait: {math.ceil(wait / 60)}.", self.guess(1))
            self.assertIn(WAIT, self.guess(wait - 10, self.right()))
            self.assertIn("Minutes to wait: 1.", self.guess())
            self.assertIn("double-check", self.guess(10))

    def test_refused_tries_do_not_prolong_the_wait(self):
        for _free in range(FREE):
            self.guess()
        for _second in range(5):
            self.guess(10)
        self.now += 11
        self.assertFalse(self.guess(code=self.right()))
        self.assertEqual(self.rows(), {})

    def test_success_begins_anew(self):
        for _round in range(2):
            for _free in range(FREE - 1):
                self.assertIn("double-check", self.guess())
            self.assertFalse(self.guess(code=self.right()))
            self.now += STALE

    def test_closed_after_a_hundred(self):
        for number in range(100):
            self.assertIn("double-check", self.guess(3601), number)
        self.now += 365 * DAY
        with freeze_time(at(self.begin + self.now), tick=True):
            self.stale()
        self.assertIn("are locked", self.guess(code=self.right()))
        self.assertIn("recovery code", self.guess(code=self.right()))
        self.assertEqual(self.rows(), {"app": 100})
        subjects = self.env["mail.mail"].sudo().search([]).mapped("subject")
        self.assertEqual(subjects.count("Security Update: Wrong Codes"), 1)
        self.assertEqual(subjects.count("Security Update: App Codes Locked"), 1)

    def close(self):
        self.attempts._mfa_open_door().create(
            {"user_id": self.ann.id, "counter": "app", "failures": 100, "last_try": self.begin}
        )
        self.env.flush_all()

    def test_recovery_code_opens_closed_codes(self):
        code = self.ann._mfa_make_recovery_codes()[0]
        self.close()
        self.assertIn("are locked", self.guess(code=self.right()))
        self.assertFalse(self.guess(code=code))
        self.now += STALE
        self.assertFalse(self.guess(code=self.right()))

    def test_trusted_device_opens_nothing(self):
        self.new_browser()
        self.log_in(remember="1", code=self.right())
        self.close()
        self.come_back(self.cookie(self.ann).value)
        self.assertLoggedIn(self.ann)
        self.assertEqual(self.rows(), {"app": 100})
        self.assertIn("are locked", self.guess(code=self.right()))
        self.stale()
        self.assertIn("are locked", self.guess(code=self.right()))

    def test_enrolling_a_new_app_opens_closed_codes(self):
        """With MFA off: else somebody who gave wrong codes then is locked out at once."""
        self.close()
        self.ann._mfa_disable()
        self.sign_in(self.ann, password_age=5)
        screen = self.open_screen(self.ann)
        self.confirm(screen, self.secret_on(screen), self.ann, name="New")
        self.assertEqual(self.rows(), {})


@tagged("post_install", "-at_install")
class TestClockSetBack(GuessCase):
    """An hour, in the middle of things."""

    OFF = 3600

    def setUp(self):
        super().setUp()
        self.env.cr.execute("UPDATE res_users_authenticator SET last_step = NULL")
        self.late = time.time()
        self.early = self.late - self.OFF

    @contextmanager
    def clock(self, moment):
        with freeze_time(at(moment), tick=True):
            yield

    def prove(self, moment, code):
        with self.clock(moment):
            return self.rpc("/mfa/identity", code=code)["result"]["error"]

    def test_used_time_steps_stay_used(self):
        self.log_in(code=code_of(SECRET, now=self.late))
        self.stale()
        for moment in (self.early, self.early + 1800, self.late - 30, self.late):
            code = code_of(SECRET, now=moment)
            self.assertIn("used already", self.prove(moment, code))
        self.assertEqual(self.rows().get("app", 0), 0, "nobody is locked for it")
        later = self.late + 31
        self.assertFalse(self.prove(later, code_of(SECRET, now=later)))

    def test_recovery_code_works_meanwhile(self):
        code = self.ann._mfa_make_recovery_codes()[0]
        self.log_in(code=code_of(SECRET, now=self.late))
        self.stale()
        self.assertFalse(self.prove(self.early, code))

    def test_wait_is_the_ordinary_one(self):
        self.stale()
        for _guess in range(FREE + 1):
            error = self.prove(self.late, "000000")
        self.assertIn(WAIT, error)
        self.assertIn(
            "Minutes to wait: 1.",
            self.prove(self.early, code_of(SECRET, now=self.early)),
            "it starts anew",
        )
        moment = self.early + 61
        self.assertFalse(self.prove(moment, code_of(SECRET, now=moment)))

    def test_long_wait_is_no_longer_than_an_hour(self):
        self.attempts._mfa_open_door().create(
            {"user_id": self.ann.id, "counter": "app", "failures": 60, "last_try": self.late}
        )
        self.env.flush_all()
        self.stale()
        self.assertIn("Minutes to wait: 60.", self.prove(self.early, "000000"))
        self.assertIn("Minutes to wait: 50.", self.prove(self.early + 610, "000000"))
        moment = self.early + 3601
        self.assertFalse(self.prove(moment, code_of(SECRET, now=moment)))

    def test_proof_of_the_future_is_none(self):
        self.sign_in(self.ann, password_age=0, proof_age=0)
        with self.clock(self.early):
            self.assertTrue(self.rpc("/mfa/identity")["result"]["needs_code"])
            answer = self.call("res.users", "action_totp_disable", [self.ann.id])
            self.assertTrue(self.is_identity_check(answer))

    def test_pending_login_of_the_future_is_none(self):
        page = self.post_password(self.ann)
        with self.clock(self.early):
            code = code_of(SECRET, now=self.early)
            self.assertIn("start again", self.post_code(page, code).text)
            page = self.post_password(self.ann)
            self.post_code(page, code)
            self.assertLoggedIn(self.ann)

    def test_pending_login_outlives_a_small_correction(self):
        """Two servers' clocks are never quite the same."""
        page = self.post_password(self.ann)
        with self.clock(self.late - 5):
            self.post_code(page, code_of(SECRET, now=self.late))
        self.assertLoggedIn(self.ann)

    def test_help_code(self):
        """Used it stays used; unused it is good until its hour by the clock."""
        code = self.ann._mfa_make_help_code("lost")
        with self.clock(self.early):
            self.post_code(self.post_password(self.ann), code)
            self.assertLoggedIn(self.ann)
            self.new_browser()
            self.post_code(self.post_password(self.ann), code)
            self.assertLoggedOut()

    def test_device(self):
        """It is trusted again or still, never longer than its days after it was issued."""
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        age = 30 * DAY
        for moment, asked in (
            (self.early, False),
            (self.late + age - 60, False),
            (self.late + age + 60, True),
        ):
            with self.clock(moment):
                self.assertEqual("totp_token" in self.come_back(token).text, asked)
