"""What `dev/bench` found, as a table, as JSON, as a plot, and in docs/benchmark.rst."""

import argparse
import json
import os
import re
import time
from pathlib import Path

from . import database, process, state
from .bench_figures import STEPS, Step, verdict
from .console import Failure, say, step

DOCS = state.CHECKOUT / "docs"
PLOT = Path(__file__).with_name("bench_plot.py")
MARKS = ".. figures: written by dev/bench --docs\n", ".. end of figures\n"
MOST_APPS, MOST_USERS = 1.05, 1.05  # what ten apps, or many accounts, may make of a login
MOST_INSTALL = 30  # seconds
HEADER = (
    "Step",
    "Core ms",
    "p95",
    "Ours ms",
    "p95",
    "Ratio",
    "95 % interval",
    "CPU ratio",
    "SQL core",
    "SQL ours",
    "Goal",
    "Reached",
)


def machine(server: database.Server, version: str) -> dict:
    """What the figures depend on, but for the load of the machine."""
    memory = re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "processor": model[1].strip() if model else "unknown",
            "cores": os.cpu_count(),
            "memory_gb": round(int(memory[1]) / 1024**2),
            "load": round(os.getloadavg()[0], 1),
        },
        "odoo": version,
        "postgresql": server.query("SHOW server_version"),
    }


def publish(figures: dict, options: argparse.Namespace, painter: Path | None) -> int:
    """Write and say what was found; return the exit status: 1 where a goal is missed."""
    say("\n" + _aligned([HEADER, *_rows(figures)]))
    notes, missed = _notes(figures)
    say("\n" + "\n".join(notes))
    missed += [name for name, found in figures["steps"].items() if not _reached(name, found)]
    for path in filter(None, (options.json, DOCS / "benchmark.json" if options.docs else None)):
        path.write_text(json.dumps(figures, indent=1) + "\n")
    for path in filter(None, (options.plot, DOCS / "benchmark.svg" if options.docs else None)):
        _plot(figures, path, painter)
    if options.docs:
        _write_document(figures, notes)
    say(f"\nGoals missed: {', '.join(missed)}" if missed else "\nAll goals are reached.")
    return 1 if missed else 0


def _reached(name: str, found: dict) -> bool:
    return verdict(name, found) in ("", "yes")


def _rows(figures: dict) -> list[tuple[str, ...]]:
    return [
        (*_row(STEPS[name], figures["steps"][name]), verdict(name, figures["steps"][name]))
        for name in STEPS
    ]


def _row(step: Step, found: dict) -> tuple[str, ...]:
    core, ours, ratio = found["left"], found["right"], found["ratio"]
    return (
        step.label,
        f"{core['median']:.1f}",
        f"{core['p95']:.1f}",
        f"{ours['median']:.1f}",
        f"{ours['p95']:.1f}",
        f"{ratio['median']:.2f}",
        f"{ratio['low']:.2f} to {ratio['high']:.2f}",
        f"{found['cpu_ratio']['median']:.2f}",
        str(core["queries"]),
        str(ours["queries"]),
        step.goal,
    )


def _notes(figures: dict) -> tuple[list[str], list[str]]:
    """Sentences on what the table does not show, and the goals missed among them."""
    scale, notes, missed = figures["scale"], [], []

    def compare(name: str, words: str, most: float) -> None:
        for key in ("code page", "code"):
            found = scale[name][key]
            low, high = found["ratio"]["low"], found["ratio"]["high"]
            notes.append(
                f"{STEPS[key].label}, {words}: {found['ratio']['median']:.2f} times as long "
                f"({low:.2f} to {high:.2f}); of the processor's time "
                f"{found['cpu_ratio']['median']:.2f}. Goal: at most {most:g}."
            )
            if low > most:
                missed.append(f"{STEPS[key].label}, {words}")

    compare("apps", "ten apps, by the one used last, against one", MOST_APPS)
    compare("other_app", "ten apps, by another of them, against one", MOST_APPS)
    if "users" in scale:
        compare("users", "100,000 accounts against 100", MOST_USERS)
        core, ours = scale["memory"]
        notes.append(
            "Memory of a worker before and after 1,000 logins: core "
            f"{_megabytes(core['before'])} and {_megabytes(core['after'])}, ours "
            f"{_megabytes(ours['before'])} and {_megabytes(ours['after'])}."
        )
        sizes = [f"``{table}`` {_megabytes(size)}" for table, size in scale["sizes"].items()]
        notes.append(
            "On disk with 100,000 accounts of two apps, three devices and ten recovery codes each, "
            "indexes included: " + ", ".join(sizes) + "."
        )
        notes.append(
            f"Installing where core holds 100,000 secrets, start of Odoo included: "
            f"{scale['install']:.0f} s (where it holds 100: {scale['install_small']:.0f} s). "
            f"Goal: below {MOST_INSTALL} s. Uninstalling it there: {scale['uninstall']:.0f} s."
        )
        if scale["install"] >= MOST_INSTALL:
            missed.append("install")
    return notes, missed


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.0f} MB"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number in (0, len(row) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _plot(figures: dict, path: Path, painter: Path) -> None:
    log = state.new_log("bench-plot")
    ratios = [
        {"label": STEPS[name].label, "goal": STEPS[name].ratio, **figures["steps"][name]["ratio"]}
        for name in STEPS
    ]
    source = state.OWN / "bench-plot.json"
    source.write_text(json.dumps(ratios))
    with step("Drawing the plot"):
        if process.run([painter, PLOT, source, path], state.RECORDS, log):
            raise Failure(f"The plot could not be drawn (log: {log}).")


def _write_document(figures: dict, notes: list[str]) -> None:
    """Put the figures between their marks in docs/benchmark.rst."""
    path = DOCS / "benchmark.rst"
    before, begin, rest = path.read_text().partition(MARKS[0])
    _old, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        raise Failure(f"{path} has lost the marks around its figures.")
    path.write_text(before + begin + _restructured(figures, notes) + end + after)


def _restructured(figures: dict, notes: list[str]) -> str:
    place = figures["machine"]
    cells = [", ".join(f'"{cell}"' for cell in row) for row in (HEADER, *_rows(figures))]
    lines = [
        "",
        f"Measured on {figures['date']} with Odoo {figures['odoo']}, PostgreSQL "
        f"{figures['postgresql']}, {figures['users']:,} accounts and {figures['rounds']} rounds, "
        f"on {place['cores']} cores of {place['processor']} with {place['memory_gb']} GB.",
        "",
        ".. csv-table::",
        f"   :header: {cells[0]}",
        "",
        *(f"   {line}" for line in cells[1:]),
        "",
        *(f"* {note}" for note in notes),
        "",
    ]
    return "\n".join(lines) + "\n"
