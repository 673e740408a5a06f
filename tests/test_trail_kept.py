import logging
from datetime import timedelta

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import FIREFOX, SECRET, code_of
from .test_trail import EVENT, TrailCase

FLOOD = 200
BOUND = 12
"""Lines that a flood of one kind may add."""


@tagged("post_install", "-at_install")
class TestTrailIsKept(TrailCase):
    """Nobody makes, changes or deletes a line through Odoo."""

    def setUp(self):
        super().setUp()
        self.env[EVENT]._record("recovery_made", self.ann, "A subject", "A note")
        self.line = self.new_lines()
        self.before = self.rows()

    def rows(self):
        self.env.invalidate_all()
        self.env.cr.execute("SELECT * FROM res_users_mfa_event ORDER BY id")
        return self.env.cr.fetchall()

    def attacks(self):
        """Return what a client of the web client's API may try."""
        number = self.line.id
        forged = {"kind": "recovery_made", "login": "mfa_bob", "date": "2026-01-01 00:00:00"}
        return (
            ("create", [forged]),
            ("create", [[forged]]),
            ("name_create", "recovery_made"),
            ("load", ["kind", "login"], [["Code accepted", "mfa_bob"]]),
            ("load", [".id", "login"], [[str(number), "mfa_bob"]]),
            ("write", [number], {"login": "mfa_bob"}),
            ("write", [number], {"user_id": self.bob.id}),
            ("web_save", [number], {"note": "Nothing"}, {}),
            ("web_save", [], forged, {}),
            ("web_save_multi", [number], [{"note": "Nothing"}], {}),
            ("update", [number], {"note": "Nothing"}),
            ("copy", [number]),
            ("unlink", [number]),
            ("web_unlink", [number]),
            ("action_archive", [number]),
            ("web_override_translations", [number], {"note": "Nothing"}),
            ("_record", "recovery_made", []),
            ("_gc_missing_users", []),
            ("_gc_old_lines",),
            ("_write", [number], {"note": "Nothing"}),
        )

    @mute_logger("odoo.http", "odoo.models", "odoo.sql_db", "odoo.addons.base.models.ir_model")
    def test_over_the_web_client_s_api(self):
        robot = self.env.ref("base.user_root")
        for user in (self.ann, self.portal, self.manager, self.system, robot):
            self.sign_in(self.system if user == robot else user)
            if user == robot:
                self.url_open("/web/become")
            self.assertLoggedIn(user)
            for method, *args in self.attacks():
                with self.subTest(user=user.login, method=method):
                    answer = self.call(EVENT, method, *args)
                    result = answer.get("result") or {}
                    self.assertTrue(not result or result.get("messages"), answer)
                    self.assertEqual(self.rows(), self.before)

    def test_in_superuser_mode(self):
        lines = self.line.sudo().with_user(1)
        for attack in (
            lambda: lines.create({"kind": "locked", "date": fields.Datetime.now()}),
            lambda: lines.write({"login": "mfa_bob"}),
            lambda: lines.unlink(),
            lambda: lines.copy(),
            lambda: setattr(lines, "login", "mfa_bob"),
        ):
            with self.assertRaises(AccessError):
                attack()
            self.assertEqual(self.rows(), self.before)

    @mute_logger("odoo.http", "odoo.sql_db", "odoo.addons.base.models.ir_actions")
    def test_by_a_server_action(self):
        """Of a model that the administrator may change: core asks for no more."""
        self.sign_in(self.system)
        lines = f"env['{EVENT}'].sudo().browse({self.line.id})"
        for code in (
            f"{lines}.unlink()",
            f"{lines}.write({{'login': 'mfa_bob'}})",
            f"{lines}.copy()",
            "env.cr.execute('DELETE FROM res_users_mfa_event')",
            "env.cr.execute('TRUNCATE res_users_mfa_event')",
            "env.cr.execute(\"UPDATE res_users_mfa_event SET login = 'mfa_bob'\")",
            "env.cr.execute(\"UPDATE res_users_mfa_event SET date = '2020-01-01'\")",
        ):
            action = self.code_action(code, "res.partner")
            with self.subTest(code=code):
                answer = self.call("ir.actions.server", "run", [action.id])
                self.assertRegex(str(answer["error"]["data"]), "kept as (it is|they are)")
                self.assertEqual(self.rows(), self.before)

    @mute_logger("odoo.sql_db")
    def test_by_the_database(self):
        for query in (
            "DELETE FROM res_users_mfa_event",
            "TRUNCATE res_users_mfa_event",
            "UPDATE res_users_mfa_event SET note = ''",
        ):
            with (
                self.subTest(query=query),
                self.assertRaises(psycopg2.errors.RaiseException),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(query)
        self.assertEqual(self.rows(), self.before)

    @mute_logger("odoo.http")
    def test_archiving_or_merging_accounts_leaves_it(self):
        self.ann.active = False
        self.ann.partner_id.name = "Somebody else"
        self.assertEqual(self.rows(), self.before)


@tagged("post_install", "-at_install")
class TestRetention(TrailCase):
    def add_old_lines(self, days, number=1):
        self.env.cr.execute(
            """INSERT INTO res_users_mfa_event (date, kind, login)
               SELECT %s, 'locked', 'old' FROM generate_series(1, %s)""",
            [fields.Datetime.now() - timedelta(days=days), number],
        )

    def old_lines(self):
        return self.env[EVENT].search_count([("login", "=", "old")])

    def run_job(self):
        """Run what the daily job runs for this model, as often as it asks to be run."""
        remaining = True
        while remaining:
            _done, remaining = self.env[EVENT]._gc_old_lines()

    def test_year_by_default(self):
        self.add_old_lines(364)
        self.add_old_lines(366)
        with self.assertLogs("odoo.addons.auth_totp_mfa", logging.INFO) as log:
            self.run_job()
        self.assertIn("1 MFA events older than 365 days deleted", log.output[0])
        self.assertEqual(self.old_lines(), 1)

    def test_as_set(self):
        self.env["ir.config_parameter"].set_param("auth_totp.event_retention", "90")
        self.add_old_lines(89)
        self.add_old_lines(90.1)
        self.run_job()
        self.assertEqual(self.old_lines(), 1)

    def test_less_than_90_days_is_not_obeyed(self):
        self.add_old_lines(364)
        for value in ("89", "1", "0", "-1", "never"):
            self.env["ir.config_parameter"].set_param("auth_totp.event_retention", value)
            with (
                self.subTest(value=value),
                self.assertLogs("odoo.addons.auth_totp_mfa", logging.WARNING) as log,
            ):
                self.run_job()
            self.assertIn("event_retention", log.output[0])
            self.assertEqual(self.old_lines(), 1)

    def test_in_batches(self):
        self.add_old_lines(400, 10_001)
        self.assertEqual(self.env[EVENT]._gc_old_lines(), (10_000, 1))
        self.assertEqual(self.env[EVENT]._gc_old_lines(), (1, 0))
        self.assertEqual(self.old_lines(), 0)

    def test_job_is_core_s_daily_one(self):
        job = self.env.ref("base.autovacuum_job")
        self.assertEqual((job.interval_number, job.interval_type), (1, "days"))
        self.assertTrue(self.env[EVENT]._gc_old_lines._autovacuum)


@tagged("post_install", "-at_install")
class TestFlood(TrailCase):
    """Whoever knows the password fills neither the trail nor the disk."""

    def setUp(self):
        """Core's own brake, by address and in the memory of one worker, is not asked here."""
        super().setUp()
        self.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")

    def assertBounded(self):
        self.assertTrue(self.new_lines())
        self.assertLessEqual(len(self.new_lines()), BOUND)

    def flood(self, code):
        page = self.post_password(self.ann)
        for number in range(FLOOD):
            self.post_code(page, code(number))

    def test_wrong_codes(self):
        wrong = code_of(SECRET, 7)
        self.flood(lambda number: wrong)
        self.assertBounded()

    def test_garbage(self):
        self.flood(lambda number: f"garbage {number}")
        self.assertFalse(self.new_lines())

    def test_wrong_recovery_codes(self):
        self.flood(lambda number: f"{number:016d}")
        self.assertBounded()

    def test_used_code(self):
        code = code_of(SECRET)
        self.log_in(code=code)
        self.new_browser()
        self.forget_lines()
        self.flood(lambda number: code)
        self.assertBounded()

    def test_copied_cookie(self):
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        self.new_browser(FIREFOX)
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        self.post_password(self.ann)
        for _try in range(FLOOD):
            self.url_open("/web/login/totp")
        self.assertEqual(len(self.new_lines("device_refused")), 1)
