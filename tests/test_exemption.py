from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.mfa_policy import BY_APP, OPTIONAL
from .common import OTHER_SECRET, code_of
from .test_enrolment import ENROLMENT
from .test_policy import PolicyCase
from .test_rank import MANAGER

DIALOG = "res.users.mfa.exemption"
HERE = "127.0.0.0/8"
ELSEWHERE = "192.0.2.0/24"
REASON = "terminal in the warehouse"


class ExemptionCase(PolicyCase):
    """``mfa_boss`` administers access rights with MFA on; ``mfa_bob`` is a terminal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls.new_person("mfa_boss", MANAGER)
        cls.enrol(cls.boss, OTHER_SECRET)

    def setUp(self):
        super().setUp()
        self.put_into(self.bob + self.boss + self.root + self.ann, self.a)
        self.sign_in(self.boss, password_age=0, proof_age=0)

    def open_dialog(self, user):
        answer = self.press("res.users", "action_mfa_exemption", user.ids)
        self.assertEqual(answer["result"]["res_model"], DIALOG, answer)
        return answer["result"]["res_id"]

    def save(self, dialog, **values):
        answer = self.call(DIALOG, "web_save", [dialog], values, {"person": {}})
        if "error" in answer:
            return answer
        answer = self.press(DIALOG, "action_save", [dialog])
        self.env.invalidate_all()
        return answer

    def set_networks(self, user=None, **values):
        """Open the dialog, fill it in, save; return the answer."""
        return self.save(self.open_dialog(user or self.bob), **values)

    def exempt(self, user=None, listed=HERE, **values):
        values = {"exempt": True, "reason": REASON, "exempt_networks": listed} | values
        return self.set_networks(user, **values)

    def lines_of(self, user, *kinds):
        self.env.cr.execute(
            """SELECT kind, actor_login, subject, note FROM res_users_mfa_event
                WHERE user_id = %s AND kind = ANY(%s) ORDER BY id""",
            [user.id, list(kinds)],
        )
        return self.env.cr.fetchall()


@tagged("post_install", "-at_install")
class TestExemption(ExemptionCase):
    """The dialog, called as the web client calls it."""

    def test_exempt_and_end(self):
        """The mails are in the person's language, the trail is not."""
        self.a.mfa_policy_internal = BY_APP
        self.bob.lang = self.env["res.lang"]._activate_lang("fr_FR") and "fr_FR"
        with self.assertOneMail(self.bob, "exemption de l'authentification"):
            answer = self.exempt(listed=f"{HERE}\n2001:db8::/32")
        self.assertNotIn("error", answer)
        self.assertTrue(self.bob.mfa_exempt)
        self.assertEqual(self.bob.mfa_exempt_networks, f"{HERE}\n2001:db8::/32")
        self.assertEqual(self.level_of(self.bob), OPTIONAL)
        with self.assertOneMail(self.bob, "fin de l'exemption"):
            self.assertNotIn("error", self.set_networks(exempt=False))
        self.assertFalse(self.bob.mfa_exempt)
        self.assertFalse(self.bob.mfa_exempt_networks or self.bob.mfa_exempt_reason)
        self.assertEqual(self.level_of(self.bob), BY_APP)
        where = f"{HERE}, 2001:db8::/32"
        self.assertEqual(
            self.lines_of(self.bob, "exempted", "exemption_removed"),
            [
                ("exempted", "mfa_boss", where, REASON),
                ("exemption_removed", "mfa_boss", where, None),
            ],
        )

    def test_dialog_shows_what_holds_and_the_address(self):
        self.exempt(api_networks="10.0.0.0/8")
        shown = ("person", "exempt", "reason", "exempt_networks", "api_networks", "address")
        spec = {name: {} for name in shown}
        [row] = self.call(DIALOG, "web_read", [self.open_dialog(self.bob)], spec)["result"]
        self.assertIn("mfa_bob", row["person"])
        self.assertIn("127.0.0.1", row["address"])
        self.assertEqual(
            (row["exempt"], row["reason"], row["exempt_networks"], row["api_networks"]),
            (True, REASON, HERE, "10.0.0.0/8"),
        )

    def test_saving_as_it_is_changes_nothing(self):
        self.exempt()
        mails = self.env["mail.mail"].search_count([])
        self.env.cr.execute("SELECT max(id) FROM res_users_mfa_event")
        before = self.env.cr.fetchone()
        self.assertNotIn("error", self.set_networks())
        self.env.cr.execute("SELECT max(id) FROM res_users_mfa_event")
        self.assertEqual(self.env.cr.fetchone(), before)
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)

    def test_api_networks(self):
        with self.assertOneMail(self.bob, "API"):
            self.assertNotIn("error", self.set_networks(api_networks="10.0.0.0/8 192.0.2.0/24"))
        self.assertEqual(self.bob.mfa_api_networks, "10.0.0.0/8\n192.0.2.0/24")
        self.assertFalse(self.bob.mfa_exempt)
        self.assertIn(
            ("mfa_bob: Networks that may call the API", "anywhere → 10.0.0.0/8, 192.0.2.0/24"),
            self.settings_lines(),
        )

    def test_bad_input_is_refused(self):
        self.a.mfa_api_networks = "10.0.0.0/8"
        for values, text in (
            ({"reason": " "}, "Enter the reason"),
            ({"exempt_networks": ""}, "Enter the networks"),
            ({"exempt_networks": "10.0.0.0/8\n10.0.0.1/8"}, "“Only from these networks”, line 2:"),
            ({"exempt_networks": "0.0.0.0/0"}, "whole internet"),
            ({"exempt_networks": "::/0"}, "whole internet"),
            ({"exempt_networks": "0.0.0.0/1\n128.0.0.0/1"}, "whole internet"),
            ({"exempt_networks": "::ffff:0:0/96"}, "whole internet"),
            (
                {"exempt_networks": "10.0.0.0/8", "api_networks": "nowhere"},
                "call the API”, line 1:",
            ),
            ({"api_networks": "10.1.0.0/16\n192.0.2.0/24"}, "192.0.2.0/24 is outside"),
            ({"api_networks": "2001:db8::/32"}, "2001:db8::/32 is outside"),
            ({"exempt_networks": "x" * 5000}, "at most 4096"),
            ({"reason": "two\nlines"}, "one line"),
        ):
            with self.subTest(values=values), mute_logger("odoo.http"):
                self.assertIn(text, self.message_of(self.exempt(**values)))
                self.env.invalidate_all()
                self.assertFalse(self.bob.mfa_exempt_networks or self.bob.mfa_api_networks)
        self.assertEqual(self.lines_of(self.bob, "exempted"), [])

    def test_who_cannot_be_exempt(self):
        clerk = self.new_person("mfa_clerk")
        self.put_into(clerk, self.a)
        group = self.env["res.groups"].create({"name": "Treasure", "user_ids": clerk.ids})
        group.mfa_sensitive = True
        with mute_logger("odoo.http"):
            self.assertIn("Reset them first", self.message_of(self.exempt(self.ann)))
            group.user_ids += self.boss
            self.assertIn("sensitive group", self.message_of(self.exempt(clerk)))
        self.assertFalse(clerk.mfa_exempt_networks or self.ann.mfa_exempt_networks)

    def test_who_may_not_do_it(self):
        for actor, user in ((self.boss, self.boss), (self.boss, self.root), (self.bob, self.ann)):
            self.sign_in(actor, password_age=0, proof_age=0)
            with self.subTest(actor=actor.login), mute_logger("odoo.http", "odoo.models"):
                answer = self.press("res.users", "action_mfa_exemption", user.ids)
                self.assertIn("error", answer)
        self.sign_in(self.boss, password_age=0)
        answer = self.press("res.users", "action_mfa_exemption", self.bob.ids)
        self.assertTrue(self.is_identity_check(answer), "a fresh proof is asked for")

    def test_rank_is_checked_again(self):
        dialog = self.open_dialog(self.bob)
        values = {"exempt": True, "reason": REASON, "exempt_networks": HERE}
        self.env["res.users"].browse(self.bob.id).group_ids += self.env.ref("base.group_system")
        self.env.flush_all()
        with mute_logger("odoo.http"):
            self.assertIn("more access rights", self.message_of(self.save(dialog, **values)))

    def test_fields_are_not_written_directly(self):
        with mute_logger("odoo.http"):
            for name in ("mfa_exempt_networks", "mfa_exempt_reason", "mfa_api_networks"):
                answer = self.call("res.users", "write", self.bob.ids, {name: HERE})
                self.assertIn("error", answer)
                dialog = self.open_dialog(self.bob)
                answer = self.call(DIALOG, "web_save", [dialog], {"user_id": self.ann.id}, {})
                self.assertIn("error", answer)

    def test_what_becomes_void(self):
        codes = self.env["res.users.recovery.code"]
        self.bob._mfa_make_recovery_codes()
        self.bob._mfa_make_help_code("x")
        self.env["res.users.device"]._mfa_open_door().create(
            {
                "user_id": self.bob.id,
                "name": "Terminal",
                "token_hash": "x",
                "expires_at": fields.Datetime.now() + timedelta(days=9),
            }
        )
        self.assertNotIn("error", self.exempt())
        self.assertFalse(self.bob.trusted_device_ids)
        self.assertFalse(codes.search([("user_id", "=", self.bob.id)]))
        helps = self.env["res.users.help.code"].sudo()
        self.assertFalse(helps.search([("user_id", "=", self.bob.id)]))

    def test_open_session_elsewhere_ends(self):
        self.new_browser()
        self.post_password(self.bob)
        self.assertLoggedIn(self.bob)
        session = self.opener.cookies["session_id"]
        self.sign_in(self.boss, password_age=0, proof_age=0)
        self.exempt(listed=ELSEWHERE)
        self.new_browser()
        self.opener.cookies.clear()
        self.set_cookie("session_id", session)
        with mute_logger("odoo.http"):
            answer = self.call("res.users", "context_get")
        self.assertIn("SessionExpired", answer["error"]["data"]["name"])


@tagged("post_install", "-at_install")
class TestExemptAccount(ExemptionCase):
    """What an exempt account is told, and cannot do."""

    def setUp(self):
        super().setUp()
        self.exempt()
        self.go_on_as_bob()

    def go_on_as_bob(self):
        self.new_browser()
        self.post_password(self.bob)

    def test_no_app(self):
        with mute_logger("odoo.http"):
            for button in (
                "action_totp_enable_wizard",
                "action_mfa_replace_app",
                "action_mfa_add_app",
                "action_mfa_enable",
            ):
                answer = self.press("res.users", button, self.bob.ids, self.bob)
                self.assertIn("its networks protect it", self.message_of(answer))
        bob = self.bob.with_user(self.bob)
        with self.assertRaisesRegex(UserError, "its networks protect it"):
            bob._totp_try_setting(OTHER_SECRET, int(code_of(OTHER_SECRET)))
        with self.assertRaisesRegex(UserError, "its networks protect it"):
            self.bob.totp_secret = OTHER_SECRET
        self.assertFalse(self.is_on(self.bob) or self.apps_of(self.bob))

    def test_no_app_on_a_screen_opened_before(self):
        self.sign_in(self.boss, password_age=0, proof_age=0)
        self.set_networks(exempt=False)
        self.go_on_as_bob()
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.bob._mfa_exempt_from_now(REASON, HERE)
        with mute_logger("odoo.http"):
            answer = self.confirm(screen, secret, self.bob)
        self.assertIn("its networks protect it", self.message_of(answer))
        self.assertFalse(self.apps_of(self.bob))
        self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.UserError")
        self.assertEqual(self.count(ENROLMENT.replace(".", "_")), 1)

    def test_no_passkey(self):
        if "auth_passkey_key_ids" not in self.bob._fields:
            self.skipTest("auth_passkey is not installed")
        values = {"name": "Thief", "credential_identifier": "x"}
        with self.assertRaisesRegex(UserError, "its networks protect it"):
            self.bob.with_user(self.bob).sudo().auth_passkey_key_ids = [Command.create(values)]

    def test_preferences_say_so(self):
        spec = {"mfa_exempt": {}, "mfa_app_required_by": {}}
        [row] = self.call("res.users", "web_read", self.bob.ids, spec)["result"]
        self.assertTrue(row["mfa_exempt"])
        self.assertFalse(row["mfa_app_required_by"])
        with mute_logger("odoo.http", "odoo.models"):
            answer = self.call("res.users", "read", self.bob.ids, ["mfa_exempt_networks"])
        self.assertIn("error", answer, "where it may be used from is the administrators' business")

    def test_sensitive_member_is_not_exempt(self):
        self.a.mfa_policy_sensitive = BY_APP
        group = self.env["res.groups"].create({"name": "Treasure", "mfa_sensitive": True})
        group.user_ids += self.bob
        self.env.invalidate_all()
        self.assertFalse(self.bob.mfa_exempt)
        self.assertTrue(self.bob.mfa_exempt_in_vain)
        self.assertEqual(self.bob._mfa_app_required_by(), "MFA A")
        self.assertTrue(self.bob._mfa_rules().exempt_networks, "its networks bind it still")

    def test_filter(self):
        exempt = self.env["res.users"].search([("mfa_exempt_networks", "!=", False)])
        self.assertEqual(exempt & (self.bob + self.ann), self.bob)
