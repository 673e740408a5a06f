from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET, SECRET, code_of
from .test_enrolment import APP, STALE, EnrolmentCase

MANAGER = "base.group_user,base.group_erp_manager"
MANAGER_WITH_MORE = MANAGER + ",base.group_partner_manager,base.group_allow_export"


@tagged("post_install", "-at_install")
class TestRank(EnrolmentCase):
    """Who may act on the factors of somebody else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = {"employee": cls.ann}
        for name, groups in (
            ("manager", MANAGER),
            ("equal manager", MANAGER),
            ("greater manager", MANAGER_WITH_MORE),
            ("system", "base.group_user,base.group_system"),
            ("other system", "base.group_user,base.group_system"),
            ("portal", "base.group_portal"),
        ):
            cls.people[name] = cls.new_person("mfa_" + name.replace(" ", "_"), groups)
        # As ``website`` does, which the administrators' own groups do not hold.
        of_module = cls.env["res.groups"].create({"name": "See published pages"})
        cls.env.ref("base.group_portal").implied_ids += of_module
        employee = cls.new_person("mfa_plain_employee")
        cls.people["plain employee"] = employee
        for name, user in cls.people.items():
            if name != "employee":
                cls.enrol(user, SECRET, "Phone")
            cls.enrol(user, OTHER_SECRET, "Tablet")
            cls.make_device(user)
        cls.env.flush_all()

    @classmethod
    def make_device(cls, user):
        cls.env["res.users.device"]._mfa_open_door().create(
            {
                "name": "Chrome on Linux",
                "user_id": user.id,
                "token_hash": f"hash of {user.login}",
                "expires_at": "2099-01-01 00:00:00",
            }
        )

    def buttons_on(self, user):
        """Return what an administrator may press on the form of ``user``."""
        return (
            (APP, "action_remove", user.authenticator_ids[:1].ids),
            ("res.users.device", "action_revoke", user.trusted_device_ids.ids),
            ("res.users", "revoke_all_devices", user.ids),
            ("res.users", "action_totp_disable", user.ids),
        )

    def state_of(self, user):
        self.env.invalidate_all()
        return self.is_on(user), self.apps_of(user), user.trusted_device_ids.ids

    def assertMayNot(self, actor, other, message=""):
        """Each button is refused, says so, changes nothing and sends no mail."""
        user = self.people[other]
        self.sign_in(self.people[actor], password_age=0, proof_age=0)
        before, mails = self.state_of(user), self.count("mail_mail")
        for button in self.buttons_on(user):
            with self.subTest(actor=actor, on=other, button=button[1]):
                with mute_logger("odoo.http", "odoo.models"):
                    answer = self.press(*button)
                self.assertIn(message, self.message_of(answer))
                self.assertEqual(self.state_of(user), before)
                self.assertEqual(self.count("mail_mail"), mails)

    def assertMay(self, actor, other):
        """Each button works, and each sends the person concerned one mail."""
        user = self.people[other]
        for number in range(4):
            self.restore(user)
            self.sign_in(self.people[actor], password_age=0, proof_age=0)
            button = self.buttons_on(user)[number]
            before = self.state_of(user)
            with self.subTest(actor=actor, on=other, button=button[1]), self.assertOneMail(user):
                self.assertNotIn("error", self.press(*button))
                self.assertNotEqual(self.state_of(user), before)
                self.assertLoggedIn(self.people[actor])

    def restore(self, user):
        user.authenticator_ids._mfa_open_door().unlink()
        user.trusted_device_ids._mfa_open_door().unlink()
        self.enrol(user, SECRET, "Phone")
        self.enrol(user, OTHER_SECRET, "Tablet")
        self.make_device(user)
        self.env.flush_all()

    # -- who ---------------------------------------------------------------------

    def test_employee_acts_on_nobody_else(self):
        for other in ("plain employee", "portal", "manager", "system"):
            self.assertMayNot("employee", other)

    def test_right_to_write_accounts_makes_no_administrator(self):
        """A module may give it, as to a help desk."""
        desk = self.env["res.groups"].create({"name": "Help desk"})
        self.env["ir.model.access"].create(
            {
                "name": "Help desk",
                "model_id": self.env["ir.model"]._get_id("res.users"),
                "group_id": desk.id,
                "perm_read": True,
                "perm_write": True,
            }
        )
        self.ann.group_ids += desk
        self.assertMayNot("employee", "plain employee")

    def test_portal_user_acts_on_nobody_else(self):
        for other in ("employee", "manager", "system"):
            self.assertMayNot("portal", other)

    def test_manager_acts_on_an_employee(self):
        self.assertMay("manager", "employee")

    def test_manager_acts_on_a_portal_user(self):
        self.assertMay("manager", "portal")

    def test_manager_acts_on_an_equal(self):
        self.assertMay("manager", "equal manager")

    def test_manager_acts_on_nobody_with_more_rights(self):
        self.assertMayNot("manager", "greater manager", "more access rights than you")

    def test_manager_acts_on_no_system_administrator(self):
        self.assertMayNot("manager", "system", "more access rights than you")

    def test_system_administrator_acts_on_all(self):
        for other in ("employee", "greater manager", "other system", "portal"):
            self.assertMay("system", other)

    def test_nobody_acts_on_the_superuser(self):
        self.sign_in(self.people["system"], password_age=0, proof_age=0)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "revoke_all_devices", [1])
        self.assertIn("more access rights than you", self.message_of(answer))

    def test_one_of_several_above_stops_all(self):
        users = self.people["employee"] + self.people["system"]
        before = [self.state_of(user) for user in users]
        self.sign_in(self.people["manager"], password_age=0, proof_age=0)
        for model, method, ids in (
            ("res.users", "action_totp_disable", users.ids),
            ("res.users", "revoke_all_devices", users.ids),
            ("res.users.device", "action_revoke", users.trusted_device_ids.ids),
            (APP, "action_remove", [user.authenticator_ids[0].id for user in users]),
        ):
            with self.subTest(method=method), mute_logger("odoo.http"):
                self.message_of(self.press(model, method, ids))
                self.assertEqual([self.state_of(user) for user in users], before)

    def test_several_within_the_rank(self):
        users = self.people["employee"] + self.people["plain employee"]
        self.sign_in(self.people["manager"], password_age=0, proof_age=0)
        self.press("res.users", "action_totp_disable", users.ids)
        self.env.invalidate_all()
        self.assertFalse(any(users.mapped("mfa_enabled")))

    # -- with what proof -----------------------------------------------------------

    def test_without_mfa_of_their_own(self):
        for actor in ("manager", "system"):
            self.people[actor]._mfa_disable()
            self.env.flush_all()
            self.sign_in(self.people[actor], password_age=0)
            before = self.state_of(self.ann)
            for button in self.buttons_on(self.ann):
                with self.subTest(actor=actor, button=button[1]), mute_logger("odoo.http"):
                    answer = self.press(*button)
                    message = "Enable two-factor authentication on your own account first"
                    self.assertIn(message, self.message_of(answer))
                    self.assertEqual(self.state_of(self.ann), before)

    def test_proof_from_before_disabling_does_not_count(self):
        """Whoever switches their own factor off has none to prove themselves with."""
        actor = self.people["manager"]
        self.sign_in(actor, password_age=0, proof_age=0)
        self.press("res.users", "action_totp_disable", actor.ids)
        before = self.state_of(self.ann)
        with mute_logger("odoo.http"):
            answer = self.press("res.users", "action_totp_disable", self.ann.ids)
        self.message_of(answer)
        self.assertEqual(self.state_of(self.ann), before)

    def test_stale_proof_is_asked_anew(self):
        for ages in ({}, {"password_age": 0}, {"password_age": 0, "proof_age": STALE}):
            self.sign_in(self.people["manager"], **ages)
            before = self.state_of(self.ann)
            for button in self.buttons_on(self.ann):
                with self.subTest(ages=ages, button=button[1]):
                    answer = self.press(*button)
                    self.assertTrue(self.is_identity_check(answer))
                    self.assertEqual(self.state_of(self.ann), before)

    def test_identity_check_of_an_administrator(self):
        actor = self.people["manager"]
        self.sign_in(actor)
        answer = self.press("res.users", "action_totp_disable", self.ann.ids)
        with mute_logger("odoo.http"):
            self.message_of(self.identify(answer, actor))
        self.assertTrue(self.is_on(self.ann))
        self.assertNotIn("error", self.identify(answer, actor, code_of(SECRET)))
        self.assertFalse(self.is_on(self.ann))

    def test_code_of_the_other_user_proves_nothing(self):
        actor = self.people["manager"]
        actor.authenticator_ids[0]._mfa_open_door().unlink()
        self.env.flush_all()
        self.sign_in(actor)
        answer = self.press("res.users", "action_totp_disable", self.ann.ids)
        with mute_logger("odoo.http"):
            self.message_of(self.identify(answer, actor, code_of(SECRET)))
        self.assertTrue(self.is_on(self.ann))

    # -- what nobody may -----------------------------------------------------------

    def test_sessions_of_the_person_end(self):
        self.sign_in(self.ann)
        session = self.opener.cookies["session_id"]
        self.session = None
        self.sign_in(self.people["system"], password_age=0, proof_age=0)
        self.press("res.users", "action_totp_disable", self.ann.ids)
        self.assertLoggedIn(self.people["system"])
        self.opener.cookies.clear()
        self.set_cookie("session_id", session)
        self.assertLoggedOut()

    def test_last_app_of_somebody_else_stays(self):
        self.ann.authenticator_ids[0]._mfa_open_door().unlink()
        self.env.flush_all()
        self.sign_in(self.people["system"], password_age=0, proof_age=0)
        with mute_logger("odoo.http"):
            answer = self.press(APP, "action_remove", self.ann.authenticator_ids.ids)
        self.assertIn("last app", self.message_of(answer))
        self.assertEqual(len(self.apps_of(self.ann)), 1)

    def test_nobody_renames_enables_or_enrols_for_another(self):
        app = self.ann.authenticator_ids[:1]
        for actor in ("plain employee", "portal", "manager", "system"):
            self.sign_in(self.people[actor], password_age=0, proof_age=0)
            before = self.state_of(self.ann)
            for model, method, ids in (
                (APP, "action_rename", app.ids),
                ("res.users", "action_totp_enable_wizard", self.ann.ids),
                ("res.users", "action_mfa_enable", self.ann.ids),
            ):
                with self.subTest(actor=actor, method=method), mute_logger("odoo.http"):
                    self.message_of(self.press(model, method, ids))
                    self.assertEqual(self.state_of(self.ann), before)
