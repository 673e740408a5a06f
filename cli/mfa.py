"""The command ``odoo mfa``. Odoo loads this file as ``odoo.cli.mfa``, outside the addon."""

import argparse
import getpass
import os
import sys
from contextlib import contextmanager
from textwrap import dedent

import psycopg2

from odoo import SUPERUSER_ID
from odoo.api import Environment
from odoo.cli.command import Command
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.sql_db import db_connect
from odoo.tools import config
from odoo.tools.sql import table_exists

ADDON = "auth_totp_mfa"
COLUMNS = {
    "login": "LOGIN",
    "name": "NAME",
    "mfa": "MFA",
    "apps": "APPS",
    "recovery_codes": "RECOVERY CODES",
    "devices": "DEVICES",
    "codes": "CODES OF APPS",
    "last_used": "LAST USE (UTC)",
}


class Mfa(Command):
    """Two-factor authentication: the way back in when every administrator is locked out"""

    epilog = """
        Odoo finds this command where the addons path is known before the command is:

          odoo --addons-path=/path/to/addons mfa status -d DATABASE -c /etc/odoo/odoo.conf
          ODOO_RC=/etc/odoo/odoo.conf odoo mfa status -d DATABASE

        with the folder that holds auth_totp_mfa; -c alone is read too late.
        """

    def __init__(self):
        super().__init__()
        commands = self.parser.add_subparsers(dest="subcommand", required=True)
        status = self._add(commands, self._status, "status", "list users and their state")
        status.add_argument("--login", help="only the user with this login, archived ones too")
        reset = self._add(
            commands, self._reset, "reset", "remove all factors of a user, and end the sessions"
        )
        reset.add_argument("--keep-passkeys", action="store_true", help="do not remove passkeys")
        reset.add_argument("--keep-api-keys", action="store_true", help="do not remove API keys")
        code = self._add(
            commands, self._help_code, "help-code", "make a code that replaces a second step once"
        )
        for parser in (reset, code):
            parser.add_argument("login", metavar="LOGIN")
            parser.add_argument("--reason", default="", help="why: it is kept in the audit trail")
        encrypt = self._add(
            commands, self._encrypt, "encrypt", "bring all secrets under the newest key"
        )
        for parser in (reset, code, encrypt):
            parser.add_argument("--yes", action="store_true", help="do not ask, for scripts")

    def _add(self, commands, function, name, text):
        parser = commands.add_parser(
            name,
            help=text,
            description=text.capitalize() + ".",
            epilog=dedent(self.epilog),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.set_defaults(function=function)
        parser.add_argument("-c", "--config", help="configuration file")
        parser.add_argument("-d", "--database", help="name of the database")
        return parser

    def run(self, args):
        options = self.parser.parse_args(args)
        settings = ["--no-http", "--log-level=warn"]
        settings += ["-c", options.config] if options.config else []
        settings += ["-d", options.database] if options.database else []
        config.parse_config(settings, setup_logging=True)
        self.database = _get_database()
        try:
            options.function(options)
        except UserError as error:
            sys.exit(str(error))
        except KeyboardInterrupt:
            sys.exit("\nStopped.")

    # -- what it does ------------------------------------------------------------------

    def _status(self, options):
        with self._environment() as env:
            users = _find(env, options.login) if options.login else env["res.users"].search([])
            rows = users._mfa_status()
        _print_table([{key: _printable(value) for key, value in row.items()} for row in rows])

    def _reset(self, options):
        removed = ["authenticator apps", "recovery codes", "trusted devices"]
        removed += [] if options.keep_passkeys else ["passkeys"]
        removed += [] if options.keep_api_keys else ["API keys"]
        who = self._ask_about(
            options, f"This ends the sessions of %s, and removes: {', '.join(removed)}."
        )

        def reset(user):
            passkeys, api_keys = not options.keep_passkeys, not options.keep_api_keys
            codes = user._mfa_reset(_note(options), passkeys, api_keys)
            return [helped._mfa_help_sheet(code) for helped, code in codes.items()]

        sheets = self._change(options, reset)
        print(f"Two-factor authentication was reset: {who}")
        _print_codes(sheets)

    def _help_code(self, options):
        self._ask_about(
            options,
            "This makes a code that replaces the second step of one login of %s, and voids an "
            "earlier one.",
            check=lambda user: user._mfa_check_help_code(),
        )

        def make(user):
            user._mfa_check_help_code()
            return [user._mfa_help_sheet(user._mfa_make_help_code(_note(options)))]

        _print_codes(self._change(options, make))

    def _encrypt(self, options):
        _ask(options, f"This encrypts the secrets of all apps in {self.database} anew.")
        with self._environment() as env:
            encrypted, unreadable = env["res.users.authenticator"]._encrypt_secrets(
                progress=_show_progress
            )
        print(f"Encrypted under the newest key: {encrypted}")
        if unreadable:
            sys.exit(f"Left as they are, since no key reads them: {unreadable}")

    # -- the database ------------------------------------------------------------------

    @contextmanager
    def _environment(self):
        """Give the superuser's environment; what was changed is committed at the end."""
        with Registry(self.database).cursor() as cr:
            yield Environment(cr, SUPERUSER_ID, {})

    def _ask_about(self, options, text, check=None):
        """Ask for consent to what ``text`` says of the user; return who that is.

        No transaction is open while a person thinks.
        """
        with self._environment() as env:
            user = _find(env, options.login)
            if check:
                check(user)
            who = _describe(user)
        _ask(options, text % who)
        return who

    def _change(self, options, work):
        """Return ``work(user)``, committed."""
        with self._environment() as env:
            return retrying(lambda: work(_find(env, options.login)), env)


def _get_database():
    """Return the name of the database, where this addon is installed."""
    names = config["db_name"]
    if len(names) != 1:
        sys.exit("Name one database: -d DATABASE, or db_name in the configuration file.")
    [name] = names
    try:
        with db_connect(name).cursor() as cr:
            installed = _is_installed(cr)
    except psycopg2.OperationalError as error:
        sys.exit(f"Cannot open the database {name}: {str(error).strip().splitlines()[-1]}")
    if not installed:
        sys.exit(f"The addon {ADDON} is not installed in the database {name}.")
    return name


def _find(env, login):
    users = env["res.users"].with_context(active_test=False)
    user = users.search([("login", "=", login), ("id", "!=", SUPERUSER_ID)])
    if not user:
        sys.exit(f"There is no user with the login {login} in the database {env.cr.dbname}.")
    return user


def _is_installed(cr):
    if not table_exists(cr, "ir_module_module"):
        return False
    cr.execute("SELECT state FROM ir_module_module WHERE name = %s", [ADDON])
    return cr.fetchone() == ("installed",)


def _ask(options, text):
    """Exit unless a person, or ``--yes``, agrees to what ``text`` says will happen."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        sys.exit("Nobody is there to confirm this, so nothing was changed. Scripts pass --yes.")
    print(text)
    try:
        answer = input("Type yes to go on: ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip().lower() != "yes":
        sys.exit("Nothing was changed.")


def _note(options):
    """Return what the audit trail says of who ran the command, and why."""
    try:
        person = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        person = f"#{os.getuid()}"
    note = f"command line, operating-system user {person}"
    return f"{note}: {options.reason}" if options.reason else note


def _describe(user):
    archived = "" if user.active else ", archived"
    return f"{_printable(user.login)} ({_printable(user.name)}{archived})"


def _printable(text):
    """Return ``text`` without what would steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


def _print_table(rows):
    rows = [COLUMNS, *rows]
    widths = {key: max(len(row[key]) for row in rows) for key in COLUMNS}
    for row in rows:
        print("  ".join(row[key].ljust(widths[key]) for key in COLUMNS).rstrip())


def _print_codes(sheets):
    for sheet in sheets:
        print(f"Help code: {sheet['code']}")
        print(f"It works once, until {sheet['valid_until']} UTC. Tell it by voice, not by mail.")


def _show_progress(done, total):
    end = "\n" if done == total else ""
    print(f"\r{done} of {total}", end=end, file=sys.stderr, flush=True)
