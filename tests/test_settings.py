from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import MfaCase

FLAGS = {
    "mfa_secure_cookie": "auth_totp.secure_cookie",
    "mfa_session_extend": "auth_totp.session_extend",
}
DURATIONS = {
    "mfa_trusted_device_age": "auth_totp.trusted_device_age",
    "mfa_login_timeout": "auth_totp.login_timeout",
    "mfa_session_age": "auth_totp.session_age",
    "mfa_help_code_age": "auth_totp.help_code_age",
}
SETTINGS = FLAGS | DURATIONS
LABELS = {
    "mfa_trusted_device_age": "Trusted devices",
    "mfa_login_timeout": "Login time-out",
    "mfa_session_age": "Session age",
    "mfa_help_code_age": "Help codes",
}


class SettingsScreen:
    """Open and save the Settings screen, as the web client does."""

    def open_screen(self):
        """Return the fields of the form, and the values that it shows."""
        views = self.call("res.config.settings", "get_views", [[False, "form"]])["result"]
        fields = views["models"]["res.config.settings"]["fields"]
        shown = [name for name in fields if f'name="{name}"' in views["views"]["form"]["arch"]]
        spec = {name: self._spec_of(fields[name]) for name in shown}
        answer = self.call("res.config.settings", "onchange", [], {}, [], spec)
        return {name: fields[name] for name in shown}, answer["result"]["value"]

    def _spec_of(self, field):
        relational = field["type"] in ("many2one", "many2many", "one2many")
        return {"fields": {"display_name": {}}} if relational else {}

    def save_screen(self, **changes):
        """Open the screen, change what is given, save; return the last answer."""
        fields, values = self.open_screen()
        self.assertLessEqual(changes.keys(), values.keys(), "the screen shows these")
        values = {
            name: value["id"] if isinstance(value, dict) else value
            for name, value in values.items()
            if not fields[name].get("readonly") and not isinstance(value, list)
        }
        answer = self.call("res.config.settings", "web_save", [], values | changes, {})
        if "error" in answer:
            return answer
        return self.call("res.config.settings", "execute", [answer["result"][0]["id"]])


@tagged("post_install", "-at_install")
class TestSettings(SettingsScreen, MfaCase):
    """The Settings screen, called as the web client calls it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.new_person("mfa_admin", "base.group_user,base.group_system")

    def setUp(self):
        super().setUp()
        self.authenticate("mfa_admin", None)

    def parameters(self):
        """Return the texts of the parameters that there are."""
        self.env.cr.execute(
            "SELECT key, value FROM ir_config_parameter WHERE key = ANY(%s)",
            [list(SETTINGS.values())],
        )
        return dict(self.env.cr.fetchall())

    def put(self, **texts):
        """Let the parameters be exactly ``texts``, by the names of their settings."""
        parameters = self.env["ir.config_parameter"]
        parameters.search([("key", "in", list(SETTINGS.values()))]).unlink()
        for name, text in texts.items():
            parameters.set_param(SETTINGS[name], text)
        self.env.flush_all()

    def save_and_expect(self, expected, **changes):
        answer = self.save_screen(**changes)
        self.assertNotIn("error", answer)
        self.assertEqual(self.parameters(), expected)

    # -- tests ---------------------------------------------------------------------

    def test_install_makes_secure_cookie(self):
        self.assertEqual(self.parameters().get("auth_totp.secure_cookie"), "1")

    def test_screen_shows_the_defaults(self):
        self.put()
        _fields, values = self.open_screen()
        expected = {
            "mfa_secure_cookie": True,
            "mfa_session_extend": False,
            "mfa_trusted_device_age": 30,
            "mfa_login_timeout": 15,
            "mfa_session_age": 30,
            "mfa_help_code_age": 60,
        }
        self.assertEqual({name: values[name] for name in SETTINGS}, expected)

    def test_screen_shows_what_is_set(self):
        texts = {
            "mfa_secure_cookie": "0",
            "mfa_session_extend": "1",
            "mfa_trusted_device_age": "7",
            "mfa_login_timeout": "5",
            "mfa_session_age": "2",
            "mfa_help_code_age": "20",
        }
        self.put(**texts)
        _fields, values = self.open_screen()
        self.assertEqual(
            {name: int(values[name]) for name in texts}, {k: int(v) for k, v in texts.items()}
        )

    def test_each_switch_is_saved(self):
        for name, key in FLAGS.items():
            for value, text in ((False, "0"), (True, "1"), (False, "0")):
                with self.subTest(setting=name, value=value):
                    self.put(**{name: str(1 - int(text))})
                    self.save_and_expect({key: text}, **{name: value})

    def test_each_duration_is_saved(self):
        for name, key in DURATIONS.items():
            for value in (1, 7, 365):
                with self.subTest(setting=name, value=value):
                    self.put()
                    self.save_and_expect({key: str(value)}, **{name: value})

    def test_what_is_saved_takes_effect(self):
        self.save_screen(mfa_secure_cookie=False, mfa_session_age=3, mfa_login_timeout=2)
        parameters = self.env["ir.config_parameter"]
        self.assertFalse(parameters._mfa_flag("auth_totp.secure_cookie"))
        self.assertEqual(parameters._mfa_duration("auth_totp.session_age").days, 3)
        self.assertEqual(parameters._mfa_duration("auth_totp.login_timeout").seconds, 120)
        self.save_screen(mfa_trusted_device_age=2)
        self.assertEqual(self.env["res.users.device"]._get_age(self.ann).days, 2)

    def test_two_at_once(self):
        self.put(mfa_login_timeout="9")
        self.save_and_expect(
            {"auth_totp.session_extend": "1", "auth_totp.login_timeout": "4"},
            mfa_session_extend=True,
            mfa_login_timeout=4,
        )

    def test_unrelated_setting_leaves_all(self):
        """Whatever they hold: set, missing, or rubbish that an administrator typed."""
        for texts in (
            {},
            {"mfa_secure_cookie": "1"},
            {"mfa_secure_cookie": "0", "mfa_session_extend": "0"},
            {"mfa_secure_cookie": "0", "mfa_session_extend": "1", "mfa_session_age": "12"},
            {"mfa_secure_cookie": "True", "mfa_session_extend": "False"},
            {"mfa_secure_cookie": "yes", "mfa_login_timeout": "soon"},
            {"mfa_login_timeout": "-5", "mfa_session_age": "0", "mfa_trusted_device_age": "1e9"},
            {"mfa_trusted_device_age": " 7 ", "mfa_session_age": "007"},
            {"mfa_trusted_device_age": "99999999999999999999", "mfa_session_age": "１２"},
        ):
            self.put(**texts)
            before = self.parameters()
            with (
                self.subTest(texts=texts),
                mute_logger(
                    "odoo.addons.auth_totp_mfa.models.ir_config_parameter",
                    "odoo.addons.auth_totp.models.auth_totp",
                ),
            ):
                answer = self.save_screen(web_app_name="Test ERP")
                self.assertNotIn("error", answer)
                self.assertEqual(self.parameters(), before)

    def test_changing_one_leaves_the_others(self):
        texts = dict.fromkeys(FLAGS, "0") | dict.fromkeys(DURATIONS, "8")
        for name, key in SETTINGS.items():
            self.put(**texts)
            value = 9 if name in DURATIONS else True
            expected = self.parameters() | {key: str(int(value))}
            with self.subTest(setting=name):
                self.save_and_expect(expected, **{name: value})

    def test_bad_durations_are_refused(self):
        for name in DURATIONS:
            self.put(mfa_secure_cookie="1", **{name: "8"})
            before = self.parameters()
            for value in (0, -1, -30, 2**31 - 1, 10_000_000):
                with self.subTest(setting=name, value=value), mute_logger("odoo.http"):
                    answer = self.save_screen(mfa_secure_cookie=False, **{name: value})
                    error = answer["error"]["data"]
                    self.assertEqual(error["name"], "odoo.exceptions.ValidationError")
                    self.assertIn(LABELS[name], error["message"])
                    self.assertRegex(error["message"], r"from 1 to \d+")
                    self.assertEqual(self.parameters(), before)

    def test_longest_durations_are_taken(self):
        for name, longest in (("mfa_session_age", 3650), ("mfa_trusted_device_age", 3650)):
            with self.subTest(setting=name):
                self.put()
                self.save_and_expect({SETTINGS[name]: str(longest)}, **{name: longest})
                with mute_logger("odoo.http"):
                    self.assertIn("error", self.save_screen(**{name: longest + 1}))

    def test_events_are_kept_for_90_days_at_least(self):
        key = "auth_totp.event_retention"
        parameters = self.env["ir.config_parameter"]
        self.assertEqual(self.open_screen()[1]["mfa_event_retention"], 365)
        for days in (89, 1, 0, -1, 3651):
            with self.subTest(days=days), mute_logger("odoo.http"):
                error = self.save_screen(mfa_event_retention=days)["error"]["data"]
                self.assertEqual(error["name"], "odoo.exceptions.ValidationError")
                self.assertIn("Keep two-factor events", error["message"])
                self.assertIn("from 90 to 3650", error["message"])
                self.assertFalse(parameters.get_param(key))
        for days in (90, 3650):
            self.assertNotIn("error", self.save_screen(mfa_event_retention=days))
            self.assertEqual(parameters.get_param(key), str(days))

    def test_only_administrators_save(self):
        before = self.parameters()
        for login, groups in (
            ("mfa_manager", "base.group_user,base.group_erp_manager"),
            ("mfa_employee", "base.group_user"),
        ):
            new_test_user(self.env, login, groups, email="x@example.com")
            self.authenticate(login, None)
            with self.subTest(login=login), mute_logger("odoo.http", "odoo.models"):
                answer = self.call(
                    "res.config.settings", "web_save", [], {"mfa_secure_cookie": False}, {}
                )
                self.assertIn("error", answer)
                answer = self.call("ir.config_parameter", "set_param", "auth_totp.session_age", "9")
                self.assertIn("error", answer)
                self.assertEqual(self.parameters(), before)
