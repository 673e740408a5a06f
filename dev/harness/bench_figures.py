"""The arithmetic of `dev/bench`: what many pairs of measurements say."""

import random
import statistics
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
    """Costs of the same step on two sides, measured in turn."""

    left: list[Cost] = field(default_factory=list)
    right: list[Cost] = field(default_factory=list)

    def add(self, left: Cost, right: Cost) -> None:
        self.left.append(left)
        self.right.append(right)

    def figures(self) -> dict:
        """What is reported: times in milliseconds; ``ratio`` is right by left."""
        return {
            "pairs": len(self.left),
            "left": _side(self.left),
            "right": _side(self.right),
            "ratio": _ratio([pair.seconds for pair in self.left], [p.seconds for p in self.right]),
            "cpu_ratio": _ratio([pair.cpu for pair in self.left], [p.cpu for p in self.right]),
        }


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of the values (0 to 1) do not exceed, between the two next to it."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median_interval(values: list[float]) -> tuple[float, float]:
    """The interval in which the median lies with 95 % confidence, by bootstrap.

    Drawn with a fixed seed: the same measurements give the same interval.
    """
    draw = random.Random(0)
    medians = [statistics.median(draw.choices(values, k=len(values))) for _time in range(RESAMPLES)]
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


def _side(costs: list[Cost]) -> dict:
    milliseconds = [1000 * cost.seconds for cost in costs]
    return {
        "median": statistics.median(milliseconds),
        "p95": percentile(milliseconds, 0.95),
        "cpu": statistics.median(1000 * cost.cpu for cost in costs),
        "queries": statistics.median_low(cost.queries for cost in costs),
    }


def _ratio(left: list[float], right: list[float]) -> dict:
    ratios = [ours / theirs for theirs, ours in zip(left, right, strict=True)]
    low, high = median_interval(ratios)
    return {
        "median": statistics.median(ratios),
        "low": low,
        "high": high,
        "quartiles": [percentile(ratios, 0.25), percentile(ratios, 0.75)],
    }
