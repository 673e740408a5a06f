"""The virtual environments: Odoo's Python needs with the addon's, and the lint tools."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from . import process, state
from .bootstrap import NAMES, OLDEST
from .console import Failure, step

DEV = state.CHECKOUT / "dev"
OF_ODOO = [
    DEV / "odoo-requirements.txt",
    state.CHECKOUT / "requirements.txt",
    state.CHECKOUT / "test-requirements.txt",
]
NEWEST = (3, 13)
PLAIN_PYTHON = "docopt,ofxparse,yattag"  # no wheels, but no compiler needed either


def for_odoo() -> Path:
    """Return the Python that runs Odoo and the addon, installed on the first call."""
    return _ready(OF_ODOO, "Odoo's")


def for_lint() -> Path:
    return _ready([DEV / "lint-requirements.txt"], "the lint tools'")


def for_screenshots() -> Path:
    return _ready([DEV / "screenshots-requirements.txt"], "the photographer's")


def for_bench() -> Path:
    return _ready([DEV / "bench-requirements.txt"], "the painter's")


def for_mutants() -> Path:
    """Return a Python that also makes mutations of the source."""
    return _ready([*OF_ODOO, DEV / "mutants-requirements.txt"], "the mutants'")


def odoo_is_here() -> bool:
    return (_folder(_existing(OF_ODOO)) / "bin" / "python").exists()


def _ready(files: list[Path], whose: str) -> Path:
    files = _existing(files)
    folder = _folder(files)
    python = folder / "bin" / "python"
    if not python.exists():
        with state.lock(f"venv-{folder.name}"):
            if not python.exists():
                shutil.rmtree(folder, ignore_errors=True)
                with step(f"Installing {whose} Python packages"):
                    state.make_whole(folder, lambda draft: _install(draft, files))
    return python


def _existing(files: list[Path]) -> list[Path]:
    return [path for path in files if path.exists()]


def _folder(files: list[Path]) -> Path:
    digest = hashlib.sha256(_base_python().encode())
    for path in files:
        digest.update(path.read_bytes())
    return state.VENVS / digest.hexdigest()[:16]


def _base_python() -> str:
    """A Python that Odoo 19 runs on: this one, else one on the PATH."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    raise Failure(
        f"Odoo 19 runs on Python 3.10 to 3.13, and this machine has only "
        f"{sys.version_info[0]}.{sys.version_info[1]}: install one of them."
    )


def _install(draft: Path, files: list[Path]) -> None:
    base = _base_python()
    if subprocess.run([base, "-c", "import venv, ensurepip"], capture_output=True).returncode:
        raise Failure("Python's venv module is missing: type `apt-get install python3-venv`.")
    log = state.new_log("pip")
    if process.run([base, "-m", "venv", draft], state.RECORDS, log):
        raise Failure(f"No virtual environment could be made: {reason(log)}")
    install(draft / "bin" / "python", files, log)


def install(python: Path, files: list[Path], log: Path) -> None:
    """Install what the requirements ``files`` name."""
    argv = [python, "-m", "pip", "install", "--no-input", "--prefer-binary"]
    argv += ["--only-binary", ":all:", "--no-binary", PLAIN_PYTHON]
    for path in files:
        argv += ["-r", path]
    if process.run(argv, state.RECORDS, log):
        raise Failure(f"The Python packages could not be installed: {reason(log)}")


def reason(log: Path) -> str:
    """Say why pip failed, from its log."""
    text = log.read_text(errors="replace")
    state.refuse_full_disk(text)
    if re.search(r"NewConnectionError|NameResolutionError|ProxyError|ConnectTimeout", text):
        return f"the package index cannot be reached; check the network (log: {log})."
    errors = re.findall(r"^ERROR: (.+)", text, re.MULTILINE)
    return f"{errors[-1] if errors else 'no reason was given'} (log: {log})."
