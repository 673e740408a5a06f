"""The arithmetic of `dev/bench`, and what it writes.

Run by `dev/lint harness`.
"""

import random
import unittest

from . import bench_client, bench_report
from .bench_client import Cost
from .bench_figures import STEPS, Pairs, median_interval, percentile, verdict


def figures(left, right, queries=(7, 7)):
    """What is reported of pairs of milliseconds."""
    pairs = Pairs()
    for theirs, ours in zip(left, right, strict=True):
        pairs.add(
            Cost(theirs / 1000, theirs / 2000, queries[0]),
            Cost(ours / 1000, ours / 2000, queries[1]),
        )
    return pairs.figures()


class TestFigures(unittest.TestCase):
    def test_percentile_lies_between_its_neighbours(self):
        self.assertEqual(percentile([3, 1, 2], 0.5), 2)
        self.assertEqual(percentile([10, 20], 0.95), 19.5)
        self.assertEqual(percentile([1, 2, 3], 1), 3)
        self.assertEqual(percentile([5], 0.95), 5)

    def test_ratio_is_that_of_pairs(self):
        """A machine that slows down for a while slows both sides of a pair."""
        found = figures([10, 100, 30], [5, 50, 15])
        self.assertEqual(found["ratio"]["median"], 0.5)
        self.assertEqual((found["ratio"]["low"], found["ratio"]["high"]), (0.5, 0.5))
        self.assertEqual(found["cpu_ratio"]["median"], 0.5)
        self.assertEqual(found["left"]["median"], 30)
        self.assertEqual(found["right"]["p95"], 46.5)

    def test_one_slow_request_moves_no_median(self):
        found = figures([10] * 9, [10] * 8 + [10_000])
        self.assertEqual(found["ratio"]["median"], 1)

    def test_queries_are_those_of_a_warm_request(self):
        pairs = Pairs()
        for number in (40, 7, 7):
            pairs.add(Cost(1, 1, number), Cost(1, 1, number))
        self.assertEqual(pairs.figures()["left"]["queries"], 7)

    def test_interval_holds_the_median_and_narrows(self):
        draw = random.Random(1)
        values = [draw.gauss(1, 0.2) for _time in range(400)]
        wide, narrow = median_interval([values[:20]]), median_interval([values])
        self.assertLess(narrow[1] - narrow[0], wide[1] - wide[0])
        self.assertLess(narrow[0], 1)
        self.assertGreater(narrow[1], 1)
        self.assertEqual(narrow, median_interval([values]), "the same each time")

    def test_interval_knows_that_starts_differ(self):
        draw = random.Random(1)
        starts = [[draw.gauss(mean, 0.01) for _time in range(100)] for mean in (0.9, 1, 1.1, 1.2)]
        low, high = median_interval(starts)
        self.assertLess(low, 0.95)
        self.assertGreater(high, 1.15)

    def test_verdict(self):
        for name, ratio, queries, words in (
            ("code page", 1.0, (7, 6), "yes"),
            ("code page", 1.02, (7, 7), "ratio above 1"),
            ("code page", 0.9, (7, 8), "1 queries more"),
            ("code", 0.9, (20, 23), "yes"),
            ("code", 0.9, (20, 24), "4 queries more"),
            ("request", 1.024, (3, 3), "yes"),
            ("request", 1.03, (3, 4), "ratio above 1.02, 1 queries more"),
            ("picture", 0.51, (0, 0), "ratio above 0.5"),
            ("password", 3, (10, 90), ""),
        ):
            with self.subTest(name, ratio=ratio, queries=queries):
                found = figures([100] * 5, [100 * ratio] * 5, queries)
                self.assertEqual(verdict(name, found), words)


class TestReport(unittest.TestCase):
    def test_table_has_a_line_for_each_step(self):
        found = {"steps": {name: figures([10, 20], [5, 10]) for name in STEPS}}
        rows = bench_report._rows(found)
        self.assertEqual([row[0] for row in rows], [step.label for step in STEPS.values()])
        self.assertEqual({len(row) for row in rows}, {len(bench_report.HEADER)})
        lines = bench_report._aligned([bench_report.HEADER, *rows]).splitlines()
        self.assertEqual(len(lines), 1 + len(STEPS))
        for line, row in zip(lines[1:], rows, strict=True):
            self.assertEqual(line.split()[-1], (row[-1] or row[-3]).split()[-1])


class TestClient(unittest.TestCase):
    def test_code(self):
        """The vectors of RFC 6238, appendix B, in six digits."""
        secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        for now, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
            self.assertEqual(bench_client.code_of(secret, now), code)

    def test_what_a_form_shows(self):
        views = {
            "views": {
                "form": {
                    "arch": "<form><sheet><field name='name'/><field name='owner'/><field name="
                    "'lines'><list><field name='day'/></list></field></sheet></form>"
                }
            },
            "models": {
                "m": {
                    "fields": {
                        "name": {"type": "char"},
                        "owner": {"type": "many2one"},
                        "lines": {"type": "one2many", "relation": "l"},
                    }
                },
                "l": {"fields": {"day": {"type": "date"}}},
            },
        }
        self.assertEqual(
            bench_client._specification(views, "m"),
            {
                "name": {},
                "owner": {"fields": {"display_name": {}}},
                "lines": {"fields": {"day": {}}},
            },
        )


if __name__ == "__main__":
    unittest.main()
