"""`dev/mutants`: changes the addon in small ways, and says which changes no test notices."""

import argparse
import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

from . import console, database, environment, odoo, odoo_source, process, state
from .console import Failure, say, step

FOLDER = state.OWN / "mutants"
RESULTS = FOLDER / "results.jsonl"
RUNNER = ["-m", "harness.mutants_runner"]  # in the folder dev
DECIDING = [
    "models/calling_address.py",
    "models/ir_http.py",
    "models/mfa_one_time_code.py",
    "models/own_transaction.py",
    "models/res_company.py",
    "models/res_users.py",
    "models/res_users_api.py",
    "models/res_users_apikeys.py",
    "models/res_users_authenticator.py",
    "models/res_users_codes.py",
    "models/res_users_core_bridge.py",
    "models/res_users_device.py",
    "models/res_users_exemption.py",
    "models/res_users_help.py",
    "models/res_users_help_code.py",
    "models/res_users_identitycheck.py",
    "models/res_users_mfa_attempt.py",
    "models/res_users_mfa_guarded.py",
    "models/res_users_policy.py",
    "models/res_users_recovery.py",
]
"""The models that decide who gets in, and from where; beside them all of ``tools/``."""


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev/mutants",
        description="Change the tools and the deciding models one place at a time, and run the "
        "tests of that place, without a browser. What no test notices is listed at the end. "
        "Interrupted, it goes on where it was; a killed mutant is not tried again while its file "
        "stays as it is.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="such as models/ir_http.py")
    parser.add_argument(
        "--seconds", type=int, default=30, help="of tests for each change (30); more finds more"
    )
    return parser.parse_args()


def _main(options: argparse.Namespace) -> int:
    for file in options.files:
        if not (state.CHECKOUT / file).is_file():
            raise Failure(f"There is no {file} here: name a file such as models/ir_http.py.")
    state.make_room(not (odoo_source.is_here() and environment.odoo_is_here()))
    process.stop_left_behind(state.RECORDS)
    source = odoo_source.find()
    python = environment.for_mutants()
    files = options.files or [
        *sorted(f"tools/{path.name}" for path in (state.CHECKOUT / "tools").glob("*.py")),
        *DECIDING,
    ]
    addon = _copy()
    log = state.new_log("mutants")
    with database.server(python) as server:
        bench = odoo.Bench(python, source, server, addon.parent)
        plan = _plan(bench, addon, files, options.seconds, log)
        with step("Trying mutants"):
            argv = [python, *RUNNER, plan]
            env = bench.environment()
            status = process.run(argv, state.RECORDS, log, env, cwd=environment.DEV)
    say(f"log: {log}")
    return status or _report(files)


def _copy() -> Path:
    """Return a copy of the addon that may be changed."""
    addon = FOLDER / "addons" / state.ADDON
    shutil.rmtree(addon, ignore_errors=True)
    shutil.copytree(state.CHECKOUT, addon, ignore=shutil.ignore_patterns(".git", "__pycache__"))
    return addon


def _plan(bench: odoo.Bench, addon: Path, files: list[str], seconds: int, log: Path) -> Path:
    name = _database(bench, log)
    installed = "SELECT name FROM ir_module_module WHERE state = 'installed' ORDER BY id"
    modules = bench.server.query(installed, name).split()
    plan = {
        "options": [*bench.command(name)[2:], "--http-port=0", "--log-level=warn", "--test-tags=x"],
        "database": name,
        "modules": [module for module in modules if module != state.ADDON],
        "addon": str(addon),
        "files": files,
        "seconds": seconds,
        "digest": state.addon_fingerprint(".py")[:16],
        "measured": str(FOLDER / "measured.jsonl"),
        "results": str(RESULTS),
    }
    path = FOLDER / "plan.json"
    path.write_text(json.dumps(plan))
    return path


def _database(bench: odoo.Bench, log: Path) -> str:
    """A database with the addon as it is now; made once for each state of it."""
    name = database.database_name(f"mutants_{state.addon_fingerprint()[:8]}")
    pristine = bench.pristine(odoo.dependencies())
    if name not in bench.server.names():
        for old in bench.server.names():
            if old.startswith(database.database_name("mutants_")):
                bench.server.drop(old)
        draft = database.throwaway_name("draft")
        with step("Installing the addon"):
            bench.server.copy(pristine, draft)
            bench.install(draft, [state.ADDON, *state.BESIDE], log)
            bench.shell(draft, odoo.MAKE_ASSETS, log)
        bench.server.copy(draft, name)
        bench.server.drop(draft)
    return name


def _report(files: list[str]) -> int:
    """Count by file what came of each mutant, and show the survivors."""
    newest = {}
    for line in RESULTS.read_text().splitlines():
        result = json.loads(line)
        if result["digest"] == _digest(result["mutation"].partition(":")[0]):
            newest[result["mutation"]] = result
    survivors = [one for one in newest.values() if one["outcome"] in ("survived", "not run")]
    for file in files:
        outcomes = Counter(
            result["outcome"] for name, result in newest.items() if name.startswith(f"{file}:")
        )
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
        say(f"{file}: {counts}")
    for result in survivors:
        say(f"\n{result['outcome']}: {result['mutation']} ({result['tests']} tests)")
        say(result["diff"])
    say(f"\n{len(newest)} mutants, {len(survivors)} not noticed (all results: {RESULTS})")
    return 0


def _digest(file: str) -> str:
    return hashlib.sha256((state.CHECKOUT / file).read_bytes()).hexdigest()[:16]
