"""`dev/run`: a real Odoo with the addon and demo data, on this machine."""

import argparse
import json
import os
import signal
import time
from email.message import EmailMessage
from pathlib import Path

from . import console, database, environment, mailbox, odoo, odoo_source, process, state
from .console import Failure, say, step

DATABASE = database.database_name("run")
INSTALLED = state.OWN / "run.json"
PORTS, WORKERS = (1, 65535), (0, 64)

# Odoo's own jobs stay off: some talk to servers of Odoo.
JOBS = """
UPDATE ir_cron SET active = EXISTS (
    SELECT FROM ir_model_data
    WHERE model = 'ir.cron' AND res_id = ir_cron.id
    AND (module = 'auth_totp_mfa' OR name = 'ir_cron_mail_scheduler_action'))
"""

READY = "\nOdoo is ready: {url}   (Ctrl-C stops it)"
WELCOME = """
  Log in as               with                  and see
  administrator           admin / admin         who is protected: MFA Coverage
  clerk with an app       sales / sales         the login with a code
  clerk without           payroll / payroll     the set-up that nobody can skip
  trainee                 trainee / trainee     the reminder in the days of grace
  warehouse terminal      terminal / terminal   a refusal: this is not its network
  customer with an app    customer / customer   the page of a portal user

The key of the apps in the demo, for an app of yours:
  DEMO DEMO DEMO DEMO DEMO DEMO DEMO DEMO
Your own second factor: your name at the top right ▸ My Preferences ▸ Security ▸ Add an app.
Mails go nowhere: what Odoo sends is named here, with the code in it.
"""


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev/run",
        description="Run Odoo 19 with this addon and demo data, and say who can log in. Mails that "
        "Odoo sends go nowhere: they are named here. The first start fetches all that is missing "
        f"into {state.SHARED}.",
        epilog="ODOO_HOME names an Odoo 19 to use; PGHOST, PGPORT, PGUSER and PGPASSWORD name a "
        "PostgreSQL server to use instead of the embedded one.",
    )
    parser.add_argument("--port", type=int, default=8069, help="port on localhost (8069)")
    parser.add_argument("--workers", type=int, default=0, help="worker processes (0: threads)")
    parser.add_argument("--database", help="serve this database, as `dev/test --keep` left it")
    parser.add_argument("--reset", action="store_true", help="start with a new database")
    parser.add_argument("--stop", action="store_true", help="stop what an earlier run left behind")
    options = parser.parse_args()
    for name, (least, most) in {"port": PORTS, "workers": WORKERS}.items():
        if not least <= getattr(options, name) <= most:
            parser.error(f"--{name} must be from {least} to {most}")
    if options.reset and options.database:
        parser.error("--reset makes dev/run's own database anew: leave out --database")
    return options


def _main(options: argparse.Namespace) -> int:
    if options.stop:
        return _stop()
    setup = not (odoo_source.is_here() and environment.odoo_is_here())
    state.make_room(setup)
    with (state.OWN / "run.lock").open("a+") as alone:
        if not state.try_lock(alone):
            raise Failure("dev/run is running for this checkout already (dev/run --stop ends it).")
        alone.truncate(0)
        alone.write(json.dumps([os.getpid(), process.started_at(os.getpid())]))
        alone.flush()
        process.stop_left_behind(state.RECORDS)
        if not process.port_is_free(options.port):
            raise Failure(f"Port {options.port} is taken: name another one with --port.")
        return _serve(options)


def _serve(options: argparse.Namespace) -> int:
    source = odoo_source.find()
    python = environment.for_odoo()
    addons = state.addons_folder("addons", {state.ADDON: state.CHECKOUT})
    log = state.new_log("run")
    name = options.database or DATABASE
    with database.server(python) as server:
        bench = odoo.Bench(python, source, server, addons)
        if not options.database:
            _prepare(bench, options.reset, log)
        elif name not in server.names():
            raise Failure(f"There is no database {name} of this checkout.")
        return _serve_until_it_ends(bench, name, options, log)


def _serve_until_it_ends(
    bench: odoo.Bench, name: str, options: argparse.Namespace, log: Path
) -> int:
    url = f"http://localhost:{options.port}"
    with mailbox.Mailbox(_tell_of) as box:
        with step("Starting Odoo"):
            more = [f"--workers={options.workers}", *box.options]
            if not options.database:
                more.append("--max-cron-threads=1")
            child = bench.serve(name, options.port, log, *more)
            odoo.wait_for(f"{url}/web/login", child, log)
        say(READY.format(url=url if options.database else f"{url}/odoo/mfa-coverage"))
        if not options.database:
            say(WELCOME)
        say(f"Log: {log}")
        try:
            status = child.wait()
        finally:
            process.stop(child)
            box.shutdown()
    raise Failure(f"Odoo ended by itself with status {status} (log: {log}).")


def _tell_of(mail: EmailMessage) -> None:
    code = mailbox.code_in(mail)
    say(f"Mail to {mail['To']}: {mail['Subject']}" + (f" (code: {code})" if code else ""))


def _prepare(bench: odoo.Bench, reset: bool, log: Path) -> None:
    """Have the addon's present state installed in the database."""
    modules = odoo.dependencies()
    base = [str(bench.odoo.library), os.environ.get("PGHOST"), os.environ.get("PGPORT")]
    wanted = {"addon": state.addon_fingerprint(), "base": base}
    known = _read_installed()
    exists = DATABASE in bench.server.names()
    if reset or not exists or known.get("base") != base:
        INSTALLED.unlink(missing_ok=True)
        bench.server.drop(DATABASE)
        with step(f"Installing {state.ADDON}, {', '.join(modules)} and demo data"):
            bench.install(DATABASE, [state.ADDON], log, "--with-demo")
    elif known != wanted:
        with step(f"Updating {state.ADDON}, whose files changed"):
            bench.update(DATABASE, state.ADDON, log)
    bench.server.query(JOBS, DATABASE)
    INSTALLED.write_text(json.dumps(wanted))


def _read_installed() -> dict:
    try:
        return json.loads(INSTALLED.read_text())
    except (OSError, ValueError):
        return {}


def _stop() -> int:
    stopped = _stop_running_command()
    stopped += process.stop_left_behind(state.RECORDS)
    stopped += database.stop_left_behind()
    say(f"Stopped {stopped} left behind." if stopped else "Nothing was left behind.")
    return 0


def _stop_running_command() -> int:
    """End a dev/run of this checkout in an orderly way, as Ctrl-C would."""
    try:
        pid, start = json.loads((state.OWN / "run.lock").read_text())
    except (OSError, ValueError):
        return 0
    if not process.is_running(pid, start):
        return 0
    os.kill(pid, signal.SIGTERM)
    while process.is_running(pid, start):
        time.sleep(0.1)
    return 1
