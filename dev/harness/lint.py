"""`dev/lint`: style, Odoo's conventions, XML, the documents and the translations."""

import argparse
import os
import subprocess
from pathlib import Path

from . import console, environment, i18n, state
from .console import say

DOCUMENTS = Path(__file__).with_name("documents.py")
TRANSLATIONS = Path(__file__).with_name("translations.py")
HARNESS_TESTS = ("harness.test_translations", "harness.test_bench")
CHECKS = (
    "ruff-check",
    "ruff-format",
    "pylint-odoo",
    "xml",
    "documents",
    "harness",
    "translations",
    "template",
)


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/lint", description=__doc__)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"of {', '.join(CHECKS)} (all)")
    options = parser.parse_args()
    unknown = set(options.checks) - set(CHECKS)
    if unknown:
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    return options


def _main(options: argparse.Namespace) -> int:
    state.make_room(setup=False)
    python = environment.for_lint()
    failed = 0
    checks = options.checks or CHECKS
    for check in checks:
        if _run(check, str(python)):
            failed += 1
            say(f"{check}: failed")
        else:
            say(f"{check}: passed")
    say()
    say(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _run(check: str, python: str) -> int:
    """Run one check and return its exit status."""
    if check == "template":
        return i18n.check_template()
    addons = state.addons_folder("addons", {state.ADDON: state.CHECKOUT})
    commands = {
        "ruff-check": ["-m", "ruff", "check", "--quiet", "."],
        "ruff-format": ["-m", "ruff", "format", "--check", "--diff", "--quiet", "."],
        "pylint-odoo": ["-m", "pylint", f"--rcfile={state.CHECKOUT}/.pylintrc", state.ADDON],
        "xml": [str(DOCUMENTS), "xml"],
        "documents": [str(DOCUMENTS), "documents"],
        "harness": ["-m", "unittest", "--buffer", "--quiet", *HARNESS_TESTS],
        "translations": [str(TRANSLATIONS), *i18n.files()],
    }
    env = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "RUFF_CACHE_DIR": str(state.OWN / "ruff"),
        "PYLINTHOME": str(state.OWN / "pylint"),
    }
    # pylint-odoo takes the addon's name from its folder, which a checkout need not bear.
    folders = {"pylint-odoo": addons, "harness": state.CHECKOUT / "dev"}
    folder = folders.get(check, state.CHECKOUT)
    return subprocess.run([python, *commands[check]], cwd=folder, env=env).returncode
