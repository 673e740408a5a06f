"""Whatever is done to an account in whatever order, it is as a model of it says.

A state machine of ``hypothesis`` drives the web server, in two browsers of one person and
that of an administrator. After each step the database and both sessions are compared with
the model, and the trail with the lines that the step must have left.
"""

import contextlib
from collections import Counter

from freezegun import freeze_time
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from requests.cookies import RequestsCookieJar

from odoo.exceptions import UserError
from odoo.sql_db import Savepoint
from odoo.tests import tagged
from odoo.tools import mute_logger

from .account_model import (
    DAY,
    HOUR,
    MINUTE,
    MOST_APPS,
    RECOVERY_CODES,
    Account,
    App,
    Browser,
    Device,
)
from .common import CHROME, FIREFOX, OTHER_SECRET, SECRET, at, code_of
from .properties import search
from .test_enrolment import APP, ENABLING, ENROLMENT, RENAMING, EnrolmentCase

START = 1_790_000_010
"""When each sequence begins, in Unix seconds."""
DEVICE = "res.users.device"
HELP = "res.users.mfa.help"
SECRETS = (SECRET, "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK", "KRSXG5BRKRSXG5BRKRSXG5BRKRSXG5BR")
"""Of apps that code of the server enrols."""
WHO = st.sampled_from(("home", "work"))
NAMES = st.sampled_from(("Phone", "phone ", "Tablet", "Key", ""))
KINDS = (
    *("app", "app", "app", "app again", "wrong"),
    *("recovery", "recovery again", "help", "help again"),
)
CODES = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, MOST_APPS - 1),
    st.sampled_from((0, 0, 1, -1)),
)
"""A code: of what, of which app, and how many time steps from now."""
PLACE = st.integers(0, MOST_APPS - 1)
HELPS = (
    *("make_help_code", "make_help_code", "reset", "archive_or_not", "copy_user"),
    *("disable_for_somebody", "revoke_for_somebody", "empty_secret"),
)
"""What is done from outside of the account."""


def own(**values):
    """Return the decorator of a rule for who is logged in, in either browser."""

    def decorate(function):
        someone = precondition(lambda self: any(map(self.is_open, self.browsers.values())))
        return someone(rule(name=WHO, what=CODES, **values)(function))

    return decorate


class Machine(RuleBasedStateMachine):
    def __init__(self, case):
        super().__init__()
        self.case, self.now = case, START
        # Each sequence has a clock of its own: hypothesis measures its search by the real one.
        self.frozen = freeze_time(at(START))
        self.clock = self.frozen.start()
        self.savepoint = Savepoint(case.cr)
        epoch = case.found()["epoch"]
        self.account = Account([App("Phone", SECRET)], on=True, epoch=epoch, lines=case.lines())
        self.browsers = {"home": Browser(), "work": Browser()}
        self.jars = {name: RequestsCookieJar() for name in ("home", "work", "root")}
        self.spent = {"app": [], "recovery": [], "help": []}
        """Codes that were accepted, or voided, the latest last."""

    def teardown(self):
        case = self.case
        self.frozen.stop()
        case.opener.cookies = RequestsCookieJar()
        self.savepoint.close()
        case.cr.clear()
        case.registry.clear_all_caches()

    # -- doing things ------------------------------------------------------------------

    @contextlib.contextmanager
    def sitting_at(self, name):
        case = self.case
        case.opener.cookies = self.jars[name]
        case.opener.headers["User-Agent"] = FIREFOX if name == "work" else CHROME % 140
        yield self.browsers.get(name)

    def is_open(self, browser):
        return self.account.is_open(browser, self.now)

    def logged_in(self, name):
        """Sit at the browser of that name if it is logged in, else at the other."""
        other = "work" if name == "home" else "home"
        return self.sitting_at(name if self.is_open(self.browsers[name]) else other)

    @contextlib.contextmanager
    def administering(self):
        """Act as an administrator who has just proven a second factor."""
        with self.sitting_at("root"):
            self.case.sign_in(self.case.root, password_age=0, proof_age=0)
            yield

    def code_for(self, what):
        """Return ``(kind, code)`` of the description ``what``."""
        (kind, *again), place, offset = what[0].split(), *what[1:]
        account = self.account
        if again and self.spent[kind]:
            return kind, self.spent[kind][-1 - place % len(self.spent[kind])]
        if kind == "app" and not again and account.apps:
            app = account.apps[place % len(account.apps)]
            return kind, code_of(app.secret, offset, self.now)
        if kind == "recovery" and account.recovery:
            return kind, account.recovery[place % len(account.recovery)]
        if kind == "help" and account.help:
            return kind, account.help
        near = range(-3, 4)
        right = {code_of(app.secret, n, self.now) for app in account.apps for n in near}
        return "app", next(f"{n:06d}" for n in range(1000) if f"{n:06d}" not in right)

    def take(self, kind, code, account):
        """Let ``account`` judge the code, and note it where it is accepted."""
        right = account.try_code(kind, code, self.now)
        if right:
            self.spent[kind].append(code)
        return right

    def press(self, browser, what, model, method, ids):
        """Press a button of one's own; return its answer, or ``None`` where it was refused.

        The identity check is answered with a code. While MFA is on, only a fresh second
        factor may spare it.
        """
        case, account = self.case, self.account
        needs_code = account.on and self.now - browser.proof >= 10 * MINUTE
        answer = case.call(model, method, ids)
        if not case.is_identity_check(answer):
            case.assertFalse(needs_code, "a button without the second factor")
            return answer
        kind, code = self.code_for(what)
        before = account.clone()
        right = not needs_code or (kind != "help" and self.take(kind, code, account))
        answer = case.identify(answer, case.ann, code, account.password)
        if not right:
            case.assertIn("error", answer)
            self.account = before  # a test's second cursor is rolled back with the first
            return None
        if needs_code:
            browser.proof = self.now
        return answer

    def expect(self, answer, allowed):
        """Check that the server did what it had to; return whether it did it."""
        if answer is None:
            return False
        self.case.assertEqual("error" not in answer, bool(allowed), answer)
        return bool(allowed)

    def goes_on(self, browser):
        """Keep the session in which something was changed, as the server does."""
        browser.state = self.account.state

    # -- the login ---------------------------------------------------------------------

    @rule(name=WHO)
    def give_password(self, name):
        case, account = self.case, self.account
        with self.sitting_at(name) as browser:
            answer = case.rpc(
                "/web/session/authenticate",
                db=case.cr.dbname,
                login=case.ann.login,
                password=account.password,
            )
            if not account.active:
                case.assertIn("error", answer)
                return
            uid = answer["result"]["uid"]
            case.assertEqual(uid, None if account.on else case.ann.id)
            browser.uid = "half" if account.on else "open"
            browser.state, browser.proof = account.state, -DAY
            browser.since = self.now if account.on else 0

    @rule(name=WHO, what=CODES, remember=st.booleans())
    def give_code(self, name, what, remember):
        case = self.case
        with self.sitting_at(name) as browser:
            if browser.uid != "half":
                return
            pending = self.account.is_pending(browser, self.now)
            page = case.url_open("/web/login/totp", allow_redirects=False)
            if pending and self.account.trusts(browser, self.now):
                case.assertEqual(page.status_code, 303)
                self.account.lines["device_used"] += 1
                self.open(browser)
                return
            case.assertEqual(page.status_code, 200 if pending else 303)
            if not pending:
                browser.uid = ""
                return
            self.post_code(browser, name, page, what, remember)

    def post_code(self, browser, name, page, what, remember):
        case = self.case
        kind, code = self.code_for(what)
        form = {"totp_token": code, "csrf_token": case.csrf_of(page)}
        form |= {"remember": "1"} if remember else {}
        answer = case.url_open("/web/login/totp", data=form, allow_redirects=False)
        right = self.take(kind, code, self.account)
        case.assertEqual(answer.status_code, 303 if right else 200, answer.text[-3000:])
        if not right:
            return
        self.open(browser)
        browser.proof = self.now
        if remember and kind == "app":
            browser.device = Device(self.now + 30 * DAY)
            self.account.devices.append(browser.device)
            self.account.lines["device_trusted"] += 1

    def open(self, browser):
        browser.uid, browser.since, browser.state = "open", self.now, self.account.state

    @rule(name=WHO, what=CODES, remember=st.booleans())
    def log_in(self, name, what, remember):
        self.give_password(name)
        self.give_code(name, what, remember)

    @rule(what=CODES)
    def give_a_code_twice(self, what):
        self.log_in("home", what, False)
        again = f"{what[0].split()[0]} again" if what[0] != "wrong" else "wrong"
        self.log_in("work", (again, 0, 0), False)

    @initialize(remember=st.booleans(), codes=st.booleans())
    def begin(self, remember, codes):
        """Be logged in, which most of what follows needs."""
        self.log_in("home", ("app", 0, 0), remember)
        if codes:
            self.make_recovery_codes("home", ("wrong", 0, 0))

    @rule(name=WHO, guesses=st.integers(4, 6), what=CODES)
    def guess(self, name, guesses, what):
        """Give several wrong codes, one after the other, and perhaps a right one."""
        self.give_password(name)
        for code in [("wrong", 0, 0)] * guesses + [what]:
            self.give_code(name, code, False)

    @rule(name=WHO)
    def log_out(self, name):
        with self.sitting_at(name) as browser:
            self.case.url_open("/web/session/logout", allow_redirects=False)
            browser.uid = ""

    # -- one's own account -------------------------------------------------------------

    def open_dialog(self, browser, what, model, method, ids):
        """Press a button that opens a dialog; return the dialog's id, or ``None``."""
        answer = self.press(browser, what, model, method, ids)
        return answer and answer["result"]["res_id"]

    def new_recovery_codes(self, action):
        codes = [code.replace("-", "") for code in action["params"]["codes"]]
        self.case.assertEqual(len(set(codes)), RECOVERY_CODES)
        self.spent["recovery"][:0] = self.account.recovery
        self.account.recovery = codes
        self.account.lines["recovery_made"] += 1

    @own(app=NAMES, right=st.booleans())
    def add_app(self, name, what, app, right):
        case = self.case
        with self.logged_in(name) as browser:
            button = ("res.users", "action_mfa_add_app", [case.ann.id])
            answer = self.press(browser, what, *button)
            if not self.expect(answer, len(self.account.apps) < MOST_APPS):
                return
            screen = answer["result"]["res_id"]
            secret = case.secret_on(screen)
            code = code_of(secret if right else OTHER_SECRET, 0, self.now)
            values = {"name": app, "confirmation_code": code}
            case.call(ENROLMENT, "web_save", [screen], values, {})
            answer = case.call(ENROLMENT, "action_create", [screen])
            app = app.strip()
            if not self.expect(answer, right and app and not self.account.knows_name(app)):
                return
            self.account.enrol(App(app, secret, self.now // 30))
            browser.proof = self.now
            browser.since = browser.since or self.now
            self.spent["app"].append(code)
            self.goes_on(browser)
            if not self.account.recovery:
                self.new_recovery_codes(answer["result"]["params"]["next"])

    @own(place=PLACE)
    def remove_app(self, name, what, place):
        if not self.account.apps:
            return
        place %= len(self.account.apps)
        with self.logged_in(name) as browser:
            last = self.account.on and len(self.account.apps) == 1
            ids = self.case.ids(APP)[place : place + 1]
            answer = self.press(browser, what, APP, "action_remove", ids)
            if self.expect(answer, not last):
                del self.account.apps[place]
                self.account.lines["removed"] += 1
                self.account.factor_changed()
                self.goes_on(browser)

    @own(place=PLACE, new=NAMES)
    def rename_app(self, name, what, place, new):
        if not self.account.apps:
            return
        place %= len(self.account.apps)
        with self.logged_in(name) as browser:
            ids = self.case.ids(APP)[place : place + 1]
            dialog = self.open_dialog(browser, what, APP, "action_rename", ids)
            if not dialog:
                return
            self.case.call(RENAMING, "web_save", [dialog], {"name": new}, {})
            answer = self.case.call(RENAMING, "action_rename", [dialog])
            app, new = self.account.apps[place], new.strip()
            if self.expect(answer, new and not self.account.knows_name(new, but=app)):
                self.account.lines["renamed"] += app.name != new
                app.name = new

    @own()
    def disable(self, name, what):
        with self.logged_in(name) as browser:
            button = ("res.users", "action_totp_disable", [self.case.ann.id])
            if self.expect(self.press(browser, what, *button), self.account.on):
                self.account.set_on(False)
                browser.proof = -DAY
                self.goes_on(browser)

    @own()
    def enable(self, name, what):
        account = self.account
        with self.logged_in(name) as browser:
            button = ("res.users", "action_mfa_enable", [self.case.ann.id])
            answer = self.press(browser, what, *button)
            if not self.expect(answer, self.account.apps):
                return
            account, dialog = self.account, answer["result"]["res_id"]
            kind, code = self.code_for(what)
            self.case.call(ENABLING, "web_save", [dialog], {"confirmation_code": code}, {})
            answer = self.case.call(ENABLING, "action_enable", [dialog])
            before = account.clone()
            if self.expect(answer, kind == "app" and self.take(kind, code, account)):
                account.set_on(True)
                browser.proof = self.now
                browser.since = browser.since or self.now
                self.goes_on(browser)
            else:
                self.account = before

    @own()
    def make_recovery_codes(self, name, what):
        with self.logged_in(name) as browser:
            button = ("res.users", "action_mfa_recovery_codes", [self.case.ann.id])
            answer = self.press(browser, what, *button)
            if self.expect(answer, self.account.on):
                self.new_recovery_codes(answer["result"])

    @own(place=PLACE)
    def revoke_device(self, name, what, place):
        if not self.account.devices:
            return
        place %= len(self.account.devices)
        with self.logged_in(name) as browser:
            ids = self.case.ids(DEVICE)[place : place + 1]
            if self.expect(self.press(browser, what, DEVICE, "action_revoke", ids), True):
                del self.account.devices[place]
                self.account.lines["device_revoked"] += 1

    @own(number=st.integers(1, 3))
    def change_password(self, name, what, number):
        """Without a fresh second factor it is refused. Core ends this session too."""
        case, account, new = self.case, self.account, f"Password_{number}"
        with self.logged_in(name) as browser:
            answer = case.call("res.users", "change_password", account.password, new)
            fresh = not account.on or self.now - browser.proof < 10 * MINUTE
            if self.expect(answer, fresh):
                self.password_is(new)

    def password_is(self, new):
        self.account.password = new
        self.account.passwords += 1
        self.account.void_devices()

    # -- the administrator -------------------------------------------------------------

    def help(self, **values):
        case = self.case
        answer = case.call("res.users", "action_mfa_help", case.ann.ids)
        case.assertEqual(answer["result"]["res_model"], HELP)
        dialog = answer["result"]["res_id"]
        case.call(HELP, "web_save", [dialog], {"reason": "asked", **values}, {})
        return case.call(HELP, "action_help", [dialog])

    def make_help_code(self):
        with self.administering():
            answer = self.help(choice="code")
            if self.expect(answer, self.account.active and self.account.on):
                [sheet] = answer["result"]["params"]["codes"]
                self.spent["help"][:0] = [self.account.help] if self.account.help else []
                self.account.help = sheet["code"].replace("-", "")
                self.account.help_until = self.now + HOUR
                self.account.failures.pop("help", None)
                self.account.lines["help_made"] += 1

    def reset(self):
        with self.administering():
            if self.expect(self.help(choice="reset"), True):
                self.account.reset()

    def archive_or_not(self):
        account = self.account
        with self.administering():
            values = {"active": not account.active}
            self.expect(self.case.call("res.users", "write", self.case.ann.ids, values), True)
        account.active = not account.active
        if not account.active:
            account.factor_changed()

    def disable_for_somebody(self):
        with self.administering():
            answer = self.case.call("res.users", "action_totp_disable", self.case.ann.ids)
            if self.expect(answer, self.account.on):
                self.account.set_on(False)

    def revoke_for_somebody(self):
        with self.administering():
            answer = self.case.call("res.users", "revoke_all_devices", self.case.ann.ids)
            if self.expect(answer, True):
                self.account.void_devices()

    @rule(what=st.sampled_from(HELPS))
    def administer(self, what):
        getattr(self, what)()

    @rule(number=st.integers(1, 3))
    def set_password_for_somebody(self, number):
        new = f"Password_{number}"
        with self.administering():
            values = {"password": new}
            if self.expect(self.case.call("res.users", "write", self.case.ann.ids, values), True):
                self.password_is(new)

    def copy_user(self):
        with self.administering():
            answer = self.case.call("res.users", "copy", self.case.ann.ids, {"login": "copy"})
            if "error" not in answer:
                self.case.assertNoFactors(answer["result"])
                self.case.env["res.users"].browse(answer["result"]).unlink()
                self.case.env.flush_all()

    # -- code of the server, by core's names -------------------------------------------

    @rule(secret=st.sampled_from(SECRETS))
    def write_secret(self, secret):
        account = self.account
        known = secret in [app.secret for app in account.apps]
        room = len(account.apps) < MOST_APPS
        try:
            with self.case.env.cr.savepoint():
                self.case.ann.totp_secret = secret
        except UserError:
            self.case.assertFalse(known or room)
            return
        self.case.assertTrue(known or room)
        if not known:
            account.add(App(self.free_name(), secret))
        account.set_on(True)

    def empty_secret(self):
        self.case.ann.totp_secret = False
        self.case.env.flush_all()
        self.account.set_on(False)

    @rule(secret=st.sampled_from(SECRETS), right=st.booleans())
    def try_setting(self, secret, right):
        """As core's own wizard: in the place of all apps there are, only while MFA is off."""
        account, case = self.account, self.case
        code = code_of(secret if right else OTHER_SECRET, 0, self.now)
        done = case.ann.with_user(case.ann)._totp_try_setting(secret, int(code))
        case.env.flush_all()
        case.assertEqual(done, right and not account.on)
        if done:
            account.apps = []
            account.enrol(App(self.free_name(), secret, self.now // 30))
            self.spent["app"].append(code)

    def free_name(self):
        number, name = 1, "Authenticator app"
        while self.account.knows_name(name):
            number += 1
            name = f"Authenticator app {number}"
        return name

    # -- time --------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((20, 31, 95, 10 * MINUTE, 16 * MINUTE, HOUR, DAY, 31 * DAY)))
    def wait(self, seconds):
        self.now += seconds
        self.clock.move_to(at(self.now))

    # -- what holds after each step ----------------------------------------------------

    @invariant()
    def database_is_as_the_model(self):
        case, account = self.case, self.account
        case.env.flush_all()
        case.env.invalidate_all()
        case.assertEqual(
            case.found(),
            {
                "on": account.on,
                "epoch": account.epoch,
                "active": account.active,
                "core's secret": None,
                "apps": [(app.name, app.secret, app.last_step) for app in account.apps],
                "devices": len(account.devices),
                "recovery": len(account.recovery),
                "failures": sorted((kind, n) for kind, n in account.failures.items() if n),
            },
        )
        case.assertEqual(case.lines(), +account.lines)

    @invariant()
    def rules_of_the_design_hold(self):
        account, case, ann = self.account, self.case, self.case.ann
        case.assertTrue(account.apps or not account.on)
        case.assertLessEqual(len(account.apps), MOST_APPS)
        case.assertEqual(ann.totp_enabled, ann.mfa_enabled)
        users = case.env["res.users"].with_context(active_test=False)
        for name in ("mfa_enabled", "totp_enabled"):
            case.assertEqual(ann in users.search([(name, "=", True)]), account.on)
        case.assertEqual(bool(ann.totp_secret), account.on)
        row = case.env["mfa.coverage"].search([("user_id", "=", ann.id)])
        case.assertEqual(len(row), account.active)
        if row:
            case.assertEqual(row.state, "app" if account.on else "unprotected")
            case.assertEqual(row.app_count, len(account.apps))
        closed = case.env["res.users.mfa.attempt"]._get_locks(ann)
        case.assertEqual(bool(closed), account.wait("app", self.now) > 0)

    @invariant()
    def sessions_are_as_the_model(self):
        for name in self.browsers:
            with self.sitting_at(name) as browser:
                answer = self.case.rpc("/web/session/check")
                opened = self.is_open(browser)
                self.case.assertEqual("error" not in answer, opened, (name, browser))
                if browser.uid == "open" and not opened:
                    browser.uid = ""


@tagged("post_install", "-at_install")
class TestAccountProperties(EnrolmentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.new_person("mfa_root", "base.group_user,base.group_system")
        cls.enrol(cls.root, OTHER_SECRET)
        parameters = cls.env["ir.config_parameter"]
        parameters.set_param("base.login_cooldown_after", "0")
        parameters.set_param("auth_totp.secure_cookie", "0")
        cls.env.flush_all()

    def row(self, query):
        self.env.cr.execute(query, [self.ann.id])
        return self.env.cr.fetchone()

    def rows(self, query):
        self.env.cr.execute(query, [self.ann.id])
        return self.env.cr.fetchall()

    def ids(self, model):
        table = model.replace(".", "_")
        return [
            row[0] for row in self.rows(f"SELECT id FROM {table} WHERE user_id = %s ORDER BY id")
        ]

    def lines(self):
        return Counter(
            kind for [kind] in self.rows("SELECT kind FROM res_users_mfa_event WHERE user_id = %s")
        )

    def found(self):
        """Return what the database holds of ``mfa_ann``."""
        on, epoch, active, secret = self.row(
            """SELECT mfa_since IS NOT NULL, COALESCE(mfa_epoch, 0), active, totp_secret
                 FROM res_users WHERE id = %s"""
        )
        apps = self.rows(
            """SELECT name, secret_key, COALESCE(last_step, 0) FROM res_users_authenticator
                WHERE user_id = %s ORDER BY id"""
        )
        failures = self.rows(
            """SELECT split_part(counter, ' ', 1), failures FROM res_users_mfa_attempt
                WHERE user_id = %s AND failures <> 0"""
        )
        return {
            "on": on,
            "epoch": epoch,
            "active": active,
            "core's secret": secret,
            "apps": apps,
            "devices": len(self.ids(DEVICE)),
            "recovery": len(self.ids("res.users.recovery.code")),
            "failures": sorted(failures),
        }

    def assertNoFactors(self, user_id):
        user_id = user_id[0] if isinstance(user_id, list) else user_id
        self.env.invalidate_all()
        copy = self.env["res.users"].browse(user_id)
        self.assertFalse(copy.mfa_enabled or copy.authenticator_ids or copy.trusted_device_ids)
        self.assertFalse(copy.recovery_codes_left)

    @mute_logger("odoo.http", "odoo.models", "odoo.sql_db", "odoo.addons.base.models.res_users")
    def test_any_sequence(self):
        run_state_machine_as_test(lambda: Machine(self), settings=search(24, steps=25))

    # -- what was found once -----------------------------------------------------------

    def test_secret_written_twice_is_one_app(self):
        """With two apps of one secret, each code would be good twice."""
        for secret in (SECRET, SECRET.lower(), " ".join(SECRET)):
            self.ann.totp_secret = secret
            self.env.flush_all()
            self.assertEqual(len(self.apps_of(self.ann)), 1)
        self.ann.totp_secret = OTHER_SECRET
        self.env.flush_all()
        self.assertEqual(len(self.apps_of(self.ann)), 2)

    def test_session_of_an_archived_account_stays_ended(self):
        self.log_in()
        self.assertLoggedIn(self.ann)
        self.ann.active = False
        self.env.flush_all()
        self.ann.active = True
        self.env.flush_all()
        self.assertLoggedOut()

    def test_log_in_again_where_a_session_was_ended(self):
        """As a program does that keeps its cookie: the code page is there at once."""
        self.log_in()
        self.ann._mfa_set_enabled(True)
        self.env.flush_all()
        password = {"login": self.ann.login, "password": "mfa_ann_password"}
        answer = self.rpc("/web/session/authenticate", db=self.cr.dbname, **password)
        self.assertIsNone(answer["result"]["uid"])
        page = self.url_open("/web/login/totp")
        self.assertIn("totp_token", page.text)
        self.post_code(page, self.new_code())
        self.assertLoggedIn(self.ann)

    @mute_logger("odoo.http")
    def test_help_code_enables_nothing(self):
        """It does not show that the person still has the app that the next login asks for."""
        code = self.ann._mfa_make_help_code("lost")
        self.ann._mfa_disable()
        self.env.flush_all()
        self.sign_in(self.ann, password_age=0)
        dialog = self.press("res.users", "action_mfa_enable", [self.ann.id])["result"]["res_id"]
        self.call(ENABLING, "web_save", [dialog], {"confirmation_code": code}, {})
        self.message_of(self.call(ENABLING, "action_enable", [dialog]))
        self.assertFalse(self.is_on(self.ann))
