"""Programs of the machine that the tests use: a browser, a QR decoder, a TOTP generator."""

import os
import shutil

from . import process, state
from .console import Failure, say, step
from .odoo_source import os_release

BROWSERS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
HELPERS = {"zbarimg": "zbar-tools", "oathtool": "oathtool"}


def provide() -> None:
    """See to a browser and the helpers; Failure when there is no browser and no way to one."""
    missing = {name: package for name, package in HELPERS.items() if not shutil.which(name)}
    packages = list(missing.values())
    browser = "chromium-browser" if os_release().get("ID") == "ubuntu" else "chromium"
    if not _has_browser():
        packages.insert(0, browser)
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(packages)
    if not _has_browser():
        raise Failure(
            f"The browser tests need Chromium or Chrome: type `sudo apt-get install {browser}`."
        )
    for name, package in missing.items():
        if not shutil.which(name):
            say(
                f"{name} is missing, tests that need it are skipped: "
                f"type `sudo apt-get install {package}`."
            )


def find() -> str:
    """Return the path of the browser; ``provide`` has seen to one."""
    return next(filter(None, map(shutil.which, BROWSERS)))


def _has_browser() -> bool:
    return any(shutil.which(name) for name in BROWSERS)


def _install(packages: list[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log = state.new_log("apt-install")
    with step(f"Installing {', '.join(packages)}"):
        process.run(["apt-get", "-q", "update"], state.RECORDS, log, env)
        for package in packages:
            argv = ["apt-get", "-q", "install", "-y", "--no-install-recommends", package]
            if process.run(argv, state.RECORDS, log, env):
                say(f"apt-get could not install {package} (log: {log}).")
