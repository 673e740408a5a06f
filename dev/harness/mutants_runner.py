"""Tries mutations of the addon, one in each child of a process that has loaded Odoo.

Usage: python -m harness.mutants_runner STAGE PLAN, a JSON file that ``harness.mutants`` writes.
Several processes, each with a plan, do each stage together: all measure, then all try.

A mutation in the body of a function changes that function in a child of a process that has
the whole registry. Any other one is written into the copy of the addon, which a child of a
process that knows only Odoo's own modules then loads.
"""

import contextlib
import difflib
import functools
import gc
import hashlib
import importlib
import itertools
import json
import os
import re
import signal
import sys
import time
import types
import unittest
from collections import Counter, defaultdict
from pathlib import Path

import coverage

import odoo
from odoo.modules.module import load_openerp_module
from odoo.modules.registry import Registry
from odoo.service import server
from odoo.tests import common, loader
from odoo.tests.result import OdooTestResult
from odoo.tests.suite import OdooSuite
from odoo.tools import config

from . import mutations

ADDON = "auth_totp_mfa"
PREFIX = f"odoo.addons.{ADDON}.tests."
SPARE = 30  # seconds that a child may take longer than its tests should
CLASS_LIMIT = 900  # seconds for the measurement of a class of tests
DAY = 24 * 60 * 60
SLOWER = 5  # times as long as they did when they were measured


class Result(OdooTestResult):
    """Ends with the first failure, and tells which test it was."""

    failed = None

    def addError(self, test, err):
        super().addError(test, err)
        self.failed = self.failed or name_of(test)
        self.shouldStop = True

    def addFailure(self, test, err):
        self.addError(test, err)


class Measurement(OdooTestResult):
    """Tells ``meter`` which test is running, and notes how long each took."""

    def __init__(self, meter):
        super().__init__()
        self.meter = meter
        self.seconds = {}
        self.failed = []

    def startTest(self, test):
        super().startTest(test)
        self.meter.switch_context(name_of(test))

    def stopTest(self, test):
        super().stopTest(test)
        self.meter.switch_context("")
        self.seconds[name_of(test)] = time.time() - self.time_start

    def addError(self, test, err):
        super().addError(test, err)
        self.failed.append(name_of(test))

    def addFailure(self, test, err):
        self.addError(test, err)


def name_of(test):
    return getattr(test, "test_case", test).id().removeprefix(PREFIX)


def no_browser():
    raise unittest.SkipTest("Mutations are tried without a browser.")


# -- children ------------------------------------------------------------------------


def in_child(work, limit):
    """Return what ``work()`` returns in a child, or ``None`` when it breaks or takes too long."""
    source, target = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.close(source)
            with open(target, "w") as output:
                json.dump(work(), output)
        os._exit(0)
    os.close(target)
    deadline = time.monotonic() + limit
    os.set_blocking(source, False)
    text = b""
    try:
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                part = os.read(source, 1 << 20)
                if not part:
                    return json.loads(text) if text else {"outcome": "broken"}
                text += part
                continue
            time.sleep(0.02)
        return {"outcome": "timeout"}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(source)


def load(database):
    """Have the registry and the tests; no connection is left open, for the children.

    Passwords are hashed a few times only, which is most of what the tests would wait for.
    """
    sys.modules["odoo.addons.base.models.res_users"].MIN_ROUNDS = 1000
    registry = Registry(database)
    tests = importlib.import_module(PREFIX[:-1])
    odoo.sql_db.close_all()
    return registry, tests


def tests_by_class():
    found = defaultdict(dict)
    for module in loader.get_test_modules(ADDON):
        for test in loader.get_module_test_cases(module):
            name = name_of(test)
            found[name.rpartition(".")[0]][name] = test
    return found


def run(names, result):
    """Run these tests, class by class in their order, and return the seconds of each class."""
    server.server = server.ThreadedServer(odoo.http.root)
    server.server.start(stop=True)
    known = tests_by_class()
    seconds = {}
    for class_name in dict.fromkeys(name.rpartition(".")[0] for name in names):
        begin = time.time()
        tests = [known[class_name][name] for name in names if name in known[class_name]]
        OdooSuite(tests).run(result)
        seconds[class_name] = time.time() - begin
        if result.shouldStop:
            break
    return seconds


def verdict(names):
    result = Result()
    run(names, result)
    return {"outcome": "killed" if result.failed else "survived", "by": result.failed}


# -- which test runs which line ------------------------------------------------------


def measure_all(plan):
    """Measure the test classes that are new, or that ran on other code, each in a child."""
    load(plan["database"])
    path = Path(plan["measured"])
    known = measured(plan)
    for number, (class_name, tests) in enumerate(tests_by_class().items()):
        if class_name not in known and number % plan["jobs"] == plan["job"]:
            found = in_child(functools.partial(measure, plan, list(tests)), CLASS_LIMIT)
            print("measured", class_name, found.get("failed", found.get("outcome")), flush=True)
            entry = {"class": class_name, "digest": digest_of_class(plan, class_name), **found}
            with path.open("a") as output:
                output.write(json.dumps(entry) + "\n")


def measured(plan):
    """Return what is known by class of tests, of the code as it is now."""
    path = Path(plan["measured"])
    entries = map(json.loads, path.read_text().splitlines() if path.exists() else ())
    return {
        entry["class"]: entry
        for entry in entries
        if entry["digest"] == digest_of_class(plan, entry["class"])
    }


def digest_of_class(plan, class_name):
    path = Path(plan["addon"], "tests", f"{class_name.partition('.')[0]}.py")
    return plan["digest"] + (digest_of(path) if path.exists() else "")


def measure(plan, names):
    """Return ``{lines: {file: {line: tests}}, seconds: {test: s}, set_up: s, failed: tests}``."""
    meter = coverage.Coverage(data_file=None, source=[plan["addon"]], config_file=False)
    result = Measurement(meter)
    meter.start()
    [whole] = run(names, result).values()
    meter.stop()
    data = meter.get_data()
    lines = {}
    for path in data.measured_files():
        file = str(Path(path).relative_to(Path(plan["addon"]).resolve()))
        if not file.startswith("tests/"):
            found = data.contexts_by_lineno(path)
            lines[file] = {line: tests for line in found if (tests := [*filter(None, found[line])])}
    set_up = whole - sum(result.seconds.values())
    return {"lines": lines, "seconds": result.seconds, "set_up": set_up, "failed": result.failed}


class Selection:
    """Chooses the tests for a mutation: those that run its line, the most particular first.

    Those are, in turn, the ones that also run a line of its function, or of its file, which
    few tests run, the ones that are named as its file, and the ones that have killed others
    of its file. A test that fails on the code as it is would blame every mutation, and is
    left out.
    """

    def __init__(self, plan):
        self.plan = plan
        self.lines = defaultdict(lambda: defaultdict(set))
        self.seconds = {}
        self.set_up = {}
        self.killers = defaultdict(Counter)
        for kept in kept_results(plan):
            if kept.get("by"):
                self.killers[kept["mutation"].partition(":")[0]][kept["by"]] += 1
        self.particular = {}
        for class_name, entry in measured(plan).items():
            self.seconds |= entry.get("seconds", {})
            self.set_up[class_name] = entry.get("set_up", 0)
            failed = set(entry.get("failed", ()))
            for file, found in entry.get("lines", {}).items():
                for line, tests in found.items():
                    self.lines[file][int(line)].update(set(tests) - failed)

    def choose(self, mutation, seconds):
        """Return the names of tests that take so many seconds, and how long they should take.

        Many short ones notice more than a long one, which waits for its turn.
        """
        killers = self.killers[mutation.file, mutation.function]
        rarity, particular = self._rarity(mutation), self._particular(mutation.file)
        words = set(Path(mutation.file).stem.split("_")) - {"res", "users", "mfa", "ir", "http"}

        def by_line(test):
            return -killers[test], rarity.get(test, 0), -particular[test]

        def by_name(test):
            return not any(word in test.partition(".")[0] for word in words), by_line(test)

        def by_kill(test):
            return -self.killers[mutation.file][test], by_line(test)

        known = self._that_run(mutation)
        orders = [sorted(known, key=order) for order in (by_line, by_name, by_kill)]
        tests = list(dict.fromkeys(itertools.chain.from_iterable(zip(*orders, strict=True))))
        chosen, total, classes = [], 0, set()
        for test in tests:
            class_name = test.rpartition(".")[0]
            cost = self.seconds.get(test, 0)
            cost += 0 if class_name in classes else self.set_up.get(class_name, 0)
            if total + cost <= seconds and self.seconds.get(test, 0) <= seconds / 8:
                chosen.append(test)
                classes.add(class_name)
                total += cost
        if tests and not chosen:
            chosen = [min(tests, key=lambda one: self.seconds.get(one, 0))]
            total = self.seconds.get(chosen[0], 0)
        return chosen, total

    def _that_run(self, mutation):
        if not mutation.first_line:
            return self._that_name(mutation.function)
        found = self.lines.get(mutation.file, {})
        last = mutation.line if mutation.inside else mutation.line + 40
        for line in range(last, mutation.first_line - 1, -1):
            if found.get(line):
                return found[line]
        return set()

    def _rarity(self, mutation):
        """Return ``{test: how many tests run the rarest line that it runs of the function}``."""
        found = self.lines.get(mutation.file, {})
        rarity = {}
        for line in range(mutation.first_line, mutation.last_line + 1):
            tests = found.get(line, ())
            for test in tests:
                rarity[test] = min(len(tests), rarity.get(test, len(tests)))
        return rarity

    def _particular(self, file):
        """Return how much of ``file`` each test runs that few others run."""
        if file not in self.particular:
            self.particular[file] = Counter()
            for tests in self.lines[file].values():
                for test in tests:
                    self.particular[file][test] += 1 / len(tests)
        return self.particular[file]

    def _that_name(self, constant):
        """The tests that run a line with this name."""
        word = re.compile(rf"\b{constant}\b")
        tests = set()
        for file, found in self.lines.items():
            text = Path(self.plan["addon"], file).read_text().splitlines()
            for number, line in enumerate(text, start=1):
                if word.search(line):
                    tests |= found.get(number, set())
        return tests


# -- mutations -----------------------------------------------------------------------


def put_in_place(mutation, path, source):
    """Change the living function; ``False`` when its code cannot be exchanged."""
    new = _code(compile(source, path, "exec"), mutation)
    found = [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, types.FunctionType)
        and thing.__code__.co_filename == path
        and thing.__code__.co_firstlineno == mutation.first_line
        and thing.__code__.co_name == mutation.function.rpartition(".")[2]
    ]
    if not new or not found or any(one.__code__.co_freevars != new.co_freevars for one in found):
        return False
    for thing in found:
        thing.__code__ = new
    return True


def _code(code, mutation):
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            name = mutation.function.rpartition(".")[2]
            if (constant.co_name, constant.co_firstlineno) == (name, mutation.first_line):
                return constant
            if found := _code(constant, mutation):
                return found
    return None


class Trial:
    """Tries mutations one after the other, and keeps what came of each."""

    def __init__(self, plan, selection, results):
        self.plan, self.selection, self.results = plan, selection, results
        self.done = 0

    def all(self, todo, attempt):
        """Try what is to do; return what ``attempt`` could not try."""
        return [mutation for mutation in todo if not self._one(mutation, attempt)]

    def _one(self, mutation, attempt):
        source = Path(self.plan["addon"], mutation.file).read_text()
        names, seconds = self.selection.choose(mutation, self.plan["seconds"])
        text = mutation.apply(source)
        outcome = {"outcome": "not run"}
        if names:
            outcome = attempt(mutation, text, names, SPARE + SLOWER * seconds)
        if outcome["outcome"] == "not in place":
            return False
        if outcome.get("by"):
            for place in (mutation.file, (mutation.file, mutation.function)):
                self.selection.killers[place][outcome["by"]] += 1
        self._keep(mutation, outcome | {"tests": len(names), "diff": diff(source, text)})
        return True

    def in_function(self, mutation, text, names, limit):
        folder = Path(sys.modules[f"odoo.addons.{ADDON}"].__file__).parent
        path = str(folder / mutation.file)

        def work():
            if not put_in_place(mutation, path, text):
                return {"outcome": "not in place"}
            return verdict(names)

        return in_child(work, limit)

    def in_file(self, mutation, text, names, limit):
        path = Path(self.plan["addon"], mutation.file)
        before = path.read_text()
        path.write_text(text)

        def work():
            load(self.plan["database"])
            return verdict(names)

        try:
            return in_child(work, limit)
        finally:
            path.write_text(before)

    def _keep(self, mutation, outcome):
        self.done += 1
        digest = digest_of(Path(self.plan["addon"], mutation.file))
        line = {"mutation": mutation.name, "digest": digest, **outcome}
        with self.results.open("a") as output:
            output.write(json.dumps(line) + "\n")
        print(self.done, mutation.name, outcome["outcome"], outcome.get("by"), flush=True)


def diff(old, new):
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    return "\n".join(list(lines)[2:])


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def kept_results(plan):
    path = Path(plan["results"])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def to_do(plan):
    """Return this process's mutations that no test has killed while their file was as it is."""
    killed = set()
    for kept in kept_results(plan):
        if kept["outcome"] not in ("survived", "not run"):
            killed.add((kept["mutation"], kept["digest"]))
    found = [
        mutation
        for file in plan["files"]
        for mutation in mutations.mutations_of(plan["addon"], file)
        if (mutation.name, digest_of(Path(plan["addon"], file))) not in killed
    ]
    functions = list(dict.fromkeys((one.file, one.function) for one in found))
    ours = set(functions[plan["job"] :: plan["jobs"]])
    return [one for one in found if (one.file, one.function) in ours]


def main(stage, plan):
    config.parse_config(plan["options"])
    common._find_executable = no_browser
    for module in plan["modules"]:
        load_openerp_module(module)
    if stage == "measure":
        measure_all(plan)
        return
    todo = to_do(plan)
    print(f"{len(todo)} to try", flush=True)
    trial = Trial(plan, Selection(plan), Path(plan["results"]))

    def try_functions():
        load(plan["database"])
        left = trial.all([one for one in todo if one.inside], trial.in_function)
        return [one.name for one in left]

    left = in_child(try_functions, DAY)
    trial.all([one for one in todo if not one.inside or one.name in left], trial.in_file)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
