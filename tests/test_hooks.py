import time
from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..hooks import post_init_hook, pre_init_hook, uninstall_hook
from .common import OTHER_SECRET, SECRET, MfaCase, at, code_of


class HookCase(MfaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.carl = cls.new_person("mfa_carl")
        cls.dora = cls.new_person("mfa_dora")

    def hold_in_core(self, user, secret, counter=None):
        """Let ``user`` have a second factor as core keeps it."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_users SET totp_secret = %s, totp_last_counter = %s WHERE id = %s",
            [secret, counter, user.id],
        )
        self.env.registry.clear_cache()

    def row_of(self, user, columns):
        self.env.flush_all()
        self.env.cr.execute(f"SELECT {columns} FROM res_users WHERE id = %s", [user.id])
        return self.env.cr.fetchone()

    def apps_of(self, user):
        self.env.cr.execute(
            "SELECT name, secret_key, last_step FROM res_users_authenticator"
            " WHERE user_id = %s ORDER BY id",
            [user.id],
        )
        return self.env.cr.fetchall()


@tagged("post_install", "-at_install")
class TestAdoption(HookCase):
    def test_secret_becomes_an_app(self):
        self.hold_in_core(self.bob, OTHER_SECRET, 12345)
        self.hold_in_core(self.carl, SECRET, 0)
        post_init_hook(self.env)
        self.assertEqual(self.apps_of(self.bob), [("Authenticator app", OTHER_SECRET, 12345)])
        self.assertEqual(self.apps_of(self.carl), [("Authenticator app", SECRET, None)])
        for user in (self.bob, self.carl):
            self.assertTrue(user.mfa_enabled)
            self.assertTrue(user.totp_enabled)
            self.assertTrue(user.authenticator_ids.create_date)

    def test_no_secret_no_app(self):
        for user, secret in ((self.bob, ""), (self.carl, "false"), (self.dora, None)):
            self.hold_in_core(user, secret)
        post_init_hook(self.env)
        for user in (self.bob, self.carl, self.dora):
            self.assertEqual(self.apps_of(user), [])
            self.assertFalse(user.mfa_enabled)

    def test_core_columns_are_empty(self):
        for user, secret in ((self.bob, OTHER_SECRET), (self.carl, "false"), (self.dora, "")):
            self.hold_in_core(user, secret, 7)
        post_init_hook(self.env)
        self.env.cr.execute(
            "SELECT count(*) FROM res_users WHERE totp_secret IS NOT NULL"
            " OR totp_last_counter IS NOT NULL"
        )
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_adopting_changes_no_token(self):
        self.hold_in_core(self.bob, OTHER_SECRET)
        post_init_hook(self.env)
        self.assertEqual(self.row_of(self.bob, "mfa_epoch"), (None,))

    def test_core_devices_go_without_mail(self):
        self.hold_in_core(self.bob, OTHER_SECRET)
        self.env["auth_totp.device"].with_user(self.bob).sudo()._generate(
            "browser", "core", fields.Datetime.now() + timedelta(days=9)
        )
        mails = self.env["mail.mail"].sudo().search_count([])
        post_init_hook(self.env)
        self.env.cr.execute("SELECT count(*) FROM auth_totp_device")
        self.assertEqual(self.env.cr.fetchone()[0], 0)
        self.assertEqual(self.env["mail.mail"].sudo().search_count([]), mails)

    def test_secure_cookie_is_kept(self):
        parameters = self.env["ir.config_parameter"]
        key = "auth_totp.secure_cookie"
        for held, expected in (("0", "0"), ("1", "1"), (None, "1")):
            parameters.search([("key", "=", key)]).unlink()
            if held is not None:
                parameters.set_param(key, held)
            post_init_hook(self.env)
            with self.subTest(held=held):
                self.assertEqual(parameters.get_param(key), expected)

    def test_trusted_device_age_is_core_s(self):
        parameters = self.env["ir.config_parameter"]
        parameters.search([("key", "=", "auth_totp.trusted_device_age")]).unlink()
        post_init_hook(self.env)
        self.assertFalse(parameters.get_param("auth_totp.trusted_device_age"))

    def test_adopted_app_logs_in(self):
        self.hold_in_core(self.bob, OTHER_SECRET)
        post_init_hook(self.env)
        self.log_in(self.bob, code_of(OTHER_SECRET))
        self.assertLoggedIn(self.bob)

    def test_code_that_core_accepted_is_used(self):
        middle = time.time() // 30 * 30 + 15
        self.hold_in_core(self.bob, OTHER_SECRET, int(middle // 30))
        post_init_hook(self.env)
        with freeze_time(at(middle), tick=False):
            answer = self.log_in(self.bob, code_of(OTHER_SECRET, now=middle))
            self.assertIn("used already", answer.text)
            self.assertLoggedOut()
            self.new_browser()
            self.log_in(self.bob, code_of(OTHER_SECRET, 1, middle))
            self.assertLoggedIn(self.bob)


@tagged("post_install", "-at_install")
class TestOpenSession(HookCase):
    """A session that core began, whose token covers the secret in core's column."""

    def begin_in_core(self, user, secret):
        """Begin a session as core does; ``authenticate`` reads core's column."""
        self.hold_in_core(user, secret)
        self.authenticate(user.login, None)
        return self.stored_session().session_token

    def expected_token(self, user):
        self.env.flush_all()
        self.env.registry.clear_cache()
        return user._compute_session_token(self.stored_session().sid)

    def test_session_goes_on_and_gets_its_token_replaced(self):
        token = self.begin_in_core(self.bob, OTHER_SECRET)
        post_init_hook(self.env)
        self.assertNotEqual(token, self.expected_token(self.bob), "core's token held the secret")
        self.assertLoggedIn(self.bob)
        self.assertEqual(self.stored_session().session_token, self.expected_token(self.bob))
        self.assertLoggedIn(self.bob)

    def test_user_without_a_factor_stays_too(self):
        self.begin_in_core(self.bob, None)
        post_init_hook(self.env)
        self.assertLoggedIn(self.bob)

    def test_session_ends_once_the_factors_change(self):
        self.begin_in_core(self.bob, OTHER_SECRET)
        post_init_hook(self.env)
        self.bob._mfa_factor_changed()
        self.assertIsNotNone(self.row_of(self.bob, "mfa_epoch")[0])
        self.assertLoggedOut()

    def test_replaced_token_ends_once_the_factors_change(self):
        self.begin_in_core(self.bob, OTHER_SECRET)
        post_init_hook(self.env)
        self.assertLoggedIn(self.bob)
        self.bob._mfa_factor_changed()
        self.assertLoggedOut()

    def test_session_ends_once_the_password_changes(self):
        self.begin_in_core(self.bob, OTHER_SECRET)
        post_init_hook(self.env)
        self.bob.password = "another_password"
        self.assertLoggedOut()

    def test_session_of_another_secret_is_refused(self):
        self.begin_in_core(self.bob, SECRET)
        self.hold_in_core(self.bob, OTHER_SECRET)
        post_init_hook(self.env)
        self.assertLoggedOut()

    def test_session_without_the_secret_is_refused(self):
        """One that began before core's factor was enabled had ended there already."""
        self.begin_in_core(self.bob, None)
        token = self.stored_session().session_token
        self.hold_in_core(self.bob, OTHER_SECRET)
        self.assertNotEqual(token, self.expected_token(self.bob))
        self.assertLoggedOut()


@tagged("post_install", "-at_install")
class TestHandingBack(HookCase):
    """``uninstall_hook`` itself; a real uninstall needs a database of its own."""

    def use(self, app, last_used, step):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_users_authenticator SET last_used = %s, last_step = %s WHERE id = %s",
            [last_used, step, app.id],
        )

    def test_app_used_last_goes_to_core(self):
        first = self.enrol(self.bob, SECRET, "Phone")
        second = self.enrol(self.bob, OTHER_SECRET, "Tablet")
        for app, other, secret in ((first, second, SECRET), (second, first, OTHER_SECRET)):
            self.use(app, "2031-01-02 00:00:00", 60)
            self.use(other, "2031-01-01 00:00:00", 70)
            uninstall_hook(self.env)
            with self.subTest(app=app.name):
                row = self.row_of(self.bob, "totp_secret, totp_last_counter")
                self.assertEqual(row, (secret, 60))

    def test_app_never_used_goes_to_core(self):
        uninstall_hook(self.env)
        secret, counter = self.row_of(self.ann, "totp_secret, totp_last_counter")
        self.assertEqual(secret, SECRET)
        self.assertFalse(counter)

    def test_disabled_stays_disabled(self):
        self.enrol(self.bob, OTHER_SECRET)
        self.bob._mfa_disable()
        uninstall_hook(self.env)
        for user in (self.bob, self.carl):
            row = self.row_of(user, "totp_secret, totp_last_counter")
            self.assertEqual(row, (None, None))

    def test_parameters(self):
        parameters = self.env["ir.config_parameter"]
        ours = ("secure_cookie", "login_timeout", "session_age", "session_extend")
        for name in (*ours, "trusted_device_age", "policy"):
            parameters.set_param(f"auth_totp.{name}", "5")
        uninstall_hook(self.env)
        left = parameters.search([("key", "=like", "auth\\_totp.%")]).mapped("key")
        self.assertEqual(set(left), {"auth_totp.trusted_device_age", "auth_totp.policy"})

    def test_there_and_back(self):
        """What is handed back is adopted again, secret and counter."""
        self.use(self.ann.authenticator_ids, "2031-01-01 00:00:00", 77)
        uninstall_hook(self.env)
        self.env["res.users.authenticator"]._mfa_open_door().search([]).unlink()
        self.env.flush_all()
        post_init_hook(self.env)
        self.assertEqual(self.apps_of(self.ann), [("Authenticator app", SECRET, 77)])


@tagged("post_install", "-at_install")
class TestForeignTables(HookCase):
    def test_tables_of_something_else_are_refused(self):
        """Those of this addon stand for them here: their columns are not the OCA module's."""
        with self.assertRaisesRegex(UserError, "needs the table res_users_authenticator"):
            pre_init_hook(self.env)
        self.assertTrue(self.apps_of(self.ann))
