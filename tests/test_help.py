from datetime import timedelta
from functools import partial

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET, SECRET, code_of
from .test_enrolment import EnrolmentCase
from .test_rank import MANAGER

DIALOG = "res.users.mfa.help"
REASON = "lost her phone"
POLICY = "auth_totp.policy"


class HelpCase(EnrolmentCase):
    """``mfa_boss`` administers access rights, ``mfa_root`` everything; both have MFA on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls.new_person("mfa_boss", MANAGER)
        cls.root = cls.new_person("mfa_root", "base.group_user,base.group_system")
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")
        for user in (cls.boss, cls.root):
            cls.enrol(user, OTHER_SECRET)
        cls.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")
        cls.env.flush_all()

    def setUp(self):
        super().setUp()
        self.act_as(self.boss)

    def act_as(self, user):
        """Let ``user`` have just proven the second factor."""
        self.sign_in(user, password_age=0, proof_age=0)

    # -- the dialog, as the web client works it --------------------------------------

    def open_dialog(self, users):
        answer = self.press("res.users", "action_mfa_help", users.ids)
        self.assertEqual(answer["result"]["res_model"], DIALOG, answer)
        return answer["result"]["res_id"]

    def fill(self, dialog, **values):
        answer = self.call(DIALOG, "web_save", [dialog], values, {"people": {}})
        self.assertNotIn("error", answer)

    def confirm(self, users, **values):
        """Open the dialog, fill it in and press its button; return the answer."""
        dialog = self.open_dialog(users)
        self.fill(dialog, **({"reason": REASON} | values))
        return self.press(DIALOG, "action_help", [dialog])

    def make_codes(self, users, **values):
        """Return the help codes that the screen shows, by login."""
        action = self.confirm(users, **values)["result"]
        self.assertEqual(action["tag"], "mfa_help_codes")
        return {sheet["login"]: sheet["code"] for sheet in action["params"]["codes"]}

    def make_code(self, user=None):
        user = user or self.ann
        return self.make_codes(user)[user.login]

    def reset(self, users, **values):
        answer = self.confirm(users, choice="reset", **values)
        self.assertNotIn("error", answer)
        return answer["result"]

    # -- what there is ----------------------------------------------------------------

    def state_of(self, user):
        self.env.invalidate_all()
        return (
            self.is_on(user),
            self.apps_of(user),
            user.trusted_device_ids.ids,
            user.recovery_codes_left,
            self.help_codes_of(user),
        )

    def help_codes_of(self, user):
        self.env.cr.execute(
            "SELECT code_hash FROM res_users_help_code WHERE user_id = %s", [user.id]
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def trail_of(self, user, kind):
        """Return actor, actor's login and note of each such line."""
        self.env.cr.execute(
            """SELECT actor_id, actor_login, note FROM res_users_mfa_event
                WHERE user_id = %s AND kind = %s ORDER BY id""",
            [user.id, kind],
        )
        return self.env.cr.fetchall()

    def give_help_code(self, user, code):
        """Log in with the password and ``code``; the page after it is not asked for."""
        self.new_browser()
        page = self.post_password(user)
        return self.url_open(
            "/web/login/totp",
            data={"totp_token": code, "csrf_token": self.csrf_of(page)},
            allow_redirects=False,
        )

    def assertRefused(self, answer, *texts):
        message = self.message_of(answer)
        for text in texts:
            self.assertIn(text, message)

    def assertCodeRefused(self, user, code):
        page = self.give_help_code(user, code)
        self.assertIn("This code is not valid", page.text)
        self.assertLoggedOut()


@tagged("post_install", "-at_install")
class TestHelpCode(HelpCase):
    """A one-time help code, from the dialog to the login."""

    def test_dialog_names_the_people(self):
        dialog = self.open_dialog(self.ann + self.bob)
        [values] = self.call(DIALOG, "web_read", [dialog], {"people": {}, "choice": {}})["result"]
        self.assertIn("(mfa_ann)", values["people"])
        self.assertIn("(mfa_bob)", values["people"])
        self.assertEqual(values["choice"], "code")

    def test_code_opens_the_account_once(self):
        code = self.make_code()
        answer = self.give_help_code(self.ann, code)
        self.assertEqual(answer.status_code, 303)
        self.assertIn("/web/login/totp/setup", answer.headers["Location"])
        self.assertLoggedIn(self.ann)
        self.assertEqual(len(self.apps_of(self.ann)), 1, "what she has stays as it is")
        self.assertCodeRefused(self.ann, code)

    def test_code_as_people_type_it(self):
        for typed in (str.upper, lambda code: f" {code.replace('-', ' ')} "):
            self.act_as(self.boss)
            self.give_help_code(self.ann, typed(self.make_code()))
            self.assertLoggedIn(self.ann)

    def test_code_expires(self):
        start = fields.Datetime.now()
        with freeze_time(start):
            early, late = self.make_code(), None
        with freeze_time(start + timedelta(minutes=59)):
            self.give_help_code(self.ann, early)
            self.assertLoggedIn(self.ann)
        with freeze_time(start):
            self.act_as(self.boss)
            late = self.make_code()
        with freeze_time(start + timedelta(minutes=60)):
            self.assertCodeRefused(self.ann, late)

    def test_age_is_a_setting(self):
        self.env["ir.config_parameter"].set_param("auth_totp.help_code_age", "5")
        start = fields.Datetime.now()
        with freeze_time(start):
            action = self.confirm(self.ann)["result"]
            code = action["params"]["codes"][0]["code"]
        until = fields.Datetime.to_datetime(action["params"]["codes"][0]["valid_until"])
        self.assertEqual(until, start + timedelta(minutes=5))
        with freeze_time(start + timedelta(minutes=5)):
            self.assertCodeRefused(self.ann, code)

    def test_second_code_voids_the_first(self):
        first, second = self.make_code(), self.make_code()
        self.assertCodeRefused(self.ann, first)
        self.give_help_code(self.ann, second)
        self.assertLoggedIn(self.ann)

    def test_two_users_each_with_a_code_of_their_own(self):
        self.enrol(self.bob, SECRET)
        codes = self.make_codes(self.ann + self.bob)
        self.assertEqual(set(codes), {"mfa_ann", "mfa_bob"})
        self.assertCodeRefused(self.ann, codes["mfa_bob"])
        self.give_help_code(self.ann, codes["mfa_ann"])
        self.assertLoggedIn(self.ann)
        self.give_help_code(self.bob, codes["mfa_bob"])
        self.assertLoggedIn(self.bob)

    def test_code_is_no_proof_in_a_session(self):
        code = self.make_code()
        self.sign_in(self.ann)
        answer = self.call("res.users", "action_totp_disable", self.ann.ids)
        with mute_logger("odoo.http"):
            self.assertRefused(self.identify(answer, self.ann, code), "six digits")
        self.assertTrue(self.is_on(self.ann))

    def test_guesses_are_counted(self):
        """Of 50 guesses five are compared; the owner's app goes on working."""
        code = self.make_code()
        self.new_browser()
        page = self.post_password(self.ann)
        for number in range(50):
            guess = f"{number:04}-0000-0000"
            page = self.url_open(
                "/web/login/totp",
                data={"totp_token": guess, "csrf_token": self.csrf_of(page)},
            )
        self.assertIn("Too many wrong codes", page.text)
        self.assertEqual(len(self.trail_of(self.ann, "code_refused")), 5)
        answer = self.give_help_code(self.ann, code)
        self.assertIn("Too many wrong codes", answer.text)
        self.log_in(self.ann)
        self.assertLoggedIn(self.ann)

    def test_new_code_forgets_guesses_at_the_last(self):
        self.make_code()
        for _number in range(6):
            self.give_help_code(self.ann, "0000-0000-0000")
        self.act_as(self.boss)
        self.give_help_code(self.ann, self.make_code())
        self.assertLoggedIn(self.ann)

    def test_past_the_code_by_mail(self):
        """Where a policy of Odoo's own asks for a code by mail, a help code replaces it."""
        self.env["ir.config_parameter"].set_param(POLICY, "all_required")
        self.assertEqual(self.bob._mfa_type(), "totp_mail")
        self.give_help_code(self.bob, self.make_code(self.bob))
        self.assertLoggedIn(self.bob)

    def test_nothing_to_replace(self):
        with mute_logger("odoo.http"):
            answer = self.confirm(self.ann + self.bob)
        self.assertRefused(answer, "password alone", self.bob.name)
        self.assertNotIn(self.ann.name, self.message_of(answer))
        self.assertFalse(self.help_codes_of(self.ann))
        self.assertFalse(self.trail_of(self.ann, "help_made"))

    def test_archived_user(self):
        self.ann.active = False
        with mute_logger("odoo.http"):
            self.assertRefused(self.confirm(self.ann), "Unarchive", self.ann.name)
        self.assertFalse(self.help_codes_of(self.ann))

    def test_code_is_stored_nowhere(self):
        """Neither in the database nor in the session nor in a log: only its hash."""
        with self.assertLogs("odoo", "DEBUG") as logs:
            code = self.make_code()
        plain = code.replace("-", "")
        self.assertTrue(self.help_codes_of(self.ann))
        self.env.cr.execute(
            """SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name ~ '^(res_users|mail_|ir_logging)'
                  AND data_type IN ('character varying', 'text', 'jsonb')"""
        )
        for table, column in self.env.cr.fetchall():
            self.env.cr.execute(
                f'SELECT count(*) FROM "{table}" WHERE "{column}"::text ~ %s', [f"{code}|{plain}"]
            )
            self.assertEqual(self.env.cr.fetchone()[0], 0, f"{table}.{column}")
        self.assertNotRegex("\n".join(logs.output), f"{code}|{plain}")
        self.assertFalse(self.env[DIALOG].search([]))

    def test_trail_and_mails(self):
        """The mails are in the person's language, the trail is not."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.ann.lang = "fr_FR"
        with self.assertOneMail(self.ann, "code d'aide généré"):
            code = self.make_code()
        self.assertEqual(self.trail_of(self.ann, "help_made"), [(self.boss.id, "mfa_boss", REASON)])
        mails = self.env["mail.mail"].sudo().search([])
        self.give_help_code(self.ann, code)
        self.env.invalidate_all()
        new = self.env["mail.mail"].sudo().search([]) - mails
        self.assertIn("code d'aide utilisé", "".join(new.mapped("subject")))
        self.assertEqual(self.trail_of(self.ann, "help_used"), [(self.ann.id, "mfa_ann", None)])


@tagged("post_install", "-at_install")
class TestReset(HelpCase):
    """A reset, from the dialog to the person's next login."""

    def setUp(self):
        super().setUp()
        self.ann._mfa_make_recovery_codes()
        self.env["res.users.device"]._mfa_open_door().create(
            {
                "name": "Chrome on Linux",
                "user_id": self.ann.id,
                "token_hash": "hash",
                "expires_at": "2099-01-01 00:00:00",
            }
        )
        self.key = (
            self.env["res.users.apikeys"].with_user(self.ann).sudo()._generate("rpc", "x", None)
        )
        self.env.flush_all()

    def keys_of(self, user):
        return self.env["res.users.apikeys"].search_count([("user_id", "=", user.id)])

    def test_removes_all(self):
        with self.assertOneMail(self.ann, "Authentication Reset"):
            action = self.reset(self.ann)
        self.assertEqual(action["tag"], "display_notification")
        self.assertIn(self.ann.name, action["params"]["message"])
        self.assertEqual(self.state_of(self.ann), (False, [], [], 0, []))
        self.assertFalse(self.keys_of(self.ann))
        self.assertEqual(self.trail_of(self.ann, "reset"), [(self.boss.id, "mfa_boss", REASON)])
        self.new_browser()
        self.post_password(self.ann)
        self.assertLoggedIn(self.ann)

    def test_voids_a_help_code(self):
        self.make_code()
        self.reset(self.ann)
        self.assertFalse(self.help_codes_of(self.ann))

    def test_keeps_api_keys_when_unticked(self):
        self.reset(self.ann, remove_api_keys=False)
        self.assertEqual(self.keys_of(self.ann), 1)

    def test_passkeys(self):
        """Removed, and kept when unticked; the tick is shown only where there are any."""
        installed = "auth_passkey_key_ids" in self.env["res.users"]._fields
        dialog = self.open_dialog(self.ann)
        [values] = self.call(DIALOG, "web_read", [dialog], {"has_passkeys": {}})["result"]
        self.assertEqual(values["has_passkeys"], installed)
        if not installed:
            return
        for tick in (False, True):
            passkey = self.make_passkey()
            self.act_as(self.boss)
            self.reset(self.ann, remove_passkeys=tick)
            self.assertEqual(bool(passkey.exists()), not tick)

    def make_passkey(self):
        values = {"name": "Key", "credential_identifier": f"id {self.count('auth_passkey_key')}"}
        passkey = self.env["auth.passkey.key"].with_user(self.ann).sudo().create(values)
        self.env.flush_all()
        return passkey

    def test_sessions_end_and_ones_own_goes_on(self):
        self.sign_in(self.ann)
        session = self.opener.cookies["session_id"]
        self.session = None
        self.act_as(self.boss)
        self.reset(self.ann)
        self.assertLoggedIn(self.boss)
        self.opener.cookies.clear()
        self.set_cookie("session_id", session)
        self.assertLoggedOut()

    def test_with_a_help_code_where_a_policy_asks(self):
        self.act_as(self.root)
        self.env["ir.config_parameter"].set_param(POLICY, "employee_required")
        action = self.reset(self.ann + self.portal)
        self.assertEqual(action["tag"], "mfa_help_codes")
        [sheet] = action["params"]["codes"]
        self.assertEqual((sheet["login"], sheet["name"]), ("mfa_ann", self.ann.name))
        self.assertIn(self.portal.name, action["params"]["message"])
        self.assertEqual(self.trail_of(self.ann, "help_made")[0][2], REASON)
        self.give_help_code(self.ann, sheet["code"])
        self.assertLoggedIn(self.ann)

    def test_two_users(self):
        self.enrol(self.bob, SECRET)
        self.reset(self.ann + self.bob)
        self.assertFalse(self.is_on(self.ann) or self.is_on(self.bob))

    def test_archived_user(self):
        """An archived account is reset; no code is made, since nobody can log in."""
        self.ann.active = False
        self.env["ir.config_parameter"].set_param(POLICY, "all_required")
        self.reset(self.ann)
        self.assertEqual(self.state_of(self.ann), (False, [], [], 0, []))

    def test_mail_in_the_users_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        module = self.env["ir.module.module"].search([("name", "=", "mail")])
        module._update_translations(["fr_FR"])
        self.ann.lang = "fr_FR"
        mails = self.env["mail.mail"].sudo().search([])
        self.reset(self.ann)
        self.env.invalidate_all()
        new = self.env["mail.mail"].sudo().search([]) - mails
        self.assertIn("Compte", new.body_html, "core's layout, in French")


@tagged("post_install", "-at_install")
class TestHelpRefused(HelpCase):
    """Who may not help, and what cannot be forged."""

    CHOICES = ({"choice": "code"}, {"choice": "reset"})

    def assertNothingHappens(self, users, action, *texts):
        """``action`` is refused, saying ``texts``, and changes none of ``users``."""
        before = [self.state_of(user) for user in users]
        mails = self.count("mail_mail")
        with mute_logger("odoo.http", "odoo.models", "odoo.addons.base.models.ir_rule"):
            self.assertRefused(action(), *texts)
        self.assertEqual([self.state_of(user) for user in users], before)
        self.assertEqual(self.count("mail_mail"), mails)

    def opening(self, users):
        return partial(self.press, "res.users", "action_mfa_help", users.ids)

    def test_without_rank(self):
        for actor in (self.bob, self.portal):
            self.act_as(actor)
            for other in (self.ann, self.boss, self.root):
                with self.subTest(actor=actor.login, other=other.login):
                    self.assertNothingHappens(other, self.opening(other), "administrator")

    def test_above_ones_rank(self):
        users = self.ann + self.root
        self.assertNothingHappens(
            users, self.opening(users), "more access rights than you", self.root.name
        )
        self.act_as(self.root)
        self.open_dialog(self.ann + self.boss)

    def test_without_mfa(self):
        self.boss._mfa_disable()
        self.env.flush_all()
        self.act_as(self.boss)
        self.sign_in(self.boss, password_age=0)
        self.assertNothingHappens(
            self.ann, self.opening(self.ann), "Enable two-factor authentication on your own"
        )

    def test_stale_proof_is_asked_anew(self):
        dialog = self.open_dialog(self.ann)
        self.fill(dialog, reason=REASON, choice="reset")
        self.sign_in(self.boss, password_age=0, proof_age=601)
        for button in (
            ("res.users", "action_mfa_help", self.ann.ids),
            (DIALOG, "action_help", [dialog]),
        ):
            self.assertTrue(self.is_identity_check(self.press(*button)))
        answer = self.press(DIALOG, "action_help", [dialog])
        with mute_logger("odoo.http"):
            self.message_of(self.identify(answer, self.boss))
        self.assertTrue(self.is_on(self.ann))
        self.assertNotIn("error", self.identify(answer, self.boss, code_of(OTHER_SECRET)))
        self.assertFalse(self.is_on(self.ann))

    def test_oneself(self):
        for actor, users in (
            (self.boss, self.boss),
            (self.boss, self.ann + self.boss),
            (self.bob, self.bob),
        ):
            self.act_as(actor)
            self.assertNothingHappens(users, self.opening(users), "Preferences ▸ Security")

    def test_nobody_and_nothing_there(self):
        for actor in (self.boss, self.bob):
            self.act_as(actor)
            for ids in ([], [2**31 - 1]):
                with mute_logger("odoo.http", "odoo.models"):
                    self.message_of(self.press("res.users", "action_mfa_help", ids))

    def test_superuser_session(self):
        """Who became the superuser has no second factor, and is refused as elsewhere."""
        self.act_as(self.root)
        self.url_open("/web/become")
        self.assertEqual(self.session_uid(), 1)
        self.assertNothingHappens(self.ann, self.opening(self.ann), "Log in as yourself")

    def test_every_public_method_by_rpc(self):
        """Neither employee nor portal user gets anywhere with somebody else's dialog."""
        dialog = self.open_dialog(self.ann)
        self.fill(dialog, reason=REASON, choice="reset")
        calls = (
            ("action_help", [[dialog]]),
            ("read", [[dialog], ["people"]]),
            ("web_read", [[dialog], {"people": {}}]),
            ("search_read", [[], ["people"]]),
            ("write", [[dialog], {"reason": "x"}]),
            ("web_save", [[dialog], {"reason": "x"}, {}]),
            ("create", [{"reason": "x"}]),
            ("web_save", [[], {"reason": "x"}, {}]),
            ("unlink", [[dialog]]),
            ("copy", [[dialog]]),
            ("onchange", [[], {}, [], {"people": {}}]),
            ("_start", [self.ann.ids]),
            ("_mfa_show", [{}, ""]),
        )
        for actor in (self.bob, self.portal):
            self.act_as(actor)
            for method, args in calls:
                with self.subTest(actor=actor.login, method=method):
                    self.assertNothingHappens(self.ann, partial(self.call, DIALOG, method, *args))
        for method in ("_mfa_reset", "_mfa_make_help_code", "_mfa_help_sheet"):
            self.assertNothingHappens(
                self.ann, partial(self.call, "res.users", method, self.ann.ids, "x")
            )

    def test_dialog_of_another_administrator(self):
        dialog = self.open_dialog(self.ann)
        self.fill(dialog, reason=REASON, choice="reset")
        self.act_as(self.root)
        for method, args in (
            ("action_help", [[dialog]]),
            ("read", [[dialog], ["people"]]),
            ("write", [[dialog], {"reason": "x"}]),
        ):
            with self.subTest(method=method):
                self.assertNothingHappens(self.ann, partial(self.call, DIALOG, method, *args))

    def test_only_what_is_typed_is_written(self):
        dialog = self.open_dialog(self.ann)
        forged = (
            {"user_ids": [(6, 0, self.root.ids)]},
            {"user_ids": [(4, self.root.id)]},
            {"user_ids": [(0, 0, {"name": "x", "login": "x"})]},
            {"create_uid": self.bob.id},
            {"reason": "x" * 257},
            {"reason": "two\nlines"},
            {"reason": [1]},
            {"choice": "all"},
        )
        for values in forged:
            with self.subTest(values=values), mute_logger("odoo.http", "odoo.sql_db"):
                self.message_of(self.call(DIALOG, "write", [dialog], values))
        with mute_logger("odoo.http"):
            self.message_of(
                self.call(DIALOG, "create", {"user_ids": [(6, 0, self.root.ids)], "reason": "x"})
            )
        self.assertEqual(self.env[DIALOG].browse(dialog).user_ids, self.ann)

    def test_reason_is_required(self):
        for reason in ("", "   ", False):
            for choice in self.CHOICES:
                self.assertNothingHappens(
                    self.ann, partial(self.confirm, self.ann, **choice, reason=reason), "reason"
                )

    def test_rank_is_checked_again_at_the_button(self):
        """The user's groups have grown since the dialog was opened, or the actor's shrunk."""
        for choice in self.CHOICES:
            dialog = self.open_dialog(self.ann + self.bob)
            self.fill(dialog, reason=REASON, **choice)
            group = self.env.ref("base.group_system")
            group.user_ids += self.bob
            self.env.flush_all()
            self.assertNothingHappens(
                self.ann + self.bob,
                partial(self.press, DIALOG, "action_help", [dialog]),
                "more access rights than you",
                self.bob.name,
            )
            group.user_ids -= self.bob
            self.env.flush_all()
        manager = self.env.ref("base.group_erp_manager")
        manager.user_ids -= self.boss
        self.env.flush_all()
        self.assertNothingHappens(
            self.ann, partial(self.press, DIALOG, "action_help", [dialog]), "administrator"
        )

    def test_button_pressed_twice(self):
        dialog = self.open_dialog(self.ann)
        self.fill(dialog, reason=REASON)
        self.assertNotIn("error", self.press(DIALOG, "action_help", [dialog]))
        self.assertNothingHappens(
            self.ann, partial(self.press, DIALOG, "action_help", [dialog]), "expired"
        )

    def test_user_deleted_meanwhile(self):
        gone = self.new_person("mfa_gone", "base.group_user")
        dialog = self.open_dialog(gone)
        self.fill(dialog, reason=REASON, choice="reset")
        gone.unlink()
        self.env.flush_all()
        with mute_logger("odoo.http"):
            self.assertRefused(self.press(DIALOG, "action_help", [dialog]), "Choose the users")
