"""`dev/test --wheel`: the wheel, built and used as somebody would who has no checkout.

A virtual environment of its own gets Odoo, what Odoo needs, and the wheel. Odoo then installs
the addon without any addons path, and an administrator logs in.
"""

import ast
import email
import http.cookiejar
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from . import database, environment, odoo, process, report, state
from .console import Failure, step

FOLDER = state.OWN / "wheel"
DISTRIBUTION = f"odoo-addon-{state.ADDON}"
INSIDE = f"odoo/addons/{state.ADDON}/"
NEEDS = {"odoo==19.0.*", "cryptography", "pyotp", "qrcode"}
REPOSITORY_ONLY = (
    ".",
    "CONTRIBUTING.rst",
    "SECURITY.md",
    "dev/",
    "docs/",
    "pyproject.toml",
    "requirements.txt",
    "test-requirements.txt",
    "tests/",
)
SERVED = (f"/{state.ADDON}/static/description/icon.png", "/web/login")


def run(bench: odoo.Bench, log: Path) -> report.Report:
    """Build, install and use the wheel; each check that fails is a failed test."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    result = report.Report()
    wheels: list[Path] = []
    checks = {
        "wheel/builds": lambda: wheels.append(_build(bench.python, log)),
        "wheel/says_what_it_is": lambda: _check_metadata(wheels[0]),
        "wheel/holds_the_addon_only": lambda: _check_files(wheels[0]),
        "wheel/is_used_without_addons_path": lambda: _use(bench, wheels[0], log),
    }
    for name, check in checks.items():
        if result.broken:
            break
        _judge(result, name, check)
    shutil.rmtree(FOLDER, ignore_errors=True)
    return result


def _judge(result: report.Report, name: str, check: Callable) -> None:
    result.ran.add(name)
    try:
        check()
    except Failure as failure:
        result.broken[name] = [str(failure)]


def _build(python: Path, log: Path) -> Path:
    with step("Building the wheel"):
        _pip(python, log, "wheel", "--no-deps", f"--wheel-dir={FOLDER}", state.CHECKOUT)
    return next(FOLDER.glob("*.whl"))


def _check_metadata(wheel: Path) -> None:
    manifest = ast.literal_eval((state.CHECKOUT / "__manifest__.py").read_text())
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        said = email.message_from_string(archive.read(name).decode())
    found = said["Name"], said["Version"], set(said.get_all("Requires-Dist"))
    if found != (DISTRIBUTION, manifest["version"], NEEDS):
        raise Failure(f"The wheel says that it is {found}.")
    if said.get_payload().strip() != (state.CHECKOUT / "README.rst").read_text().strip():
        raise Failure("The wheel's description is not README.rst.")


def _check_files(wheel: Path) -> None:
    """Compare with what is under version control, less what only the repository needs."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix(INSIDE) for name in archive.namelist()}
    inside = {name for name in inside if not name.startswith(wheel.name.partition("-py3")[0])}
    listed = subprocess.run(["git", "ls-files"], cwd=state.CHECKOUT, capture_output=True, text=True)
    wanted = {name for name in listed.stdout.splitlines() if not name.startswith(REPOSITORY_ONLY)}
    unwanted, missing = sorted(inside - wanted), sorted(wanted - inside)
    if unwanted or missing:
        raise Failure(f"The wheel holds {unwanted} and lacks {missing}.")


def _use(bench: odoo.Bench, wheel: Path, log: Path) -> None:
    with step("Installing Odoo's needs and the wheel in an environment of its own"):
        python = _environment(bench, wheel, log)
    clean = odoo.Bench(python, bench.odoo, bench.server, None)
    pristine = bench.pristine(odoo.dependencies())
    with database.test_database(bench.server, "wheel", keep=False) as name:
        with step("Copying a fresh database"):
            bench.server.copy(pristine, name)
        with step("Installing the addon without an addons path"):
            clean.install(name, [state.ADDON], log)
        with step("Logging in"):
            port = process.free_port()
            child = clean.serve(name, port, log)
            try:
                odoo.wait_for(f"http://127.0.0.1:{port}/web/login", child, log)
                _log_in(f"http://127.0.0.1:{port}")
            finally:
                process.stop(child)
        with step("Running odoo mfa status"):
            _check_command(clean, name, log)


def _environment(bench: odoo.Bench, wheel: Path, log: Path) -> Path:
    """A virtual environment with Odoo and the wheel, but nothing of this checkout."""
    folder = FOLDER / "venv"
    if process.run([bench.python, "-m", "venv", folder], state.RECORDS, log):
        raise Failure(f"No virtual environment could be made (log: {log}).")
    python = folder / "bin" / "python"
    environment.install(python, [environment.DEV / "odoo-requirements.txt"], log)
    _add_odoo(next(folder.glob("lib/*/site-packages")), bench)
    _pip(python, log, "install", wheel)
    return python


def _add_odoo(packages: Path, bench: odoo.Bench) -> None:
    """Have Python find Odoo where it is, and pip know of it."""
    (packages / "odoo.pth").write_text(f"{bench.odoo.library}\n")
    known = packages / "odoo-19.0.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: odoo\nVersion: 19.0\n")


def _pip(python: Path, log: Path, *arguments: str | Path) -> None:
    if process.run([python, "-m", "pip", *arguments], state.RECORDS, log):
        raise Failure(f"pip failed: {environment.reason(log)}")


def _log_in(address: str) -> None:
    """Log in as an administrator by the form, and ask for what the addon brings."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
    for path in SERVED:
        page = opener.open(address + path).read()
    token = re.search(rb'name="csrf_token"[^>]* value="([^"]+)"', page)[1].decode()
    form = {"login": "admin", "password": "admin", "csrf_token": token}
    answer = opener.open(f"{address}/web/login", urllib.parse.urlencode(form).encode())
    if "/odoo" not in answer.url:
        raise Failure(f"The login ended at {answer.url}.")


def _check_command(bench: odoo.Bench, name: str, log: Path) -> None:
    argv = [bench.python, bench.odoo.script, "mfa", "status", "-d", name]
    done = subprocess.run(argv, env=bench.environment(), capture_output=True, text=True)
    with log.open("a") as output:
        output.write(done.stdout + done.stderr)
    if done.returncode or "admin" not in done.stdout:
        raise Failure(f"odoo mfa status failed: {done.stderr.strip() or done.stdout.strip()}")
