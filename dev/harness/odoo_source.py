"""Finds Odoo 19: $ODOO_HOME, else Debian's package, else a clone of Odoo's repository."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import process, state
from .console import Failure, say, step

REPOSITORY = "https://github.com/odoo/odoo.git"
BRANCH = "19.0"
SUITE = "sid"
PACKAGES = (
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-montserrat",
    "fonts-roboto-unhinted",
    "fonts-ocr-b",
    "fonts-glyphicons-halflings",
)
OWN_SUITE_PACKAGES = ("fonts-font-awesome", "fonts-inconsolata")
ICON_FONT = "4.7"  # the version of Font Awesome whose names Odoo uses
KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
)
LEFT_OUT = "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"


class NotThisWay(Exception):
    """One way to Odoo failed; the next one is tried."""


@dataclass
class Odoo:
    """``library`` is the folder that goes on PYTHONPATH."""

    library: Path

    @property
    def addons(self) -> list[Path]:
        """The addons folders that Odoo does not find by itself.

        Debian's package keeps all addons inside ``odoo``; its other folder has Python files only.
        """
        folder = self.library / "addons"
        return [folder] if (folder / "web" / "static").is_dir() else []

    @property
    def modules(self) -> dict[str, Path]:
        """Odoo's own modules by name, with where they lie."""
        folders = (*self.addons, self.library / "odoo" / "addons")
        manifests = [path for folder in folders for path in folder.glob("*/__manifest__.py")]
        return {path.parent.name: path.parent for path in manifests}

    def module(self, name: str) -> Path:
        return self.modules[name]

    @property
    def script(self) -> Path:
        """Odoo's own start script: a server started by ``-m odoo`` cannot start its helpers."""
        scripts = (self.library / "odoo-bin", self.library.parents[2] / "bin" / "odoo")
        found = next((script for script in scripts if script.exists()), None)
        if not found:
            raise Failure(f"Odoo's start script is missing: looked for {scripts[0]}.")
        return found

    @property
    def version(self) -> str:
        found: dict = {}
        exec((self.library / "odoo" / "release.py").read_text(), found)
        return found["version"]


def find() -> Odoo:
    """Return Odoo 19, fetched on the first call; Failure where no way leads to it."""
    home = os.environ.get("ODOO_HOME")
    if home:
        odoo = look_at(Path(home))
        if odoo:
            return odoo
        say(f"ODOO_HOME: {home} holds no Odoo 19; trying Debian's package.")
    with state.lock("odoo"):
        for name in ("debian", "git"):
            odoo = look_at(state.ODOO / name)
            if odoo:
                return odoo
        return _fetch()


def is_here() -> bool:
    places = [os.environ.get("ODOO_HOME") or state.ODOO / "debian", state.ODOO / "git"]
    return any(look_at(Path(place)) for place in places)


def look_at(home: Path) -> Odoo | None:
    """Recognise a checkout or an unpacked Debian package of Odoo 19."""
    for library in (home, home / "usr/lib/python3/dist-packages"):
        release = library / "odoo" / "release.py"
        if release.is_file() and "version_info = (19," in release.read_text():
            return Odoo(library)
    return None


def _fetch() -> Odoo:
    ways = {
        "debian": (_unpack_debian, "Debian's package odoo-19"),
        "git": (_clone, "a clone of Odoo's public repository"),
    }
    for name, (make, words) in ways.items():
        target = state.ODOO / name
        shutil.rmtree(target, ignore_errors=True)
        try:
            state.make_whole(target, make)
        except NotThisWay as reason:
            state.refuse_full_disk(str(reason))
            say(f"Odoo from {words}: {reason}")
            continue
        odoo = look_at(target)
        if odoo:
            return odoo
        shutil.rmtree(target)
        say(f"Odoo from {words}: what came is no Odoo 19.")
    raise Failure(
        "No Odoo 19 could be had: connect to the network, or set ODOO_HOME to a checkout of it."
    )


def _clone(draft: Path) -> None:
    if not shutil.which("git"):
        raise NotThisWay("git is missing (apt-get install git).")
    with step("Cloning Odoo 19 (about 1 GB)"):
        log = state.new_log("git")
        argv = ["git", "clone", "--quiet", "--depth", "1", "--branch", BRANCH, REPOSITORY]
        env = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        if process.run([*argv, draft], state.RECORDS, log, env):
            raise NotThisWay(_last_line(log))


def _unpack_debian(draft: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise NotThisWay(f"{tool} is missing: this is no Debian or Ubuntu.")
    work = draft / "apt"
    own_suite = os_release().get("VERSION_CODENAME", SUITE)
    apt = Apt(work, sources({SUITE, own_suite}))
    with step("Downloading Odoo 19 from Debian"):
        apt.run("update")
        apt.download([f"{name}/{SUITE}" for name in PACKAGES])
        for name in OWN_SUITE_PACKAGES:
            _download_font(apt, name, own_suite)
    with step("Unpacking Odoo 19"):
        for package in sorted(work.glob("*.deb")):
            unpack(package, draft)
    shutil.rmtree(work)
    script = draft / "usr/lib/python3/dist-packages" / LEFT_OUT
    if not script.exists():
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("")


def _download_font(apt: "Apt", name: str, suite: str) -> None:
    try:
        apt.download([f"{name}/{suite}"])
    except NotThisWay as reason:
        say(f"Font {name} was not found ({reason}): its signs will be missing on the screen.")
        return
    if name == "fonts-font-awesome" and not list(apt.folder.glob(f"{name}_*{ICON_FONT}*.deb")):
        say(f"{suite} has another Font Awesome than {ICON_FONT}: some icons will look odd.")


def unpack(package: Path, draft: Path) -> None:
    log = state.new_log("dpkg")
    if process.run(["dpkg-deb", "--extract", package, draft], state.RECORDS, log):
        raise NotThisWay(f"{package.name} cannot be unpacked: {_last_line(log)}")


class Apt:
    """apt with package lists of its own, so that no root rights are needed.

    The machine's own settings (proxies, certificates) go on applying.
    """

    def __init__(self, folder: Path, sources: str):
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "sources.list").write_text(sources)
        options = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "APT::Default-Release": "",
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
        }
        self.options = [part for key in options for part in ("-o", f"{key}={options[key]}")]

    def run(self, *arguments: str) -> None:
        log = state.new_log("apt")
        argv = ["apt-get", "-q", *self.options, *arguments]
        if process.run(argv, state.RECORDS, log, cwd=self.folder):
            raise NotThisWay(_last_line(log))

    def download(self, packages: list[str]) -> None:
        self.run("download", *packages)


def sources(suites: set[str]) -> str:
    """Where apt finds these suites of Debian; NotThisWay on any other system."""
    keyring = next((path for path in KEYRINGS if os.path.exists(path)), None)
    mirror = _mirror()
    if not keyring:
        raise NotThisWay("Debian's archive keyring is missing (debian-archive-keyring).")
    return "".join(f"deb [signed-by={keyring}] {mirror} {suite} main\n" for suite in suites)


def _mirror() -> str:
    system = os_release().get("ID", "an unknown system")
    if system != "debian":
        raise NotThisWay(f"the mirror of {system} has no Debian {SUITE}.")
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)"],
        capture_output=True,
        text=True,
    )
    sources = [line.partition(" ")[::2] for line in asked.stdout.splitlines()]
    addresses = [(uri, origin) for uri, origin in sources if "security" not in uri]
    # The origin is known only where apt has lists; without them the address must do.
    addresses.sort(key=lambda source: (source[1] != "Debian", not source[0].endswith("/debian/")))
    if not addresses:
        raise NotThisWay("apt has no mirror configured.")
    return addresses[0][0]


def os_release() -> dict[str, str]:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key: value.strip("\"'") for key, _, value in pairs}


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "fatal:"))]
    return (errors or lines or ["no reason was given"])[0]
