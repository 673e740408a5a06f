"""`dev/test --coverage`: which lines and branches of the addon the tests run.

Every Python process that a test starts measures itself: Odoo with its threads, the servers and
their workers, the commands. What they write, and the reports, are kept in the state folder.
"""

import shutil
from pathlib import Path

from . import process, state
from .console import Failure, say, step

FOLDER = state.OWN / "coverage"
SETTINGS = FOLDER / "settings"
TEXT = f"""\
[run]
branch = true
parallel = true
data_file = {FOLDER}/data
source = {state.CHECKOUT}
omit =
    {state.CHECKOUT}/__manifest__.py
    {state.CHECKOUT}/dev/*
    {state.CHECKOUT}/docs/*
    {state.CHECKOUT}/tests/*

[report]
include = {state.CHECKOUT}/**/*.py
show_missing = true
skip_covered = true

[html]
directory = {FOLDER}/html
skip_covered = true

[json]
output = {FOLDER}/coverage.json
"""


def begin() -> dict[str, str]:
    """Forget what was measured before; return the environment that has a process measured."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    SETTINGS.write_text(TEXT)
    return {"COVERAGE_PROCESS_START": str(SETTINGS)}


def end(python: Path, log: Path) -> None:
    """Put together what was measured, print the figures and name the reports."""
    with step("Counting the lines that ran"):
        for command in ("combine", "html", "json"):
            _coverage(python, log, command)
        figures = log.with_name(f"{log.stem}-coverage.txt")
        _coverage(python, figures, "report")
    say(figures.read_text())
    say(f"coverage: {FOLDER}/html/index.html, {FOLDER}/coverage.json")


def _coverage(python: Path, log: Path, command: str) -> None:
    argv = [python, "-m", "coverage", command, f"--rcfile={SETTINGS}"]
    if process.run(argv, state.RECORDS, log):
        raise Failure(f"coverage {command} failed (log: {log}).")
