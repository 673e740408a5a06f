"""People, their apps and their browsers, against two real Odoo servers on one database.

`dev/test` starts the servers, two workers each, and says in the environment where they are.
Codes come from `passlib`, an implementation of RFC 6238 that is not the addon's.
"""

import contextlib
import hashlib
import itertools
import os
import re
import secrets
import shutil
import subprocess
import time
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import requests
from odoo_process import INSTALL_LIMIT
from passlib.totp import TOTP

SERVERS = (os.environ["MFA_SERVER_A"], os.environ["MFA_SERVER_B"])
A, B = SERVERS
DATABASE = os.environ["MFA_DATABASE"]
LIVE = (A, DATABASE)
WORKERS = 2  # of each server
ADMIN = (2, "admin")
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
LIMIT = 30  # seconds until an answer must be there
STEP = 30  # seconds
LATE = 25  # second of a time step from which the code of the one before is not risked


# -- apps ------------------------------------------------------------------------------


class App:
    """An authenticator app on a phone; it remembers which codes it has shown."""

    def __init__(self, secret):
        self.secret = secret.replace(" ", "")
        self.step = -1

    def code(self, step=None):
        """Return the code of a time step, of the one shown last by default."""
        moment = STEP * (self.step if step is None else step)
        code = TOTP(self.secret).generate(moment).token
        if shutil.which("oathtool"):
            argv = ["oathtool", "--totp", "--base32", f"--now=@{moment}", self.secret]
            assert code == subprocess.check_output(argv, text=True).strip()
        return code

    def next_code(self, newest=False):
        """Return a code that was not shown before, of the oldest step that is accepted.

        Waits up to a time step where every accepted code was shown.
        """
        steps = self._fresh_steps()
        while not steps:
            time.sleep(0.2)
            steps = self._fresh_steps()
        self.step = steps[-1] if newest else steps[0]
        return self.code()

    def _fresh_steps(self):
        now = time.time()
        current = int(now // STEP)
        oldest = current - 1 if now % STEP < LATE else current
        return range(max(oldest, self.step + 1), current + 2)

    def wrong_code(self):
        """Return six digits that are the code of no step around the present one."""
        current = int(time.time() // STEP)
        right = {self.code(step) for step in range(current - 3, current + 4)}
        return next(code for code in (f"{n:06}" for n in itertools.count()) if code not in right)


# -- people ----------------------------------------------------------------------------


class Person:
    def __init__(self, uid, login, password):
        self.uid = uid
        self.login = login
        self.password = password
        self.apps = []

    @property
    def app(self):
        return self.apps[0]


def make_people(count, group="base.group_user", site=LIVE):
    """Return new users, made as an administrator makes them."""
    module, name = group.split(".")
    _model, group_id = admin_call(
        "ir.model.data", "check_object_reference", module, name, site=site
    )
    logins = [f"live_{secrets.token_hex(6)}" for _number in range(count)]
    values = [
        {
            "name": login.capitalize(),
            "login": login,
            "email": f"{login}@example.com",
            "password": f"{login}-password",
            "group_ids": [(4, group_id)],
        }
        for login in logins
    ]
    uids = admin_call("res.users", "create", values, site=site)
    return [Person(uid, v["login"], v["password"]) for uid, v in zip(uids, values, strict=True)]


def make_protected_people(count, group="base.group_user"):
    """Return new users, each with one app and MFA on."""
    people = make_people(count, group)
    in_parallel(lambda person: Browser().log_in(person).enrol(person), people)
    return people


def make_protected_person(group="base.group_user"):
    return make_protected_people(1, group)[0]


# -- codes that work once --------------------------------------------------------------

WRONG_RECOVERY_CODE = "0000-0000-0000-0000"


def make_recovery_codes(person, count, name=DATABASE):
    """Return recovery codes of ``person``, put where the server keeps their hashes."""
    codes = [secrets.token_hex(8) for _number in range(count)]
    _store_hashes("res_users_recovery_code", "user_id, code_hash", "%s, %s", person, codes, name)
    return codes


def make_help_codes(person, count, name=DATABASE):
    """Return help codes of ``person`` likewise."""
    codes = [secrets.token_hex(6) for _number in range(count)]
    columns, values = "user_id, code_hash, expires_at", "%s, %s, now() + interval '1 day'"
    _store_hashes("res_users_help_code", columns, values, person, codes, name)
    return codes


def _store_hashes(table, columns, values, person, codes, name):
    with database(name) as cr:
        for code in codes:
            fingerprint = hashlib.sha256(code.encode()).hexdigest()
            cr.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({values})", [person.uid, fingerprint]
            )


# -- browsers --------------------------------------------------------------------------


class Browser:
    """A browser without JavaScript; each request comes over a connection of its own."""

    def __init__(self, server=A, cookies=()):
        self.server = server
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers.update({"User-Agent": CHROME, "Connection": "close"})
        for cookie in cookies:
            self.http.cookies.set_cookie(cookie)
        self.csrf = None

    def twin(self, server=None):
        """Return this browser over another connection: the same cookies, the same page."""
        twin = Browser(server or self.server, self.http.cookies)
        twin.csrf = self.csrf
        return twin

    def get(self, path):
        return self._read(self.http.get(self.server + path, **self._options()))

    def post(self, path, **form):
        form["csrf_token"] = self.csrf
        return self._read(self.http.post(self.server + path, data=form, **self._options()))

    def _options(self):
        return {"allow_redirects": False, "timeout": LIMIT}

    def _read(self, answer):
        """Take the form's token, and keep Secure cookies, which plain HTTP would not send."""
        found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        for cookie in self.http.cookies:
            cookie.secure = False
        return answer

    # -- the login ---------------------------------------------------------------------

    def give_password(self, person, password=None):
        """Give the password; return the answer, which leads on to the second step or in."""
        self.get("/web/login")
        password = password or person.password
        return self.post("/web/login", login=person.login, password=password)

    def half_open(self, person):
        """Give the password and open the page that asks for a code; return the browser."""
        self.give_password(person)
        page = self.get("/web/login/totp")
        assert is_code_page(page), f"{page.status_code} {page.headers.get('Location')}"
        return self

    def give_code(self, code, **form):
        return self.post("/web/login/totp", totp_token=code, **form)

    def log_in(self, person, **form):
        """Log in by password, and by a code where one is asked; return the browser."""
        answer = self.give_password(person)
        asked = answer.headers.get("Location", "").startswith("/web/login/totp")
        if asked and is_code_page(self.get("/web/login/totp")):
            answer = self.give_code(person.apps[-1].next_code(), **form)
        assert self.is_in(), f"{person.login} is not in: {answer.status_code} {refusal(answer)}"
        return self

    def log_in_and_trust(self, person):
        return self.log_in(person, remember="1")

    def trusted_only(self, server):
        """Return a browser that has this one's cookies of trusted devices, and no session."""
        cookies = [c for c in self.http.cookies if c.name.startswith("trusted_devices_")]
        return Browser(server, cookies)

    def beside(self, person, server):
        """Return another session of ``person``, opened from this trusted browser."""
        return self.trusted_only(server).log_in(person)

    def is_in(self, server=None):
        """Tell whether a server accepts the session."""
        return "error" not in self.rpc("/web/session/check", server=server)

    # -- the web client ----------------------------------------------------------------

    def rpc(self, path, server=None, **params):
        """Return the whole JSON-RPC answer, an error too."""
        body = {"jsonrpc": "2.0", "method": "call", "id": 0, "params": params}
        answer = self.http.post((server or self.server) + path, json=body, timeout=LIMIT)
        return answer.json()

    def ask(self, model, method, *args, **kwargs):
        """Return the whole answer of a method called as the web client calls it."""
        return self.rpc(
            f"/web/dataset/call_button/{model}/{method}",
            model=model,
            method=method,
            args=args,
            kwargs=kwargs,
        )

    def call(self, model, method, *args, **kwargs):
        answer = self.ask(model, method, *args, **kwargs)
        assert "error" not in answer, answer["error"]["data"]["message"]
        return answer["result"]

    def press(self, person, model, method, ids, code=None):
        """Press a button of ``person``, and prove who it is where the dialog asks."""
        action = self.call(model, method, ids)
        if isinstance(action, dict) and action.get("res_model") == "res.users.identitycheck":
            context = {"password": person.password, "mfa_code": code}
            action = self.call(
                "res.users.identitycheck", "run_check", [action["res_id"]], context=context
            )
        return action

    def enrol(self, person, name="Phone"):
        """Enrol a new app through the wizard; return it."""
        action = self.press(person, "res.users", "action_totp_enable_wizard", [person.uid])
        wizard, number = action["res_model"], action["res_id"]
        [values] = self.read(wizard, [number], ["secret_key"])
        app = App(values["secret_key"])
        self.write(wizard, [number], {"name": name, "confirmation_code": app.next_code()})
        self.press(person, wizard, "action_create", [number])
        person.apps.append(app)
        return app

    def read(self, model, ids, names):
        params = {"model": model, "method": "read", "args": [ids, names], "kwargs": {}}
        return self.rpc(f"/web/dataset/call_kw/{model}/read", **params)["result"]

    def write(self, model, ids, values):
        params = {"model": model, "method": "write", "args": [ids, values], "kwargs": {}}
        answer = self.rpc(f"/web/dataset/call_kw/{model}/write", **params)
        assert "error" not in answer, answer["error"]["data"]["message"]

    def search(self, model, domain):
        params = {"model": model, "method": "search", "args": [domain], "kwargs": {}}
        return self.rpc(f"/web/dataset/call_kw/{model}/search", **params)["result"]


def is_code_page(answer):
    """Tell whether this is the plain form that asks for a code."""
    return answer.status_code == 200 and 'name="totp_token"' in answer.text


def refusal(answer):
    """Return the error that the page shows, or ``None``."""
    found = re.search(r'alert-danger"[^>]*>\s*(.*?)\s*<', answer.text, re.DOTALL)
    return found and found[1]


# -- RPC with a password or a key --------------------------------------------------------


def rpc_call(site, uid, password, model, method, *args, limit=LIMIT):
    """Call a method over XML-RPC; raise ``xmlrpc.client.Fault`` as the server does."""
    server, database_name = site
    params = (database_name, uid, password, model, method, list(args))
    body = xmlrpc.client.dumps(params, "execute_kw", allow_none=True)
    headers = {"Content-Type": "text/xml", "Connection": "close"}
    with requests.Session() as http:
        http.trust_env = False
        url = f"{server}/xmlrpc/2/object"
        answer = http.post(url, data=body.encode(), headers=headers, timeout=limit)
    return xmlrpc.client.loads(answer.content)[0][0]


def admin_call(model, method, *args, site=LIVE, **options):
    return rpc_call(site, *ADMIN, model, method, *args, **options)


def uninstall(site):
    """Uninstall the addon as an administrator does in Apps."""
    model = "ir.module.module"
    module = admin_call(model, "search", [("name", "=", "auth_totp_mfa")], site=site)
    admin_call(model, "button_immediate_uninstall", module, site=site, limit=INSTALL_LIMIT)


def switch_off_cooldown():
    """Core's own brake on guessing, by address, would hide the addon's, by user."""
    admin_call("ir.config_parameter", "set_param", "base.login_cooldown_after", "0")


# -- the database ----------------------------------------------------------------------


@contextlib.contextmanager
def database(name=DATABASE):
    """A cursor that sees what is committed at each query."""
    connection = psycopg2.connect(dbname=name, connect_timeout=10)
    connection.autocommit = True
    try:
        with connection.cursor() as cr:
            yield cr
    finally:
        connection.close()


def query(sql, *values, name=DATABASE):
    with database(name) as cr:
        cr.execute(sql, values)
        return cr.fetchall()


def run_sql(sql, *values, name=DATABASE):
    with database(name) as cr:
        cr.execute(sql, values or None)


def failures_of(person, kind="app"):
    """Return how many wrong codes in a row the database has counted."""
    rows = query(
        "SELECT failures FROM res_users_mfa_attempt WHERE user_id = %s AND counter LIKE %s",
        person.uid,
        f"{kind}%",
    )
    return rows[0][0] if rows else 0


# -- at once ---------------------------------------------------------------------------


def in_parallel(function, items, threads=4):
    """Return ``function`` of each item, worked on by a few threads."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def at_once(*calls):
    """Let requests run in the same moment, each on a worker of its own; return the answers.

    Each request first reads the table by which Odoo's workers tell each other of
    changes. It is locked here until all requests wait for it: then each of them holds
    a worker, and none has read anything yet. So two calls a server are the most.
    """
    with ThreadPoolExecutor(len(calls)) as pool:
        with held_back("orm_signaling_default") as wait_for:
            futures = [pool.submit(call) for call in calls]
            wait_for(len(calls))
        return [future.result(2 * LIMIT) for future in futures]


@contextlib.contextmanager
def held_back(table, mode="ACCESS EXCLUSIVE"):
    """Lock a table; give a function that waits until so many requests wait for it."""
    connection = psycopg2.connect(dbname=DATABASE, connect_timeout=10)
    try:
        with connection.cursor() as cr:
            cr.execute("SET LOCAL lock_timeout = '10s'")
            cr.execute(f"LOCK TABLE {table} IN {mode} MODE")
            yield lambda count: _wait_for_waiting(cr, table, count)
    finally:
        connection.close()


def _wait_for_waiting(cr, table, count):
    deadline = time.monotonic() + LIMIT
    waiting = 0
    while waiting < count:
        assert time.monotonic() < deadline, f"{waiting} of {count} requests wait for {table}"
        time.sleep(0.01)
        cr.execute(
            """SELECT count(*) FROM pg_locks
                WHERE relation = %s::regclass AND NOT granted AND database = (
                      SELECT oid FROM pg_database WHERE datname = current_database())""",
            [table],
        )
        [waiting] = cr.fetchone()


def on_every_worker(function):
    """Call ``function(server)`` on each worker of both servers; return the answers."""
    return at_once(*(lambda server=server: function(server) for server in SERVERS * WORKERS))
