"""`dev/bench`: this addon and core, side by side in one run."""

import argparse
import base64
import functools
import itertools
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from . import (
    bench_client,
    bench_report,
    console,
    database,
    environment,
    odoo,
    state,
)
from .bench_client import Browser, Cost, Site
from .bench_figures import Pairs
from .bench_stage import APPS, METER, Stage
from .console import Failure, step

KEY = "AUTH_TOTP_MFA_KEY"
STARTS = 8  # of the servers: where memory lies makes a process some per cent faster or slower
WARM = 3  # rounds of each start that are not counted
FEW, MANY = 100, 100_000  # accounts that the login is compared at
LOGINS = 1000  # after which the memory of a worker is looked at
USERS = (FEW, 1_000_000)
ROUNDS = (5, 10_000)
Round = Callable[[], list[bench_client.Steps]]
"""Begins a round: the steps of each side."""


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev/bench",
        description="Measure this addon and core's two-factor authentication in turn, each on a "
        "database and a server of its own. The ratio counts: times by themselves mean nothing on "
        "a shared machine. Takes nine minutes, and half an hour more with --scale.",
    )
    parser.add_argument(
        "--users", type=int, default=1000, metavar="N", help="accounts in each database (1000)"
    )
    parser.add_argument(
        "--rounds", type=int, default=40, metavar="N", help="logins of each kind (40)"
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help=f"also: {FEW} accounts against {MANY}, installing, uninstalling, disk and memory",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios there, as SVG")
    parser.add_argument(
        "--docs", action="store_true", help="measure with --scale, and write all into docs/"
    )
    options = parser.parse_args()
    for name, (least, most) in {"users": USERS, "rounds": ROUNDS}.items():
        if not least <= getattr(options, name) <= most:
            parser.error(f"--{name} must be from {least} to {most}")
    for path in filter(None, (options.json, options.plot)):
        if not path.parent.is_dir():
            parser.error(f"there is no folder {path.parent}")
    if options.plot and options.plot.suffix != ".svg":
        parser.error(f"--plot draws an SVG: {options.plot} must end in .svg")
    return options


def _main(options: argparse.Namespace) -> int:
    source = odoo.prepare()
    python = environment.for_odoo()
    painter = environment.for_bench() if options.plot or options.docs else None
    meter = state.CHECKOUT / "dev" / "bench_meter"
    addons = state.addons_folder("bench-addons", {state.ADDON: state.CHECKOUT, METER: meter})
    # As an administrator should set it: codes are checked against encrypted secrets.
    os.environ[KEY] = base64.b64encode(secrets.token_bytes(32)).decode()
    with database.server(python) as server:
        server.drop_abandoned()
        stage = Stage(odoo.Bench(python, source, server, addons))
        try:
            figures = bench_report.machine(server, source.version)
            figures |= {"users": options.users, "rounds": options.rounds}
            figures |= _side_by_side(stage, options)
            if options.scale or options.docs:
                figures["scale"] |= _at_scale(stage, options.rounds)
        finally:
            stage.close()
    return bench_report.publish(figures, options, painter)


# -- this addon and core -----------------------------------------------------------


def _side_by_side(stage: Stage, options: argparse.Namespace) -> dict:
    users = options.users
    core = stage.make_core("core", users)
    ours = stage.copy(core, "ours")
    stage.install(ours, "on a copy")
    stage.fill(ours, users)
    with step("Drawing QR pictures"):
        pictures = _pairs_of(stage.run(ours, "draw_pictures", WARM + options.rounds))
    counts = {core: users, ours: users}
    kinds = {
        "Logging in": _journeys,
        "Opening screens": _screens,
        f"Logging in with {APPS} apps": functools.partial(_apps, app=0),
        "Logging in with another app": functools.partial(_apps, app=APPS - 1),
    }
    logins, screens, used, unused = _measure(stage, counts, options.rounds, kinds)
    steps = _figures(logins | screens | {"picture": pictures})
    scale = {"apps": _figures(used), "other_app": _figures(unused)}
    if options.scale or options.docs:
        with stage.serve(counts) as sites:
            scale["memory"] = _grow_memory(sites)
    return {"steps": steps, "scale": scale}


def _journeys(sites: list[Site], turns: Iterator[int]) -> Round:
    """Return what begins a round: the same steps on each site, each by somebody new."""
    pairs = min(site.users for site in sites) // 4 - 1

    def begin() -> list[bench_client.Steps]:
        someone = 1 + 2 * (next(turns) % pairs)
        other = someone + 1
        return [_journey(site, someone, other) for site in sites]

    return begin


def _journey(site: Site, someone: int, other: int) -> bench_client.Steps:
    browser = Browser(site)
    yield from bench_client.login(browser, someone)
    yield from bench_client.work(browser)
    browser = Browser(site)
    yield from bench_client.login(browser, other, remember=True)
    browser.cookies.pop("session_id")
    yield from bench_client.trusted_login(browser, other)
    yield from bench_client.call_api(Browser(site))


def _screens(sites: list[Site], _turns: Iterator[int]) -> Round:
    at_home, newcomers = [Browser(site) for site in sites], [Browser(site) for site in sites]

    def begin() -> list[bench_client.Steps]:
        return [
            itertools.chain(bench_client.open_preferences(one), bench_client.enrol(other))
            for one, other in zip(at_home, newcomers, strict=True)
        ]

    return begin


def _apps(sites: list[Site], turns: Iterator[int], app: int) -> Round:
    """One app against ten with this addon, the code being that of the number ``app``.

    The first is the one used last. The others were never used, nor are the accounts again
    before all others of theirs were.
    """
    site = sites[1]
    share = site.users // 8
    few = 2 * share if app else 3 * share

    def begin() -> list[bench_client.Steps]:
        number = few + next(turns) % share
        return [
            bench_client.login(Browser(site), number),
            bench_client.login(Browser(site), number + site.users // 2, app=app),
        ]

    return begin


# -- at scale ----------------------------------------------------------------------


def _at_scale(stage: Stage, rounds: int) -> dict:
    big = stage.make_core("big", MANY)
    result = {"install": stage.install(big, f"where core holds {MANY} secrets")}
    stage.fill(big, MANY, apps=2, devices=3)
    result["sizes"] = stage.sizes(big)
    small = stage.make_core("small", FEW)
    result["install_small"] = stage.install(small, "on a small database")
    stage.fill(small, FEW, apps=2, devices=3)
    kinds = {"Logging in at scale": _journeys}
    [found] = _measure(stage, {small: FEW, big: MANY}, rounds, kinds)
    result["users"] = _figures(found)
    result["uninstall"] = stage.uninstall(big, f"of {MANY} accounts")
    return result


def _grow_memory(sites: list[Site]) -> list[dict[str, int]]:
    """Log in often on all sites at once; return the bytes of each worker before and after."""
    failures: list[BaseException] = []

    def log_in(site: Site, times: int) -> None:
        for number in itertools.islice(itertools.cycle(range(1, site.users // 2)), times):
            for _step in bench_client.login(Browser(site), number):
                pass

    def log_in_apart(site: Site) -> None:
        try:
            log_in(site, LOGINS)
        except Exception as error:
            failures.append(error)

    for site in sites:
        log_in(site, WARM)
    before = [site.memory() for site in sites]
    threads = [threading.Thread(target=log_in_apart, args=[site], daemon=True) for site in sites]
    with step(f"Logging in {LOGINS} times on each server"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise Failure(f"A login failed: {failures[0]}")
    return [
        {"before": bytes_before, "after": site.memory()}
        for bytes_before, site in zip(before, sites, strict=True)
    ]


# -- measuring ---------------------------------------------------------------------


def _measure(
    stage: Stage,
    users: dict[str, int],
    rounds: int,
    kinds: dict[str, Callable[[list[Site], Iterator[int]], Round]],
) -> list[dict[str, Pairs]]:
    """Take two sites through rounds of each kind; return what was found of each.

    In turn, left, right, right, left, since who is asked second may be some per cent slower
    or faster, and in several starts of their servers.
    """
    found: list[dict[str, Pairs]] = [{} for _kind in kinds]
    turns = [itertools.count() for _kind in kinds]
    for start in range(STARTS):
        more = len(range(start, rounds, STARTS))
        with stage.serve(users) as sites:
            for (what, make), pairs, numbers in zip(kinds.items(), found, turns, strict=True):
                with step(f"{what}, start {start + 1} of {STARTS}: {WARM + more} rounds"):
                    begin = make(sites, numbers)
                    for turn in range(WARM + more):
                        for name, left, right in _take_turns(begin(), start + turn):
                            if turn >= WARM:
                                pairs.setdefault(name, Pairs()).add(left, right, start)
    return found


def _take_turns(
    sides: list[bench_client.Steps], turn: int
) -> Iterator[tuple[str, bench_client.Cost, bench_client.Cost]]:
    """Yield the name of each step, and what it cost on the left and on the right."""
    swap = bool(turn % 2)
    for steps in zip(*(sides[::-1] if swap else sides), strict=True):
        (name, left), (_same, right) = steps[::-1] if swap else steps
        yield name, left, right


def _pairs_of(costs: list) -> Pairs:
    pairs = Pairs()
    for left, right in costs[WARM:]:
        pairs.add(Cost(*left), Cost(*right))
    return pairs


def _figures(found: dict[str, Pairs]) -> dict[str, dict]:
    return {name: pairs.figures() for name, pairs in found.items()}
