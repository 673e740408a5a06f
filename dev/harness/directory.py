"""What `auth_ldap` needs: python-ldap, which has no wheel, and a directory to log in against.

Both come from Debian, unpacked beside Odoo. Its python-ldap is for Debian's own Python version.
"""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from . import odoo_source, state
from .console import Failure, step

MODULE = "auth_ldap"
PACKAGES = ("python3-ldap", "python3-pyasn1", "python3-pyasn1-modules", "slapd")
LIBRARIES = re.compile(r"^lib(?:argon2|ldap|ltdl|nsl|odbc|sasl2|tirpc|wrap)\S*", re.MULTILINE)


def provide(python: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return ``environment`` with both; `MFA_LDAP` names the folder with the server.

    :raise Failure: where this Python cannot use Debian's build
    """
    root = _unpacked()
    system = root / "usr" / "lib"
    [libraries] = [path.parent for path in system.glob("*/libldap*.so.*")][:1] or [system]
    paths = (environment["PYTHONPATH"], system / "python3" / "dist-packages")
    env = {
        **environment,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "LD_LIBRARY_PATH": str(libraries),
        "MFA_LDAP": str(root),
    }
    tried = subprocess.run([python, "-c", "import ldap"], env=env, capture_output=True, text=True)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise Failure(
            f"{MODULE} needs python-ldap, and Debian's build does not work with Python "
            f"{platform.python_version()} here ({reason}): start dev/test with Debian's own "
            f"python3, or leave {MODULE} out."
        )
    return env


def _unpacked() -> Path:
    suite = odoo_source.os_release().get("VERSION_CODENAME", "")
    root = state.SHARED / f"ldap-{suite}"
    with state.lock("ldap"):
        if not root.exists():
            try:
                with step("Fetching python-ldap and an LDAP server from Debian"):
                    state.make_whole(root, lambda draft: _unpack(draft, suite))
            except odoo_source.NotThisWay as reason:
                raise Failure(
                    f"{MODULE} needs python-ldap from Debian, which could not be had: {reason}"
                ) from None
    return root


def _unpack(draft: Path, suite: str) -> None:
    work = draft / "apt"
    apt = odoo_source.Apt(work, odoo_source.sources({suite}))
    apt.run("update")
    wanted = ["--recurse", "--important", "--no-pre-depends", *PACKAGES]
    asked = subprocess.run(
        ["apt-cache", *apt.options, "depends", *wanted],
        capture_output=True,
        text=True,
    )
    apt.download([*PACKAGES, *sorted(set(LIBRARIES.findall(asked.stdout)))])
    for package in sorted(work.glob("*.deb")):
        odoo_source.unpack(package, draft)
    shutil.rmtree(work)
