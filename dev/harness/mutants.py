"""`dev/mutants`: changes the addon in small ways, and says which changes no test notices."""

import argparse
import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

from . import console, database, environment, odoo, process, state
from .console import Failure, say, step

FOLDER = state.OWN / "mutants"
RESULTS = FOLDER / "results.jsonl"
RUNNER = ["-m", "harness.mutants_runner"]  # in the folder dev
STAGES = {"measure": "Measuring which test runs which line", "try": "Trying mutants"}
DAY = 24 * 60 * 60
MOST_JOBS = 4  # processes, each with a database of its own
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
    options = parser.parse_args()
    if not 1 <= options.seconds <= DAY:
        parser.error(f"--seconds must be from 1 to {DAY}")
    for file in options.files:
        folder = Path(file).parts[0]
        known = file.endswith(".py") and folder not in ("dev", "docs", "tests")
        if not known or not (state.CHECKOUT / file).is_file():
            parser.error(f"{file} is no file of the addon: name one such as models/ir_http.py")
    return options


def _main(options: argparse.Namespace) -> int:
    source = odoo.prepare()
    python = environment.for_mutants()
    files = options.files or [
        *sorted(f"tools/{path.name}" for path in (state.CHECKOUT / "tools").glob("*.py")),
        *DECIDING,
    ]
    shutil.rmtree(FOLDER / "addons", ignore_errors=True)
    jobs = min(os.cpu_count() or 1, MOST_JOBS)
    log = state.new_log("mutants")
    with database.server(python) as server:
        server.drop_abandoned()
        benches = [odoo.Bench(python, source, server, _copy(job).parent) for job in range(jobs)]
        name = _database(benches[0], log)
        plans = [_plan(bench, name, files, options.seconds, jobs) for bench in benches]
        for stage, label in STAGES.items():
            with step(label):
                _run_all(stage, benches, plans, log)
    say(f"log: {log}")
    return _report(files)


def _run_all(stage: str, benches: list[odoo.Bench], plans: list[Path], log: Path) -> None:
    """Run a stage in as many processes as there are plans."""
    children = [
        process.spawn(
            [bench.python, *RUNNER, stage, plan],
            state.RECORDS,
            log,
            bench.environment(),
            cwd=environment.DEV,
        )
        for bench, plan in zip(benches, plans, strict=True)
    ]
    statuses = [child.wait() for child in children]
    if any(statuses):
        raise Failure(f"A process ended before its time (log: {log}).")


def _copy(job: int) -> Path:
    """Return a copy of the addon that may be changed."""
    addon = FOLDER / "addons" / str(job) / state.ADDON
    shutil.copytree(state.CHECKOUT, addon, ignore=shutil.ignore_patterns(".git", "__pycache__"))
    return addon


def _plan(bench: odoo.Bench, pristine: str, files: list[str], seconds: int, jobs: int) -> Path:
    """Write what a process needs to know: it has a database and a copy of the addon of its own."""
    job = int(bench.addons.name)
    name = database.throwaway_name(f"job{job}")
    bench.server.copy(pristine, name)
    installed = "SELECT name FROM ir_module_module WHERE state = 'installed' ORDER BY id"
    modules = bench.server.query(installed, name).split()
    plan = {
        "options": [*bench.command(name)[2:], "--http-port=0", "--log-level=warn", "--test-tags=x"],
        "database": name,
        "modules": [module for module in modules if module != state.ADDON],
        "addon": str(bench.addons / state.ADDON),
        "job": job,
        "jobs": jobs,
        "files": files,
        "seconds": seconds,
        "digest": state.addon_fingerprint(".py")[:16],
        "measured": str(FOLDER / "measured.jsonl"),
        "results": str(RESULTS),
    }
    path = FOLDER / f"plan-{job}.json"
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
