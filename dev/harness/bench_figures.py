"""The arithmetic of `dev/bench`: what many pairs of measurements say."""

import itertools
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .bench_client import Cost

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Step:
    """What is measured, and what it must reach against core."""

    label: str
    ratio: float | None = None
    """The most that the median of the ratios may be."""
    queries: int | None = None
    """The most SQL queries that it may take more than core."""

    @property
    def goal(self) -> str:
        ratio = f"{self.ratio:g}" if self.ratio is not None else ""
        queries = f"+{self.queries} SQL" if self.queries is not None else ""
        return ", ".join(filter(None, (ratio, queries)))


STEPS = {
    "password": Step("Password"),
    "code page": Step("Code page", 1.0, 0),
    "code": Step("Code", 1.0, 3),
    "code, remember": Step("Code, remember the device", 1.0, 3),
    "password, trusted": Step("Password, on a trusted device"),
    "trusted device": Step("Trusted device, instead of a code", 0.8, 0),
    "request": Step("Authenticated request", 1.02, 0),
    "preferences": Step("Preferences"),
    "XML-RPC": Step("RPC with an API key (XML-RPC)", 1.05, 1),
    "JSON-2": Step("RPC with an API key (JSON-2)", 1.05, 0),
    "enrolment": Step("Enrolment screen with its QR picture"),
    "picture": Step("QR picture alone", 0.5),
}


@dataclass
class Pairs:
    """Costs of the same step on two sides, measured in turn, in one start of them or several."""

    starts: dict[int, list[tuple[Cost, Cost]]] = field(default_factory=dict)

    def add(self, left: Cost, right: Cost, start: int = 0) -> None:
        self.starts.setdefault(start, []).append((left, right))

    def figures(self) -> dict:
        """What is reported: times in milliseconds; ``ratio`` is right by left."""
        left, right = zip(*itertools.chain(*self.starts.values()), strict=True)
        return {
            "pairs": len(left),
            "left": _side(left),
            "right": _side(right),
            "ratio": self._ratio(lambda cost: cost.seconds),
            "cpu_ratio": self._ratio(lambda cost: cost.cpu),
        }

    def _ratio(self, read: Callable[[Cost], float]) -> dict:
        by_start = [
            [read(right) / read(left) for left, right in pairs] for pairs in self.starts.values()
        ]
        ratios = [*itertools.chain(*by_start)]
        low, high = median_interval(by_start)
        return {
            "median": statistics.median(ratios),
            "low": low,
            "high": high,
            "quartiles": [percentile(ratios, 0.25), percentile(ratios, 0.75)],
        }


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of the values (0 to 1) do not exceed, between the two next to it."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median_interval(by_start: list[list[float]]) -> tuple[float, float]:
    """The interval in which the median lies with 95 % confidence, by bootstrap.

    In two stages, first of the starts and then within each, since the values of one start
    share what makes its processes fast or slow. Drawn with a fixed seed: the same
    measurements give the same interval.
    """
    draw = random.Random(0)
    medians = []
    for _time in range(RESAMPLES):
        starts = draw.choices(by_start, k=len(by_start))
        values = [draw.choices(values, k=len(values)) for values in starts]
        medians.append(statistics.median(itertools.chain(*values)))
    rest = (1 - CONFIDENCE) / 2
    return percentile(medians, rest), percentile(medians, 1 - rest)


def verdict(name: str, figures: dict) -> str:
    """Say whether a step reaches its goal: ``yes``, or why not; nothing where there is none."""
    step = STEPS[name]
    short = []
    if step.ratio is not None and round(figures["ratio"]["median"], 2) > step.ratio:
        short.append(f"ratio above {step.ratio:g}")
    more = figures["right"]["queries"] - figures["left"]["queries"]
    if step.queries is not None and more > step.queries:
        short.append(f"{more} queries more")
    if step.ratio is None and step.queries is None:
        return ""
    return ", ".join(short) or "yes"


def _side(costs: Sequence[Cost]) -> dict:
    milliseconds = [1000 * cost.seconds for cost in costs]
    return {
        "median": statistics.median(milliseconds),
        "p95": percentile(milliseconds, 0.95),
        "cpu": statistics.median(1000 * cost.cpu for cost in costs),
        "queries": statistics.median_low(cost.queries for cost in costs),
    }
