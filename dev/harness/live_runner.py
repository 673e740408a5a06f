"""Runs the live tests in the virtual environment's Python; writes what ran as JSON.

Usage: live_runner.py FOLDER RESULT
"""

import json
import sys
import unittest


class Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ran: list[str] = []

    def startTest(self, test):
        super().startTest(test)
        self.ran.append(name_of(test))


def name_of(test) -> str:
    test = getattr(test, "test_case", test)
    method = getattr(test, "_testMethodName", None)
    return f"{type(test).__qualname__}.{method}" if method else str(test)


def main(folder: str, target: str) -> int:
    sys.path[0] = folder
    suite = unittest.defaultTestLoader.discover(folder, top_level_dir=folder)
    result = unittest.TextTestRunner(resultclass=Result, verbosity=2).run(suite)
    broken: dict[str, list[str]] = {}
    for test, text in result.failures + result.errors:
        broken.setdefault(name_of(test), []).append(text)
    for test in result.unexpectedSuccesses:
        broken[name_of(test)] = ["The test passed, though it is marked as an expected failure."]
    skipped = {name_of(test): reason for test, reason in result.skipped}
    with open(target, "w") as output:
        json.dump({"ran": result.ran, "broken": broken, "skipped": skipped}, output)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
