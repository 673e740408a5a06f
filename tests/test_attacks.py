"""Ways around the second factor that somebody found once; each stays shut."""

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET, SECRET, code_of
from .test_enrolment import CORE_WIZARD, ENROLMENT, STALE, EnrolmentCase


@tagged("post_install", "-at_install")
class TestAttacks(EnrolmentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")
        cls.admin = cls.new_person("mfa_admin", "base.group_system")

    def failures(self):
        self.env.invalidate_all()
        return self.env["res.users.mfa.attempt"].search([]).failures or 0

    def stale(self):
        """Let the proof of the session be too old, and core's mark be new."""
        self.sign_in(self.ann, password_age=5, proof_age=STALE)

    # -- a code in the place of a password -----------------------------------------

    def test_stranger_cannot_guess_over_rpc(self):
        """Core's ``authenticate`` was callable by anybody logged in, with any type."""
        self.sign_in(self.portal)
        for code in (code_of(SECRET, 7), code_of(SECRET)):
            credential = {"type": "totp", "login": "mfa_ann", "token": code}
            answer = self.call("res.users", "authenticate", [], credential, {})
            self.assertIn("error", answer)
        self.assertEqual(self.failures(), 0)
        self.assertFalse(self.ann.authenticator_ids.last_used)

    def test_login_form_takes_no_code_and_tells_nothing(self):
        texts = set()
        for login in ("mfa_ann", "mfa_bob", "nobody"):
            for kind in ("totp", "totp_mail"):
                self.new_browser()
                page = self.url_open("/web/login")
                answer = self.url_open(
                    "/web/login",
                    data={
                        "login": login,
                        "password": "x",
                        "type": kind,
                        "token": code_of(SECRET),
                        "csrf_token": self.csrf_of(page),
                    },
                )
                self.assertEqual(answer.status_code, 200)
                self.assertLoggedOut()
                texts.add("Wrong login/password" in answer.text)
        self.assertEqual(texts, {True})
        self.assertEqual(self.failures(), 0)

    # -- a password in the place of a code -----------------------------------------

    def test_core_s_mark_opens_no_button_of_any_module(self):
        for model, method, ids in (
            ("res.users", "api_key_wizard", [self.ann.id]),
            ("res.users", "preference_change_password", [self.ann.id]),
            ("res.users", "action_revoke_all_devices", [self.ann.id]),
            ("res.users", "action_create_passkey", [self.ann.id]),
            ("auth.passkey.key.create", "make_key", []),
            ("auth.passkey.key", "action_delete_passkey", []),
            ("change.password.own", "change_password", []),
            ("res.users.apikeys", "remove", []),
            ("res.users.apikeys.description", "make_key", []),
        ):
            if model not in self.env:
                continue
            self.stale()
            with self.subTest(model=model, method=method):
                self.assertTrue(self.is_identity_check(self.call(model, method, ids)))

    def test_mark_is_not_carried_over_to_another_login(self):
        """Bob confirmed his password; Ann comes in by her device in the same session."""
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        self.new_browser()
        self.post_password(self.bob)
        self.identify(self.call("res.users", "api_key_wizard", [self.bob.id]), self.bob)
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        self.post_password(self.ann)
        self.assertLoggedIn(self.ann)
        answer = self.call("res.users", "api_key_wizard", [self.ann.id])
        self.assertTrue(self.is_identity_check(answer))

    @mute_logger("odoo.http")
    def test_code_by_email_is_not_for_somebody_with_an_app(self):
        self.sign_in(self.ann)
        code = self.ann._get_totp_mail_code()[0]
        with self.assertRaisesRegex(Exception, "authenticator app"):
            self.ann._check_credentials({"type": "totp_mail", "token": int(code)}, {})
        if "auth_timeout" in self.env.registry._init_modules:
            answer = self.rpc("/auth-timeout/session/check-identity", type="totp_mail", token=code)
            self.assertIn("error", answer)

    # -- administrators ------------------------------------------------------------

    def test_superuser_enrols_and_helps_nobody(self):
        self.sign_in(self.admin, password_age=5)
        self.url_open("/web/become")
        for model, method, ids in (
            ("res.users", "action_totp_enable_wizard", [1]),
            ("res.users", "action_totp_disable", [self.ann.id]),
            ("res.users", "revoke_all_devices", [self.ann.id]),
            ("res.users.authenticator", "action_remove", self.ann.authenticator_ids.ids),
        ):
            with self.subTest(method=method), mute_logger("odoo.http"):
                answer = self.call(model, method, ids)
                if self.is_identity_check(answer):
                    continue
                self.assertIn("Log in as yourself", self.message_of(answer))
        self.assertTrue(self.is_on(self.ann))

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_actions")
    def test_server_action_switches_nothing_off(self):
        """No code needed to be known: an action that writes a field did it."""
        self.enrol(self.admin, OTHER_SECRET)
        self.sign_in(self.admin, password_age=5, proof_age=STALE)
        field = self.env["ir.model.fields"]._get("res.users", "totp_secret")
        for victim in (self.ann, self.admin):
            action = self.env["ir.actions.server"].create(
                {
                    "name": "Attack",
                    "model_id": self.env["ir.model"]._get_id("res.users"),
                    "state": "object_write",
                    "update_path": "totp_secret",
                    "update_field_id": field.id,
                    "value": "",
                }
            )
            context = {"active_model": "res.users", "active_id": victim.id}
            answer = self.call("ir.actions.server", "run", [action.id], context=context)
            self.assertIn("error", answer)
            self.assertTrue(self.is_on(victim))

    # -- codes ---------------------------------------------------------------------

    @mute_logger("odoo.http")
    def test_code_is_used_up_by_a_button_that_fails(self):
        self.sign_in(self.ann)
        code = code_of(SECRET)
        answer = self.call(
            "res.users.authenticator", "action_remove", self.ann.authenticator_ids.ids
        )
        answer = self.identify(answer, self.ann, code)
        self.assertIn("last app", self.message_of(answer))
        self.new_browser()
        self.log_in(code=code)
        self.assertLoggedOut()

    def test_used_code_is_no_failure(self):
        code = code_of(SECRET)
        self.log_in(code=code)
        for _again in range(6):
            self.new_browser()
            self.log_in(code=code)
            self.assertLoggedOut()
        self.assertEqual(self.failures(), 0)

    # -- devices, sessions, apps ---------------------------------------------------

    def test_archiving_voids_devices(self):
        self.log_in(remember="1")
        self.ann.active = False
        self.ann.active = True
        self.assertFalse(self.ann.trusted_device_ids)

    def test_session_that_enrols_has_an_age(self):
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        self.confirm(screen, self.secret_on(screen), self.bob)
        session = self.stored_session()
        self.assertIn("mfa_since", session)

    def test_portal_user_who_enrols_anew_keeps_no_old_app(self):
        """Core's portal page lists no apps: nobody could remove the lost phone's."""
        self.enrol(self.portal, OTHER_SECRET)
        self.portal._mfa_disable()
        self.sign_in(self.portal, password_age=5)
        action = self.call("res.users", "action_totp_enable_wizard", [self.portal.id])["result"]
        wizard = self.env[CORE_WIZARD].sudo().browse(action["res_id"])
        secret = wizard.secret.replace(" ", "")
        self.call(CORE_WIZARD, "enable", [wizard.id], context={"code": code_of(secret)})
        self.assertEqual([secret for _name, secret in self.apps_of(self.portal)], [secret])

    @mute_logger("odoo.http")
    def test_what_nobody_types(self):
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        for value in ("\x00", "x" * 300, "\ud800", ["x"], {"x": 1}, 5):
            with self.subTest(value=str(value)[:9].encode("ascii", "replace")):
                answer = self.call(ENROLMENT, "web_save", [screen], {"name": value}, {})
                self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.UserError")
