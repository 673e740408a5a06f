"""Odoo's own command line, with everything that it writes kept in the state folder."""

import ast
import contextlib
import hashlib
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from . import database, environment, odoo_source, process, state
from .console import Failure, step
from .odoo_source import Odoo

LOG_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ (?P<level>[A-Z]+) (?P<db>\S+) (?P<logger>\S+): "
    r"(?P<text>.*?) *$"
)
MAKE_ASSETS = "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()"
SHOWN = 40  # lines of an error
START_LIMIT = 120.0  # seconds until a server must answer


def prepare() -> Odoo:
    """Begin a command: see to the room on the disk, end what was left behind, return Odoo."""
    state.make_room(not (odoo_source.is_here() and environment.odoo_is_here()))
    process.stop_left_behind(state.RECORDS)
    return odoo_source.find()


@dataclass
class Bench:
    """What an Odoo process needs: a Python, the source, a database server.

    ``addons`` is the folder with the addon; none where the Python has it installed.
    ``more`` is added to the environment of each process.
    """

    python: Path
    odoo: Odoo
    server: database.Server
    addons: Path | None
    more: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        ours = {
            "PYTHONPATH": str(self.odoo.library),
            "PYTHONPYCACHEPREFIX": str(state.BYTECODE),
            "ODOO_RC": os.devnull,
        }
        unwanted = ("ODOO_", "PYTHON")
        kept = {key: os.environ[key] for key in os.environ if not key.startswith(unwanted)}
        return {**kept, **ours, **self.server.env, **self.more}

    def command(self, name: str, *options: str) -> list[str]:
        """The command line that runs Odoo on the database ``name``, or on none yet."""
        folders = [str(folder) for folder in (*self.odoo.addons, self.addons) if folder]
        return [
            str(self.python),
            str(self.odoo.script),
            *([f"--addons-path={','.join(folders)}"] if self.addons else []),
            f"--data-dir={state.DATA}",
            "--no-database-list",
            "--http-interface=127.0.0.1",
            "--max-cron-threads=0",
            *on_database(name),
            *options,
        ]

    def install(self, name: str, modules: list[str], log: Path, *options: str) -> None:
        """Install into a database, made where missing; Failure says what Odoo says."""
        self._change(name, modules, log, f"--init={','.join(modules)}", *options)

    def update(self, name: str, module: str, log: Path) -> None:
        self._change(name, [module], log, f"--update={module}")

    def _change(self, name: str, modules: list[str], log: Path, *options: str) -> None:
        argv = self.command(name, "--stop-after-init", "--no-http", *options)
        status = process.run(argv, state.RECORDS, log, self.environment())
        if status or not set(modules) <= self._installed(name):
            state.refuse_full_disk()
            raise Failure(f"Odoo failed (log: {log}).\n{last_error(log)}")

    def shell(self, name: str, script: str, log: Path) -> None:
        """Run a script in Odoo's shell, where ``env`` is the database's; Failure if it fails."""
        command = self.command(name, "--no-http")
        command.insert(2, "shell")
        with tempfile.TemporaryFile() as source:
            source.write(script.encode())
            source.seek(0)
            if process.run(command, state.RECORDS, log, self.environment(), stdin=source):
                raise Failure(f"Odoo's shell failed (log: {log}).\n{last_error(log)}")

    def _installed(self, name: str) -> set[str]:
        question = "SELECT name FROM ir_module_module WHERE state = 'installed'"
        return set(self.server.query(question, name).split())

    def serve(self, name: str, port: int, log: Path, *options: str) -> subprocess.Popen:
        ports = [f"--http-port={port}", f"--gevent-port={process.free_port()}"]
        argv = self.command(name, *ports, *options)
        return process.spawn(argv, state.RECORDS, log, self.environment())

    def pristine(self, modules: list[str], demo: bool = False) -> str:
        """A database with Odoo's own ``modules`` and no more, to copy from; made once."""
        kind = "pristine_demo" if demo else "pristine"
        stamp = f"{self.odoo.library} {self.odoo.version} {sorted(modules)}"
        key = hashlib.sha256(stamp.encode()).hexdigest()[:8]
        name = database.database_name(f"{kind}_{key}")
        with state.lock(f"pristine-{state.KEY}"):
            if name not in self.server.names():
                for old in self.server.names():
                    if old.rpartition("_")[0] == database.database_name(kind):
                        self.server.drop(old)
                draft = database.throwaway_name("draft")
                self.server.drop(draft)
                log = state.new_log("pristine")
                with step("Installing Odoo's own modules (once)"):
                    self.install(draft, modules, log, *(["--with-demo"] if demo else []))
                    # Scripts and styles of all pages, which else each test run makes anew.
                    self.shell(draft, MAKE_ASSETS, log)
                self.server.copy(draft, name)
                self.server.drop(draft)
        return name


def dependencies() -> list[str]:
    """What the addon's manifest depends on."""
    path = state.CHECKOUT / "__manifest__.py"
    try:
        return ast.literal_eval(path.read_text())["depends"]
    except FileNotFoundError:
        raise Failure(f"There is no addon here: {path} is missing.") from None
    except (SyntaxError, ValueError, KeyError):
        raise Failure(f"{path} is no manifest with `depends`.") from None


def on_database(name: str) -> list[str]:
    return [f"--database={name}", f"--db-filter=^{name}$"] if name else []


def wait_for(url: str, child: subprocess.Popen, log: Path) -> None:
    """Return once ``url`` answers 200; Failure when the server ends or takes too long."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if child.poll() is not None:
            state.refuse_full_disk()
            raise Failure(f"Odoo ended (log: {log}).\n{last_error(log)}")
        with contextlib.suppress(OSError, urllib.error.URLError):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url, timeout=START_LIMIT) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.1)
    raise Failure(f"{url} gave no answer within {START_LIMIT:.0f} seconds (log: {log}).")


def last_error(log: Path) -> str:
    """The last error in a log of Odoo; of a long one its end, where the reason stands."""
    lines: list[str] = []
    inside = False
    for line in log.read_text(errors="replace").splitlines():
        match = LOG_LINE.match(line)
        if match:
            inside = match["level"] in ("ERROR", "CRITICAL")
            if inside:
                lines = [f"{match['logger']}: {match['text']}"]
        elif inside:
            lines.append(line)
    if len(lines) > SHOWN:
        lines = [lines[0], "…", *lines[-SHOWN:]]
    return "\n".join(lines) or "It gave no reason."
