"""What a person sees: progress, one-sentence errors, exit statuses."""

import contextlib
import errno
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

from . import process

TICK = 0.5  # seconds between two updates of a live line
INTERRUPTED = 130  # the shell's exit status for a command ended by Ctrl-C


class Failure(Exception):
    """Ends the command: one sentence for the person, no traceback."""


class Stopped(BaseException):
    """A signal asked the command to end."""


def say(text: str = "") -> None:
    print(text, flush=True)


@contextlib.contextmanager
def step(label: str) -> Iterator[None]:
    """Show that ``label`` is under way, and how many seconds it took."""
    begin = time.monotonic()
    over = threading.Event()
    live = sys.stdout.isatty()
    if live:
        ticker = threading.Thread(target=_tick, args=(label, begin, over), daemon=True)
        ticker.start()
    outcome = "failed after"
    try:
        yield
        outcome = "done in"
    except Stopped:
        outcome = "stopped after"
        raise
    finally:
        over.set()
        if live:
            ticker.join()
            sys.stdout.write("\r\033[K")
        say(f"{label} … {outcome} {time.monotonic() - begin:.0f} s")


def _tick(label: str, begin: float, over: threading.Event) -> None:
    while not over.is_set():
        sys.stdout.write(f"\r\033[K{label} … {time.monotonic() - begin:.0f} s")
        sys.stdout.flush()
        over.wait(TICK)


def command(body: Callable[[], int]) -> int:
    """Run ``body``, stop every process that it started, and return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return body()
    except Failure as failure:
        print(f"Error: {failure}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"Error: {_in_words(error)}", file=sys.stderr, flush=True)
        return 1
    except Stopped:
        say("Stopped.")
        return INTERRUPTED
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        process.stop_all()


def _stop(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Stopped


def _in_words(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"The disk is full{place}. Make room and start again."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"This place cannot be written{place}. Point XDG_CACHE_HOME to one that can."
    return f"{error.strerror or error}{place}."
