"""The databases and servers of `dev/bench`: core's modules alone, and with this addon."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from . import database, mailbox, odoo, process, state
from .bench_client import Site
from .console import Failure, step

METER = "auth_totp_mfa_meter"
SCRIPTS = Path(__file__).with_name("bench_shell.py")
APPS = 10  # of the second half of all accounts
TABLES = (
    "res_users_authenticator",
    "res_users_device",
    "res_users_recovery_code",
    "res_users_mfa_event",
    "res_users",
)
UNINSTALL = """
env["ir.module.module"].search([("name", "=", "auth_totp_mfa")]).button_immediate_uninstall()
"""


class Stage:
    """Makes databases by names that tell what they are for; drops them when it is closed."""

    def __init__(self, bench: odoo.Bench):
        self.bench = bench
        self.log = state.new_log("bench")
        self._names: list[str] = []
        # What each site was given outlives its server, as the database does.
        self._given: dict[str, dict[int, int]] = {}

    def close(self) -> None:
        for name in self._names:
            self.bench.server.drop(name)

    def make_core(self, purpose: str, users: int) -> str:
        """A database without the addon, whose accounts have core's two-factor authentication."""
        name = self._name(purpose)
        with step(f"Making {users} accounts with core's modules"):
            self.bench.server.copy(self.bench.pristine(odoo.dependencies()), name)
            self.run(name, "make_accounts", users)
            self.bench.server.query("VACUUM ANALYZE", name)
        return name

    def copy(self, source: str, purpose: str) -> str:
        name = self._name(purpose)
        self.bench.server.copy(source, name)
        return name

    def install(self, name: str, what: str) -> float:
        """Install the addon; return the seconds that the whole command took."""
        with step(f"Installing the addon {what}"):
            begin = time.monotonic()
            self.bench.install(name, [state.ADDON], self.log)
            return time.monotonic() - begin

    def uninstall(self, name: str, what: str) -> float:
        """Uninstall the addon; return the seconds that the whole command took."""
        with step(f"Uninstalling the addon {what}"):
            begin = time.monotonic()
            self.bench.shell(name, UNINSTALL, self.log)
            seconds = time.monotonic() - begin
        lost = "SELECT count(*) FROM res_users WHERE totp_secret IS NULL AND login ~ '^bench_[0-9]'"
        if int(self.bench.server.query(lost, name)):
            raise Failure("After the uninstall accounts have no secret.")
        return seconds

    def fill(self, name: str, users: int, apps: int = 1, devices: int = 0) -> None:
        """Add what only this addon keeps; where each has one app, the second half gets ten."""
        with step("Adding recovery codes, apps and devices"):
            many = users if apps > 1 else users // 2
            self.run(name, "fill", users, apps, devices, many)
            self.bench.server.query("VACUUM ANALYZE", name)

    def run(self, name: str, function: str, *arguments: int) -> object:
        """Return what a function of ``bench_shell`` returns, called in Odoo's shell."""
        target = state.OWN / f"{name}.json"
        call = f"{function}(env, {', '.join(map(str, arguments))})"
        script = f"{SCRIPTS.read_text()}\nimport json, pathlib\nresult = {call}\nenv.cr.commit()\n"
        script += f"pathlib.Path({str(target)!r}).write_text(json.dumps(result))\n"
        try:
            self.bench.shell(name, script, self.log)
            return json.loads(target.read_text())
        finally:
            target.unlink(missing_ok=True)

    def sizes(self, name: str) -> dict[str, int]:
        """The bytes of each table with its indexes."""
        return {
            table: int(self.bench.server.query(f"SELECT pg_total_relation_size('{table}')", name))
            for table in TABLES
        }

    @contextlib.contextmanager
    def serve(self, users: dict[str, int]) -> Iterator[list[Site]]:
        """Serve each of the databases that ``users`` counts the accounts of.

        With one worker process each, as in production: its memory is its own, and no other
        thread of it takes time from the request that is measured.
        """
        children = []
        with mailbox.Mailbox(lambda mail: None) as box:
            try:
                with step("Starting the servers"):
                    more = ["--workers=1", f"--load=base,rpc,web,{METER}", *box.options]
                    yielded = []
                    for name, number in users.items():
                        given = self._given.setdefault(name, {})
                        keeper = self._keeper(name)
                        site = Site(process.free_port(), name, number, keeper, given=given)
                        log = state.new_log("bench-server")
                        children.append(self.bench.serve(name, site.port, log, *more))
                        yielded.append(site)
                        odoo.wait_for(f"http://127.0.0.1:{site.port}/web/login", children[-1], log)
                yield yielded
            finally:
                for child in children:
                    process.stop(child)
                box.shutdown()

    def _keeper(self, name: str) -> int:
        question = "SELECT id FROM res_users WHERE login = 'bench_0'"
        return int(self.bench.server.query(question, name))

    def _name(self, purpose: str) -> str:
        name = database.throwaway_name(f"bench_{purpose}")
        self._names.append(name)
        return name
