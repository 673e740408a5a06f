"""The coverage report says what a login would."""

import csv
import io
import json
import random
import time
from datetime import timedelta

from freezegun import freeze_time

from odoo import Command, fields, http
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.mfa_policy import BY_APP, BY_MAIL, LEVELS, OPTIONAL, POPULATIONS
from ..models.res_users_mfa_guarded import open_door
from .test_policy import CORE_KEY, NOW, PolicyCase

HERE = "127.0.0.0/8"
ROUNDS = 6
SEED = 0
"""With which each state occurs; change it to try other policies and people."""
MANY = 2000


class CoverageCase(PolicyCase):
    """``mfa_bob`` and ``mfa_portal`` are of company A, and their accounts old."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.coverage = cls.env["mfa.coverage"]
        cls.put_into(cls, cls.bob + cls.portal, cls.a)
        for user in cls.bob + cls.portal:
            cls.set_created(cls, user, NOW - timedelta(days=400))

    def row_of(self, user):
        """Read the row once more, without flushing what was written."""
        self.coverage.invalidate_model(flush=False)
        return self.coverage.search([("user_id", "=", user.id)])

    def state_of(self, user):
        return self.row_of(user).state

    def exempt(self, user, listed=HERE):
        open_door(user).write({"mfa_exempt_networks": listed, "mfa_exempt_reason": "terminal"})

    def has_passkeys(self):
        return "auth.passkey.key" in self.env

    def give_passkey(self, user):
        self.env.cr.execute(
            """INSERT INTO auth_passkey_key (name, credential_identifier, public_key, create_uid)
                    VALUES ('Key', gen_random_uuid(), 'x', %s)""",
            [user.id],
        )

    def add_event(self, user, kind, date):
        self.env.cr.execute(
            "INSERT INTO res_users_mfa_event (date, kind, user_id) VALUES (%s, %s, %s)",
            [date, kind, user.id],
        )


@tagged("post_install", "-at_install")
class TestCoverageStates(CoverageCase):
    """Each state; what is written is seen without being flushed first."""

    def test_app_and_unprotected(self):
        ann, bob = self.row_of(self.ann), self.row_of(self.bob)
        self.assertEqual((ann.state, ann.protected, ann.share, ann.urgency), ("app", True, 100, 7))
        self.assertEqual((bob.state, bob.protected, bob.share), ("unprotected", False, 0))
        open_door(self.ann).mfa_since = False
        self.assertEqual(self.state_of(self.ann), "unprotected")

    def test_policy(self):
        self.a.mfa_policy_internal = BY_MAIL
        row = self.row_of(self.bob)
        self.assertEqual((row.state, row.protected, row.urgency), ("mail", True, 5))
        self.a.mfa_policy_internal = BY_APP
        row = self.row_of(self.bob)
        self.assertEqual((row.state, row.protected, row.urgency), ("missing", False, 2))
        self.assertEqual(self.state_of(self.portal), "unprotected", "not asked of portal users")

    def test_grace(self):
        with freeze_time(NOW):
            self.a.write({"mfa_policy_internal": BY_APP, "mfa_grace_days": 10})
            row = self.row_of(self.bob)
            self.assertEqual((row.state, row.protected, row.urgency), ("grace", False, 4))
            self.assertEqual(row.grace_until, NOW + timedelta(days=10))
            self.put_into(self.ann, self.a)
            self.assertFalse(self.row_of(self.ann).grace_until, "who has an app is not in grace")
        with freeze_time(NOW + timedelta(days=10)):
            row = self.row_of(self.bob)
            self.assertEqual((row.state, row.grace_until), ("missing", False))

    def test_grace_after_code_by_mail(self):
        with freeze_time(NOW):
            self.a.mfa_policy_internal = BY_MAIL
        with freeze_time(NOW + timedelta(days=1)):
            self.a.write({"mfa_policy_internal": BY_APP, "mfa_grace_days": 10})
            row = self.row_of(self.bob)
            self.assertEqual((row.state, row.protected), ("grace", True))

    def test_no_days_of_grace_set(self):
        """Companies that were there before the addon have none in the database."""
        self.a.mfa_policy_internal = BY_APP
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_company SET mfa_grace_days = NULL WHERE id = %s", [self.a.id]
        )
        self.assertEqual(self.state_of(self.bob), "missing")

    def test_exempt(self):
        self.a.write({"mfa_policy_internal": BY_APP, "mfa_policy_sensitive": BY_APP})
        self.exempt(self.bob)
        row = self.row_of(self.bob)
        self.assertEqual((row.state, row.protected, row.urgency), ("exempt", False, 6))
        self.assertTrue(row.api_limited, "an exempt account calls the API from its networks")
        self.bob.group_ids += self.env["res.groups"].create(
            {"name": "Treasure", "mfa_sensitive": True}
        )
        row = self.row_of(self.bob)
        self.assertEqual((row.state, row.sensitive, row.urgency), ("missing", True, 1))

    def test_passkey(self):
        """It protects where the password alone leads nowhere."""
        if not self.has_passkeys():
            self.assertEqual(self.row_of(self.bob).passkey_count, 0)
            self.skipTest("auth_passkey is not installed")
        self.give_passkey(self.bob)
        row = self.row_of(self.bob)
        self.assertEqual((row.state, row.passkey_count), ("unprotected", 1))
        self.a.mfa_policy_internal = BY_MAIL
        self.assertEqual(self.state_of(self.bob), "passkey")
        self.a.mfa_policy_internal = BY_APP
        self.assertEqual(self.state_of(self.bob), "passkey")
        self.a.mfa_setup_by_mail = False
        self.assertEqual(self.state_of(self.bob), "missing", "a password leads to the set-up")

    def test_sensitive_by_implied_groups(self):
        treasure, guards, captains = self.env["res.groups"].create(
            [{"name": name} for name in ("Treasure", "Guards", "Captains")]
        )
        treasure.mfa_sensitive = True
        guards.implied_ids = treasure
        self.bob.group_ids += captains
        self.assertFalse(self.row_of(self.bob).sensitive)
        captains.implied_ids = guards
        self.assertTrue(self.row_of(self.bob).sensitive)
        self.assertTrue(self.row_of(self.root).sensitive, "marked on install")
        self.assertFalse(self.row_of(self.ann).sensitive)

    def test_who_has_a_row(self):
        public = self.env.ref("base.public_user")
        public.active = True
        self.bob.active = False
        self.coverage.invalidate_model(flush=False)
        rows = self.coverage.search([])
        self.assertEqual(rows.ids, rows.user_id.ids)
        self.assertIn(self.portal, rows.user_id)
        for nobody in (public, self.bob, self.env.ref("base.user_root")):
            self.assertNotIn(nobody, rows.user_id)

    def test_kind_company_login_and_address(self):
        row = self.row_of(self.portal)
        self.assertEqual(
            (row.login, row.company_id, row.population, row.no_email),
            ("mfa_portal", self.a, "portal", False),
        )
        self.portal.partner_id.email = False
        self.portal.write({"login": "other", "group_ids": [self.become_employee()]})
        row = self.row_of(self.portal)
        self.assertEqual((row.login, row.population, row.no_email), ("other", "internal", True))

    def become_employee(self):
        return Command.set(self.env.ref("base.group_user").ids)


@tagged("post_install", "-at_install")
class TestCoverageDetails(CoverageCase):
    """What each user has, beside the state."""

    def test_apps_and_devices(self):
        self.enrol(self.ann, name="Tablet")
        devices = self.env["res.users.device"]._mfa_open_door()
        values = {"user_id": self.ann.id, "name": "Chrome"}
        for number, days in enumerate((-1, 1, 20)):
            until = fields.Datetime.now() + timedelta(days=days)
            devices.create(values | {"token_hash": str(number), "expires_at": until})
        self.env.cr.execute(
            "UPDATE res_users_device SET create_date = %s WHERE user_id = %s",
            [fields.Datetime.now() - timedelta(days=10), self.ann.id],
        )
        row = self.row_of(self.ann)
        self.assertEqual((row.app_count, row.device_count), (2, 2))
        self.env["ir.config_parameter"].set_param("auth_totp.trusted_device_age", "5")
        self.assertEqual(self.row_of(self.ann).device_count, 0, "a shorter age holds for all")

    def test_recovery_codes(self):
        codes = self.env["res.users.recovery.code"]
        for number, few in ((10, False), (4, False), (3, True), (0, True)):
            codes._make(self.ann, number)
            row = self.row_of(self.ann)
            self.assertEqual((row.code_count, row.few_codes), (number, few))
        self.assertFalse(self.row_of(self.bob).few_codes, "no app, no recovery codes")

    def test_last_second_factor(self):
        self.assertFalse(self.row_of(self.ann).last_factor)
        for hours, kind in enumerate(("code_accepted", "passkey_used", "recovery_used")):
            date = NOW + timedelta(hours=hours)
            self.add_event(self.ann, kind, date)
            self.assertEqual(self.row_of(self.ann).last_factor, date)
        for kind in ("code_refused", "device_used", "enrolled", "help_used"):
            self.add_event(self.ann, kind, date + timedelta(days=1))
        self.assertEqual(self.row_of(self.ann).last_factor, date)

    def test_last_login(self):
        self.assertFalse(self.row_of(self.bob).last_login)
        logs = self.env["res.users.log"].with_user(self.bob).sudo()
        logs.create({})
        last = logs.create({})
        self.assertEqual(self.row_of(self.bob).last_login, last.create_date)

    def test_api_keys(self):
        keys = self.env["res.users.apikeys"].with_user(self.bob).sudo()
        now = fields.Datetime.now()
        for scope, days in (("rpc", 10), (None, 5), ("plugin", 5)):
            keys._generate(scope, "Robot", now + timedelta(days=days))
        self.assertEqual(self.row_of(self.bob).api_key_count, 3)
        with freeze_time(now + timedelta(days=6)):
            self.assertEqual(self.row_of(self.bob).api_key_count, 1)

    def test_api_networks(self):
        self.assertFalse(self.row_of(self.bob).api_limited)
        open_door(self.bob).mfa_api_networks = HERE
        self.assertTrue(self.row_of(self.bob).api_limited)
        open_door(self.bob).mfa_api_networks = False
        self.a.mfa_api_networks = HERE
        self.assertTrue(self.row_of(self.bob).api_limited)
        self.assertFalse(self.row_of(self.ann).api_limited, "of another company")

    def test_opening_a_row(self):
        action = self.row_of(self.bob).action_open_user()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.users", self.bob.id))
        self.assertEqual(action["views"], [[self.env.ref("base.view_users_form").id, "form"]])


@tagged("post_install", "-at_install")
class TestCoverageMatches(CoverageCase):
    """The SQL and the Python that decides a login agree, whatever the policy and the people."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.companies = self.env["res.company"].create(
            [{"name": f"Random {number}"} for number in range(4)]
        )
        self.groups = self.env["res.groups"].create([{"name": f"Random {n}"} for n in range(5)])
        self.people = self.make_people(24)

    def make_people(self, number):
        kinds = ("base.group_user", "base.group_portal")
        people = self.env["res.users"].with_context(no_reset_password=True)
        return people.create(
            [
                {
                    "name": f"Random {n}",
                    "login": f"random_{n}",
                    "email": f"{n}@example.com",
                    "group_ids": [Command.set(self.env.ref(kinds[n % 3 == 0]).ids)],
                    "company_id": self.a.id,
                    "company_ids": [Command.set(self.a.ids)],
                }
                for n in range(number)
            ]
        )

    def some(self, records, most):
        return records.browse(
            self.random.sample(records.ids, self.random.randint(0, min(most, len(records))))
        )

    def moment(self, days=60):
        return NOW + timedelta(seconds=self.random.randint(-days * 86400, days * 86400))

    def shuffle_policies(self):
        for moment in sorted(self.moment() for _change in range(2)):
            with freeze_time(moment):
                for company in self.companies + self.a:
                    company.write(
                        {f"mfa_policy_{who}": self.random.choice(LEVELS) for who in POPULATIONS}
                        | {
                            "mfa_grace_days": self.random.choice((0, 0, 1, 20, 90)),
                            "mfa_setup_by_mail": self.random.random() < 0.5,
                            "mfa_api_networks": self.random.random() < 0.2 and HERE,
                        }
                    )
        archived = self.some(self.companies, 1)
        archived.active = False
        (self.companies - archived).active = True
        policy = self.random.choice((False, False, "all_required", "employee_required"))
        self.env["ir.config_parameter"].set_param(CORE_KEY, policy)

    def shuffle_groups(self):
        self.groups.mfa_sensitive = False
        self.some(self.groups, 2).mfa_sensitive = True
        self.groups.implied_ids = [Command.clear()]
        for place, group in enumerate(self.groups[1:]):  # no circles
            group.implied_ids = self.some(self.groups[: place + 1], 2)

    def shuffle_people(self):
        for user in self.people:
            groups = user.group_ids - self.groups + self.some(self.groups, 1)
            user.group_ids = [Command.set(groups.ids)]
            companies = self.a + self.some(self.companies, 3)
            user.company_ids = [Command.set(companies.ids)]
            open_door(user).write(
                {
                    "mfa_since": self.random.random() < 0.15 and NOW,
                    "mfa_exempt_networks": self.random.random() < 0.15 and HERE,
                    "mfa_api_networks": self.random.random() < 0.15 and HERE,
                }
            )
            if self.has_passkeys() and self.random.random() < 0.1:
                self.give_passkey(user)
            self.set_created(user, self.moment())
        nowhere = self.people[0]
        self.env.cr.execute("DELETE FROM res_company_users_rel WHERE user_id = %s", [nowhere.id])

    def expected(self, user):
        """Return what the methods that decide a login say of ``user``."""
        rules, level = user._mfa_rules(), user._mfa_demand().level
        passkey = self.has_passkeys() and bool(user.sudo().auth_passkey_key_ids)
        if user.mfa_enabled:
            state = "app"
        elif user._mfa_is_exempt():
            state = "exempt"
        elif passkey and (level == BY_MAIL or (level == BY_APP and rules.setup_by_mail)):
            state = "passkey"
        elif user._mfa_must_enrol():
            state = "missing"
        elif user._mfa_grace_end():
            state = "grace"
        else:
            state = {BY_MAIL: "mail", OPTIONAL: "unprotected"}[level]
        return {
            "state": state,
            "protected": state == "passkey" or bool(user._mfa_type()),
            "grace_until": (not user.mfa_enabled and user._mfa_grace_end()) or False,
            "sensitive": rules.sensitive,
            "population": "internal" if user._is_internal() else "portal",
            "api_limited": bool(rules.api_networks) or rules.exempt_networks is not None,
        }

    @mute_logger("odoo.addons.auth_totp_mfa.models.res_users_mfa_event")
    def test_random_policies_and_people(self):
        seen = set()
        for number in range(ROUNDS):
            self.shuffle_policies()
            self.shuffle_groups()
            self.shuffle_people()
            self.env.invalidate_all()
            self.env.registry.clear_cache()
            for moment in (NOW, self.moment(), self.moment(150)):
                with freeze_time(moment):
                    seen |= self.compare(number, moment)
        wanted = {state for state, _name in self.coverage._fields["state"].selection}
        self.assertEqual(seen, wanted if self.has_passkeys() else wanted - {"passkey"})

    def compare(self, number, moment):
        """Compare all people at this moment; return the states that occur."""
        self.coverage.invalidate_model(flush=False)
        rows = {row.user_id: row for row in self.coverage.search([])}
        for user in self.people:
            expected = self.expected(user)
            found = {name: rows[user][name] for name in expected}
            self.assertEqual(found, expected, f"round {number}, {moment}, {user.login}")
        return {rows[user].state for user in self.people}


@tagged("post_install", "-at_install")
class TestCoverageAccess(CoverageCase):
    """Who reads it, over RPC and as a file; nobody changes it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls.new_person("mfa_boss", "base.group_user,base.group_erp_manager")
        cls.put_into(cls, cls.boss, cls.b)

    def assertRefused(self, answer):
        self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.AccessError", answer)

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_model")
    def test_others_are_refused(self):
        for user in (self.bob, self.portal):
            self.authenticate(user.login, None)
            for method, args in (
                ("search_read", [[], ["state"]]),
                ("web_read_group", [[], ["state"], ["__count"]]),
                ("action_open_user", [self.bob.ids]),
            ):
                with self.subTest(user=user.login, method=method):
                    self.assertRefused(self.call("mfa.coverage", method, *args))

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_model")
    def test_nobody_changes_it(self):
        self.authenticate(self.boss.login, None)
        for method, args in (
            ("create", [{"login": "x"}]),
            ("write", [self.bob.ids, {"state": "app"}]),
            ("unlink", [self.bob.ids]),
            ("web_save", [self.bob.ids, {"state": "app"}, {}]),
        ):
            with self.subTest(method=method):
                self.assertRefused(self.call("mfa.coverage", method, *args))

    def test_rows_as_core_shows_users(self):
        self.authenticate(self.boss.login, None)

        def seen(*companies):
            context = {"allowed_company_ids": [company.id for company in companies]}
            answer = self.call("mfa.coverage", "search_read", [], ["user_id"], context=context)
            users = self.env["res.users"].with_user(self.boss).with_context(**context)
            rows = {row["id"] for row in answer["result"]}
            self.assertEqual(rows & {*self.ids}, {*users.search([]).ids} & {*self.ids})
            return rows

        self.ids = (self.bob + self.portal + self.ann).ids
        rows = seen(self.b)
        self.assertIn(self.bob.id, rows, "employees of all companies")
        self.assertNotIn(self.portal.id, rows, "portal users of the chosen companies")
        self.put_into(self.boss, self.a, self.b)
        self.assertIn(self.portal.id, seen(self.a, self.b))

    def test_only_with_rights_in_this_process(self):
        with self.assertRaises(AccessError):
            self.coverage.with_user(self.bob).search_count([])

    def test_export(self):
        self.boss.group_ids += self.env.ref("base.group_allow_export")
        self.authenticate(self.boss.login, None)
        names = ("user_id", "population", "state", "few_codes", "last_login")
        data = {
            "model": "mfa.coverage",
            "fields": [{"name": name, "label": name} for name in names],
            "ids": (self.ann + self.bob).ids,
            "domain": [],
            "import_compat": False,
        }
        for kind in ("csv", "xlsx"):
            answer = self.url_open(
                f"/web/export/{kind}",
                data={"data": json.dumps(data), "csrf_token": http.Request.csrf_token(self)},
            )
            self.assertEqual(answer.status_code, 200, answer.text[:500])
            if kind == "csv":
                lines = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
                self.assertIn(["mfa_ann (base.group_user)", "Employee"], [x[:2] for x in lines])
                self.assertIn("Unprotected", {line[2] for line in lines})


@tagged("post_install", "-at_install")
class TestCoverageSpeed(CoverageCase):
    """One statement, that does not grow with the square of the users."""

    FIELDS = ("login", "population", "sensitive", "state", "grace_until", "app_count")
    FIELDS += ("device_count", "code_count", "last_factor", "last_login", "api_key_count")

    def test_one_statement(self):
        self.coverage.search_fetch([], self.FIELDS, limit=80)
        self.coverage.invalidate_model(flush=False)
        with self.assertQueryCount(1):
            rows = self.coverage.search_fetch([], self.FIELDS, limit=80)
            self.assertTrue(rows.mapped("state"))
        with self.assertQueryCount(1):
            self.coverage._read_group([], ["state", "population"], ["__count", "share:avg"])

    def test_many_users(self):
        partners = self.env["res.partner"].with_context(tracking_disable=True)
        self.env.cr.execute(
            """
            WITH account AS (
                INSERT INTO res_users (partner_id, login, active, share, company_id,
                                       notification_type, create_date, mfa_since)
                SELECT id, 'many_' || id, TRUE, FALSE, %(company)s, 'email', now(),
                       CASE WHEN id %% 2 = 0 THEN now() END
                  FROM unnest(%(partners)s) AS person (id) RETURNING id
            ), member AS (
                INSERT INTO res_company_users_rel (cid, user_id) SELECT %(company)s, id FROM account
            ), device AS (
                INSERT INTO res_users_device (user_id, name, token_hash, expires_at)
                SELECT id, 'Many', gen_random_uuid(), 'infinity'
                  FROM account, generate_series(1, 3)
            )
            INSERT INTO res_users_authenticator (user_id, name)
            SELECT id, number FROM account, generate_series(1, 3) AS number
            """,
            {
                "partners": partners.create([{"name": "Many"}] * MANY).ids,
                "company": self.a.id,
            },
        )
        self.a.mfa_policy_internal = BY_APP
        started = time.monotonic()
        rows = self.coverage.search_fetch([("few_codes", "=", True)], self.FIELDS)
        counts = dict(self.coverage._read_group([], ["state"], ["__count"]))
        self.assertLess(time.monotonic() - started, 1)
        self.assertGreaterEqual(len(rows), MANY / 2)
        self.assertGreaterEqual(counts["missing"], MANY / 2)
