"""`dev/i18n`: the terms to translate, as Odoo exports them, in the .pot and every .po file."""

import argparse
import hashlib
import shutil
import subprocess
from pathlib import Path

from . import console, database, environment, odoo, odoo_source, process, state
from .console import Failure, step

FOLDER = state.CHECKOUT / "i18n"
TEMPLATE = FOLDER / f"{state.ADDON}.pot"
CACHE = state.OWN / "i18n"
CATALOGUES = Path(__file__).with_name("catalogues.py")
SOURCES = (".py", ".xml", ".csv", ".js")  # where the export finds terms
EXPORT = """
from odoo.tools.translate import trans_export
with open({target!r}, "wb") as target:
    trans_export(None, [{addon!r}], target, "po", env)
"""


def main() -> int:
    return console.command(lambda: _main(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev/i18n",
        description=f"Write {TEMPLATE.relative_to(state.CHECKOUT)} from what Odoo exports, and "
        "bring every .po file in line with it: new terms come in empty, terms that are gone go.",
    )
    parser.add_argument(
        "languages", nargs="*", metavar="LANGUAGE", help="begin a .po file, such as pt or pt_BR"
    )
    return parser.parse_args()


def _main(options: argparse.Namespace) -> int:
    state.make_room(setup=not (odoo_source.is_here() and environment.odoo_is_here()))
    process.stop_left_behind(state.RECORDS)
    fresh = template()
    FOLDER.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(fresh.read_bytes())
    files = {path.name for path in FOLDER.glob("*.po")}
    files |= {f"{language}.po" for language in options.languages}
    argv = [environment.for_odoo(), CATALOGUES, "merge", TEMPLATE]
    return subprocess.run([*argv, *(FOLDER / name for name in sorted(files))]).returncode


def template() -> Path:
    """Return the .pot file of the present sources, made where they changed since the last one.

    It has the addon's own terms without demo data, whatever else is installed, and nothing that
    changes from one run to the next. Failure when Odoo cannot install or export the addon.
    """
    python = environment.for_odoo()
    source = odoo_source.find()
    digest = hashlib.sha256(f"{source.library} {source.version}".encode())
    for path in (Path(__file__), CATALOGUES):
        digest.update(path.read_bytes())
    digest.update(state.addon_fingerprint(*SOURCES).encode())
    folder = CACHE / digest.hexdigest()[:16]
    with state.lock(f"i18n-{state.KEY}"):
        if not folder.exists():
            shutil.rmtree(CACHE, ignore_errors=True)
            addons = state.addons_folder("addons", {state.ADDON: state.CHECKOUT})
            with database.server(python) as server:
                bench = odoo.Bench(python, source, server, addons)
                state.make_whole(folder, lambda draft: _export(bench, draft / TEMPLATE.name))
    return folder / TEMPLATE.name


def _export(bench: odoo.Bench, target: Path) -> None:
    pristine = bench.pristine(odoo.dependencies())
    log = state.new_log("i18n")
    raw = target.with_suffix(".raw")
    with database.test_database(bench.server, "i18n", keep=False) as name:
        with step("Installing the addon and exporting its terms"):
            bench.server.copy(pristine, name)
            bench.install(name, [state.ADDON], log)
            bench.shell(name, EXPORT.format(target=str(raw), addon=state.ADDON), log)
    if not raw.exists():
        raise Failure(f"Odoo exported no terms (log: {log}).\n{odoo.last_error(log)}")
    subprocess.run([bench.python, CATALOGUES, "normalise", raw, target], check=True)
    raw.unlink()
