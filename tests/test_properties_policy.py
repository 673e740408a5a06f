"""Whatever policies are set and people moved, they are asked for what a model says.

The verdict at a login (``_mfa_demand``), the coverage report in SQL and the model agree
after each step, and what a policy or an exemption forbids changes nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from freezegun import freeze_time
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from odoo import Command
from odoo.exceptions import UserError
from odoo.sql_db import Savepoint
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import SECRET
from .properties import search

START = datetime(2026, 9, 1, 12)
CORE_KEY = "auth_totp.policy"
LEVELS = ("optional", "mail", "app")
NETWORKS = "192.0.2.0/24"
POPULATIONS = ("internal", "portal", "sensitive")
COMPANY = st.sampled_from(("A", "B"))
WHO = st.sampled_from(("employee", "customer", "guard"))


@dataclass
class Choice:
    level: int = 0
    since: datetime = datetime.min
    before: int = 0
    """The weaker one of this level and that which it replaced."""


@dataclass
class Company:
    grace: int = 0
    active: bool = True
    choices: dict = field(default_factory=lambda: {name: Choice() for name in POPULATIONS})


@dataclass
class Person:
    kind: str
    created: datetime
    companies: set = field(default_factory=set)
    on: bool = False
    apps: int = 0
    exempt: bool = False
    active: bool = True


class Machine(RuleBasedStateMachine):
    def __init__(self, case):
        super().__init__()
        self.case, self.env, self.now = case, case.env, START
        self.frozen = freeze_time(START)
        self.clock = self.frozen.start()
        self.savepoint = Savepoint(case.cr)
        self.companies = {"A": Company(), "B": Company()}
        self.core, self.sensitive = None, False
        self.people = {
            "employee": Person("internal", START - timedelta(days=400), {"A"}),
            "customer": Person("portal", START - timedelta(days=400), {"A", "B"}),
            "guard": Person("internal", START + timedelta(days=20), {"A", "B"}),
        }
        for name, person in self.people.items():
            companies = [case.companies[one].id for one in sorted(person.companies)]
            case.users[name].company_ids = [Command.link(one) for one in companies]

    def teardown(self):
        self.frozen.stop()
        self.savepoint.close()
        self.case.cr.clear()
        self.case.registry.clear_all_caches()

    # -- what the model says -----------------------------------------------------------

    def is_sensitive(self, name):
        return name == "guard" and self.sensitive

    def is_exempt(self, name):
        return self.people[name].exempt and not self.is_sensitive(name)

    def demands(self, name):
        """Return ``(level, from when on)`` of all that the companies ask of a person."""
        person = self.people[name]
        kinds = {person.kind} | ({"sensitive"} if self.is_sensitive(name) else set())
        for company in (self.companies[one] for one in person.companies):
            for choice in (company.choices[kind] for kind in kinds if company.active):
                grace = timedelta(days=company.grace if choice.level == 2 else 0)
                if choice.level:
                    yield choice.level, max(choice.since, person.created) + grace
                if choice.level and grace and choice.before:
                    yield choice.before, choice.since

    def level(self, name):
        if self.is_exempt(name):
            return 0
        levels = [level for level, since in self.demands(name) if since <= self.now]
        by_core = self.core == "all_required" or (
            self.core == "employee_required" and self.people[name].kind == "internal"
        )
        return max([0, int(by_core), *levels])

    def grace_end(self, name):
        coming = [since for level, since in self.demands(name) if level == 2]
        settled = self.is_exempt(name) or self.level(name) == 2
        return None if settled else min(coming, default=None)

    def state(self, name):
        if self.people[name].on:
            return "app"
        if self.is_exempt(name):
            return "exempt"
        if self.level(name) == 2:
            return "missing"
        if self.grace_end(name):
            return "grace"
        return ("unprotected", "mail")[self.level(name)]

    # -- policies ----------------------------------------------------------------------

    @rule(
        name=COMPANY,
        population=st.sampled_from(POPULATIONS),
        level=st.integers(0, 2),
        days=st.sampled_from((0, 1, 10, 30, 365)),
    )
    def set_policy(self, name, population, level, days):
        values = {f"mfa_policy_{population}": LEVELS[level], "mfa_grace_days": days}
        self.case.companies[name].write(values)
        self.companies[name].grace = days
        choice = self.companies[name].choices[population]
        if level != choice.level:
            choice.before, choice.since = min(level, choice.level), self.now
            choice.level = level

    @rule(
        name=COMPANY,
        population=st.sampled_from(POPULATIONS),
        levels=st.permutations((0, 1, 2)),
        days=st.sampled_from((1, 10, 30)),
    )
    def change_policy_twice(self, name, population, levels, days):
        """What held before decides what holds during grace."""
        for level in levels[:2]:
            self.set_policy(name, population, level, days)

    @rule(name=COMPANY)
    def archive_company_or_not(self, name):
        company = self.companies[name]
        company.active = not company.active
        self.case.companies[name].active = company.active

    @rule(core=st.sampled_from((None, "all_required", "employee_required", "rubbish")))
    def set_core_policy(self, core):
        self.env["ir.config_parameter"].set_param(CORE_KEY, core or False)
        self.core = core

    @rule()
    def mark_group_or_not(self):
        self.sensitive = not self.sensitive
        self.case.treasure.mfa_sensitive = self.sensitive

    # -- people ------------------------------------------------------------------------

    @rule(who=WHO, name=COMPANY)
    def join_or_leave(self, who, name):
        person = self.people[who]
        person.companies ^= {name}
        join = Command.link if name in person.companies else Command.unlink
        self.case.users[who].company_ids = [join(self.case.companies[name].id)]

    @rule(who=WHO)
    def archive_or_not(self, who):
        person = self.people[who]
        person.active = not person.active
        self.case.users[who].active = person.active

    def attempt(self, change):
        """Tell whether ``change`` was done; refused, it leaves all as it was."""
        try:
            with self.env.cr.savepoint():
                change()
        except UserError:
            return False
        return True

    @rule(who=WHO)
    def enrol(self, who):
        person, user = self.people[who], self.case.users[who]
        apps = self.env["res.users.authenticator"]

        def change():
            apps._enrol(user, apps._propose_name(user), SECRET)
            user._mfa_set_enabled(True)

        allowed = not self.is_exempt(who) and person.apps < 10
        self.case.assertEqual(self.attempt(change), allowed)
        person.apps += allowed
        person.on |= allowed

    @rule(who=WHO)
    def disable(self, who):
        person, user = self.people[who], self.case.users[who]

        def change():
            user._mfa_check_may_disable()
            user._mfa_disable()

        allowed = self.level(who) < 2
        self.case.assertEqual(self.attempt(change), allowed)
        person.on &= not allowed

    @rule(who=WHO)
    def enable_again(self, who):
        person, user = self.people[who], self.case.users[who]
        if person.apps and not person.on:
            allowed = not self.is_exempt(who)
            self.case.assertEqual(self.attempt(user._mfa_enable), allowed)
            person.on = allowed

    @rule(who=WHO)
    def reset(self, who):
        person = self.people[who]
        helped = self.case.users[who]._mfa_reset("asked")
        self.case.assertEqual(bool(helped), person.active and self.level(who) > 0)
        person.on, person.apps = False, 0

    @rule(who=WHO, exempt=st.booleans())
    def exempt_or_not(self, who, exempt):
        person, user = self.people[who], self.case.users[who]
        done = self.attempt(lambda: user._mfa_set_networks(exempt, "scanner", NETWORKS, ""))
        forbidden = person.on or person.apps or self.is_sensitive(who)
        self.case.assertEqual(done, not (exempt and forbidden))
        person.exempt = exempt if done else person.exempt

    @rule(hours=st.sampled_from((1, 23, 24, 24 * 9, 24 * 40)))
    def wait(self, hours):
        self.now += timedelta(hours=hours)
        self.clock.move_to(self.now)

    # -- what holds after each step ----------------------------------------------------

    @invariant()
    def everybody_is_asked_for_what_the_model_says(self):
        case = self.case
        self.env.flush_all()
        self.env.invalidate_all()
        for name, person in self.people.items():
            user = case.users[name]
            found = (
                LEVELS.index(user._mfa_demand().level),
                user._mfa_grace_end(),
                user._mfa_is_exempt(),
                user.mfa_enabled,
                user.totp_enabled,
                len(user.authenticator_ids),
            )
            level, end = self.level(name), self.grace_end(name)
            exempt = self.is_exempt(name)
            expected = (level, end, exempt, person.on, person.on, person.apps)
            case.assertEqual(found, expected, (name, person))
            case.assertTrue(person.apps or not person.on)
            row = self.env["mfa.coverage"].search([("user_id", "=", user.id)])
            case.assertEqual(len(row), person.active)
            if row:
                until = end if not person.on else False
                found = (row.state, row.grace_until, row.app_count, row.protected)
                protected = person.on or level == 1
                expected = (self.state(name), until or False, person.apps, protected)
                case.assertEqual(found, expected, name)


@tagged("post_install", "-at_install")
class TestPolicyProperties(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = ("Main", "A", "B")
        companies = cls.env["res.company"].create([{"name": f"Model {name}"} for name in names])
        cls.companies = dict(zip(names, companies, strict=True))
        cls.treasure = cls.env["res.groups"].create({"name": "Treasure"})
        cls.users = {
            "employee": cls.new_person("employee", "base.group_user"),
            "customer": cls.new_person("customer", "base.group_portal"),
            "guard": cls.new_person("guard", "base.group_user"),
        }
        cls.users["guard"].group_ids += cls.treasure
        cls.env["ir.config_parameter"].set_param(CORE_KEY, False)
        cls.env.flush_all()
        for name, days in (("employee", -400), ("customer", -400), ("guard", 20)):
            created = [START + timedelta(days=days), cls.users[name].id]
            cls.env.cr.execute("UPDATE res_users SET create_date = %s WHERE id = %s", created)
        cls.env.invalidate_all()
        cls.env.registry.clear_all_caches()

    @classmethod
    def new_person(cls, name, group):
        main = cls.companies["Main"]
        values = {"company_id": main.id, "company_ids": [Command.set(main.ids)]}
        return new_test_user(cls.env, f"mfa_{name}", group, email=f"{name}@example.com", **values)

    @mute_logger("odoo.models")
    def test_any_sequence(self):
        run_state_machine_as_test(lambda: Machine(self), settings=search(24, steps=25))
