"""The table of `policy_table.md`, tried over HTTP."""

import json
import re
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit
from xmlrpc.client import Fault

from odoo import Command
from odoo.tests import get_db_name, tagged
from odoo.tools import mute_logger

from ..models.res_users_mfa_guarded import open_door
from .common import MfaCase
from .passkey import Passkey, b64

TABLE = Path(__file__).with_name("policy_table.md")
HERE, ELSEWHERE = "127.0.0.0/8", "192.0.2.0/24"
LEVELS = ("optional", "mail", "app")
PEOPLE = {
    "sensitive": "base.group_user,base.group_erp_manager",
    "employee": "base.group_user",
    "portal": "base.group_portal",
    "exempt": "base.group_user",
}
POPULATIONS = {"sensitive": "sensitive", "employee": "internal", "portal": "portal"}
GROUPS = {
    "web": {"login form", "JSON login", "password reset", "signup"},
    "password": {"XML-RPC password", "JSON-RPC password"},
    "key": {"XML-RPC key", "JSON-RPC key", "JSON-2 key"},
}
GROUPS["API"] = GROUPS["password"] | GROUPS["key"] | {"bearer password"}
AXES = {
    "policy": LEVELS,
    "person": tuple(PEOPLE),
    "app": ("no", "yes"),
    "grace": ("in", "out"),
    "network": ("in", "out"),
    "entry": ("passkey", *sorted(GROUPS["web"] | GROUPS["API"])),
}
COMBINATIONS = [dict(zip(AXES, values, strict=True)) for values in product(*AXES.values())]


def read_table(title):
    """Return the rows of the table under ``title``, each a dict by column."""
    section = TABLE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line.strip("|") for line in section.splitlines() if line.startswith("|")]
    names, _rule, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return [dict(zip(names, row, strict=True)) for row in rows]


def fits(row, combination):
    return all(
        row[axis] == "any"
        or any(value == word or value in GROUPS.get(word, ()) for word in map(str.strip, words))
        for axis, value in combination.items()
        for words in [row[axis].split(",")]
    )


class WaysInCase(MfaCase):
    """A company whose policy a test sets, and the ways in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parameters = cls.env["ir.config_parameter"]
        parameters.set_param("base.login_cooldown_after", 0)
        parameters.set_param("auth_signup.reset_password", True)
        cls.company = cls.env.company

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("web.base.url", self.base_url())

    @classmethod
    def set_policy(cls, company, grace=0, **vals):
        """Let ``company`` ask for ``vals`` from now on, and for nothing else.

        :param vals: level by population
        """
        company.write({f"mfa_policy_{name}": "optional" for name in POPULATIONS.values()})
        company.write(
            {f"mfa_policy_{POPULATIONS[name]}": level for name, level in vals.items()}
            | {"mfa_grace_days": grace}
        )

    def give_password_to_form(self, user):
        page = self.url_open("/web/login")
        form = {"login": user.login, "password": f"{user.login}_password"}
        return self.post_form(page, "/web/login", **form)

    def post_form(self, page, path, **form):
        form["csrf_token"] = self.csrf_of(page)
        return self.url_open(path, data=form, allow_redirects=False)

    def outcome_of(self, answer):
        """Return the word of the table for where ``answer``, of a login, leads."""
        session = self.stored_session()
        if session.uid:
            home = self.url_open("/my", headers={"Accept": "text/html"}, allow_redirects=False)
            place = urlsplit(home.headers.get("Location", "")).path
            return "reminder" if place == "/web/login/totp/reminder" else place or "in"
        if not session.get("pre_uid"):
            return "refused"
        place = "/web/login/totp" if answer is None else answer.headers["Location"]
        if urlsplit(place).path == "/web/login/totp":
            page = self.url_open(place, allow_redirects=False)
            if page.status_code == 200:
                return "mail code" if "via email" in page.text else "code"
            place = page.headers["Location"]
        return "set-up" if urlsplit(place).path == "/web/login/totp/setup" else place


@tagged("post_install", "-at_install")
class TestPolicyTable(WaysInCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "auth.passkey.key" not in cls.env:
            cls.skipTest(cls, "auth_passkey is not installed")
        cls.rows = read_table("One company")
        cls.users, cls.keys, cls.passkeys = {}, {}, {}
        for person, app in product(PEOPLE, AXES["app"]):
            user = cls.new_person(f"mfa_{person}_{app}", PEOPLE[person])
            if app == "yes":
                cls.enrol(user)
            cls.users[person, app] = user
            keys = cls.env["res.users.apikeys"].with_user(user).sudo()
            cls.keys[user] = keys._generate(None, "Key", None)
            cls.passkeys[user] = cls.new_passkey(user)

    @classmethod
    def new_passkey(cls, user):
        passkey = Passkey(cls.base_url())
        cls.env.cr.execute(
            """INSERT INTO auth_passkey_key
                           (name, credential_identifier, public_key, create_uid, create_date)
                    VALUES ('Key', %s, %s, %s, now() AT TIME ZONE 'UTC')""",
            [b64(passkey.credential_id), b64(passkey.public_key()), user.id],
        )
        return passkey

    def test_each_combination_is_in_one_row(self):
        used = []
        for combination in COMBINATIONS:
            matching = [row for row in self.rows if fits(row, combination)]
            self.assertEqual(len(matching), 1, f"{combination}: {matching}")
            used += matching
        unused = [row for row in self.rows if row not in used]
        self.assertFalse(unused, "a row fits nothing")

    def test_optional(self):
        self.try_policy("optional")

    def test_mail(self):
        self.try_policy("mail")

    def test_app(self):
        self.try_policy("app")

    def try_policy(self, policy):
        for grace, network in product(AXES["grace"], AXES["network"]):
            self.set_policy(
                self.company, 30 if grace == "in" else 0, **dict.fromkeys(POPULATIONS, policy)
            )
            self.set_network(HERE if network == "in" else ELSEWHERE)
            place = {"policy": policy, "grace": grace, "network": network}
            for combination in COMBINATIONS:
                if place.items() <= combination.items():
                    self.try_combination(combination)

    def set_network(self, network):
        self.company.mfa_api_networks = network
        for app in AXES["app"]:
            vals = {"mfa_exempt_networks": network, "mfa_exempt_reason": "Terminal"}
            open_door(self.users["exempt", app]).write(vals)
        self.env["res.users"]._mfa_forget_rules()

    def try_combination(self, combination):
        [row] = (row for row in self.rows if fits(row, combination))
        user = self.users[combination["person"], combination["app"]]
        self.new_browser()
        with self.subTest(**combination), self.quiet():
            enter = getattr(self, "by_" + re.sub(r"\W", "_", combination["entry"].lower()))
            self.assertEqual(enter(user), row["outcome"])

    def quiet(self):
        return mute_logger("odoo.http", "odoo.addons.base.models.res_users", "odoo.sql_db")

    # -- the web -------------------------------------------------------------------

    def by_login_form(self, user):
        return self.outcome_of(self.give_password_to_form(user))

    def by_json_login(self, user):
        password = f"{user.login}_password"
        self.rpc("/web/session/authenticate", db=get_db_name(), login=user.login, password=password)
        return self.outcome_of(None)

    def by_password_reset(self, user):
        self.follow_link(user, "reset", "/web/reset_password")
        self.assertLoggedOut()
        return self.by_login_form(user)

    def by_signup(self, user):
        return self.outcome_of(self.follow_link(user, "signup", "/web/signup"))

    def follow_link(self, user, kind, path):
        """Set the password by the link of a mail; return the answer."""
        user.partner_id.signup_prepare(kind)
        token = user.partner_id._generate_signup_token()
        self.env.flush_all()
        password = f"{user.login}_password"
        return self.post_form(
            self.url_open(f"{path}?token={token}"),
            f"{path}?token={token}",
            login=user.login,
            name=user.name,
            password=password,
            confirm_password=password,
        )

    def by_passkey(self, user):
        page = self.url_open("/web/login")
        options = self.rpc("/auth/passkey/start-auth")["result"]
        touched = self.passkeys[user].authenticate(options)
        form = {"type": "webauthn", "webauthn_response": touched, "login": "", "password": ""}
        return self.outcome_of(self.post_form(page, "/web/login", **form))

    # -- the API -------------------------------------------------------------------

    def by_xml_rpc_password(self, user):
        return self.by_xml_rpc(user, f"{user.login}_password")

    def by_xml_rpc_key(self, user):
        return self.by_xml_rpc(user, self.keys[user])

    def by_xml_rpc(self, user, credential):
        try:
            answer = self.xmlrpc(user, credential, "res.users", "context_get")
        except Fault:
            return "refused"
        return "in" if answer["uid"] == user.id else answer

    def by_json_rpc_password(self, user):
        return self.by_json_rpc(user, f"{user.login}_password")

    def by_json_rpc_key(self, user):
        return self.by_json_rpc(user, self.keys[user])

    def by_json_rpc(self, user, credential):
        args = [get_db_name(), user.id, credential, "res.users", "context_get", []]
        answer = self.rpc("/jsonrpc", service="object", method="execute_kw", args=args)
        return "refused" if "error" in answer else "in"

    def by_json_2_key(self, user):
        return self.by_bearer(self.keys[user])

    def by_bearer_password(self, user):
        return self.by_bearer(f"{user.login}_password")

    def by_bearer(self, credential):
        answer = self.url_open(
            "/json/2/res.users/context_get",
            data=json.dumps({}),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {credential}"},
        )
        return "in" if answer.status_code == 200 else "refused"


@tagged("post_install", "-at_install")
class TestTwoCompanies(WaysInCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.there = cls.env["res.company"].create({"name": "There"})
        cls.users = {name: cls.new_person(f"mfa_{name}", PEOPLE[name]) for name in POPULATIONS}

    def test_strictest_counts(self):
        for row in read_table("Two companies"):
            with self.subTest(**row):
                self.new_browser()
                self.ask(self.company, row["here"])
                self.ask(self.there, row["there"])
                user = self.users[row["person"]]
                self.let_work(user, row["works for"])
                self.assertEqual(self.outcome_of(self.give_password_to_form(user)), row["outcome"])

    def ask(self, company, text):
        """Set the policy that a cell like ``sensitive mail, employee app`` names."""
        text, _after, days = text.partition(" after ")
        wanted = dict(choice.split() for choice in text.split(",") if choice)
        self.set_policy(company, int(days.removesuffix(" days") or 0), **wanted)

    def let_work(self, user, text):
        companies = {"here": self.company, "there": self.there}
        chosen = [companies[word] for word in text.split(" and ")]
        user.write(
            {
                "company_ids": [Command.set([company.id for company in chosen])],
                "company_id": chosen[0].id,
            }
        )
        self.env.flush_all()
