"""Where things are kept: all of it under the cache folder, none of it in the working tree.

Odoo's source and the virtual environments are shared between checkouts; databases, logs and
records belong to one checkout.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .console import Failure, step

ADDON = "auth_totp_mfa"
BESIDE = ("auth_timeout", "auth_oauth")  # core's modules that some tests play together with
CHECKOUT = Path(__file__).resolve().parents[2]
ROOM_FOR_SETUP = 4 * 1024**3  # bytes: Odoo, its Python packages, a database
ROOM_TO_WORK = 200 * 1024**2  # bytes
FULL = 16 * 1024**2  # bytes: less than this explains any failure

_base = os.environ.get("XDG_CACHE_HOME", "")
SHARED = (Path(_base) if os.path.isabs(_base) else Path.home() / ".cache") / ADDON
_key = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
OWN = SHARED / "checkouts" / f"{CHECKOUT.name}-{_key}"
KEY = _key

ODOO = SHARED / "odoo"
VENVS = SHARED / "venv"
BYTECODE = SHARED / "bytecode"
LOGS = OWN / "logs"
RECORDS = OWN / "processes"
DATA = OWN / "data"


def make_room(setup: bool) -> None:
    """Make the state folder; fail in one sentence where it cannot hold what is to come."""
    OWN.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(OWN).free
    need = ROOM_FOR_SETUP if setup else ROOM_TO_WORK
    if free < need:
        raise Failure(
            f"The disk of {SHARED} has {free // 1024**2} MB left, and {need // 1024**2} MB are "
            "needed: make room, or point XDG_CACHE_HOME to another disk."
        )


def refuse_full_disk(reason: str = "") -> None:
    """Fail where something else failed, ``reason`` says why, and a full disk is behind it."""
    if "No space left" in reason or shutil.disk_usage(SHARED).free < FULL:
        raise Failure(f"The disk of {SHARED} is full: make room and start again.")


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock between commands, waiting for it; it falls when the process ends."""
    folder = SHARED / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        if not try_lock(handle):
            with step("Waiting for another dev command to finish its set-up"):
                while not try_lock(handle):
                    time.sleep(0.2)
        yield


def try_lock(handle, shared: bool = False) -> bool:
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_whole(target: Path, make: Callable[[Path], None]) -> None:
    """Let ``make`` fill a folder that becomes ``target`` only once it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        draft.chmod(0o755)
        make(draft)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def addons_folder(name: str, links: dict[str, Path]) -> Path:
    """A folder outside the tree that holds each addon under its technical name."""
    folder = OWN / name
    folder.mkdir(parents=True, exist_ok=True)
    for addon, source in links.items():
        link = folder / addon
        if not link.is_symlink() or link.readlink() != source:
            link.unlink(missing_ok=True)
            link.symlink_to(source)
    return folder


def addon_fingerprint(*suffixes: str) -> str:
    """Changes whenever a file that Odoo loads from the addon changes.

    :param suffixes: of the files that matter, such as ``.py``; all where none is given
    """
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(CHECKOUT):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in ("dev", "tests")
        )
        for name in sorted(files):
            if suffixes and not name.endswith(suffixes):
                continue
            path = Path(folder, name)
            digest.update(str(path.relative_to(CHECKOUT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def new_log(command: str) -> Path:
    """A log file for one run, its screenshots beside it; the last ten of a command are kept."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in sorted(LOGS.glob(f"{command}-*.log"))[:-9]:
        old.unlink(missing_ok=True)
        shutil.rmtree(old.with_suffix(""), ignore_errors=True)
    return LOGS / f"{command}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
