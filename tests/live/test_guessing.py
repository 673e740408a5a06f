"""Wrong codes are counted per user, on all workers and servers, whatever becomes of the request."""

import time
import unittest

import psycopg2
from support import (
    DATABASE,
    SERVERS,
    WORKERS,
    WRONG_RECOVERY_CODE,
    A,
    B,
    Browser,
    at_once,
    failures_of,
    in_parallel,
    is_code_page,
    make_protected_people,
    make_recovery_codes,
    refusal,
    switch_off_cooldown,
)

FREE_FAILURES = 5
WRONG = "double-check the 6-digit code"
WAIT = "Too many wrong codes"
MANY = 50
SECONDS_FOR_MANY = 30


def setUpModule():
    switch_off_cooldown()


class GuessCase(unittest.TestCase):
    def assertRefused(self, answer, text):
        self.assertTrue(is_code_page(answer), f"status {answer.status_code}")
        self.assertIn(text, refusal(answer))


class CountOfWrongCodes(GuessCase):
    @classmethod
    def setUpClass(cls):
        cls.people = iter(make_protected_people(3))

    def setUp(self):
        self.person = next(self.people)

    def half_open_on_both(self):
        return in_parallel(lambda server: Browser(server).half_open(self.person), SERVERS)

    def test_codes_given_in_turn_and_at_once_add_up(self):
        on_a, on_b = self.half_open_on_both()
        wrong = self.person.app.wrong_code()
        for count, browser in enumerate((on_a, on_b), start=1):
            self.assertRefused(browser.give_code(wrong), WRONG)
            self.assertEqual(failures_of(self.person), count)
        for answer in at_once(lambda: on_a.give_code(wrong), lambda: on_b.give_code(wrong)):
            self.assertRefused(answer, WRONG)
        self.assertEqual(failures_of(self.person), 4)
        self.assertRefused(on_a.give_code(wrong), WRONG)
        self.assertEqual(failures_of(self.person), FREE_FAILURES)
        right = self.person.app.next_code()
        for browser in (on_a, on_b):
            self.assertRefused(browser.give_code(right), WAIT)
            self.assertFalse(browser.is_in())
        self.assertEqual(failures_of(self.person), FREE_FAILURES)

    def test_many_guesses_at_once(self):
        pages = self.half_open_on_both()
        wrong = self.person.app.wrong_code()
        browsers = [page.twin() for page in pages for _number in range(MANY // 2)]
        begin = time.monotonic()
        answers = in_parallel(lambda browser: browser.give_code(wrong), browsers, MANY)
        self.assertLess(time.monotonic() - begin, SECONDS_FOR_MANY)
        refusals = [refusal(answer) for answer in answers if is_code_page(answer)]
        compared = [text for text in refusals if WRONG in text]
        waiting = [text for text in refusals if WAIT in text]
        self.assertEqual(len(compared) + len(waiting), MANY)
        self.assertLessEqual(len(compared), FREE_FAILURES)
        self.assertEqual(failures_of(self.person), FREE_FAILURES)
        right = self.person.app.next_code()
        for page in pages:
            self.assertRefused(page.give_code(right), WAIT)

    def test_guesses_in_the_identity_dialog_outlive_the_rollback(self):
        trusted = Browser(A).log_in_and_trust(self.person)
        for count, server in enumerate((A, B), start=1):
            browser = trusted.beside(self.person, server)
            answer = self.guess_in_dialog(browser)
            self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.UserError")
            self.assertIn(WRONG, answer["error"]["data"]["message"])
            self.assertEqual(failures_of(self.person), count)

    def guess_in_dialog(self, browser):
        person = self.person
        dialog = browser.call("res.users", "action_totp_disable", [person.uid])
        self.assertEqual(dialog["res_model"], "res.users.identitycheck")
        context = {"password": person.password, "mfa_code": person.app.wrong_code()}
        return browser.ask(
            "res.users.identitycheck", "run_check", [dialog["res_id"]], context=context
        )


class EntriesThatRollBack(GuessCase):
    """Entries that answer with an error: fifty guesses, in turn on both servers."""

    @classmethod
    def setUpClass(cls):
        cls.people = iter(make_protected_people(5))

    def setUp(self):
        self.person = next(self.people)

    def browsers(self):
        """Return a session without a proof on each server."""
        trusted = Browser(A).log_in_and_trust(self.person)
        return [trusted.beside(self.person, server) for server in SERVERS]

    def assertVain(self, *guesses, refused=WRONG, wrong=None, right=None, counter="app"):
        """Give 49 wrong codes and the right one; five are compared."""
        wrong = wrong or self.person.app.wrong_code()
        answers = [guesses[n % len(guesses)](wrong) for n in range(MANY - 1)]
        answers.append(guesses[0](right or self.person.app.next_code()))
        messages = [answer["error"]["data"]["message"] for answer in answers]
        self.assertEqual(sum(refused in text for text in messages), FREE_FAILURES)
        self.assertEqual(sum(WAIT in text for text in messages), MANY - FREE_FAILURES)
        self.assertIn(WAIT, messages[-1], "not even the right code is compared")
        self.assertEqual(failures_of(self.person, counter), FREE_FAILURES)

    def identity_check(self, browser):
        person = self.person
        dialog = browser.call("res.users", "action_totp_disable", [person.uid])["res_id"]
        return lambda code: browser.ask(
            "res.users.identitycheck",
            "run_check",
            [dialog],
            context={"password": person.password, "mfa_code": code},
        )

    def lock_screen(self, browser):
        path = "/auth-timeout/session/check-identity"
        return lambda code: browser.rpc(path, type="totp", token=code)

    def test_identity_check(self):
        self.assertVain(*map(self.identity_check, self.browsers()))

    def test_recovery_codes_in_the_identity_check(self):
        [right] = make_recovery_codes(self.person, 1)
        self.assertVain(
            *map(self.identity_check, self.browsers()),
            refused="not valid",
            wrong=WRONG_RECOVERY_CODE,
            right=right,
            counter="recovery",
        )

    def test_lock_screen(self):
        """On core 19, 50 of 50 are compared here, and none is counted."""
        self.assertVain(*map(self.lock_screen, self.browsers()))

    def test_both_share_one_counter(self):
        on_a, on_b = self.browsers()
        self.assertVain(self.identity_check(on_a), self.lock_screen(on_b))

    def test_enabling(self):
        person = self.person
        browser = Browser(A).log_in(person)
        browser.press(person, "res.users", "action_totp_disable", [person.uid])
        action = browser.press(person, "res.users", "action_mfa_enable", [person.uid])
        dialog = action["res_id"]

        def guess(code):
            browser.write("res.users.mfa.enable", [dialog], {"confirmation_code": code})
            return browser.ask("res.users.mfa.enable", "action_enable", [dialog])

        self.assertVain(guess)


class CountOfWrongRecoveryCodes(GuessCase):
    """Their counter is apart from that of the apps, and as good on each server."""

    @classmethod
    def setUpClass(cls):
        cls.people = iter(make_protected_people(2))

    def setUp(self):
        self.person = next(self.people)
        self.codes = make_recovery_codes(self.person, 2)

    def test_many_guesses_at_once(self):
        pages = in_parallel(lambda server: Browser(server).half_open(self.person), SERVERS)
        browsers = [page.twin() for page in pages for _number in range(MANY // 2)]
        answers = in_parallel(lambda b: b.give_code(WRONG_RECOVERY_CODE), browsers, MANY)
        refusals = [refusal(answer) for answer in answers if is_code_page(answer)]
        compared = [text for text in refusals if "not valid" in text]
        waiting = [text for text in refusals if WAIT in text]
        self.assertEqual(len(compared) + len(waiting), MANY)
        self.assertLessEqual(len(compared), FREE_FAILURES)
        self.assertEqual(failures_of(self.person, "recovery"), FREE_FAILURES)
        self.assertEqual(failures_of(self.person), 0)
        for page in pages:
            self.assertRefused(page.give_code(self.codes[0]), WAIT)
        [app_page, _other] = pages
        app_page.give_code(self.person.app.next_code())
        self.assertTrue(app_page.is_in(), "codes of the app still open")

    def test_lock_on_one_server_holds_on_the_other(self):
        on_a, on_b = in_parallel(lambda server: Browser(server).half_open(self.person), SERVERS)
        for _free in range(FREE_FAILURES):
            self.assertRefused(on_a.give_code(WRONG_RECOVERY_CODE), "not valid")
        self.assertRefused(on_b.give_code(self.codes[0]), WAIT)
        for _free in range(FREE_FAILURES):
            on_a.give_code(self.person.app.wrong_code())
        self.assertRefused(on_b.give_code(self.person.app.next_code()), WAIT)


class LockedRow(GuessCase):
    """The counter has a transaction of its own, which must not wait for one that it serves."""

    @classmethod
    def setUpClass(cls):
        cls.people = make_protected_people(WORKERS)

    def setUp(self):
        self.connection = psycopg2.connect(dbname=DATABASE, connect_timeout=10)
        self.addCleanup(self.connection.close)

    def lock_users(self):
        with self.connection.cursor() as cr:
            uids = [person.uid for person in self.people]
            cr.execute("SELECT 1 FROM res_users WHERE id = ANY(%s) FOR UPDATE", [uids])

    def test_count_goes_on_while_a_transaction_holds_the_user(self):
        pages = [
            Browser(server).half_open(person)
            for person, server in zip(self.people, SERVERS, strict=True)
        ]
        self.lock_users()
        for person, page in zip(self.people, pages, strict=True):
            begin = time.monotonic()
            self.assertRefused(page.give_code(person.app.wrong_code()), WRONG)
            self.assertLess(time.monotonic() - begin, 10)
            self.assertEqual(failures_of(person), 1)
