"""`dev/screenshots`: the pictures of README.rst and of the Apps list, made anew."""

import argparse
import os
import re
import sys
from pathlib import Path

from . import browser, console, database, environment, odoo, odoo_source, process, state
from .console import Failure, say, step

PICTURES = state.CHECKOUT / "static" / "description"


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev/screenshots",
        description="Start the demo on a new database, go through all screens, and photograph "
        f"them into {PICTURES.relative_to(state.CHECKOUT)}. The other options look at the same "
        "screens in other ways, and need a folder of their own.",
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where the pictures go")
    parser.add_argument(
        "--lang", default="en_US", metavar="CODE", help="de_DE, … ar_001 for right to left"
    )
    parser.add_argument("--dark", action="store_true", help="dark mode (the pages of employees)")
    parser.add_argument("--phone", action="store_true", help="390 x 844, as on a phone")
    options = parser.parse_args()
    if not options.to and (options.dark or options.phone or options.lang != "en_US"):
        parser.error("name a folder with --to: the pictures of README.rst are the plain ones")
    if not re.fullmatch(r"[a-z]{2,3}(_\w+)?", options.lang):
        parser.error(f"{options.lang} is no code of a language, such as de_DE")
    return options


def _main(options: argparse.Namespace) -> int:
    state.make_room(not (odoo_source.is_here() and environment.odoo_is_here()))
    python = environment.for_screenshots()
    if Path(sys.prefix) != python.parent.parent:  # where Playwright is
        os.execv(python, [str(python), *sys.argv])
    process.stop_left_behind(state.RECORDS)
    source = odoo_source.find()
    with database.server(environment.for_odoo()) as server:
        server.drop_abandoned()
        addons = state.addons_folder("addons", {state.ADDON: state.CHECKOUT})
        bench = odoo.Bench(environment.for_odoo(), source, server, addons)
        with database.test_database(server, "screenshots", keep=False) as name:
            return _photograph(bench, name, options)


def _photograph(bench: odoo.Bench, name: str, options: argparse.Namespace) -> int:
    from . import mailbox, scenes, studio

    log = state.new_log("screenshots")
    with step("Installing the addon with demo data"):
        bench.install(
            name, [state.ADDON], log, "--with-demo", f"--load-language={options.lang}"
        )
    bench.server.query(f"UPDATE res_partner SET lang = '{options.lang}'", name)
    mails = []
    port = process.free_port()
    with mailbox.Mailbox(mails.append) as box:
        with step("Starting Odoo"):
            child = bench.serve(name, port, log, *box.options)
            odoo.wait_for(f"http://localhost:{port}/web/login", child, log)
        folder = options.to or PICTURES
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with studio.Studio(f"http://localhost:{port}", folder, browser.find(), options) as all_:
                missing = scenes.play(all_, mails)
        finally:
            process.stop(child)
            box.shutdown()
    say(f"{len(studio.pictures)} pictures in {folder}")
    if missing:
        raise Failure(f"Missing: {', '.join(missing)} (log: {log}).")
    return 0
