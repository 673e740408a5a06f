"""``odoo mfa`` on the database of two running servers."""

import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from odoo_process import START_LIMIT, mfa_argv, needs_odoo
from support import (
    DATABASE,
    SERVERS,
    A,
    B,
    Browser,
    database,
    make_people,
    make_protected_person,
    on_every_worker,
    query,
    refusal,
)

HELP_CODE = re.compile(r"^Help code: (\S+)$", re.MULTILINE)


@needs_odoo
class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mfa_command_")
        self.addCleanup(folder.cleanup)
        self.config = os.path.join(folder.name, "odoo.conf")
        with open(self.config, "w") as config:
            config.write(f"[options]\ndata_dir = {os.environ['MFA_DATA_DIR']}\n")

    # -- what is shown -------------------------------------------------------------------

    def test_status(self):
        protected, plain = make_protected_person(), make_people(1)[0]
        lines = self.mfa("status").splitlines()
        rows = {line.split()[0]: line.split()[2:6] for line in lines[1:]}
        self.assertEqual(rows[protected.login][:2], ["on", "1"])
        self.assertEqual(rows[plain.login][:2], ["off", "0"])
        self.assertEqual(list(rows), sorted(rows))
        self.assertNotIn("__system__", rows)
        one = self.mfa("status", "--login", plain.login).splitlines()
        self.assertEqual([line.split()[0] for line in one], ["LOGIN", plain.login])

    def test_status_of_who_is_locked(self):
        person = make_protected_person()
        browser = Browser().half_open(person)
        for _guess in range(5):
            browser.give_code(person.app.wrong_code())
        [_head, line] = self.mfa("status", "--login", person.login).splitlines()
        self.assertIn(" locked ", line)

    # -- what is done --------------------------------------------------------------------

    def test_help_code(self):
        person = make_protected_person()
        output = self.mfa("help-code", person.login, "--reason", "lost phone", "--yes")
        code = HELP_CODE.search(output)[1]
        self.assertRegex(output, r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
        browser = Browser(B).half_open(person)
        answer = browser.give_code(code)
        self.assertIn("/web/login/totp/setup", answer.headers["Location"])
        self.assertTrue(browser.is_in())
        again = Browser(A).half_open(person)
        self.assertIn("This code is not valid", refusal(again.give_code(code)))
        self.assertTrailed(person, "help_made", "lost phone")

    def test_reset_holds_on_every_worker_at_once(self):
        person = make_protected_person()
        browser = Browser().log_in(person)
        self.assertEqual(on_every_worker(browser.is_in), [True] * 2 * len(SERVERS))
        output = self.mfa("reset", person.login, "--yes")
        self.assertNotIn("Help code", output, "no policy asks for a second factor")
        self.assertEqual(on_every_worker(browser.is_in), [False] * 2 * len(SERVERS))
        for server in SERVERS:
            self.assertTrue(Browser(server).log_in(person).is_in(), "by the password alone")
        self.assertTrailed(person, "reset", "command line")

    def test_asked_first(self):
        person = make_protected_person()
        for answer, enabled in (("no\n", True), ("\n", True), ("\x04", True), ("yes\n", False)):
            output = self.on_a_terminal(answer, "reset", person.login)
            self.assertIn(person.login, output)
            self.assertEqual("Nothing was changed." in output, enabled, output)
            self.assertEqual(self.is_enabled(person), enabled, answer)

    def test_somebody_whom_the_machine_does_not_name(self):
        """As in a container that runs under a number."""
        if os.geteuid() or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv")
        person = make_protected_person()
        names = ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER")
        env = {key: value for key, value in os.environ.items() if key not in names}
        rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        nobody = ["setpriv", "--reuid=54321", "--securebits=+no_setuid_fixup", *rights]
        argv = [*nobody, *self.argv("reset", person.login, "--yes")]
        subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE, timeout=START_LIMIT)
        self.assertTrailed(person, "reset", "operating-system user #54321")

    def test_stopped_changes_nothing(self):
        person = make_protected_person()
        with database(DATABASE) as cr:
            cr.execute("BEGIN; SELECT FROM res_users WHERE id = %s FOR UPDATE", [person.uid])
            child = subprocess.Popen(
                self.argv("reset", person.login, "--yes"), stderr=subprocess.PIPE, text=True
            )
            while not query("SELECT FROM pg_locks WHERE NOT granted"):
                self.assertIsNone(child.poll(), "the command should wait for the row")
                time.sleep(0.1)
            child.send_signal(signal.SIGINT)
        _output, said = child.communicate(timeout=START_LIMIT)
        self.assertEqual((child.returncode, said), (1, "\nStopped.\n"))
        self.assertTrue(self.is_enabled(person))

    # -- what is refused -----------------------------------------------------------------

    def test_nobody_to_ask(self):
        person = make_protected_person()
        for command in ("reset", "help-code"):
            self.assertRefused("--yes", command, person.login)
        self.assertTrue(self.is_enabled(person))
        self.assertFalse(query("SELECT id FROM res_users_help_code WHERE user_id = %s", person.uid))

    def test_unknown_user(self):
        for command in (("status", "--login"), ("reset", "--yes"), ("help-code", "--yes")):
            for login in ("nobody", "__system__"):
                self.assertRefused(f"no user with the login {login}", *command, login)

    def test_help_code_of_no_use(self):
        person = make_people(1)[0]
        self.assertRefused("password alone", "help-code", "--yes", person.login)

    def test_encrypt_without_a_key(self):
        self.assertRefused("no key to encrypt with", "encrypt", "--yes")

    def test_unknown_database(self):
        self.assertRefused("does not exist", "status", database="mfa_no_such_database")

    def test_database_without_the_addon(self):
        for name in (os.environ["MFA_BASE_DATABASE"], "postgres"):
            self.assertRefused("not installed in the database", "status", database=name)

    def test_no_database(self):
        self.assertRefused("-d DATABASE", "status", database=None)

    # -- running it ----------------------------------------------------------------------

    def argv(self, *options, database=DATABASE):
        return mfa_argv(*options, "-c", self.config, database=database)

    def run_command(self, *options, **places):
        return subprocess.run(
            self.argv(*options, **places),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
        )

    def mfa(self, *options):
        """Return what the command prints; it says nothing on stderr."""
        done = self.run_command(*options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def on_a_terminal(self, answer, *options):
        """Return what the command prints to somebody who types ``answer``."""
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        try:
            done = subprocess.run(
                self.argv(*options),
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=START_LIMIT,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        return done.stdout

    def assertRefused(self, text, *options, **places):
        done = self.run_command(*options, **places)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        [line] = done.stderr.splitlines()
        self.assertIn(text, line)

    def assertTrailed(self, person, kind, text):
        rows = query(
            "SELECT actor_login, note FROM res_users_mfa_event WHERE user_id = %s AND kind = %s",
            person.uid,
            kind,
        )
        [[actor, note]] = rows
        self.assertEqual(actor, "__system__")
        self.assertIn("command line, operating-system user", note)
        self.assertIn(text, note)

    def is_enabled(self, person):
        return query("SELECT mfa_since IS NOT NULL FROM res_users WHERE id = %s", person.uid)[0][0]
