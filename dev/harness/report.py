"""Reads what a test run wrote, counts what really ran, and prints failures readably."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from .console import say
from .odoo import LOG_LINE, last_error

STARTED = re.compile(r"^Starting (?P<test>\S+) \.\.\.$")
SKIPPED = re.compile(r"^skipped (?P<test>.+?) : (?P<reason>.*)$")
BROKEN = re.compile(r"^(?P<kind>FAIL|ERROR): (?P<test>.+)$")
SUBTEST = re.compile(r"^Subtest (?P<test>\S+) ")
SUMMARY = re.compile(
    r"^(?P<failures>\d+) failed, (?P<errors>\d+) error\(s\) of (?P<ran>\d+) tests when loading "
)
MODULE = re.compile(r"^odoo\.addons\.(?P<module>\w+)\.")
NO_BROWSER = re.compile(r"chrome|websocket-client", re.IGNORECASE)


@dataclass
class Report:
    """Tests by name, as ``module/Class.method``; ``problems`` belong to no test and fail too."""

    ran: set[str] = field(default_factory=set)
    broken: dict[str, list[str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> set[str]:
        return self.ran - set(self.broken) - set(self.skipped)

    @property
    def failed(self) -> int:
        return len(self.broken) + len(self.problems)

    def add(self, other: "Report") -> None:
        self.ran |= other.ran
        self.broken.update(other.broken)
        self.skipped.update(other.skipped)
        self.problems += other.problems

    def close(self) -> int:
        """Print failures and, last, the counting line; return the exit status."""
        for test, texts in self.broken.items():
            for text in texts:
                say(f"\n{'=' * 78}\nFAILED {test}\n{'-' * 78}\n{text.rstrip()}")
        if not self.ran and not self.problems:
            self.problems.append("No test ran.")
        for problem in self.problems:
            say(f"\n{'=' * 78}\nFAILED {problem}")
        for test, reason in sorted(self.skipped.items()):
            say(f"skipped {test}: {reason}")
        say()
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        say(f"{len(self.passed)} passed, {self.failed} failed{skipped}")
        return 1 if self.failed else 0


def read_odoo_log(log: Path, status: int) -> Report:
    """Make the report of an Odoo process that ended with ``status``."""
    reader = _OdooLog()
    for line in log.read_text(errors="replace").splitlines():
        match = LOG_LINE.match(line)
        if match:
            module = MODULE.match(match["logger"])
            prefix = f"{module['module']}/" if module else ""
            reader.read(match["level"], prefix, match["text"])
        else:
            reader.go_on(line)
    report = reader.report
    report.problems += reader.contradictions(status)
    if reader.summary is None:
        report.problems[-1] += f"\n{last_error(log)}"
        if reader.last_started:
            report.broken[reader.last_started] = ["Odoo ended before it said how this test went."]
    for test in [test for test, reason in report.skipped.items() if NO_BROWSER.search(reason)]:
        reason = report.skipped.pop(test)
        report.broken[test] = [f"The browser did not start: {reason}"]
    return report


class _OdooLog:
    """Gathers what the lines of a log say, and what Odoo itself counts."""

    def __init__(self):
        self.report = Report()
        self.starts = 0
        self.last_started = ""
        self.failures = 0
        self.summary: tuple[int, int] | None = None
        self._failing: list[str] | None = None

    def read(self, level: str, prefix: str, text: str) -> None:
        """Take in a line; ``prefix`` names the module that logged it."""
        self._failing = None
        if found := STARTED.match(text):
            self.starts += 1
            self.last_started = prefix + found["test"]
            self.report.ran.add(self.last_started)
        elif found := SKIPPED.match(text):
            self.report.skipped[prefix + found["test"]] = found["reason"]
        elif found := SUMMARY.match(text):
            self.summary = int(found["ran"]), int(found["failures"]) + int(found["errors"])
        elif level == "ERROR" and (found := BROKEN.match(text)):
            self.failures += 1
            subtest = SUBTEST.match(found["test"])
            test = prefix + (subtest["test"] if subtest else found["test"])
            self._failing = self.report.broken.setdefault(test, [])
            self._failing.append(text)

    def go_on(self, line: str) -> None:
        """Take in a line that goes on with the one before, as in a traceback."""
        if self._failing is not None:
            self._failing[-1] += f"\n{line}"

    def contradictions(self, status: int) -> list[str]:
        """What does not fit together: the log, Odoo's own counts, its exit status."""
        if self.summary is None:
            return [f"Odoo ended with status {status} before it summed up its tests."]
        found = []
        if self.summary != (self.starts, self.failures):
            found.append(
                "Odoo counts {} tests and {} failures".format(*self.summary)
                + f", its log shows {self.starts} and {self.failures}."
            )
        if bool(status) != bool(self.failures):
            found.append(f"Odoo ended with status {status} after {self.failures} failures.")
        return found


def from_live(result: dict) -> Report:
    """Make the report of ``live_runner``'s result."""
    return Report(
        ran={f"live/{test}" for test in result["ran"]},
        broken={f"live/{test}": texts for test, texts in result["broken"].items()},
        skipped={f"live/{test}": reason for test, reason in result["skipped"].items()},
    )


def list_screenshots(log: Path) -> None:
    """Name the pictures that failed tours left beside the log of their run."""
    for path in sorted(log.with_suffix("").rglob("*.png")):
        say(f"screenshot: {path}")
