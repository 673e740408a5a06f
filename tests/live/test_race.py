"""Two requests with one right code in the same moment: exactly one gets in."""

import unittest

from support import (
    SERVERS,
    A,
    B,
    Browser,
    at_once,
    in_parallel,
    is_code_page,
    make_protected_people,
    refusal,
    switch_off_cooldown,
)

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
