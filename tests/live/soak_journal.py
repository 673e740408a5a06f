"""What each client of the soak sent, when, and what it was answered; and what must hold of it.

Moments are Unix seconds of one machine. Every check returns sentences, one for each fault.
"""

import bisect
import itertools
import math
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

FREE_FAILURES = 5
FIRST_WAIT = 60  # seconds
SLOW = 3  # seconds
SUCCESS = ("in", "done")
LINES = {
    ("code", "in"): "code_accepted",
    ("code", "wrong"): "code_refused",
    ("guess", "wrong"): "code_refused",
    ("recovery", "in"): "recovery_used",
    ("recovery", "wrong"): "code_refused",
    ("trust", "done"): "device_trusted",
    ("device", "in"): "device_used",
    ("revoke", "done"): "device_revoked",
    ("enrol", "done"): "enrolled",
    ("enable", "done"): "enabled",
    ("remove", "done"): "removed",
    ("codes", "done"): "recovery_made",
    ("reset", "done"): "reset",
}
"""Which line of the audit trail each answer stands for."""
CLEARING = {"code", "recovery", "enrol", "reset"}
"""What ends a row of wrong codes, if it succeeds."""


@dataclass
class Try:
    """One thing that a client tried. ``outcome`` is ``lost`` where no answer told."""

    uid: int
    kind: str
    key: object
    sent: float
    answered: float
    outcome: str


@dataclass
class Request:
    path: str
    sent: float
    answered: float
    fault: str | None


@dataclass
class Trouble:
    """Something was down, and these faults were to be expected of requests meanwhile."""

    what: str
    begin: float
    end: float
    faults: tuple[str, ...]


@dataclass
class Journal:
    tries: list[Try] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What a client saw at once that must not be."""
    open: dict[object, float] = field(default_factory=dict)
    """When each request was sent that has no answer yet."""
    held_back: int = 0
    """Seconds that people waited because the machine was slow, all together."""

    def is_slow(self):
        """Tell whether answers take so long now that a code may grow old on its way."""
        now = time.time()
        waits = [now - sent for sent in list(self.open.values())]
        waits += [one.answered - one.sent for one in self.requests[-10:]]
        return bool(waits) and sum(waits) / len(waits) > SLOW

    def of_user(self):
        found = defaultdict(list)
        for one in sorted(self.tries, key=lambda one: one.sent):
            found[one.uid].append(one)
        return found


# -- from the journal alone ------------------------------------------------------------------


def used_twice(journal, *kinds):
    """A code is accepted once, whatever it was given for."""
    accepted = Counter(
        one.key for one in journal.tries if one.kind in kinds and one.outcome in SUCCESS
    )
    return [f"{kinds[0]} {key} was accepted {n} times" for key, n in accepted.items() if n > 1]


def let_in_after_the_end(journal, kind):
    """What was ended (``<kind>_end``) opens nothing that was asked for after that answer."""
    ends = {}
    for one in journal.tries:
        if one.kind == f"{kind}_end":
            ends[one.key] = min(one.answered, ends.get(one.key, math.inf))
    return [
        f"{kind} of user {one.uid} let in {one.sent - ends[one.key]:.3f} s after its end"
        for one in journal.tries
        if one.kind == kind and one.outcome == "in" and one.sent > ends.get(one.key, math.inf)
    ]


def forgotten_locks(journal):
    """After five wrong codes in a row none is compared for a minute, right or wrong."""
    found = []
    for uid, tries in journal.of_user().items():
        wrong = sorted((one for one in tries if _is_wrong(one)), key=lambda one: one.answered)
        clears = [one for one in tries if _may_clear(one)]
        for first in range(len(wrong) - FREE_FAILURES + 1):
            row = wrong[first : first + FREE_FAILURES]
            begin, locked = min(one.sent for one in row), row[-1].answered
            if any(_overlap(one, begin, locked) for one in clears):
                continue
            for one in tries:
                compared = _is_wrong(one) or (one.kind == "code" and one.outcome == "in")
                within = locked < one.sent and one.answered < begin + FIRST_WAIT
                if compared and within and not _cleared(clears, locked, one):
                    found.append(f"user {uid} was locked, and a code compared ({one.outcome})")
    return found


def _cleared(clears, since, one):
    return any(_overlap(clear, since, one.answered) for clear in clears if clear is not one)


def too_many_compared(journal):
    """Of guesses at once five are compared, on all workers and servers together."""
    found = []
    for uid, tries in journal.of_user().items():
        clears = [one for one in tries if _may_clear(one)]
        wrong = [one for one in tries if _is_wrong(one)]
        for row in zip(*(wrong[n:] for n in range(FREE_FAILURES + 1)), strict=False):
            begin, end = row[0].sent, max(one.answered for one in row)
            if end < begin + FIRST_WAIT and not any(_overlap(c, begin, end) for c in clears):
                found.append(f"user {uid}: six wrong codes were compared")
    return found


def _is_wrong(one):
    return one.kind in ("code", "guess") and one.outcome == "wrong"


def _may_clear(one):
    return one.kind in CLEARING and one.outcome in (*SUCCESS, "lost")


def _overlap(one, begin, end):
    return one.sent <= end and one.answered >= begin


def unexplained_faults(journal):
    """An answer is right, or says clearly that something is down, while it is."""
    found = Counter()
    for one in journal.requests:
        known = any(
            one.fault in trouble.faults and _overlap(one, trouble.begin, trouble.end)
            for trouble in journal.troubles
        )
        if one.fault and not known:
            found[f"{one.path}: {one.fault} while nothing was down"] += 1
    return [f"{text} ({number} times)" for text, number in found.items()]


# -- with the database -----------------------------------------------------------------------


def forgotten_failures(journal, counted):
    """The count of wrong codes is there to the end.

    :param counted: failures by user id, as the database has them
    """
    found = []
    for uid, tries in journal.of_user().items():
        cleared = max((one.answered for one in tries if _may_clear(one)), default=0)
        told = sum(_is_wrong(one) and one.sent > cleared for one in tries)
        if told > counted.get(uid, 0):
            found.append(f"user {uid}: {told} wrong codes, {counted.get(uid, 0)} are counted")
    return found


def lost_lines(journal, lines):
    """Each answer has its own line in the audit trail, written between question and answer.

    :param lines: moments, in whole seconds, by (user id, kind)
    """
    answers = defaultdict(list)
    for one in journal.tries:
        if kind := LINES.get((one.kind, one.outcome)):
            answers[one.uid, kind].append(one)
    found = []
    for key, tries in answers.items():
        missing = unmatched(
            [(math.floor(one.sent), one.answered) for one in tries], lines.get(key, ())
        )
        found += [f"{key[1]} of user {key[0]}: answered, and no line" for _one in range(missing)]
    return found


def unmatched(spans, moments):
    """Return how many of ``spans`` (begin, end) get no moment of their own."""
    waiting = sorted(spans)
    open_ends = []
    missing = 0
    for moment in sorted(moments):
        while waiting and waiting[0][0] <= moment:
            bisect.insort(open_ends, waiting.pop(0)[1])
        while open_ends and open_ends[0] < moment:
            open_ends.pop(0)
            missing += 1
        if open_ends:
            open_ends.pop(0)
    return missing + len(open_ends) + len(waiting)


def invented_lines(journal, lines):
    """No line tells of a success that nobody asked for."""
    asked = Counter()
    for one in journal.tries:
        for outcome in SUCCESS if one.outcome == "lost" else (one.outcome,):
            if kind := LINES.get((one.kind, outcome)):
                asked[one.uid, kind] += 1
    kinds = {"code_accepted", "recovery_used", "device_used", "enrolled", "reset"}
    return [
        f"{kind} of user {uid}: {len(moments)} lines for {asked[uid, kind]} requests"
        for (uid, kind), moments in lines.items()
        if kind in kinds and len(moments) > asked[uid, kind]
    ]


# -- figures ---------------------------------------------------------------------------------


def figures(journal):
    """Return what happened, in numbers, as JSON takes it."""
    times = sorted(one.answered - one.sent for one in journal.requests if not one.fault)
    outcomes = Counter((one.kind, one.outcome) for one in journal.tries)
    faults = Counter(one.fault for one in journal.requests if one.fault)
    by_kind = itertools.groupby(sorted(outcomes), key=lambda pair: pair[0])
    return {
        "requests": len(journal.requests),
        "median": round(times[len(times) // 2], 3) if times else None,
        "p95": round(times[len(times) * 95 // 100], 3) if times else None,
        "held_back": journal.held_back,
        "retries": dict(faults),
        "tries": {kind: {o: outcomes[kind, o] for _kind, o in pairs} for kind, pairs in by_kind},
        "troubles": [[one.what, round(one.end - one.begin, 1)] for one in journal.troubles],
    }
