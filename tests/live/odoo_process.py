"""Odoo processes that a test starts by itself, where `dev/test` says how."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import psycopg2
import requests

VARIABLES = ("MFA_ODOO_COMMAND", "MFA_BASE_DATABASE", "MFA_SCRATCH_DATABASE", "MFA_DATA_DIR")
START_LIMIT = 180  # seconds
STOP_LIMIT = 20
INSTALL_LIMIT = 300
ADDONS_PATH = 2  # which word of the command
BAD_LINE = re.compile(r"^\S+ \S+ \d+ (ERROR|CRITICAL) .*|^Traceback .*", re.MULTILINE)

needs_odoo = unittest.skipUnless(
    all(os.environ.get(name) for name in VARIABLES), f"needs {', '.join(VARIABLES)}"
)


class Odoo:
    """Starts and stops Odoo on one database, with one log for all its processes."""

    def __init__(self, database, addons=None, instead=None):
        """
        :param addons: a folder of addons beside those of Odoo and ours
        :param instead: a folder with another version of ours
        """
        self.database = database
        self.addons = addons
        self.instead = instead
        self.folder = tempfile.TemporaryDirectory(prefix="mfa_live_")
        self.log = Path(self.folder.name, "odoo.log")
        self.child = None
        self.server = None
        self.port = free_port()

    def close(self):
        self.stop()
        self.folder.cleanup()

    def environment(self):
        return os.environ

    def bad_lines(self):
        """Return the errors that Odoo has logged."""
        return [match[0] for match in BAD_LINE.finditer(self.log.read_text(errors="replace"))]

    def run(self, *options, http=False, limit=INSTALL_LIMIT):
        """Let Odoo do something and end, within ``limit`` seconds."""
        child = self._spawn("--stop-after-init", *([] if http else ["--no-http"]), *options)
        try:
            status = child.wait(limit)
        finally:
            child.kill()
        assert status == 0, f"Odoo ended with status {status}: {self.bad_lines()}"

    def start(self, *options, workers=0):
        """Serve, by threads where no workers are asked for; return the address."""
        self.child = self._spawn(
            f"--http-port={self.port}",
            f"--gevent-port={free_port()}",
            f"--workers={workers}",
            *options,
        )
        self.server = f"http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + START_LIMIT
        while not self._answers():
            assert self.child.poll() is None, f"Odoo ended: {self.bad_lines()}"
            assert time.monotonic() < deadline, "Odoo does not answer"
            time.sleep(0.1)
        return self.server

    def stop(self):
        if self.child:
            self.child.terminate()
            try:
                self.child.wait(STOP_LIMIT)
            finally:
                self.child.kill()
                self.child = None

    def _answers(self):
        with contextlib.suppress(requests.ConnectionError), requests.Session() as http:
            http.trust_env = False
            return http.get(f"{self.server}/web/login", timeout=START_LIMIT).status_code == 200
        return False

    def _spawn(self, *options):
        command = json.loads(os.environ["MFA_ODOO_COMMAND"])
        if self.addons:
            command[ADDONS_PATH] += f",{self.addons}"
        if self.instead:
            option, _equals, folders = command[ADDONS_PATH].partition("=")
            command[ADDONS_PATH] = f"{option}={self.instead},{folders}"
        ours = [f"--database={self.database}", f"--db-filter=^{self.database}$", *options]
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [*command, *ours],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment(),
            )


class ScratchOdoo(Odoo):
    """Odoo on a copy of the database that has core's modules only."""

    def __init__(self, addons=None, instead=None):
        super().__init__(os.environ["MFA_SCRATCH_DATABASE"], addons, instead)
        base = os.environ["MFA_BASE_DATABASE"]
        self._drop()
        execute(f'CREATE DATABASE "{self.database}" TEMPLATE "{base}"')
        files = Path(os.environ["MFA_DATA_DIR"], "filestore")
        if (files / base).exists():
            shutil.copytree(files / base, files / self.database, copy_function=os.link)

    def close(self):
        super().close()
        self._drop()

    def _drop(self):
        execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        files = Path(os.environ["MFA_DATA_DIR"], "filestore", self.database)
        shutil.rmtree(files, ignore_errors=True)


def mfa_argv(*options, database):
    """Return how a shell runs ``odoo mfa``, on ``database`` where one is named."""
    python, script, addons_path = json.loads(os.environ["MFA_ODOO_COMMAND"])[: ADDONS_PATH + 1]
    assert addons_path.startswith("--addons-path=")
    named = ["-d", database] if database else []
    return [python, script, addons_path, "mfa", *options, *named]


def execute(sql):
    """Run what concerns whole databases."""
    connection = psycopg2.connect(dbname="postgres", connect_timeout=10)
    connection.autocommit = True
    try:
        with connection.cursor() as cr:
            cr.execute(sql)
    finally:
        connection.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
