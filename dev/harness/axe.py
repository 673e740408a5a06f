"""axe-core, which looks for what people with a disability could not use on a page."""

import hashlib
import zipfile
from pathlib import Path

from . import process, state
from .console import Failure, step

PACKAGE = "axe-playwright-python==0.1.8"
MEMBER = "axe_playwright_python/axe.min.js"
SHA256 = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"
"""Of axe-core 4.12.1 as npm has it, and a line break."""
SCRIPT = state.SHARED / f"axe-{SHA256[:12]}" / "axe.min.js"


def provide(python: Path) -> Path:
    """Return the script, fetched on the first call with the package that brings it along."""
    if not SCRIPT.exists():
        with state.lock("axe"):
            if not SCRIPT.exists():
                with step("Fetching axe-core"):
                    state.make_whole(SCRIPT.parent, lambda draft: _fetch(python, draft))
    return SCRIPT


def _fetch(python: Path, draft: Path) -> None:
    log = state.new_log("axe")
    options = ["--no-input", "--no-deps", "--only-binary", ":all:", "--dest", draft]
    if process.run([python, "-m", "pip", "download", *options, PACKAGE], state.RECORDS, log):
        raise Failure(f"axe-core could not be fetched (log: {log}).")
    [wheel] = draft.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        script = archive.read(MEMBER)
    if hashlib.sha256(script).hexdigest() != SHA256:
        raise Failure(f"{PACKAGE} does not bring the axe-core that is expected.")
    wheel.unlink()
    (draft / SCRIPT.name).write_bytes(script)
