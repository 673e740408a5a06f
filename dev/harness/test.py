"""`dev/test`: the addon's whole suite on a fresh database, and core's with the addon."""

import argparse
import difflib
from pathlib import Path

from . import (
    axe,
    browser,
    console,
    core,
    coverage,
    database,
    directory,
    environment,
    live,
    odoo,
    odoo_source,
    process,
    report,
    state,
    wheel,
)
from .console import Failure, say, step

TAGS = f"/{state.ADDON}"


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev/test",
        description="Run the addon's tests: first in Odoo's own test runner with a real browser, "
        "then tests/live against two real servers. The last line counts what ran.",
    )
    parser.add_argument("--tags", help="only these tests, as Odoo's --test-tags")
    parser.add_argument(
        "--with",
        dest="beside",
        nargs="+",
        default=[],
        metavar="MODULE",
        help="install these modules of Odoo's too, and leave tests/live out",
    )
    parser.add_argument("--keep", action="store_true", help="keep the database and name it")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--live", action="store_true", help="only the tests in tests/live")
    part.add_argument("--no-live", action="store_true", help="leave tests/live out")
    parser.add_argument(
        "--coverage", action="store_true", help="say which lines of the addon the tests ran"
    )
    part.add_argument("--core", action="store_true", help="run core's six suites instead")
    part.add_argument("--wheel", action="store_true", help="build, install and use the wheel")
    options = parser.parse_args()
    if options.tags and (options.core or options.wheel):
        parser.error("--tags names tests of this addon: leave out --core and --wheel")
    if options.beside and (options.core or options.wheel or options.live):
        parser.error("--with runs tests in Odoo: leave out --core, --wheel and --live")
    if options.coverage and options.wheel:
        parser.error("--coverage measures this checkout: leave out --wheel")
    return options


def _main(options: argparse.Namespace) -> int:
    source = odoo.prepare()
    _check_known(options.beside, source)
    python = environment.for_odoo()
    browser.provide()
    links = {state.ADDON: state.CHECKOUT}
    if options.core:
        links[core.HELPER] = state.CHECKOUT / "dev" / "core_suites"
    addons = state.addons_folder("core-addons" if options.core else "addons", links)
    log = state.new_log("test")
    with database.server(python) as server:
        server.drop_abandoned()
        more = coverage.begin() if options.coverage else {}
        bench = odoo.Bench(python, source, server, addons, more)
        if options.core:
            result = core.run(bench, log, options.keep)
        elif options.wheel:
            result = wheel.run(bench, log)
        else:
            result = _run_parts(bench, log, options)
        if options.coverage:
            coverage.end(python, log)
    report.list_screenshots(log)
    say(f"log: {log}")
    return result.close()


def _check_known(modules: list[str], source: odoo_source.Odoo) -> None:
    """Fail where Odoo has no such module, before anything starts."""
    for name in modules:
        if name not in source.modules:
            close = difflib.get_close_matches(name, source.modules, 3)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise Failure(f"Odoo {source.version} has no module {name}.{hint}")


def _run_parts(bench: odoo.Bench, log: Path, options: argparse.Namespace) -> report.Report:
    pristine = bench.pristine(odoo.dependencies())
    result = report.Report()
    if not options.live:
        result.add(_run_in_odoo(bench, pristine, log, options))
    if options.live or not (options.tags or options.no_live or options.beside):
        if live.has_tests():
            result.add(live.run(bench, pristine, state.new_log("live")))
        elif options.live:
            raise Failure("tests/live has no tests.")
    return result


def _run_in_odoo(
    bench: odoo.Bench, pristine: str, log: Path, options: argparse.Namespace
) -> report.Report:
    env = bench.environment()
    if directory.MODULE in options.beside:
        env = directory.provide(bench.python, env)
    modules = dict.fromkeys((state.ADDON, *state.BESIDE, *options.beside))
    with database.test_database(bench.server, "test", options.keep) as name:
        with step("Copying a fresh database"):
            bench.server.copy(pristine, name)
        with step("Installing the addon and running its tests"):
            status = run_tests(
                bench,
                name,
                log,
                options.tags or TAGS,
                f"--init={','.join(modules)}",
                env=env,
            )
        return report.read_odoo_log(log, status)


def run_tests(
    bench: odoo.Bench,
    name: str,
    log: Path,
    tags: str,
    *options: str,
    env: dict[str, str] | None = None,
) -> int:
    """Have Odoo run the tests that ``tags`` names; return its exit status."""
    env = {**(env or bench.environment()), "MFA_AXE": str(axe.provide(bench.python))}
    argv = bench.command(
        name,
        f"--http-port={process.free_port()}",
        f"--test-tags={tags}",
        f"--screenshots={log.with_suffix('')}",
        "--stop-after-init",
        *options,
    )
    return process.run(argv, state.RECORDS, log, env)
