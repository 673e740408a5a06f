from contextvars import copy_context
from datetime import timedelta

from freezegun import freeze_time

from odoo import Command, fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..hooks import adopt_policy, post_init_hook, uninstall_hook
from ..models.calling_address import note_api_key_call
from ..models.mfa_policy import BY_APP, BY_MAIL, OPTIONAL
from .common import OTHER_SECRET, code_of
from .test_enrolment import EnrolmentCase
from .test_settings import SettingsScreen
from .test_tours import TourCase

CORE_KEY = "auth_totp.policy"
NOW = fields.Datetime.to_datetime("2026-03-10 12:00:00")


class PolicyCase(EnrolmentCase):
    """``mfa_root`` administers with MFA on; companies A and B, of nobody yet."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.new_person("mfa_root", "base.group_user,base.group_system")
        cls.enrol(cls.root, OTHER_SECRET)
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")
        companies = cls.env["res.company"]
        cls.a, cls.b = companies.create([{"name": "MFA A"}, {"name": "MFA B"}])
        cls.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")
        cls.env.flush_all()

    def put_into(self, users, *companies):
        for user in users:
            user.write(
                {
                    "company_ids": [Command.set([company.id for company in companies])],
                    "company_id": companies[0].id,
                }
            )
        self.env.flush_all()

    def level_of(self, user):
        return user._mfa_demand().level

    def set_created(self, user, moment):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_users SET create_date = %s WHERE id = %s", [moment, user.id]
        )
        user.invalidate_recordset(["create_date"])
        self.env["res.users"]._mfa_forget_rules()

    def settings_lines(self):
        self.env.cr.execute(
            """SELECT subject, note FROM res_users_mfa_event WHERE kind = 'setting'
                ORDER BY id"""
        )
        return self.env.cr.fetchall()


@tagged("post_install", "-at_install")
class TestDemands(PolicyCase):
    """Who is asked for what, and when."""

    def test_each_population_has_its_own_choice(self):
        self.put_into(self.bob + self.portal + self.root, self.a)
        self.a.write({"mfa_policy_portal": BY_MAIL, "mfa_policy_sensitive": BY_APP})
        self.assertEqual(self.level_of(self.bob), OPTIONAL)
        self.assertEqual(self.level_of(self.portal), BY_MAIL)
        self.assertEqual(self.level_of(self.root), BY_APP)

    def test_strictest_of_populations_and_companies(self):
        self.put_into(self.bob, self.a, self.b)
        self.put_into(self.root, self.a)
        self.a.mfa_policy_internal = BY_MAIL
        self.assertEqual(self.level_of(self.bob), BY_MAIL)
        self.b.mfa_policy_internal = BY_APP
        self.assertEqual(self.level_of(self.bob), BY_APP)
        self.assertEqual(self.bob._mfa_demand().company, "MFA B")
        self.assertEqual(self.level_of(self.root), BY_MAIL, "the other company is not touched")
        self.a.mfa_policy_sensitive = BY_APP
        self.assertEqual(self.level_of(self.root), BY_APP)
        self.assertEqual(self.bob._mfa_demand().company, "MFA B")

    def test_joining_a_company_or_group_counts_at_once(self):
        self.put_into(self.bob, self.a)
        self.b.mfa_policy_internal = BY_MAIL
        self.assertEqual(self.level_of(self.bob), OPTIONAL)
        self.b.user_ids += self.bob
        self.assertEqual(self.level_of(self.bob), BY_MAIL)
        self.b.mfa_policy_sensitive = BY_APP
        group = self.env["res.groups"].create({"name": "Treasure", "mfa_sensitive": True})
        self.assertEqual(self.level_of(self.bob), BY_MAIL)
        group.user_ids += self.bob
        self.assertEqual(self.level_of(self.bob), BY_APP)
        group.user_ids -= self.bob
        self.assertEqual(self.level_of(self.bob), BY_MAIL)
        group.implied_by_ids += self.env.ref("base.group_user")
        self.assertEqual(self.level_of(self.bob), BY_APP)
        group.unlink()
        self.assertEqual(self.level_of(self.bob), BY_MAIL)

    def test_group_created_with_members_counts_at_once(self):
        self.put_into(self.bob, self.a)
        self.a.mfa_policy_sensitive = BY_APP
        treasure = self.env["res.groups"].create({"name": "Treasure", "mfa_sensitive": True})
        self.assertEqual(self.level_of(self.bob), OPTIONAL)
        self.env["res.groups"].create(
            {"name": "Guards", "implied_ids": treasure.ids, "user_ids": self.bob.ids}
        )
        self.assertEqual(self.level_of(self.bob), BY_APP)

    def test_company_created_with_a_policy(self):
        before = len(self.settings_lines())
        company = self.env["res.company"].create({"name": "MFA C", "mfa_policy_internal": BY_MAIL})
        self.put_into(self.bob, company)
        self.assertEqual(self.level_of(self.bob), BY_MAIL)
        self.assertEqual(
            self.settings_lines()[before:],
            [("MFA C: Employees", "Optional → Code by email or app")],
        )

    def test_grace_of_old_and_new_accounts(self):
        self.put_into(self.bob + self.ann, self.a)
        self.set_created(self.bob, NOW - timedelta(days=400))
        self.set_created(self.ann, NOW + timedelta(days=5))
        with freeze_time(NOW):
            self.a.write({"mfa_policy_internal": BY_APP, "mfa_grace_days": 10})
        for moment, bob, ann in (
            (NOW + timedelta(days=9, hours=23), OPTIONAL, OPTIONAL),
            (NOW + timedelta(days=10), BY_APP, OPTIONAL),
            (NOW + timedelta(days=14, hours=23), BY_APP, OPTIONAL),
            (NOW + timedelta(days=15), BY_APP, BY_APP),
        ):
            with self.subTest(moment=moment), freeze_time(moment):
                self.assertEqual([self.level_of(self.bob), self.level_of(self.ann)], [bob, ann])
        with freeze_time(NOW + timedelta(days=1)):
            self.assertEqual(self.bob._mfa_grace_end(), NOW + timedelta(days=10))
            self.assertEqual(self.ann._mfa_grace_end(), NOW + timedelta(days=15))

    def test_code_by_mail_goes_on_during_grace(self):
        self.put_into(self.bob, self.a)
        self.set_created(self.bob, NOW - timedelta(days=400))
        with freeze_time(NOW - timedelta(days=30)):
            self.a.mfa_policy_internal = BY_MAIL
        with freeze_time(NOW):
            self.a.write({"mfa_policy_internal": BY_APP, "mfa_grace_days": 7})
            self.assertEqual(self.level_of(self.bob), BY_MAIL)
            self.assertTrue(self.bob._mfa_grace_end())
        with freeze_time(NOW + timedelta(days=7)):
            self.assertEqual(self.level_of(self.bob), BY_APP)

    def test_first_to_be_met_of_equal_demands(self):
        """Core's key, which ends no open session, hides no company that does."""
        self.put_into(self.bob, self.a)
        self.env["ir.config_parameter"].set_param(CORE_KEY, "employee_required")
        self.assertIsNone(self.bob._mfa_demand().over)
        self.a.mfa_policy_internal = BY_MAIL
        self.assertEqual(self.bob._mfa_demand().company, "MFA A")
        self.assertTrue(self.bob._mfa_demand().over)

    def test_marking_a_group_leaves_time_to_save(self):
        self.put_into(self.bob, self.a)
        self.set_created(self.bob, NOW - timedelta(days=400))
        group = self.env["res.groups"].create({"name": "Treasure", "user_ids": self.bob.ids})
        with freeze_time(NOW):
            self.a.mfa_policy_sensitive = BY_APP
        with freeze_time(NOW + timedelta(days=90)):
            group.mfa_sensitive = True
            self.assertEqual(self.level_of(self.bob), BY_APP)
            over = NOW + timedelta(days=90, hours=1)
            self.assertEqual(self.bob._mfa_demand().over, over)

    def test_nothing_changed_changes_nothing(self):
        with freeze_time(NOW):
            self.a.write({"mfa_policy_internal": BY_APP, "mfa_api_networks": "10.0.0.0/8"})
        before = len(self.settings_lines()), self.a.mfa_policy_changed
        with freeze_time(NOW + timedelta(days=1)):
            self.a.write({"mfa_policy_internal": BY_APP, "mfa_api_networks": " 10.0.0.0/8\n"})
        self.assertEqual((len(self.settings_lines()), self.a.mfa_policy_changed), before)

    def test_another_setting_gives_no_more_time(self):
        self.put_into(self.bob, self.a)
        with freeze_time(NOW + timedelta(days=999)):
            self.a.mfa_policy_internal = BY_APP
            over = self.bob._mfa_demand().over
        with freeze_time(NOW + timedelta(days=999, minutes=50)):
            self.a.write({"mfa_trusted_devices": False, "mfa_setup_by_mail": False})
            self.assertEqual(self.bob._mfa_demand().over, over)
            self.a.mfa_grace_days = 1
            self.a.mfa_grace_days = 0
            self.assertGreater(self.bob._mfa_demand().over, over)


@tagged("post_install", "-at_install")
class TestPolicyScreen(SettingsScreen, PolicyCase):
    """The policy in Settings, called as the web client calls it."""

    def setUp(self):
        super().setUp()
        self.put_into(self.root, self.a, self.b)
        self.sign_in(self.root, password_age=0, proof_age=0)

    def save(self, **changes):
        answer = self.save_screen(**changes)
        self.assertNotIn("error", answer)
        self.env.invalidate_all()

    def state(self):
        self.env.invalidate_all()
        columns = [name for name in self.a._fields if name.startswith("mfa_")]
        return [[company[name] for name in columns] for company in self.a + self.b]

    def test_round_trip(self):
        changes = {
            "mfa_policy_sensitive": BY_APP,
            "mfa_policy_internal": BY_MAIL,
            "mfa_policy_portal": BY_APP,
            "mfa_grace_days": 14,
            "mfa_trusted_devices": False,
            "mfa_setup_by_mail": False,
            "mfa_api_networks": "192.0.2.0/24\n2001:db8::/32",
        }
        before = self.b._mfa_policy_values()
        self.save(**changes)
        self.assertEqual(self.a._mfa_policy_values(), changes)
        self.assertEqual(self.b._mfa_policy_values(), before)
        _fields, values = self.open_screen()
        self.assertEqual({name: values[name] for name in changes}, changes)
        self.assertEqual(values["company_name"], "MFA A")

    def test_screen_in_the_words_of_the_trail(self):
        before = len(self.settings_lines())
        self.save(mfa_policy_sensitive=BY_APP, mfa_grace_days=3, mfa_api_networks="10.0.0.0/8")
        self.save(mfa_trusted_devices=False)
        self.assertCountEqual(
            self.settings_lines()[before:],
            [
                ("MFA A: Members of sensitive groups", "Optional → Authenticator app"),
                ("MFA A: Days of grace", "0 → 3"),
                ("MFA A: Networks that may call the API", "anywhere → 10.0.0.0/8"),
                ("MFA A: Trusted devices allowed", "yes → no"),
            ],
        )

    def test_unrelated_setting_changes_nothing(self):
        self.a.write({"mfa_policy_internal": BY_APP, "mfa_grace_days": 7})
        before, lines = self.state(), len(self.settings_lines())
        with freeze_time(fields.Datetime.now() + timedelta(minutes=5)):
            self.sign_in(self.root)
            self.save(web_app_name="Test ERP")
        self.assertEqual(self.state(), before)
        self.assertEqual(len(self.settings_lines()), lines)

    def test_core_fields_are_gone_and_its_key_stays(self):
        parameters = self.env["ir.config_parameter"]
        for key, words in (("all_required", "asks all users of all companies"), (False, "False")):
            parameters.set_param(CORE_KEY, key)
            shown, values = self.open_screen()
            self.assertFalse({"auth_totp_enforce", "auth_totp_policy"} & shown.keys())
            self.assertIn(words, str(values["mfa_core_policy"]))
            self.save(web_app_name="Test ERP", mfa_grace_days=1 if key else 2)
            self.assertEqual(parameters.get_param(CORE_KEY), key)

    def test_bad_input_changes_nothing(self):
        before = self.state()
        for name, value, text in (
            ("mfa_grace_days", -1, "from 0 to 365"),
            ("mfa_grace_days", 366, "from 0 to 365"),
            ("mfa_api_networks", "10.0.0.0/8\n192.0.2.1/24", "line 2: “192.0.2.1/24”"),
            ("mfa_api_networks", "10.0.0.0/8\n\noffice", "line 3: “office”"),
            ("mfa_api_networks", "2001:db8::/129", "line 1:"),
        ):
            with self.subTest(value=value), mute_logger("odoo.http"):
                changes = {"mfa_policy_internal": BY_MAIL, name: value}
                self.assertIn(text, self.message_of(self.save_screen(**changes)))
                self.assertEqual(self.state(), before)
                answer = self.call("res.company", "write", self.a.ids, changes)
                self.assertIn(text, self.message_of(answer))
                self.assertEqual(self.state(), before)
        with mute_logger("odoo.http"):
            for days in (2.5, "7", True, None, False):
                answer = self.call("res.company", "write", self.a.ids, {"mfa_grace_days": days})
                self.assertIn("whole number", self.message_of(answer))
        self.save(mfa_grace_days=365)
        self.assertEqual(self.a.mfa_grace_days, 365)

    def test_screen_shows_the_address(self):
        _fields, values = self.open_screen()
        self.assertIn("127.0.0.1", values["mfa_address"])
        self.assertIn("proxy_mode", values["mfa_address"], "a local address may be a proxy's")

    def test_forged_header_changes_the_advice_only(self):
        self.opener.headers["X-Forwarded-For"] = "203.0.113.9"
        _fields, values = self.open_screen()
        self.assertIn("127.0.0.1", values["mfa_address"])
        self.assertNotIn("203.0.113.9", values["mfa_address"])
        self.assertIn("address of a proxy", values["mfa_address"])

    def test_address_that_is_none(self):
        """Some proxies tell a port too, and some a word."""
        for address in ("203.0.113.9:4711", "unknown"):
            with self.subTest(address=address), self.coming_from(address):
                _fields, values = self.open_screen()
                self.assertEqual(values["mfa_address"], "Odoo does not know your address now.")

    def test_address_of_a_local_network(self):
        _fields, values = self.open_screen()
        self.assertIn("This is an address of a local network.", values["mfa_address"])

    def test_address_that_a_proxy_tells(self):
        for address, advised in (("8.8.8.8", False), ("10.0.0.9", True)):
            with self.subTest(address=address), self.coming_from(address):
                _fields, values = self.open_screen()
                self.assertIn(f"Odoo sees you at {address} now.", values["mfa_address"])
                self.assertIs("X-Forwarded-Host" in values["mfa_address"], advised)

    # -- who would lock themselves out -------------------------------------------------

    def become_bare(self, **values):
        """Go on as an administrator without an app."""
        bare = self.new_person("mfa_bare", "base.group_user,base.group_system")
        bare.write(values)
        self.put_into(bare, self.a)
        self.sign_in(bare, password_age=0)
        return bare

    def test_lock_out_is_refused(self):
        self.become_bare()
        before = self.state()
        for changes in (
            {"mfa_policy_internal": BY_APP},
            {"mfa_policy_sensitive": BY_APP},
        ):
            with self.subTest(changes=changes), mute_logger("odoo.http"):
                answer = self.save_screen(mfa_setup_by_mail=False, **changes)
                error = answer["error"]["data"]
                self.assertEqual(error["name"], "odoo.exceptions.RedirectWarning")
                self.assertIn("Add my app", error["arguments"])
                self.assertEqual(self.state(), before)

    def test_what_does_not_lock_out_passes(self):
        bare = self.become_bare()
        self.save(mfa_policy_internal=BY_APP, mfa_grace_days=1)
        self.assertTrue(bare._mfa_grace_end())
        self.save(mfa_policy_portal=BY_APP)
        self.save(mfa_policy_internal=BY_MAIL)

    def test_end_of_grace_is_a_policy_change_too(self):
        self.become_bare()
        self.save(mfa_policy_internal=BY_APP, mfa_grace_days=1)
        with mute_logger("odoo.http"):
            answer = self.save_screen(mfa_grace_days=0)
        self.assertIn("lock you out", self.message_of(answer))
        self.env.invalidate_all()
        self.assertEqual(self.a.mfa_grace_days, 1)

    def test_marking_ones_own_group_is_a_policy_change_too(self):
        bare = self.become_bare()
        for xmlid in ("base.group_system", "base.group_erp_manager"):
            self.env.ref(xmlid).mfa_sensitive = False
        group = self.env["res.groups"].create({"name": "Treasure", "user_ids": bare.ids})
        self.a.mfa_policy_sensitive = BY_APP
        with mute_logger("odoo.http"):
            answer = self.call("res.groups", "write", group.ids, {"mfa_sensitive": True})
        self.assertIn("lock you out", self.message_of(answer))

    def test_code_by_mail_without_an_address(self):
        self.become_bare(email=False)
        with mute_logger("odoo.http"):
            answer = self.save_screen(mfa_policy_internal=BY_MAIL)
        self.assertIn("no email address", self.message_of(answer))

    def test_without_grace_with_an_app(self):
        self.save(mfa_policy_internal=BY_APP, mfa_policy_sensitive=BY_APP)
        self.assertEqual(self.a.mfa_policy_sensitive, BY_APP)
        self.assertLoggedIn(self.root)

    def test_api_networks_without_the_caller(self):
        """Over the API one's own address counts; in the browser it does not matter."""
        bare = self.new_person("mfa_bare", "base.group_user,base.group_system")
        self.put_into(bare, self.a)
        password = "mfa_bare_password"
        for listed, refused in (("192.0.2.0/24", True), ("127.0.0.0/8", False)):
            values = {"mfa_api_networks": listed}
            with self.subTest(listed=listed), mute_logger("odoo.http", "odoo.addons.rpc"):
                try:
                    self.xmlrpc(bare, password, "res.company", "write", self.a.ids, values)
                    self.assertFalse(refused)
                except Exception as error:
                    self.assertTrue(refused, error)
                    self.assertIn("lock you out", str(error))
        self.save(mfa_api_networks="192.0.2.0/24")

    def test_only_administrators(self):
        for groups in ("base.group_user", "base.group_user,base.group_erp_manager"):
            user = self.new_person(f"mfa_{len(groups)}", groups)
            self.put_into(user, self.a)
            self.sign_in(user)
            with self.subTest(groups=groups), mute_logger("odoo.http", "odoo.models"):
                for model, records, values in (
                    ("res.company", self.a, {"mfa_policy_internal": BY_MAIL}),
                    ("res.groups", self.env.ref("base.group_user"), {"mfa_sensitive": True}),
                ):
                    answer = self.call(model, "write", records.ids, values)
                    self.assertIn("error", answer)
                answer = self.call("res.company", "read", self.a.ids, ["mfa_api_networks"])
                self.assertIn("error", answer)


@tagged("post_install", "-at_install")
class TestSensitiveGroups(PolicyCase):
    XMLID = "hr_payroll.group_hr_payroll_manager"

    def give_xmlid(self, group):
        self.env["ir.model.data"]._update_xmlids([{"xml_id": self.XMLID, "record": group}])

    def test_marked_on_install(self):
        for xmlid in ("base.group_system", "base.group_erp_manager"):
            self.assertTrue(self.env.ref(xmlid).mfa_sensitive)
        self.assertFalse(self.env.ref("base.group_user").mfa_sensitive)

    def test_marked_when_the_app_comes_later(self):
        group = self.env["res.groups"].create({"name": "Payroll / Manager"})
        self.give_xmlid(group)
        self.assertTrue(group.mfa_sensitive)
        group.mfa_sensitive = False
        self.give_xmlid(group)
        self.assertFalse(group.mfa_sensitive, "what an administrator unticked stays so")

    def test_app_installed_with_an_api_key(self):
        """The server marks the group then, not who calls."""
        group = self.env["res.groups"].create({"name": "Payroll / Manager"})

        def install():
            note_api_key_call(True)
            self.give_xmlid(group)

        copy_context().run(install)
        self.assertTrue(group.mfa_sensitive)

    def test_marking_is_stricter_where_more_is_asked_of_members(self):
        a, b = self.env["res.company"].create([{"name": "Asks"}, {"name": "Asks nothing"}])
        a.mfa_policy_sensitive = BY_MAIL
        noted = a.mfa_tightened
        self.assertTrue(noted)
        group = self.env["res.groups"].create({"name": "Treasure"})
        for hours, marked, expected in ((1, True, 1), (2, False, 1), (3, True, 3)):
            with freeze_time(noted + timedelta(hours=hours)):
                group.mfa_sensitive = marked
            self.assertEqual(a.mfa_tightened, noted + timedelta(hours=expected))
            self.assertFalse(b.mfa_tightened)

    def test_other_groups_are_not(self):
        group = self.env["res.groups"].create({"name": "Other"})
        self.env["ir.model.data"]._update_xmlids([{"xml_id": "mfa_test.other", "record": group}])
        self.assertFalse(group.mfa_sensitive)

    def test_trail(self):
        before = len(self.settings_lines())
        group = self.env["res.groups"].create({"name": "Treasure", "mfa_sensitive": True})
        group.mfa_sensitive = True
        group.mfa_sensitive = False
        group.mfa_sensitive = True
        group.unlink()
        self.assertEqual(
            self.settings_lines()[before:],
            [
                ("Sensitive group: Treasure", note)
                for note in ("marked", "no longer", "marked", "deleted")
            ],
        )


@tagged("post_install", "-at_install")
class TestTrustedDevicesAllowed(PolicyCase):
    def setUp(self):
        super().setUp()
        self.put_into(self.ann, self.a)

    def trust(self):
        self.new_browser()
        self.log_in(code=self.new_code(), remember="1")
        return self.cookie(self.ann)

    def is_asked(self, token):
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        page = self.post_password(self.ann)
        return "totp_token" in page.text

    def test_off_and_on_again(self):
        token = self.trust().value
        self.assertFalse(self.is_asked(token))
        self.a.mfa_trusted_devices = False
        self.assertFalse(self.ann.trusted_device_ids)
        self.assertTrue(self.is_asked(token))
        self.assertIsNone(self.trust(), "posted though it is not offered")
        self.a.mfa_trusted_devices = True
        self.assertTrue(self.is_asked(token), "what was void is not revived")
        self.assertTrue(self.trust())

    def test_box_is_not_offered(self):
        self.assertIn('name="remember"', self.post_password(self.ann).text)
        self.a.mfa_trusted_devices = False
        self.new_browser()
        page = self.post_password(self.ann).text
        self.assertNotIn('name="remember"', page)
        self.assertNotIn("cannot be remembered", page, "plain HTTP is not the reason")

    def test_device_of_another_company_is_not_honoured(self):
        """Joining a company that allows none suspends what was trusted before."""
        self.b.mfa_trusted_devices = False
        token = self.trust().value
        self.put_into(self.ann, self.a, self.b)
        self.assertTrue(self.is_asked(token))
        self.b.mfa_trusted_devices = True
        self.assertTrue(self.is_asked(token), "nor when it is allowed there again")

    def test_other_companies_keep_theirs(self):
        token = self.trust().value
        self.b.mfa_trusted_devices = False
        self.assertFalse(self.is_asked(token))

    def test_one_line_for_each_owner(self):
        devices = self.env["res.users.device"]._mfa_open_door()
        self.put_into(self.bob, self.a)
        for user, name, token in (
            (self.ann, "One", "x"),
            (self.ann, "Two", "y"),
            (self.bob, "Three", "z"),
        ):
            devices.create(
                {
                    "user_id": user.id,
                    "name": name,
                    "token_hash": token,
                    "expires_at": NOW + timedelta(days=9999),
                }
            )
        self.a.mfa_trusted_devices = False
        self.env.cr.execute(
            """SELECT login, subject, note FROM res_users_mfa_event
                WHERE kind = 'device_revoked' ORDER BY login"""
        )
        self.assertEqual(
            self.env.cr.fetchall(),
            [
                ("mfa_ann", "One, Two", "not allowed any more"),
                ("mfa_bob", "Three", "not allowed any more"),
            ],
        )


@tagged("post_install", "-at_install")
class TestRequiredApp(PolicyCase):
    """Where an app is required, MFA stays on, and the app can be replaced."""

    def setUp(self):
        super().setUp()
        self.put_into(self.ann + self.root, self.a)
        self.a.mfa_policy_internal = BY_APP

    def test_owner_cannot_disable(self):
        self.sign_in(self.ann, password_age=0, proof_age=0)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_totp_disable", self.ann.ids)
        self.assertIn("MFA A requires", self.message_of(answer))
        self.assertTrue(self.is_on(self.ann))

    def test_portal_user_cannot_disable(self):
        self.enrol(self.portal)
        self.put_into(self.portal, self.a)
        self.a.mfa_policy_portal = BY_APP
        self.sign_in(self.portal, password_age=0, proof_age=0)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_totp_disable", self.portal.ids)
        self.assertIn("MFA A requires", self.message_of(answer))
        self.assertTrue(self.is_on(self.portal))

    def test_administrator_cannot_disable_but_reset(self):
        self.sign_in(self.root, password_age=0, proof_age=0)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_totp_disable", self.ann.ids)
            self.assertIn("reset", self.message_of(answer))
            answer = self.call("res.users", "write", self.ann.ids, {"totp_secret": False})
            self.assertIn("error", answer)
            record = f"env['res.users'].sudo().browse({self.ann.id})"
            action = self.code_action(record + ".write({'totp_secret': False})")
            answer = self.call("ir.actions.server", "run", action.ids)
            self.assertIn("reset", self.message_of(answer))
        self.assertTrue(self.is_on(self.ann))
        dialog = self.press("res.users", "action_mfa_help", self.ann.ids)["result"]["res_id"]
        self.call(
            "res.users.mfa.help", "web_save", [dialog], {"choice": "reset", "reason": "x"}, {}
        )
        answer = self.press("res.users.mfa.help", "action_help", [dialog])
        self.assertTrue(answer["result"]["params"]["codes"], "with a help code for the way back")
        self.assertFalse(self.is_on(self.ann))

    def test_superuser_session_cannot_disable(self):
        self.sign_in(self.root, password_age=0, proof_age=0)
        self.url_open("/web/become")
        with mute_logger("odoo.http"):
            answer = self.call("res.users", "write", self.ann.ids, {"totp_secret": False})
        self.assertIn("error", answer)
        self.assertTrue(self.is_on(self.ann))

    def test_grace_and_optional_let_disable(self):
        for changes in ({"mfa_grace_days": 5}, {"mfa_policy_internal": OPTIONAL}):
            self.a.write(changes)
            self.ann._mfa_set_enabled(True)
            self.sign_in(self.ann, password_age=0, proof_age=0)
            answer = self.press("res.users", "action_totp_disable", self.ann.ids)
            self.assertNotIn("error", answer)
            self.assertFalse(self.is_on(self.ann))

    def test_page_says_who_requires_it(self):
        self.sign_in(self.ann, password_age=0, proof_age=0)
        spec = {"mfa_app_required_by": {}}
        [row] = self.call("res.users", "web_read", self.ann.ids, spec)["result"]
        self.assertEqual(row["mfa_app_required_by"], "MFA A")
        self.a.mfa_policy_internal = BY_MAIL
        [row] = self.call("res.users", "web_read", self.ann.ids, spec)["result"]
        self.assertFalse(row["mfa_app_required_by"])
        self.assertFalse(self.env["res.users"].new({}).mfa_app_required_by, "a form of nobody yet")

    def test_page_says_what_is_asked_without_an_app(self):
        self.ann._mfa_disable()
        self.sign_in(self.ann, password_age=0, proof_age=0)
        spec = {"mfa_code_by_mail": {}, "mfa_app_required_from": {}}
        self.a.mfa_grace_days = 5
        [row] = self.call("res.users", "web_read", self.ann.ids, spec)["result"]
        self.assertFalse(row["mfa_code_by_mail"])
        self.assertTrue(row["mfa_app_required_from"])
        self.a.mfa_policy_internal = BY_MAIL
        [row] = self.call("res.users", "web_read", self.ann.ids, spec)["result"]
        self.assertTrue(row["mfa_code_by_mail"])
        self.assertFalse(row["mfa_app_required_from"])
        self.ann._mfa_set_enabled(True)
        self.sign_in(self.ann, password_age=0, proof_age=0)
        [row] = self.call("res.users", "web_read", self.ann.ids, spec)["result"]
        self.assertFalse(row["mfa_code_by_mail"])

    def test_replace_the_app(self):
        self.env["res.users.authenticator"]._enrol(self.ann, "Tablet", OTHER_SECRET)
        self.sign_in(self.ann, password_age=0, proof_age=0)
        action = self.press("res.users", "action_mfa_replace_app", self.ann.ids)["result"]
        screen = action["res_id"]
        secret = self.secret_on(screen)
        with mute_logger("odoo.http"):
            self.fill(screen, name="New phone", confirmation_code=code_of(secret, 9))
            answer = self.press("res.users.authenticator.create", "action_create", [screen])
        self.assertIn("not right", self.message_of(answer))
        self.assertEqual(len(self.apps_of(self.ann)), 2, "the old ones work until then")
        self.confirm(screen, secret, self.ann, name="Phone")
        self.assertEqual(self.apps_of(self.ann), [("Phone", secret)])
        self.assertTrue(self.is_on(self.ann))
        self.assertLoggedIn(self.ann)

    def test_replace_cannot_be_forged(self):
        self.sign_in(self.ann, password_age=0, proof_age=0)
        screen = self.press("res.users", "action_totp_enable_wizard", self.ann.ids)["result"]
        with mute_logger("odoo.http"):
            self.assertIn("error", self.fill(screen["res_id"], replace=True))


@tagged("post_install", "-at_install")
class TestPolicyHooks(PolicyCase):
    def levels(self, company):
        return [company[f"mfa_policy_{name}"] for name in ("sensitive", "internal", "portal")]

    def test_core_policy_is_read_into_each_company(self):
        parameters = self.env["ir.config_parameter"]
        self.b.active = False
        for key, portal in (("all_required", BY_MAIL), ("employee_required", OPTIONAL)):
            everything = self.env["res.company"].with_context(active_test=False).search([])
            everything.write(dict.fromkeys(("mfa_policy_portal", "mfa_policy_internal"), OPTIONAL))
            parameters.set_param(CORE_KEY, key)
            with self.subTest(key=key):
                post_init_hook(self.env)
                self.assertFalse(parameters.get_param(CORE_KEY))
                for company in everything:
                    self.assertEqual(self.levels(company), [BY_MAIL, BY_MAIL, portal])

    def test_no_core_policy_no_policy(self):
        adopt_policy(self.env)
        self.assertEqual(self.levels(self.a), [OPTIONAL] * 3)

    def test_uninstall_hands_the_policy_back(self):
        parameters = self.env["ir.config_parameter"]
        for choice, before, after in (
            ({}, False, False),
            ({}, "employee_required", "employee_required"),
            ({"mfa_policy_internal": BY_MAIL}, False, "employee_required"),
            ({"mfa_policy_sensitive": BY_APP}, False, "employee_required"),
            ({"mfa_policy_internal": BY_APP}, "all_required", "all_required"),
            ({"mfa_policy_portal": BY_MAIL}, "employee_required", "all_required"),
        ):
            every = dict.fromkeys(
                ("mfa_policy_sensitive", "mfa_policy_internal", "mfa_policy_portal"), OPTIONAL
            )
            self.b.write(every | choice)
            parameters.set_param(CORE_KEY, before)
            with self.subTest(choice=choice, before=before):
                uninstall_hook(self.env)
                self.assertEqual(parameters.get_param(CORE_KEY), after)


@tagged("post_install", "-at_install")
class TestPolicyTours(TourCase):
    """What a person does, in a real browser."""

    def setUp(self):
        super().setUp()
        self.company = self.env["res.company"].create({"name": "MFA A"})
        (self.ann + self.bob + self.carl).write(
            {"company_ids": [Command.set(self.company.ids)], "company_id": self.company.id}
        )

    def test_administrator(self):
        """Set a policy, be kept from being locked out, exempt a user."""
        self.carl.group_ids += self.env.ref("base.group_system")
        self.run_tour("/odoo/settings", "mfa_admin_policy", "mfa_carl")
        policy = self.company._mfa_policy_values()
        self.assertEqual(
            [policy[f"mfa_policy_{name}"] for name in ("sensitive", "internal", "portal")],
            [OPTIONAL, BY_APP, BY_MAIL],
        )
        self.assertEqual(
            (policy["mfa_grace_days"], policy["mfa_api_networks"]), (14, "192.0.2.0/24")
        )
        self.assertEqual(self.bob.mfa_exempt_networks, "198.51.100.0/24")
        self.assertEqual(self.bob.mfa_exempt_reason, "Terminal")

    def test_replace_the_app(self):
        self.company.mfa_policy_internal = BY_APP
        self.run_tour("/odoo", "mfa_replace_app", "mfa_ann")
        self.assertEqual(self.ann.authenticator_ids.name, "New phone")
