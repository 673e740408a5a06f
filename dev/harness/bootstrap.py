"""Starts a command under a Python that can read it.

Written so that any Python parses it: an old one gets a sentence, not a SyntaxError.
"""

import os
import sys

OLDEST = (3, 10)
NAMES = ["python3.13", "python3.12", "python3.11", "python3.10"]


def start(command):
    """Run ``harness.<command>.main()`` and return its exit status."""
    if sys.version_info < OLDEST:
        _start_again_with_newer_python()
        sys.stderr.write(
            "dev/%s needs Python 3.10 to 3.13, and this is Python %d.%d.\n"
            % ((command,) + tuple(sys.version_info[:2]))
        )
        return 1
    module = __import__("harness." + command, fromlist=["main"])
    return module.main()


def _start_again_with_newer_python():
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for name in NAMES:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                os.execv(path, [path] + sys.argv)
