from odoo.fields import Command
from odoo.tests import tagged

from .common import FIREFOX, OTHER_SECRET, SECRET, code_of
from .test_enrolment import APP, RENAMING, EnrolmentCase

EVENT = "res.users.mfa.event"
KEYS = "res.users.apikeys"
KEY_DIALOG = "res.users.apikeys.description"
PASSKEY = "auth.passkey.key"


class TrailCase(EnrolmentCase):
    """People with each kind of rights, and the lines that a test adds."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")
        cls.manager = cls.new_person("mfa_manager", "base.group_user,base.group_erp_manager")
        cls.system = cls.new_person("mfa_system", "base.group_user,base.group_system")

    def setUp(self):
        super().setUp()
        self.seen = self.env[EVENT].search([], order="id desc", limit=1).id

    def new_lines(self, *kinds):
        """Return the lines of this test, or those of some kinds, in the order of writing."""
        self.env.invalidate_all()
        lines = self.env[EVENT].search([("id", ">", self.seen)], order="id")
        return lines.filtered(lambda line: line.kind in kinds) if kinds else lines

    def forget_lines(self):
        self.seen = self.env[EVENT].search([], order="id desc", limit=1).id

    def assertLine(self, kind, user, actor=None, subject=False, note=False):
        """Expect one new line of ``kind``; return it."""
        line = self.new_lines(kind)
        self.assertEqual(len(line), 1, self.new_lines().mapped("display_name"))
        self.assertEqual((line.user_id, line.login), (user, user.login))
        actor = actor or user
        self.assertEqual((line.actor_id, line.actor_login), (actor, actor.login))
        self.assertEqual((line.subject, line.note), (subject, note))
        return line


@tagged("post_install", "-at_install")
class TestTrail(TrailCase):
    """Each event leaves its line."""

    def assertKinds(self, *kinds):
        self.assertEqual(self.new_lines().mapped("kind"), list(kinds))

    # -- apps ----------------------------------------------------------------------

    def test_enrolment(self):
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        self.confirm(screen, self.secret_on(screen), self.bob, name="My phone")
        self.assertKinds("enrolled", "enabled", "recovery_made")
        line = self.assertLine("enrolled", self.bob, subject="My phone")
        self.assertEqual((line.address, line.browser), ("127.0.0.1", "Chrome / Linux"))
        self.assertEqual(line.display_name, "App added: mfa_bob")

    def test_renaming(self):
        self.sign_in(self.ann, password_age=5, proof_age=5)
        app = self.ann.authenticator_ids
        for name in ("Phone", "Old phone"):
            dialog = self.press(APP, "action_rename", app.ids)["result"]["res_id"]
            self.call(RENAMING, "web_save", [dialog], {"name": name}, {})
            self.assertNotIn("error", self.press(RENAMING, "action_rename", [dialog]))
        self.assertLine("renamed", self.ann, subject="Phone → Old phone")

    def test_removal(self):
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        self.sign_in(self.ann, password_age=5, proof_age=5)
        self.press(APP, "action_remove", self.ann.authenticator_ids[1].ids)
        self.assertLine("removed", self.ann, subject="Tablet")

    def test_disabling_and_enabling(self):
        self.sign_in(self.ann, password_age=5, proof_age=5)
        self.press("res.users", "action_totp_disable", self.ann.ids)
        self.assertLine("disabled", self.ann)
        self.sign_in(self.ann, password_age=5, proof_age=5)
        dialog = self.press("res.users", "action_mfa_enable", self.ann.ids)["result"]
        model, number = dialog["res_model"], dialog["res_id"]
        self.call(model, "web_save", [number], {"confirmation_code": code_of(SECRET)}, {})
        self.press(model, "action_enable", [number])
        self.assertLine("enabled", self.ann)

    def test_administrator_disables(self):
        self.enrol(self.system, OTHER_SECRET)
        self.sign_in(self.system, password_age=5, proof_age=5)
        self.press("res.users", "action_totp_disable", self.ann.ids)
        self.assertLine("disabled", self.ann, actor=self.system)

    # -- codes ---------------------------------------------------------------------

    def test_codes_at_login(self):
        page = self.post_password(self.ann)
        self.post_code(page, code_of(SECRET, 7))
        self.assertLine("code_refused", self.ann, note="wrong app code")
        self.post_code(page, code_of(SECRET))
        self.assertLoggedIn(self.ann)
        self.assertLine("code_accepted", self.ann, subject="Phone")

    def test_lock(self):
        page = self.post_password(self.ann)
        for _guess in range(7):
            self.post_code(page, code_of(SECRET, 7))
        self.assertKinds(*["code_refused"] * 5, "locked")
        self.assertLine("locked", self.ann, note="5 wrong codes (app)")

    def test_recovery_code(self):
        code = self.ann._mfa_make_recovery_codes()[0]
        self.assertLine("recovery_made", self.ann, actor=self.env.user)
        self.post_code(self.post_password(self.ann), code)
        self.assertLoggedIn(self.ann)
        self.assertLine("recovery_used", self.ann)

    def test_help_code(self):
        code = self.ann._mfa_make_help_code("Lost the phone")
        self.assertLine("help_made", self.ann, actor=self.env.user, note="Lost the phone")
        self.post_code(self.post_password(self.ann), code)
        self.assertLoggedIn(self.ann)
        self.assertLine("help_used", self.ann)

    def test_reset(self):
        self.ann.with_user(self.system)._mfa_reset("Lost the phone")
        self.assertLine("reset", self.ann, actor=self.system, note="Lost the phone")
        self.assertLine("disabled", self.ann, actor=self.system)

    # -- devices -------------------------------------------------------------------

    def trust(self):
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)

    def test_device(self):
        self.trust()
        self.assertLine("device_trusted", self.ann, subject="Chrome on Linux")
        self.post_password(self.ann)
        self.assertLoggedIn(self.ann)
        self.assertLine("device_used", self.ann, subject="Chrome on Linux")

    def test_copied_cookie(self):
        self.trust()
        self.opener.headers["User-Agent"] = FIREFOX
        self.post_password(self.ann)
        note = "presented by firefox/linux"
        self.assertLine("device_refused", self.ann, subject="Chrome on Linux", note=note)

    def test_revoked(self):
        self.trust()
        self.sign_in(self.ann, password_age=5, proof_age=5)
        self.press("res.users.device", "action_revoke", self.ann.trusted_device_ids.ids)
        self.assertLine("device_revoked", self.ann, subject="Chrome on Linux")

    def test_devices_that_go_by_themselves(self):
        for reason, change in (
            ("password changed", lambda: self.ann.write({"password": "another_password"})),
            ("account archived", lambda: self.ann.write({"active": False})),
            ("factors changed", self.ann._mfa_disable),
        ):
            with self.subTest(reason=reason):
                self.ann.write({"active": True, "password": "mfa_ann_password"})
                self.env.cr.execute("UPDATE res_users_authenticator SET last_step = NULL")
                self.trust()
                self.forget_lines()
                change()
                self.assertLine(
                    "device_revoked",
                    self.ann,
                    actor=self.env.user,
                    subject="Chrome on Linux",
                    note=reason,
                )

    def test_no_device_no_line(self):
        self.ann.write({"password": "another_password"})
        self.assertKinds()

    # -- passkeys and API keys -----------------------------------------------------

    def test_passkey(self):
        if PASSKEY not in self.env:
            self.skipTest("auth_passkey is not installed")
        user = self.env["res.users"].with_user(self.bob).env.user
        values = {"name": "Yubikey", "credential_identifier": "abc"}
        user.write({"auth_passkey_key_ids": [Command.create(values)]})
        self.assertLine("passkey_made", self.bob, subject="Yubikey")
        self.sign_in(self.bob, password_age=5)
        self.press(PASSKEY, "action_delete_passkey", user.auth_passkey_key_ids.ids)
        self.assertFalse(self.env[PASSKEY].search([("name", "=", "Yubikey")]))
        self.assertLine("passkey_removed", self.bob, subject="Yubikey")

    def make_api_key(self, user, name="Backup"):
        self.sign_in(user, password_age=5, proof_age=5)
        dialog = self.call(KEY_DIALOG, "web_save", [], {"name": name, "duration": "1"}, {})
        number = dialog["result"][0]["id"]
        self.assertNotIn("error", self.press(KEY_DIALOG, "make_key", [number]))
        return self.env[KEYS].search([("user_id", "=", user.id)])

    def test_api_key(self):
        key = self.make_api_key(self.bob)
        self.assertLine("api_key_made", self.bob, subject="Backup")
        self.press(KEYS, "remove", key.ids)
        self.assertFalse(key.exists())
        self.assertLine("api_key_removed", self.bob, subject="Backup")

    def test_administrator_removes_an_api_key(self):
        key = self.make_api_key(self.bob)
        self.sign_in(self.system, password_age=5)
        self.press(KEYS, "remove", key.ids)
        self.assertFalse(key.exists())
        self.assertLine("api_key_removed", self.bob, actor=self.system, subject="Backup")

    def test_api_key_made_by_code_names_its_scope(self):
        self.env[KEYS].with_user(self.bob).sudo()._generate("rpc", "Plugin", None)
        self.assertLine("api_key_made", self.bob, subject="Plugin", note="rpc")

    def test_key_itself_is_in_no_line(self):
        key = self.env[KEYS].with_user(self.bob).sudo()._generate("rpc", "Plugin", None)
        self.env.cr.execute("SELECT string_agg(e::text, '') FROM res_users_mfa_event e")
        self.assertNotIn(key, self.env.cr.fetchone()[0])

    def test_core_device_is_no_api_key(self):
        devices = self.env["auth_totp.device"].with_user(self.bob).sudo()
        devices._generate("browser", "Chrome", None)
        devices.search([("user_id", "=", self.bob.id)])._remove()
        self.assertKinds()

    # -- settings ------------------------------------------------------------------

    def notes(self):
        lines = self.new_lines("setting")
        self.assertFalse(lines.user_id)
        return [(line.actor_login, line.subject, line.note) for line in lines]

    def test_setting_by_each_way(self):
        """Each as the web client or a client of the API does it."""
        parameters = "ir.config_parameter"
        key = "auth_totp.session_age"
        self.env[parameters].search([("key", "=like", "auth_totp.%")]).unlink()
        self.forget_lines()
        self.sign_in(self.system)
        self.call(parameters, "set_param", key, "7")
        number = self.env[parameters].search([("key", "=", key)]).id
        for _again in range(2):
            self.call(parameters, "web_save", [number], {"value": "8"}, {})
        self.call(parameters, "write", [number], {"key": "auth_totp.login_timeout"})
        self.call(parameters, "unlink", [number])
        self.call(parameters, "create", [{"key": "auth_totp.policy", "value": "all_required"}])
        self.call(parameters, "create", [{"key": "auth_totp.unknown", "value": "1"}])
        self.assertEqual(
            self.notes(),
            [
                ("mfa_system", key, "not set → 7"),
                ("mfa_system", key, "7 → 8"),
                ("mfa_system", "auth_totp.login_timeout", "not set → 8"),
                ("mfa_system", key, "8 → not set"),
                ("mfa_system", "auth_totp.login_timeout", "8 → not set"),
                ("mfa_system", "auth_totp.policy", "not set → all_required"),
            ],
        )

    def test_settings_screen(self):
        settings = "res.config.settings"
        self.sign_in(self.system)
        values = self.env[settings].default_get(list(self.env[settings]._fields))
        ours = {name: value for name, value in values.items() if name.startswith("mfa_")}
        for change, notes in (
            ({}, []),
            (
                {"mfa_event_retention": 100, "auth_totp_enforce": True},
                [
                    ("mfa_system", "auth_totp.event_retention", "not set → 100"),
                    ("mfa_system", "auth_totp.policy", "not set → employee_required"),
                ],
            ),
        ):
            if change:
                change["auth_totp_policy"] = "employee_required"
            answer = self.call(settings, "web_save", [], ours | change, {})
            self.call(settings, "execute", [answer["result"][0]["id"]])
            self.assertEqual(sorted(self.notes()), notes)

    def test_install_leaves_no_line_of_a_setting(self):
        lines = self.env[EVENT].search([("kind", "=", "setting")])
        self.assertNotIn("not set → 1", lines.mapped("note"))

    # -- who -----------------------------------------------------------------------

    def test_administrator_who_became_the_superuser(self):
        self.sign_in(self.system)
        self.url_open("/web/become")
        self.url_open("/web/become")
        self.assertEqual(self.session_uid(), 1)
        self.call("ir.config_parameter", "set_param", "auth_totp.session_age", "7")
        self.assertEqual(self.new_lines("setting").actor_id, self.system)

    def test_code_that_takes_on_another_user(self):
        self.sign_in(self.system)
        code = "model.with_user(1).set_param('auth_totp.session_age', '7')"
        action = self.code_action(code, "ir.config_parameter")
        self.assertNotIn("error", self.call("ir.actions.server", "run", [action.id]))
        self.assertEqual(self.new_lines("setting").actor_id, self.system)

    def test_rpc_call_names_its_caller(self):
        self.xmlrpc(
            self.system,
            "mfa_system_password",
            "ir.config_parameter",
            "set_param",
            "auth_totp.session_age",
            "7",
        )
        self.assertEqual(self.new_lines("setting").actor_id, self.system)

    def test_job_names_its_user(self):
        self.env["ir.config_parameter"].set_param("auth_totp.session_age", "7")
        line = self.new_lines("setting")
        self.assertEqual((line.actor_id, line.address), (self.env.ref("base.user_root"), False))

    # -- screens -------------------------------------------------------------------

    def shown_to(self, user, action, domain=None):
        """Return the logins of the lines that ``user`` sees behind ``action``."""
        self.sign_in(user)
        action = self.rpc("/web/action/load", action_id=f"auth_totp_mfa.{action}")["result"]
        views = self.call(EVENT, "get_views", [[False, "list"], [False, "form"], [False, "search"]])
        self.assertIn("result", views)
        domain = domain if domain is not None else [("user_id", "=", user.id)]
        spec = {"date": {}, "kind": {}, "login": {}, "actor_login": {}, "display_name": {}}
        answer = self.call(EVENT, "web_search_read", domain, spec)
        self.assertEqual(action["res_model"], EVENT)
        return {line["login"] for line in answer["result"]["records"]}

    def test_own_lines(self):
        for user in (self.bob, self.portal, self.manager):
            self.env[EVENT]._record("recovery_made", user)
        for user in (self.bob, self.portal):
            with self.subTest(login=user.login):
                shown = self.shown_to(user, "action_res_users_mfa_event_own")
                self.assertEqual(shown, {user.login})
                everything = self.shown_to(user, "action_res_users_mfa_event_own", [])
                self.assertEqual(everything, {user.login})

    def test_administrators_see_all(self):
        for user in (self.bob, self.portal):
            self.env[EVENT]._record("recovery_made", user)
        for user in (self.manager, self.system):
            shown = self.shown_to(user, "action_res_users_mfa_event", [])
            self.assertLessEqual({"mfa_bob", "mfa_portal"}, shown)

    def test_menu_and_button_are_for_administrators(self):
        menu = self.env.ref("auth_totp_mfa.menu_res_users_mfa_event")
        for user, expected in ((self.manager, True), (self.system, True), (self.bob, False)):
            with self.subTest(login=user.login):
                self.assertEqual(
                    menu.id in self.env["ir.ui.menu"].with_user(user)._visible_menu_ids(), expected
                )
        action = self.env.ref("auth_totp_mfa.action_res_users_mfa_event")
        form = self.env.ref("base.view_users_form").id
        for user, expected in ((self.manager, True), (self.bob, False)):
            self.sign_in(user)
            view = self.call("res.users", "get_views", [[form, "form"]])["result"]["views"]["form"]
            self.assertEqual(f'name="{action.id}"' in view["arch"], expected)

    def test_search_panel(self):
        self.env[EVENT]._record_apart("code_refused", self.ann, note="app")
        self.sign_in(self.manager)
        view = self.call(EVENT, "get_views", [[False, "search"]])["result"]["views"]["search"]
        for name in ("refused", "help", "factors", "devices", "settings", "today", "by_day"):
            self.assertIn(f'name="{name}"', view["arch"])
        for domain in (
            [("date", ">=", "today")],
            [("date", ">=", "today -7d"), ("kind", "in", ["code_refused", "locked"])],
        ):
            found = self.call(EVENT, "search_count", domain)["result"]
            self.assertTrue(found, domain)
        for group in ("login", "kind", "date:day", "actor_login", "user_id"):
            groups = self.call(EVENT, "web_read_group", [], [group], ["__count"])["result"]
            self.assertTrue(groups["groups"], group)

    def test_line_added_while_its_user_is_deleted(self):
        """It hid the whole trail from administrators, and nobody could mend it."""
        thief = self.new_person("mfa_thief", "base.group_user")
        self.env[EVENT].with_user(thief)._record("recovery_made", thief)
        self.env.cr.execute(
            "UPDATE res_users_mfa_event SET user_id = %(gone)s, actor_id = %(gone)s"
            " WHERE user_id = %(thief)s",
            {"gone": 2**31 - 1, "thief": thief.id},
        )
        self.env.invalidate_all()
        self.env[EVENT]._gc_missing_users()
        self.sign_in(self.manager)
        spec = {"user_id": {"fields": {"display_name": {}}}, "login": {}}
        answer = self.call(EVENT, "web_search_read", [("login", "=", "mfa_thief")], spec)
        self.assertEqual(answer["result"]["records"][0]["user_id"], False)
        own = self.env[EVENT].search([("user_id", "=", self.ann.id)])
        self.env[EVENT]._gc_missing_users()
        self.assertEqual(own, own.exists().filtered(lambda line: line.user_id == self.ann))

    def test_lines_of_a_deleted_user(self):
        """Somebody who covers tracks deletes the account that they used."""
        thief = self.new_person("mfa_thief", "base.group_user,base.group_system")
        self.env[EVENT].with_user(thief)._record("recovery_made", self.ann)
        self.env[EVENT].with_user(thief)._record("recovery_made", thief)
        thief.unlink()
        self.sign_in(self.manager)
        names = ("user_id", "actor_id")
        spec = {name: {"fields": {"display_name": {}}} for name in names}
        spec |= {"login": {}, "actor_login": {}, "display_name": {}}
        domain = [("actor_login", "=", "mfa_thief")]
        answer = self.call(EVENT, "web_search_read", domain, spec)["result"]["records"]
        self.assertEqual([line["login"] for line in answer], ["mfa_thief", "mfa_ann"])
        self.assertEqual([line["actor_id"] for line in answer], [False, False])
        numbers = [line["id"] for line in answer]
        self.assertEqual(len(self.call(EVENT, "web_read", numbers, spec)["result"]), 2)
        for group in ("user_id", "actor_id", "login"):
            groups = self.call(EVENT, "web_read_group", domain, [group], ["__count"])
            self.assertIn("result", groups)
        exported = self.call(EVENT, "export_data", numbers, ["login", "user_id", "actor_login"])
        self.assertEqual(exported["result"]["datas"][0], ["mfa_thief", "", "mfa_thief"])
