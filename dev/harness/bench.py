"""`dev/bench`: this addon and core, side by side in one run."""

import argparse
import base64
import contextlib
import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import (
    bench_client,
    bench_figures,
    console,
    database,
    environment,
    mailbox,
    odoo,
    odoo_source,
    process,
    state,
)
from .bench_client import Browser, Site
from .console import Failure, say, step

METER = "auth_totp_mfa_meter"
SEED = Path(__file__).with_name("bench_seed.py")
WARM = 3  # rounds that are not counted
KEY = "AUTH_TOTP_MFA_KEY"
FEWEST_USERS, MOST_USERS = 100, 1_000_000


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/bench", description=__doc__)
    parser.add_argument("--users", type=int, default=1000, metavar="N", help="accounts (1000)")
    parser.add_argument("--rounds", type=int, default=60, metavar="N", help="measurements (60)")
    options = parser.parse_args()
    if not FEWEST_USERS <= options.users <= MOST_USERS:
        parser.error(f"--users must be from {FEWEST_USERS} to {MOST_USERS}")
    if options.rounds < 5:
        parser.error("--rounds must be 5 or more: fewer say nothing")
    return options


def _main(options: argparse.Namespace) -> int:
    state.make_room(not (odoo_source.is_here() and environment.odoo_is_here()))
    process.stop_left_behind(state.RECORDS)
    source = odoo_source.find()
    python = environment.for_odoo()
    meter = state.CHECKOUT / "dev" / "bench_meter"
    addons = state.addons_folder("bench-addons", {state.ADDON: state.CHECKOUT, METER: meter})
    # As an administrator should set it: codes are checked against encrypted secrets.
    os.environ[KEY] = base64.b64encode(secrets.token_bytes(32)).decode()
    with database.server(python) as server:
        server.drop_abandoned()
        bench = odoo.Bench(python, source, server, addons)
        with _databases(bench, options.users) as names, _sites(bench, names, options.users) as both:
            found = _measure(both, options.rounds)
    for name, pairs in found.items():
        f = pairs.figures()
        r, c = f["ratio"], f["cpu_ratio"]
        say(
            f"{name:20} {f['left']['median']:7.1f} {f['left']['p95']:7.1f} {f['right']['median']:7.1f} {f['right']['p95']:7.1f}"
            f"  {r['median']:.3f} [{r['low']:.3f} {r['high']:.3f}]  cpu {f['left']['cpu']:6.1f} {f['right']['cpu']:6.1f} {c['median']:.3f} [{c['low']:.3f} {c['high']:.3f}]"
            f"  q {f['left']['queries']:3} {f['right']['queries']:3}  {bench_figures.verdict(name, f)}"
        )
    return 0


@contextlib.contextmanager
def _databases(bench: odoo.Bench, users: int) -> Iterator[list[str]]:
    """Two databases with the same accounts: core's modules alone, and with this addon."""
    core, ours = (database.throwaway_name(f"bench_{side}") for side in ("core", "ours"))
    pristine = bench.pristine(odoo.dependencies())
    log = state.new_log("bench")
    try:
        with step(f"Making {users} accounts"):
            bench.server.copy(pristine, core)
            bench.shell(core, f"users = {users}\n{SEED.read_text()}", log)
            bench.server.query("VACUUM ANALYZE", core)
            bench.server.copy(core, ours)
        with step("Installing the addon beside core"):
            bench.install(ours, [state.ADDON], log)
            bench.server.query("VACUUM ANALYZE", ours)
        yield [core, ours]
    finally:
        bench.server.drop(core)
        bench.server.drop(ours)


@contextlib.contextmanager
def _sites(bench: odoo.Bench, names: list[str], users: int) -> Iterator[list[Site]]:
    """A server for each database, of one worker process, so that memory and time are its own."""
    children, sites = [], []
    with mailbox.Mailbox(lambda mail: None) as box:
        try:
            with step("Starting the servers"):
                for name in names:
                    log = state.new_log("bench-server")
                    port = process.free_port()
                    more = ["--workers=1", f"--load=base,rpc,web,{METER}", *box.options]
                    child = bench.serve(name, port, log, *more)
                    children.append(child)
                    odoo.wait_for(f"http://127.0.0.1:{port}/web/login", child, log)
                    keeper = bench.server.query(
                        "SELECT id FROM res_users WHERE login = 'bench_0'", name
                    )
                    sites.append(Site(port, name, users, keeper=int(keeper)))
            yield sites
        finally:
            for child in children:
                process.stop(child)
            box.shutdown()


def _measure(sites: list[Site], rounds: int) -> dict[str, bench_figures.Pairs]:
    found = {name: bench_figures.Pairs() for name in bench_figures.STEPS}
    newcomers = [Browser(site) for site in sites]
    numbers = itertools.cycle(range(1, sites[0].users))
    with step(f"Measuring {rounds} rounds"):
        for turn in range(WARM + rounds):
            someone, other = next(numbers), next(numbers)
            journeys = [
                _journey(site, newcomer, someone, other)
                for site, newcomer in zip(sites, newcomers, strict=True)
            ]
            for (name, left), (_same, right) in zip(*journeys, strict=True):
                if turn >= WARM:
                    found[name].add(left, right)
    return found


def _journey(site: Site, newcomer: Browser, someone: int, other: int) -> bench_client.Steps:
    browser = Browser(site)
    yield from bench_client.login(browser, someone)
    yield from bench_client.work(browser)
    browser = Browser(site)
    yield from bench_client.login(browser, other, remember=True)
    browser.cookies.pop("session_id")
    yield from bench_client.trusted_login(browser, other)
    yield from bench_client.call_api(Browser(site))
    yield from bench_client.enrol(newcomer)
