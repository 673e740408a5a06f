"""Draws the ratios that `dev/bench` found, in the Python that has matplotlib.

Arguments: a JSON file of labels, medians, intervals and goals, and the SVG to write.
"""

import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file

from matplotlib import pyplot  # noqa: E402

OURS, GOAL, CORE = "#0072b2", "#d55e00", "#555555"  # told apart by the colour-blind too

source, target = sys.argv[1:]
with open(source) as handle:
    steps = json.load(handle)[::-1]
figure, axes = pyplot.subplots(figsize=(8, 0.42 * len(steps) + 1.2), layout="constrained")
axes.axvline(1, color=CORE, linewidth=1)
for place, found in enumerate(steps):
    axes.plot([found["low"], found["high"]], [place, place], color=OURS, linewidth=5, alpha=0.35)
    axes.plot(found["median"], place, "o", color=OURS)
    axes.annotate(
        f"{found['median']:.2f}", (found["median"], place), (0, 6), textcoords="offset points",
        ha="center", fontsize=8,
    )  # fmt: skip
    if found["goal"] is not None:
        axes.plot(found["goal"], place, "|", color=GOAL, markersize=16, markeredgewidth=2)
axes.set_yticks(range(len(steps)), [found["label"] for found in steps])
axes.set_ylim(-0.7, len(steps) - 0.2)
axes.set_xlim(left=0)
axes.set_xlabel(
    "Time of this addon as a share of core's: median and its 95 % interval\n"
    "| is the most that it may be"
)
axes.spines[["top", "right"]].set_visible(False)
figure.savefig(target, metadata={"Date": None})
