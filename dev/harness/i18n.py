"""`dev/i18n`: the terms to translate, as Odoo exports them, in the .pot and every .po file."""

import argparse
import difflib
import hashlib
import shutil
import subprocess
from pathlib import Path

from . import console, database, environment, odoo, odoo_source, process, state
from .console import Failure, say, step

FOLDER = state.CHECKOUT / "i18n"
TEMPLATE = FOLDER / f"{state.ADDON}.pot"
CACHE = state.OWN / "i18n"
CATALOGUES = Path(__file__).with_name("catalogues.py")
SOURCES = (".py", ".xml", ".csv", ".js")  # where the export finds terms
SHOWN = 30  # lines of what changed
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
    fresh = _template()
    FOLDER.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(fresh.read_bytes())
    for language in options.languages:
        (FOLDER / f"{language}.po").touch()
    return subprocess.run([environment.for_odoo(), CATALOGUES, "merge", *files()]).returncode


def files() -> list[str]:
    """The .pot, and all .po files."""
    return [str(TEMPLATE), *sorted(str(path) for path in FOLDER.glob("*.po"))]


def check_template() -> int:
    """Say how the .pot differs from the sources; return 1 where it does."""
    fresh = _template().read_text(encoding="utf-8").splitlines()
    kept = TEMPLATE.read_text(encoding="utf-8").splitlines() if TEMPLATE.exists() else []
    difference = list(difflib.unified_diff(kept, fresh, n=0, lineterm=""))[2:]
    changes = [line for line in difference if line[0] in "+-"]
    if not changes:
        return 0
    say(f"{TEMPLATE.relative_to(state.CHECKOUT)} is out of date: run dev/i18n. What changed:")
    say("\n".join(changes[:SHOWN]))
    if len(changes) > SHOWN:
        say(f"… and {len(changes) - SHOWN} lines more")
    return 1


def _template() -> Path:
    """Return the .pot file of the present sources, made where they changed since the last one.

    It has the addon's own terms without demo data, whatever else is installed, and nothing that
    changes from one run to the next. Failure when Odoo cannot install or export the addon.
    """
    state.make_room(setup=not (odoo_source.is_here() and environment.odoo_is_here()))
    source = odoo_source.find()
    digest = hashlib.sha256(f"{source.library} {source.version}".encode())
    for path in (Path(__file__), CATALOGUES):
        digest.update(path.read_bytes())
    digest.update(state.addon_fingerprint(*SOURCES).encode())
    folder = CACHE / digest.hexdigest()[:16]
    with state.lock(f"i18n-{state.KEY}"):
        if not folder.exists():
            process.stop_left_behind(state.RECORDS)
            for old in sorted(CACHE.glob("*"), key=lambda path: path.stat().st_mtime)[:-9]:
                shutil.rmtree(old)
            addons = state.addons_folder("addons", {state.ADDON: state.CHECKOUT})
            python = environment.for_odoo()
            with database.server(python) as server:
                bench = odoo.Bench(python, source, server, addons)
                state.make_whole(folder, lambda draft: _export(bench, draft / TEMPLATE.name))
    return folder / TEMPLATE.name


def _export(bench: odoo.Bench, target: Path) -> None:
    pristine = bench.pristine(odoo.dependencies())
    log = state.new_log("i18n")
    raw = target.with_suffix(".raw")
    with (
        database.test_database(bench.server, "i18n", keep=False) as name,
        step("Installing the addon and exporting its terms"),
    ):
        bench.server.copy(pristine, name)
        bench.install(name, [state.ADDON], log)
        bench.shell(name, EXPORT.format(target=str(raw), addon=state.ADDON), log)
    if not raw.exists():
        raise Failure(f"Odoo exported no terms (log: {log}).\n{odoo.last_error(log)}")
    subprocess.run([bench.python, CATALOGUES, "normalise", raw, target], check=True)
    raw.unlink()
