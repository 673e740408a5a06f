"""Builds the wheel with whool, for a repository that is the addon itself.

whool names an addon after its folder, which a checkout need not bear, and packs every file
under version control. Here a folder of the right name holds what belongs to the addon.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ADDON = "auth_totp_mfa"
NOT_INSTALLED = {
    "CONTRIBUTING.rst",
    "SECURITY.md",
    "dev",
    "docs",
    "requirements.txt",
    "test-requirements.txt",
    "tests",
}
"""What only the repository needs, with all at its top that begins with a dot."""


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    target = Path(wheel_directory).resolve()
    with _folder_of(path for path in _sources() if _is_installed(path)):
        from whool import buildapi

        return buildapi.build_wheel(str(target), config_settings)


def build_sdist(sdist_directory, config_settings=None):
    target = Path(sdist_directory).resolve()
    with _folder_of(_sources()):
        from whool import buildapi

        return buildapi.build_sdist(str(target), config_settings)


def _sources() -> list[Path]:
    """What is under version control; in an unpacked archive, all there is."""
    if Path(".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True)
        paths = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in Path().rglob("*") if "__pycache__" not in path.parts]
    return [path for path in paths if path.is_file()]


def _is_installed(path: Path) -> bool:
    return path.parts[0] not in NOT_INSTALLED and not path.parts[0].startswith(".")


@contextlib.contextmanager
def _folder_of(paths) -> Iterator[None]:
    """Work in a folder of the addon's name that holds these files."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, ADDON)
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path)
        before = os.getcwd()
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
