"""Child processes: each in a group of its own, on record, and gone when the command is.

A record says which process, started when, for which command. So what a killed command left
behind can be ended later without ever touching a process that merely got the same number.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

GRACE = 8.0  # seconds between asking a group to end and killing it

_children: list[tuple[subprocess.Popen, Path]] = []


def spawn(
    argv: list[str | Path], records: Path, log: Path, env: dict[str, str] | None = None, **more
) -> subprocess.Popen:
    """Start a process group whose output goes to ``log``, and put it on record.

    ``more`` is for Popen: ``cwd``, ``stdin`` (nothing to read unless given).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in argv],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **more},
        )
    _children.append((child, _record(records, child.pid)))
    return child


def run(
    argv: list[str | Path], records: Path, log: Path, env: dict[str, str] | None = None, **more
) -> int:
    """Run to the end and return the exit status; ended with its group when interrupted."""
    child = spawn(argv, records, log, env, **more)
    try:
        return child.wait()
    finally:
        stop(child)


def stop(child: subprocess.Popen) -> None:
    """End a child's whole group, and take it off the record.

    The child is asked first, and may end those that it started in good order.
    """
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    _end_group(child.pid)
    child.wait()
    for entry in [entry for entry in _children if entry[0] is child]:
        entry[1].unlink(missing_ok=True)
        _children.remove(entry)


def stop_all() -> None:
    for child, _path in reversed(_children):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
    for child, _path in reversed(list(_children)):
        stop(child)


def stop_left_behind(records: Path) -> int:
    """End the groups whose command is gone; return how many there were."""
    count = 0
    for path in records.glob("*.json"):
        record = json.loads(path.read_text() or "{}")
        if not record or is_running(*record["owner"]):
            continue
        if is_running(*record["child"]):
            _end_group(record["child"][0])
            count += 1
        path.unlink(missing_ok=True)
    return count


def started_at(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def is_running(pid: int, start: int) -> bool:
    return started_at(pid) == start


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _record(records: Path, pid: int) -> Path:
    records.mkdir(parents=True, exist_ok=True)
    path = records / f"{pid}.json"
    owner = os.getpid()
    record = {"owner": [owner, started_at(owner)], "child": [pid, started_at(pid) or 0]}
    path.write_text(json.dumps(record))
    return path


def _end_group(group: int) -> None:
    begin = time.monotonic()
    number = signal.SIGTERM
    while _group_runs(group) and time.monotonic() < begin + 2 * GRACE:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        number = signal.SIGKILL if time.monotonic() > begin + GRACE else 0
        time.sleep(0.05)


def _group_runs(group: int) -> bool:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False
