"""People who use their second factor in every way at once, each in a thread of their own.

What a person knows of themselves is looked up in the database before each deed, since a request
that got no answer may or may not have been done. What is right is judged from the journal alone.
"""

import base64
import hashlib
import itertools
import random
import secrets
import threading
import time
import traceback

import psycopg2
import requests
from soak_journal import LINES, Request, Try
from support import STEP, App, Browser, is_code_page, refusal

LIMIT = 240  # seconds until an answer must be there
PROXY_FAULTS = {502, 503, 504}
TOLD = {
    "double-check": "wrong",
    "not valid": "wrong",
    "used already": "used",
    "Too many wrong codes": "locked",
}
GUESSES = 8
TOO_LATE = "This code is not right"
MOST_APPS = 3
PLANS = (
    ("race", "enrol", "remove"),
    ("log_in", "come_back", "revoke", "present_revoked"),
    ("guess", "log_in", "recover"),
    ("race_recovery", "make_codes"),
    ("ask_reset", "enrol"),
    ("log_in", "revoke", "make_codes"),
)
"""What some begin with, so that everything happens early. What cannot be done is left out."""


class Fault(Exception):
    """No answer that tells, or one that asks to try again: it is on record."""


class Phone(App):
    """An app, by its secret; ``step`` is the last one whose code was shown."""

    def fresh_step(self, newest=False):
        """Return a step whose code was not shown yet, and will be good for a while; or None.

        :param newest: the one that is good longest, where answers take long
        """
        current = int(time.time() // STEP)
        steps = range(max(current, self.step + 1), current + 2)
        if not steps:
            return None
        self.step = steps[-1 if newest else 0]
        return self.step


class Recorder(requests.Session):
    """Puts each request on record; raises Fault where the answer is none to go on with."""

    def __init__(self, journal):
        super().__init__()
        self.journal = journal
        self.trust_env = False

    def request(self, method, url, **options):
        number, sent = object(), time.time()
        self.journal.open[number] = sent
        try:
            answer = super().request(method, url, **{**options, "timeout": LIMIT})
            fault = fault_of(answer)
        except requests.RequestException as error:
            fault = f"proxy: {type(error).__name__}"
        finally:
            del self.journal.open[number]
        path = url.split("/", 3)[3].split("?")[0]
        self.journal.requests.append(Request(f"/{path}", sent, time.time(), fault))
        if fault:
            raise Fault(fault)
        return answer


def fault_of(answer):
    """Return why this answer is none to go on with, or None.

    ``proxy``, ``server`` or ``no database``: while core reaches none, it sends a page load
    away to the list of databases, and answers 404 to all else.
    """
    status, place = answer.status_code, answer.headers.get("Location", "")
    if status in PROXY_FAULTS:
        return "proxy"
    if "/web/database/" in place or status == 404:
        return "no database"
    if status == 400 and "invalid CSRF token" in answer.text:
        return None
    if status not in (200, 303):
        return "server"
    if "json" in answer.headers.get("Content-Type", ""):
        error = answer.json().get("error")
        if error and not error["data"]["name"].startswith("odoo."):
            return "server"
        if error and error["code"] == 404:
            return "no database"
    return None


class Client(Browser):
    numbers = itertools.count(1)

    def __init__(self, site, cookies=()):
        super().__init__(site.address, cookies)
        self.site = site
        self.number = next(self.numbers)
        recorder = Recorder(site.journal)
        recorder.headers.update(self.http.headers)
        recorder.cookies.update(self.http.cookies)
        self.http = recorder

    def twin(self, server=None):
        twin = Client(self.site, self.http.cookies)
        twin.csrf = self.csrf
        return twin

    def trusted_cookie(self):
        return next((c for c in self.http.cookies if c.name.startswith("trusted_devices_")), None)


def outcome_of(answer):
    """Return what an answer to the form of the second step says.

    ``again``: start anew at the password, as who lost a race for one half-open session.
    """
    if answer.status_code == 400:
        return "again"
    if answer.status_code == 303:
        path = answer.headers["Location"].split("?")[0]
        return "again" if path.endswith(("/web/login", "/web/login/totp")) else "in"
    assert is_code_page(answer), answer.text[:500]
    text = refusal(answer) or ""
    return next((outcome for words, outcome in TOLD.items() if words in text), f"odd: {text}")


def codes_in(action):
    """Return the recovery codes that an action shows, wherever in it."""
    if not isinstance(action, dict):
        return []
    if isinstance(action.get("codes"), list):
        return action["codes"]
    return [code for value in action.values() for code in codes_in(value)]


class Human:
    numbers = itertools.count(1)

    def __init__(self, site, uid, login, password):
        self.site = site
        self.uid, self.login, self.password = uid, login, password
        self.known = {}  # apps by name, enrolled or not
        self.apps = []
        self.codes = []
        self.enabled = False
        self.browser = None
        self.trusted = None  # the cookie of a device that should be trusted
        self.revoked = []
        self.locked = False
        self.plan = []
        self.steady = False

    # -- one after the other -----------------------------------------------------------------

    def live(self, over):
        """Do one thing after the other until the event ``over``.

        Where answers take so long that codes grow old on their way, only the ``steady`` go on.
        """
        while not over.is_set():
            if self.site.journal.is_slow() and not self.steady:
                self.site.journal.held_back += 1
                over.wait(1)
                continue
            try:
                self.look()
                self.choose()()
            except Fault:
                self.browser = None
            except psycopg2.OperationalError:
                time.sleep(0.2)
            except Exception:
                self.site.journal.wrong.append(f"{self.login}: {traceback.format_exc(limit=-6)}")
                self.browser = None

    def choose(self):
        """Return the next deed: what is planned, else any."""
        deeds = self.deeds()
        planned = getattr(self, self.plan.pop(0)) if self.plan else None
        if deeds.get(planned):
            return planned
        return random.choices(list(deeds), deeds.values())[0]

    def look(self):
        """Learn what the database has of oneself."""
        [[self.enabled, names, hashes]] = self.site.query(
            """SELECT mfa_since IS NOT NULL,
                      ARRAY(SELECT name FROM res_users_authenticator WHERE user_id = u.id),
                      ARRAY(SELECT code_hash FROM res_users_recovery_code WHERE user_id = u.id)
                 FROM res_users u WHERE id = %s""",
            self.uid,
        )
        self.apps = [self.known[name] for name in names]
        self.codes = [code for code in self.codes if fingerprint(code) in hashes]

    def deeds(self):
        """Return what to do next, each with its weight."""
        if not self.enabled:
            return {self.enrol: 1}
        if self.locked:
            return {self.log_in: 3, self.recover: 3 if self.codes else 0, self.ask_reset: 1}
        inside = self.browser is not None
        return {
            self.log_in: 4,
            self.race: 3,
            self.recover: 2 if self.codes else 0,
            self.race_recovery: 2 if self.codes else 0,
            self.come_back: 8 if self.trusted else 0,
            self.present_revoked: 1 if self.revoked else 0,
            self.revoke: 8 if self.trusted and inside else 0,
            self.enrol: 2 if inside and len(self.apps) < MOST_APPS else 0,
            self.remove: 2 if inside and len(self.apps) > 1 else 0,
            self.make_codes: 2 if inside else 0,
            self.guess: 2,
            self.ask_reset: 1,
        }

    def be_protected(self):
        """Have an app and recovery codes, since long ago."""
        name = f"Phone {next(self.numbers)}"
        app = self.known[name] = Phone(base64.b32encode(secrets.token_bytes(20)).decode())
        self.codes = [secrets.token_hex(8) for _number in range(10)]
        self.site.query(
            """INSERT INTO res_users_authenticator (name, user_id, secret_key, last_step)
                    VALUES (%s, %s, %s, 0);
               INSERT INTO res_users_recovery_code (user_id, code_hash)
                    SELECT %s, unnest(%s);
               UPDATE res_users SET mfa_since = now() WHERE id = %s""",
            *(name, self.uid, app.secret),
            *(self.uid, [fingerprint(code) for code in self.codes], self.uid),
        )

    # -- on record ---------------------------------------------------------------------------

    def tell(self, kind, key, outcome, sent, answered=None):
        answered = answered or time.time()
        self.site.journal.tries.append(Try(self.uid, kind, key, sent, answered, outcome))
        line = LINES.get((kind, outcome))
        if line and random.random() < self.site.looks_up:
            self.site.expect_line(self.uid, line, sent)

    def attempt(self, kind, key, question, read):
        """Ask, put on record what came of it, and return that; ``lost`` for a Fault."""
        sent, outcome = time.time(), "lost"
        try:
            outcome = read(question())
        except Fault:
            self.browser = None
        finally:
            self.tell(kind, key, outcome, sent)
        return outcome

    def at_once(self, *calls):
        return list(self.site.pool.map(lambda call: call(), calls))

    # -- the login ---------------------------------------------------------------------------

    def client(self, *cookies):
        return Client(self.site, cookies)

    def fresh_code(self):
        """Return ``(key, code)`` of an app, or None where all codes of now were shown."""
        for app in random.sample(self.apps, len(self.apps)):
            step = app.fresh_step(self.site.journal.is_slow())
            if step is not None:
                return (app.secret, step), app.code(step)
        return None

    def log_in(self):
        browser = self.client().half_open(self)
        remember = {} if self.trusted else {"remember": "1"}
        if fresh := self.fresh_code():
            self.give(browser, fresh, **remember)

    def give(self, browser, fresh, **form):
        """Give a fresh code at the login; return the outcome."""
        key, code = fresh
        sent = time.time()
        outcome = self.attempt("code", key, lambda: browser.give_code(code, **form), outcome_of)
        current = time.time() // STEP
        if outcome == "wrong" and abs(key[1] - current) <= 1:
            self.site.journal.wrong.append(f"{self.login}: a right code was refused as wrong")
        if outcome == "locked":
            self.locked = True
        if outcome == "in":
            if cookie := browser.trusted_cookie():
                self.tell("trust", cookie.value, "done", sent)
                self.trusted = cookie
            self.enter(browser)
        return outcome

    def enter(self, browser):
        self.locked = False
        self.check_session(browser)
        self.browser = browser

    def check_session(self, browser, expected=True):
        """Ask whether a session is open; the login page's answer must hold."""
        sent = time.time()
        inside = browser.is_in()
        key = browser.number
        self.tell("session", key, "in" if inside else "out", sent)
        if inside != expected:
            self.site.journal.wrong.append(f"{self.login}: session open: {inside}")

    def race(self):
        """One code in three requests: two of one half-open session, one of another. Then again."""
        first, other, late = (self.client().half_open(self) for _number in range(3))
        fresh = self.fresh_code()
        if not fresh:
            return
        browsers = [first, first.twin(), other]
        self.at_once(*(lambda b=browser: self.give(b, fresh) for browser in browsers))
        self.give(late, fresh)

    def recover(self):
        self.give_recovery(self.client().half_open(self), self.codes.pop())

    def give_recovery(self, browser, code):
        outcome = self.attempt("recovery", code, lambda: browser.give_code(code), outcome_of)
        if outcome == "in":
            self.enter(browser)
        return outcome

    def race_recovery(self):
        code = self.codes.pop()
        first, other = self.client().half_open(self), self.client().half_open(self)
        browsers = [first, first.twin(), other]
        self.at_once(*(lambda b=browser: self.give_recovery(b, code) for browser in browsers))

    def guess(self):
        """Be locked: guesses at once over several connections, and then the right code."""
        browser = self.client().half_open(self)
        wrong = self.apps[0].wrong_code()
        browsers = [browser.twin() for _number in range(GUESSES)]

        def one(twin):
            return self.attempt("guess", wrong, lambda: twin.give_code(wrong), outcome_of)

        outcomes = self.at_once(*(lambda b=twin: one(b) for twin in browsers))
        self.locked = "locked" in outcomes
        if fresh := self.fresh_code():
            self.give(browser, fresh)

    # -- trusted devices ---------------------------------------------------------------------

    def come_back(self):
        """Log in by the trusted device."""
        self.present(self.client(self.trusted))

    def present(self, browser, ready=False):
        """Open the second step with a cookie of a device; ``ready``: the password was given."""
        if not ready:
            browser.give_password(self)
        token = browser.trusted_cookie().value

        def read(page):
            return "refused" if is_code_page(page) else outcome_of(page)

        outcome = self.attempt("device", token, lambda: browser.get("/web/login/totp"), read)
        if outcome == "in":
            self.enter(browser)
        elif self.trusted and token == self.trusted.value and outcome == "refused":
            self.trusted = None

    def present_revoked(self):
        self.present(self.client(random.choice(self.revoked)))

    def revoke(self):
        """Revoke the trusted device, and present its cookie as soon as that is answered."""
        cookie = self.trusted
        found = self.site.query(
            "SELECT id FROM res_users_device WHERE token_hash = %s", sha256(cookie.value)
        )
        self.trusted = None
        if not found:
            return
        ready = self.client(cookie)
        ready.give_password(self)
        if self.press_on_record("revoke", cookie.value, "res.users.device", "action_revoke", found):
            self.end_devices(cookie)
            self.present(ready, ready=True)

    def end_devices(self, *cookies):
        """Note that these devices were ended by what has just been answered."""
        now = time.time()
        for cookie in filter(None, cookies):
            self.tell("device_end", cookie.value, "done", now)
            self.revoked = [*self.revoked[-4:], cookie]

    # -- the web client ----------------------------------------------------------------------

    def press_on_record(self, kind, key, model, method, rows):
        """Press a button on records; return its action, or None where it was not done."""
        found = {}

        def question():
            found["action"] = self.press(model, method, [row[0] for row in rows])
            return found["action"]

        self.attempt(kind, key, question, done_or_refused)
        return found.get("action")

    def press(self, model, method, ids):
        """Press a button in one's browser, and prove who it is where that is asked.

        :return: its action, or None where the proof was refused, or no code is left to give
        """
        answer = self.browser.ask(model, method, ids)
        if "error" in answer:
            message = answer["error"]["data"]["message"]
            assert TOO_LATE in message, message
            return None
        action = answer["result"]
        if not isinstance(action, dict) or action.get("res_model") != "res.users.identitycheck":
            return action
        return self.prove(action["res_id"])

    def prove(self, dialog):
        """Give the password and, where it is asked, a code; return the action that goes on."""
        model = "res.users.identitycheck"
        [values] = self.browser.read(model, [dialog], ["needs_code"])
        fresh = self.fresh_code() if values["needs_code"] else (None, None)
        if not fresh:
            return None
        key, code = fresh
        answers = []

        def question():
            context = {"password": self.password, "mfa_code": code}
            answers.append(self.browser.ask(model, "run_check", [dialog], context=context))
            return answers[0]

        if not key:
            return question()["result"]
        outcome = self.attempt("code", key, question, outcome_of_check)
        self.locked = self.locked or outcome == "locked"
        return answers[0]["result"] if outcome == "in" else None

    def enrol(self):
        """Enrol an app, the first one or another."""
        first = not self.enabled
        if first:
            self.browser = self.client()
            self.browser.give_password(self)
        action = self.press("res.users", "action_totp_enable_wizard", [self.uid])
        if not action:
            return
        wizard, number = action["res_model"], action["res_id"]
        [values] = self.browser.read(wizard, [number], ["secret_key"])
        name = f"Phone {next(self.numbers)}"
        app = self.known[name] = Phone(values["secret_key"])
        step = app.fresh_step(newest=True)
        self.browser.write(wizard, [number], {"name": name, "confirmation_code": app.code(step)})
        sent = time.time()
        made = self.press_on_record("enrol", name, wizard, "action_create", [[number]])
        self.tell("enrol_code", (app.secret, step), "in" if made else "lost", sent)
        if not made:
            return
        if first:
            self.tell("enable", name, "done", sent)
        self.factors_changed(self.trusted)
        if codes := codes_in(made):
            self.codes = codes
            self.tell("codes", codes[0], "done", sent)
        self.check_session(self.browser)

    def factors_changed(self, *cookies):
        self.trusted, self.locked = None, False
        self.end_devices(*cookies)

    def remove(self):
        rows = self.site.query(
            "SELECT min(id) FROM res_users_authenticator WHERE user_id = %s", self.uid
        )
        cookie = self.trusted
        model = "res.users.authenticator"
        if self.press_on_record("remove", rows[0][0], model, "action_remove", rows):
            self.factors_changed(cookie)
            self.check_session(self.browser)

    def make_codes(self):
        action = self.press_on_record(
            "codes", None, "res.users", "action_mfa_recovery_codes", [[self.uid]]
        )
        self.codes = codes_in(action) or self.codes

    # -- help --------------------------------------------------------------------------------

    def ask_reset(self):
        """Have an administrator reset one's factors: the session and the device end."""
        browser, cookie = self.browser, self.trusted
        helper = random.choice(self.site.helpers)
        if self.attempt("reset", None, lambda: helper.reset(self.uid), done_or_refused) != "done":
            return
        self.factors_changed(cookie)
        self.browser, self.codes = None, []
        if browser:
            self.tell("session_end", browser.number, "done", time.time())
            self.check_session(browser, expected=False)
        if cookie:
            self.come_back_after_reset(cookie)

    def come_back_after_reset(self, cookie):
        """The password alone opens the account now: no second step, and no trust in it."""
        browser = self.client(cookie)
        browser.give_password(self)
        assert browser.is_in()


class Helper(Human):
    """An administrator, who resets one person at a time."""

    def __init__(self, *args):
        super().__init__(*args)
        self.lock = threading.Lock()

    def reset(self, uid):
        with self.lock:
            try:
                return self._reset(uid)
            except Fault:
                self.browser = None
                raise

    def _reset(self, uid):
        self.look()
        while not self.browser:
            self.log_in()
        dialog = self.press("res.users", "action_mfa_help", [uid])
        if not dialog:
            return None
        values = {"choice": "reset", "reason": "soak"}
        self.browser.write(dialog["res_model"], [dialog["res_id"]], values)
        return self.press(dialog["res_model"], "action_help", [dialog["res_id"]])


def done_or_refused(action):
    return "done" if action else "refused"


def outcome_of_check(answer):
    """Return what the dialog that asks for a proof says."""
    if "error" not in answer:
        return "in"
    text = answer["error"]["data"]["message"]
    return next((outcome for words, outcome in TOLD.items() if words in text), f"odd: {text}")


def fingerprint(code):
    """Return what the database keeps of a recovery code."""
    return sha256(code.replace("-", ""))


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
