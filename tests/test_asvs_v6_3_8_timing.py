"""How long an answer takes tells nothing of a code. OWASP ASVS 5.0 6.3.8.

Kinds of codes are tried in turn many times, so that a busy machine slows all of them alike.
Two kinds are told apart when their medians differ, and a rank test (Mann-Whitney) says that
one of either kind, drawn at random, mostly tells which it is.
"""

import itertools
import statistics
import time

from odoo.tests import tagged
from odoo.tests.common import BaseCase

from ..tools import totp
from .common import SECRET, code_of
from .test_setup import SetupCase

RATIO = 1.25
CERTAIN = 0.8
"""Which share of pairs has the same one slower; half of them where nothing is to be told."""


class TimingCase(BaseCase):
    def time_in_turn(self, tries, count):
        """Return ``{kind: seconds of each try}`` of ``{kind: function}``, after one to warm up."""
        samples = {kind: [] for kind in tries}
        for number in range(count + 1):
            for kind, function in tries.items():
                begin = time.perf_counter()
                function()
                if number:
                    samples[kind].append(time.perf_counter() - begin)
        return samples

    def assertNotToldApart(self, samples):
        for one, other in itertools.combinations(samples, 2):
            with self.subTest(one=one, other=other):
                first, second = samples[one], samples[other]
                ratio = statistics.median(first) / statistics.median(second)
                pairs = len(first) * len(second)
                share = sum(x > y for x, y in itertools.product(first, second)) / pairs
                differ = not 1 / RATIO < ratio < RATIO
                told = not 1 - CERTAIN < share < CERTAIN
                self.assertFalse(differ and told, f"{ratio=:.2f} {share=:.2f}")


@tagged("post_install", "-at_install")
class TestTimingOfComparing(TimingCase):
    def test_codes_of_an_app(self):
        """Every time step is computed and compared, whichever is the right one."""
        now = time.time()
        right = {f"step {step:+d}": code_of(SECRET, step, now) for step in (-1, 0, 1)}
        near = right["step +0"][:5] + str((int(right["step +0"][5]) + 1) % 10)
        codes = {**right, "all but the last digit": near, "wrong": code_of(SECRET, 99, now)}
        tries = {
            kind: lambda code=code: [totp.matching_step(SECRET, code, now) for _n in range(5)]
            for kind, code in codes.items()
        }
        self.assertNotToldApart(self.time_in_turn(tries, 200))


@tagged("post_install", "-at_install")
class TestTimingOfAnswers(TimingCase, SetupCase):
    def give(self, page, code):
        def post():
            self.env.cr.execute("DELETE FROM res_users_mfa_attempt")
            answer = self.post_code(page, code, recovery="1")
            self.assertIn("not valid", answer.text)

        return post

    def test_recovery_and_help_codes(self):
        """Made up, used before, and of another person, who has none or many."""
        used = self.codes[0]
        self.env.flush_all()
        self.env["res.users.recovery.code"]._accept(self.ann, used.replace("-", "").lower())
        page = self.post_password(self.ann)
        codes = {
            "made up": "0000-0000-0000-0000",
            "used before": used,
            "of another": self.bob._mfa_make_recovery_codes()[0],
            "begins as a right one": self.codes[1][:-1]
            + ("0" if self.codes[1][-1] != "0" else "1"),
            "help code made up": "0000-0000-0000",
            "help code of another": self.bob._mfa_make_help_code("x"),
        }
        tries = {kind: self.give(page, code) for kind, code in codes.items()}
        self.assertNotToldApart(self.time_in_turn(tries, 30))
