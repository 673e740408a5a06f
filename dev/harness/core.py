"""`dev/test --core`: the suites that Odoo ships, with this addon installed.

Every test passes, or has a line in the list of those that our screens replace.
"""

import ast
import csv
from pathlib import Path

from . import database, odoo, report, state, test
from .console import say, step

SUITES = (
    "auth_totp",
    "auth_totp_mail",
    "auth_totp_portal",
    "auth_passkey",
    "auth_passkey_portal",
    "auth_timeout",
)
HELPER = "auth_totp_mfa_core_suites"
# They are at_install and run before our addon is loaded: the helper runs them again after it.
TOO_EARLY = {"PasskeyTest": "auth_passkey", "TestAuthTimeout": "auth_timeout"}
AFTER = "AfterInstall"  # what the helper's classes have behind core's name
SECOND_CHANCES = 3  # with more failures than this, something is broken
LEAST = 29  # tests in Odoo 19.0.0
MOST_REPLACED = 10
LIST = state.CHECKOUT / "dev" / "core_tests_replaced.csv"


def run(bench: odoo.Bench, log: Path, keep: bool) -> report.Report:
    """Run the suites on a fresh database and judge them by the list."""
    shipped = {name for suite in SUITES for name in tests_of(bench.odoo.module(suite), suite)}
    tags = [f"/{suite}" for suite in SUITES] + [f"/{HELPER}"]
    tags += [f"-/{module}:{name}" for name, module in TOO_EARLY.items()]
    modules = ",".join([state.ADDON, *SUITES, HELPER])
    with database.test_database(bench.server, "core", keep) as name:
        with step("Installing the addon and running core's six suites"):
            status = test.run_tests(bench, name, log, ",".join(tags), f"--init={modules}")
        result = _under_core_names(report.read_odoo_log(log, status))
        say(f"{len(shipped)} tests shipped, {len(result.ran)} ran.")
        replaced = _read_list(result)
        _try_again(bench, name, result, set(replaced))
    _judge(result, shipped, replaced)
    return result


def _try_again(bench: odoo.Bench, name: str, result: report.Report, replaced: set[str]) -> None:
    """Give a few failed tests a second, quiet chance: one of core's waits for one second only."""
    failed = sorted(result.ran & set(result.broken) - replaced)
    if result.problems or not 0 < len(failed) <= SECOND_CHANCES:
        return
    log = state.new_log("test")
    with step(f"Running {', '.join(failed)} again"):
        tags = ",".join(_tag(test_name) for test_name in failed)
        status = test.run_tests(bench, name, log, tags)
    again = _under_core_names(report.read_odoo_log(log, status))
    for test_name in again.passed & set(failed):
        del result.broken[test_name]
        say(f"{test_name} failed at first and passed when run again (log: {log}).")


def _tag(test_name: str) -> str:
    module, _, name = test_name.partition("/")
    class_name, _, method = name.partition(".")
    if class_name in TOO_EARLY:
        return f"/{HELPER}:{class_name}{AFTER}.{method}"
    return f"/{module}:{name}"


def tests_of(folder: Path, module: str) -> set[str]:
    """The tests in a module's source, as ``module/Class.method``."""
    return {
        f"{module}/{node.name}.{item.name}"
        for path in sorted((folder / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.FunctionDef) and item.name.startswith("test")
    }


def _under_core_names(result: report.Report) -> report.Report:
    """Give the helper's tests the names of the ones that they run again."""

    def rename(test_name: str) -> str:
        module, _, name = test_name.partition("/")
        class_name = name.partition(".")[0].removesuffix(AFTER)
        if module != HELPER or class_name not in TOO_EARLY:
            return test_name
        return f"{TOO_EARLY[class_name]}/{name.replace(AFTER, '', 1)}"

    return report.Report(
        ran={rename(name) for name in result.ran},
        broken={rename(name): result.broken[name] for name in result.broken},
        skipped={rename(name): result.skipped[name] for name in result.skipped},
        problems=result.problems,
    )


def _judge(result: report.Report, shipped: set[str], replaced: dict[str, dict[str, str]]) -> None:
    if len(shipped) < LEAST:
        result.problems.append(f"Odoo ships {len(shipped)} tests here, at least {LEAST} expected.")
    for name in sorted(shipped - result.ran - _of_broken_class(result, shipped)):
        result.problems.append(f"{name} did not run.")
    for name in sorted(result.ran - shipped):
        result.problems.append(f"{name} ran, and is no test that Odoo ships.")
    for name, line in replaced.items():
        if name not in shipped:
            result.problems.append(f"{LIST.name}: {name} is no test that Odoo ships.")
        elif name in result.broken:
            del result.broken[name]
            result.skipped[name] = f"replaced by {line['replaced_by']}: {line['reason']}"
        elif name in result.passed:
            result.broken[name] = [f"It passes, so its line in {LIST.name} must go."]


def _of_broken_class(result: report.Report, shipped: set[str]) -> set[str]:
    """Tests that could not run because their class failed, which is a failure of its own."""
    text = " ".join(result.broken)
    return {name for name in shipped if f".{name.partition('/')[2].partition('.')[0]})" in text}


def _read_list(result: report.Report) -> dict[str, dict[str, str]]:
    """The lines by test; what is wrong with the list goes to the report's problems."""
    if not LIST.exists():
        return {}
    with LIST.open(newline="") as handle:
        lines = list(csv.DictReader(handle))
    ours = {name.partition("/")[2] for name in tests_of(state.CHECKOUT, state.ADDON)}
    if len(lines) > MOST_REPLACED:
        result.problems.append(f"{LIST.name} has {len(lines)} lines, {MOST_REPLACED} is the most.")
    for line in lines:
        if not line["reason"]:
            result.problems.append(f"{LIST.name}: {line['test']} has no reason.")
        if line["replaced_by"] not in ours:
            result.problems.append(
                f"{LIST.name}: {line['replaced_by']} ({line['test']}) is not in tests/."
            )
    return {line["test"]: line for line in lines}
