"""The checks of the soak, each with a journal in which it must find its fault, and one without."""

import unittest

from soak_journal import (
    Journal,
    Request,
    Trouble,
    Try,
    forgotten_failures,
    forgotten_locks,
    invented_lines,
    let_in_after_the_end,
    lost_lines,
    too_many_compared,
    unexplained_faults,
    unmatched,
    used_twice,
)

ANN = 7


def journal(*tries):
    """Return a journal of Ann's tries, each (kind, outcome, moment), a second long."""
    return Journal(tries=[Try(ANN, kind, "key", at, at + 1, what) for kind, what, at in tries])


def wrong_codes(number, begin=100):
    return [("guess", "wrong", begin + n) for n in range(number)]


class SoakJournal(unittest.TestCase):
    def test_code_accepted_twice(self):
        once = [("code", "in", 1), ("code", "used", 2), ("code", "lost", 3)]
        self.assertEqual(used_twice(journal(*once), "code", "enrol_code"), [])
        found = used_twice(journal(*once, ("enrol_code", "in", 4)), "code", "enrol_code")
        self.assertEqual(len(found), 1)

    def test_device_let_in_after_its_end(self):
        end = ("device_end", "done", 10)
        before = journal(end, ("device", "in", 10.5), ("device", "refused", 12))
        self.assertEqual(let_in_after_the_end(before, "device"), [])
        self.assertEqual(len(let_in_after_the_end(journal(end, ("device", "in", 12)), "device")), 1)

    def test_lock_forgotten(self):
        right = ("code", "in", 120)
        self.assertEqual(forgotten_locks(journal(*wrong_codes(4), right)), [])
        self.assertEqual(len(forgotten_locks(journal(*wrong_codes(5), right))), 1)
        self.assertEqual(forgotten_locks(journal(*wrong_codes(5), ("code", "in", 160))), [])

    def test_lock_that_another_factor_ended(self):
        right = ("code", "in", 120)
        for clear in (("recovery", "in", 110), ("reset", "lost", 110)):
            with self.subTest(clear):
                self.assertEqual(forgotten_locks(journal(*wrong_codes(5), clear, right)), [])

    def test_sixth_guess(self):
        self.assertEqual(too_many_compared(journal(*wrong_codes(5))), [])
        self.assertEqual(len(too_many_compared(journal(*wrong_codes(6)))), 1)

    def test_failure_forgotten(self):
        told = journal(("code", "in", 1), *wrong_codes(3))
        self.assertEqual(forgotten_failures(told, {ANN: 3}), [])
        self.assertEqual(len(forgotten_failures(told, {ANN: 2})), 1)
        self.assertEqual(len(forgotten_failures(told, {})), 1)

    def test_line_lost(self):
        told = journal(("code", "in", 10.5), ("code", "in", 12.5))
        lines = {(ANN, "code_accepted"): [10, 13]}
        self.assertEqual(lost_lines(told, lines), [])
        for moments in ([10], [10, 14], [9, 13]):
            with self.subTest(moments):
                self.assertEqual(len(lost_lines(told, {(ANN, "code_accepted"): moments})), 1)

    def test_one_line_for_two_answers(self):
        self.assertEqual(unmatched([(1, 9), (1, 3)], [2, 5]), 0)
        self.assertEqual(unmatched([(1, 9), (1, 3)], [4, 5]), 1)
        self.assertEqual(unmatched([(1, 3), (1, 3)], [2]), 1)

    def test_line_invented(self):
        told = journal(("code", "in", 10), ("code", "lost", 12))
        self.assertEqual(invented_lines(told, {(ANN, "code_accepted"): [10, 12]}), [])
        self.assertEqual(len(invented_lines(told, {(ANN, "code_accepted"): [10, 11, 12]})), 1)

    def test_fault_while_nothing_was_down(self):
        down = Trouble("server killed", 10, 20, ("proxy",))
        meanwhile = Request("/web/login", 5, 11, "proxy")
        self.assertEqual(unexplained_faults(Journal(requests=[meanwhile], troubles=[down])), [])
        for fault in (
            Request("/web/login", 21, 22, "proxy"),
            Request("/web/login", 5, 11, "server"),
        ):
            with self.subTest(fault):
                found = unexplained_faults(Journal(requests=[fault], troubles=[down]))
                self.assertEqual(len(found), 1)
