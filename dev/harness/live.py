"""The second part of `dev/test`: what one process cannot show, against two real servers."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from . import database, odoo, process, report, state
from .console import step

FOLDER = state.CHECKOUT / "tests" / "live"
RUNNER = Path(__file__).with_name("live_runner.py")
WORKERS = 2  # of each server


def has_tests() -> bool:
    return any(FOLDER.glob("test_*.py"))


def run(bench: odoo.Bench, pristine: str, log: Path) -> report.Report:
    """Install the addon in a new database, serve it twice, and run ``tests/live``."""
    name = database.throwaway_name("live")
    dump = state.OWN / f"{name}.dump"
    try:
        with step("Installing the addon for the live tests"):
            bench.server.copy(pristine, name)
            bench.install(name, [state.ADDON, *state.BESIDE], log)
            bench.server.dump(name, dump)
        with _two_servers(bench, name) as addresses:
            env = {"MFA_SERVER_A": addresses[0], "MFA_SERVER_B": addresses[1]}
            env |= _scratch(bench, pristine) | _soak(bench, dump, log)
            return _run_tests(bench, {**env, "MFA_DATABASE": name}, log)
    finally:
        dump.unlink(missing_ok=True)
        bench.server.drop(name)
        bench.server.drop(database.throwaway_name("scratch"))


def _scratch(bench: odoo.Bench, pristine: str) -> dict[str, str]:
    """What a test needs that installs and uninstalls the addon in a database of its own."""
    return {
        "MFA_ODOO_COMMAND": json.dumps(bench.command("")),
        "MFA_BASE_DATABASE": pristine,
        "MFA_SCRATCH_DATABASE": database.throwaway_name("scratch"),
        "MFA_DATA_DIR": str(state.DATA),
    }


def _soak(bench: odoo.Bench, dump: Path, log: Path) -> dict[str, str]:
    """What the soak needs, which kills a PostgreSQL of its own: programs, data, a place to tell."""
    return {
        "MFA_POSTGRES": str(bench.server.binaries),
        "MFA_DUMP": str(dump),
        "MFA_SOAK_FOLDER": str(log.with_suffix("")),
    }


@contextlib.contextmanager
def _two_servers(bench: odoo.Bench, name: str) -> Iterator[list[str]]:
    addresses = []
    children = []
    try:
        with step("Starting two servers"):
            for letter in "ab":
                log = state.new_log(f"server-{letter}")
                port = process.free_port()
                child = bench.serve(name, port, log, f"--workers={WORKERS}")
                children.append((child, log))
                addresses.append(f"http://127.0.0.1:{port}")
            for address, (child, log) in zip(addresses, children, strict=True):
                odoo.wait_for(f"{address}/web/health", child, log)
                odoo.wait_for(f"{address}/web/login", child, log)
        yield addresses
    finally:
        for child, _log in children:
            process.stop(child)


def _run_tests(bench: odoo.Bench, places: dict[str, str], log: Path) -> report.Report:
    target = state.OWN / f"{places['MFA_DATABASE']}.json"
    try:
        with step("Running the live tests"):
            argv = [bench.python, RUNNER, FOLDER, target]
            status = process.run(argv, state.RECORDS, log, {**bench.environment(), **places})
        if status or not target.exists():
            return report.Report(problems=[f"The live tests ended with status {status}: {log}"])
        return report.from_live(json.loads(target.read_text()))
    finally:
        target.unlink(missing_ok=True)
