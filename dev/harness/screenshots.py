"""`dev/screenshots`: the pictures of README.rst and of the Apps list, made anew."""

import argparse
import os
import re
import shutil
import site
import sys
from pathlib import Path

from . import browser, console, database, environment, odoo, process, state
from .console import Failure, say, step

RIGHT_TO_LEFT = ("ar", "fa", "he")
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
    parser.add_argument(
        "--dark",
        action="store_true",
        help="as Chromium darkens pages: Odoo Community has no dark mode",
    )
    parser.add_argument("--phone", action="store_true", help="390 x 844, as on a phone")
    options = parser.parse_args()
    if not options.to and (options.dark or options.phone or options.lang != "en_US"):
        parser.error("name a folder with --to: the pictures of README.rst are the plain ones")
    if not re.fullmatch(r"[a-z]{2,3}(_\w+)?", options.lang):
        parser.error(f"{options.lang} is no code of a language, such as de_DE")
    return options


def _main(options: argparse.Namespace) -> int:
    source = odoo.prepare()
    python = environment.for_odoo()
    _load_playwright()
    browser.provide()
    if options.lang.startswith(RIGHT_TO_LEFT):
        _provide_rtlcss()
    addons = state.addons_folder("addons", {state.ADDON: state.CHECKOUT})
    with database.server(python) as server:
        server.drop_abandoned()
        bench = odoo.Bench(python, source, server, addons)
        with database.test_database(server, "screenshots", keep=False) as name:
            return _photograph(bench, name, options)


def _load_playwright() -> None:
    """Let this very process import it, from an environment of its own."""
    folder = environment.for_screenshots().parent.parent / "lib"
    packages = folder / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    if not packages.is_dir():
        raise Failure("Start dev/screenshots by the Python that Odoo runs on: 3.10 to 3.13.")
    site.addsitedir(str(packages))


def _provide_rtlcss() -> None:
    """Odoo mirrors its styles by this program of npm's; without, it leaves them as they are."""
    folder = state.SHARED / "rtlcss"
    programs = folder / "node_modules" / ".bin"
    if not programs.exists():
        if not shutil.which("npm"):
            raise Failure("Right to left needs rtlcss: type `apt-get install npm`.")
        with step("Installing rtlcss"):
            state.make_whole(folder, _install_rtlcss)
    os.environ["PATH"] += f"{os.pathsep}{programs}"


def _install_rtlcss(draft: Path) -> None:
    log = state.new_log("npm")
    if process.run(["npm", "install", "--prefix", draft, "rtlcss@4"], state.RECORDS, log):
        raise Failure(f"rtlcss could not be installed (log: {log}).")


def _photograph(bench: odoo.Bench, name: str, options: argparse.Namespace) -> int:
    from . import mailbox, scenes, studio

    log = state.new_log("screenshots")
    pristine = bench.pristine(odoo.dependencies(), demo=True)
    with step("Installing the addon with demo data"):
        bench.server.copy(pristine, name)
        bench.install(name, [state.ADDON], log, "--with-demo", f"--load-language={options.lang}")
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
            url = f"http://localhost:{port}"
            with studio.Studio(url, folder, browser.find(), options) as place:
                failed = scenes.play(place, mails)
        finally:
            process.stop(child)
            box.shutdown()
    say(f"{len(place.pictures)} pictures in {folder}")
    if failed:
        raise Failure(f"These scenes failed: {', '.join(failed)} (log: {log}).")
    return 0
