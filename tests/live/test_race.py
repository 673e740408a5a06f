"""Two requests with one right code in the same moment: exactly one gets in."""

import re
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from support import (
    SERVERS,
    A,
    B,
    Browser,
    at_once,
    held_back,
    in_parallel,
    is_code_page,
    make_help_codes,
    make_protected_people,
    make_protected_person,
    make_recovery_codes,
    query,
    refusal,
    switch_off_cooldown,
)

FIRST_CODES = 10
"""Made with the first app."""
RACES = 12
USED = "This code was used already"


class OneCodeInTwoRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        switch_off_cooldown()
        # Each app has two codes left for races after the one that enrolled it.
        cls.runners = make_protected_people(RACES // 2)

    def race(self, person, *browsers):
        """Give one right code in two browsers at once; return the answer to the loser."""
        code = person.app.next_code()
        answers = at_once(*(lambda b=browser: b.give_code(code) for browser in browsers))
        self.assertEqual({answer.status_code for answer in answers} - {200, 303}, set())
        losers = [
            answer for answer, browser in zip(answers, browsers, strict=True) if not browser.is_in()
        ]
        self.assertEqual(len(losers), 1, "exactly one gets in")
        return losers[0]

    def assertRefused(self, answer):
        self.assertTrue(is_code_page(answer))
        self.assertIn(USED, refusal(answer))

    def assertRefusedOrStartsAgain(self, answer):
        """The winner ends the half-open session that both had: then there is none to go on with."""
        if answer.status_code == 303:
            self.assertRegex(answer.headers["Location"], "/web/login$")
            self.assertNotIn("session_id", answer.cookies)
        else:
            self.assertRefused(answer)

    def test_one_half_open_session_in_two_connections(self):
        for number, person in enumerate(self.runners[: RACES // 3]):
            with self.subTest(number):
                browser = Browser(SERVERS[number % 2]).half_open(person)
                self.assertRefusedOrStartsAgain(self.race(person, browser, browser.twin()))

    def test_one_half_open_session_on_two_servers(self):
        for number, person in enumerate(self.runners[RACES // 3 :]):
            with self.subTest(number):
                browser = Browser(A).half_open(person)
                self.assertRefusedOrStartsAgain(self.race(person, browser, browser.twin(B)))

    def test_two_half_open_sessions_on_one_server(self):
        for number, person in enumerate(self.runners[: RACES // 4]):
            with self.subTest(number):
                server = SERVERS[number % 2]
                browsers = in_parallel(lambda s, p=person: Browser(s).half_open(p), [server] * 2)
                self.assertRefused(self.race(person, *browsers))

    def test_two_half_open_sessions_on_two_servers(self):
        for number, person in enumerate(self.runners[RACES // 4 :]):
            with self.subTest(number):
                browsers = in_parallel(lambda s, p=person: Browser(s).half_open(p), SERVERS)
                self.assertRefused(self.race(person, *browsers))


class RaceCase(unittest.TestCase):
    """One code that works once, in two requests at once: in one session and in two."""

    def assertOneGetsIn(self, code, *browsers):
        """Give one code in browsers at once; each is in, refused, or led to start again."""
        answers = at_once(*(lambda b=browser: b.give_code(code) for browser in browsers))
        inside = sum(browser.is_in() for browser in browsers)
        self.assertEqual(inside, 1, [answer.status_code for answer in answers])
        for answer in answers:
            if answer.status_code == 200:
                self.assertIn("not valid", refusal(answer))

    def browsers_of(self, person):
        """Yield two half-open browsers of a person, in each way that there is."""
        for servers in ((A, A), (A, B)):
            yield in_parallel(lambda server: Browser(server).half_open(person), servers)
            browser = Browser(servers[0]).half_open(person)
            yield browser, browser.twin(servers[1])


def recovery_codes_left(person):
    return len(query("SELECT id FROM res_users_recovery_code WHERE user_id = %s", person.uid))


class RecoveryRace(RaceCase):
    def test_one_recovery_code_in_two_requests(self):
        switch_off_cooldown()
        person = make_protected_person()
        codes = make_recovery_codes(person, 5)
        for code, browsers in zip(codes, self.browsers_of(person), strict=False):
            with self.subTest(code):
                self.assertOneGetsIn(code, *browsers)
        self.assertEqual(recovery_codes_left(person), FIRST_CODES + 1)

    def test_codes_made_in_two_requests(self):
        """The first ones, so that both find none to void: one set is left, and one is shown."""
        person = make_protected_person()
        query("DELETE FROM res_users_recovery_code WHERE user_id = %s RETURNING id", person.uid)
        browser = Browser(A).log_in(person)
        page = browser.get("/web/login/totp/codes")
        voids = re.search(r'name="voids" value="(\d+)"', page.text)[1]
        twins = [browser.twin(server) for server in SERVERS]
        with ThreadPoolExecutor(2) as pool, held_back("res_users_recovery_code", "SHARE") as wait:
            answers = [pool.submit(b.post, "/web/login/totp/codes", voids=voids) for b in twins]
            wait(1)
            time.sleep(1)
        shown = [answer.result().text.count("I have kept these codes") for answer in answers]
        self.assertEqual(sorted(shown), [0, 1])
        self.assertEqual(recovery_codes_left(person), FIRST_CODES)

    def test_one_recovery_code_in_two_dialogs(self):
        """The portal's dialog: the proof is given to one session."""
        switch_off_cooldown()
        person = make_protected_person()
        [code] = make_recovery_codes(person, 1)
        trusted = Browser(A).log_in_and_trust(person)
        browsers = [trusted.beside(person, server) for server in SERVERS]
        answers = at_once(*(lambda b=b: b.rpc("/mfa/identity", code=code) for b in browsers))
        needs = [answer["result"]["needs_code"] for answer in answers]
        self.assertEqual(sorted(needs), [False, True])
        self.assertEqual(len([b for b in browsers if not self.needs_code(b)]), 1)

    def needs_code(self, browser):
        return browser.rpc("/mfa/identity")["result"]["needs_code"]


class HelpRace(RaceCase):
    def test_one_help_code_in_two_requests(self):
        switch_off_cooldown()
        person = make_protected_person()
        codes = make_help_codes(person, 4)
        for code, browsers in zip(codes, self.browsers_of(person), strict=True):
            with self.subTest(code):
                self.assertOneGetsIn(code, *browsers)


class RevocationRace(unittest.TestCase):
    def test_device_used_while_it_is_revoked(self):
        """The login of that very moment may be in; the next one is asked for a code."""
        switch_off_cooldown()
        people = make_protected_people(2)
        for server, person in zip(SERVERS, people, strict=True):
            with self.subTest(server):
                owner = Browser(A).log_in_and_trust(person)
                late, thief = (owner.trusted_only(server) for _browser in range(2))
                thief.give_password(person)
                owner.press(person, "res.users", "action_totp_enable_wizard", [person.uid])
                ids = owner.search("res.users.device", [("user_id", "=", person.uid)])
                revocation, login = at_once(
                    lambda o=owner, i=ids: o.ask("res.users.device", "action_revoke", i),
                    lambda t=thief: t.get("/web/login/totp"),
                )
                self.assertNotIn("error", revocation)
                self.assertEqual(thief.is_in(), not is_code_page(login))
                late.give_password(person)
                self.assertTrue(is_code_page(late.get("/web/login/totp")))
                self.assertFalse(late.is_in())
