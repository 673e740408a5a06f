"""Core's fields and methods, called by its modules or by others, give this addon's answers."""

from odoo.exceptions import AccessDenied
from odoo.tests import tagged

from ..exceptions import UsedCode, WrongCode
from .common import OTHER_SECRET, SECRET, MfaCase, code_of


@tagged("post_install", "-at_install")
class TestCoreFields(MfaCase):
    def test_search(self):
        for field in ("mfa_enabled", "totp_enabled"):
            for operator, value, ann, bob in (
                ("=", True, True, False),
                ("!=", True, False, True),
                ("=", False, False, True),
                ("!=", False, True, False),
                ("in", [True], True, False),
                ("in", [True, False], True, True),
                ("not in", [True, False], False, False),
                ("in", [], False, False),
            ):
                with self.subTest(field=field, operator=operator, value=value):
                    found = self.env["res.users"].search([(field, operator, value)])
                    self.assertEqual((self.ann in found, self.bob in found), (ann, bob))

    def test_secret_that_is_written(self):
        self.bob.totp_secret = OTHER_SECRET
        self.env.flush_all()
        self.assertTrue(self.bob.mfa_enabled)
        self.assertEqual(self.bob.totp_secret, OTHER_SECRET)
        self.assertEqual(self.bob._mfa_check_code(code_of(OTHER_SECRET)), "app")
        self.bob.totp_secret = False
        self.env.flush_all()
        self.assertFalse(self.bob.mfa_enabled)
        self.assertEqual(len(self.bob.authenticator_ids), 1, "the app stays")

    def test_secret_of_an_app_is_no_field(self):
        app = self.ann.authenticator_ids
        self.assertEqual(app._read_secrets(), {app.id: SECRET})
        for records in (app, app.sudo(), app._mfa_open_door()):
            self.assertFalse(records.secret_key)


@tagged("post_install", "-at_install")
class TestCoreMethods(MfaCase):
    def check(self, user, token):
        return user._check_credentials({"type": "totp", "token": token}, {"interactive": True})

    def test_code(self):
        code = code_of(SECRET)
        answer = self.check(self.ann, int(code))
        self.assertEqual(answer, {"uid": self.ann.id, "auth_method": "totp", "mfa": "default"})
        with self.assertRaises(UsedCode):
            self.check(self.ann, code)
        with self.assertRaisesRegex(WrongCode, "not enabled"):
            self.check(self.bob, code)

    def test_app_by_core_s_portal_page(self):
        """True once, for the owner, with a right code."""
        code = code_of(OTHER_SECRET)
        for user, by, given, done in (
            (self.bob, self.ann, code, False),
            (self.bob, self.bob, code_of(OTHER_SECRET, 5), False),
            (self.bob, self.bob, code, True),
            (self.bob, self.bob, code_of(OTHER_SECRET, 1), False),
            (self.ann, self.ann, code, False),
        ):
            with self.subTest(user=user.login, by=by.login, given=given):
                answer = user.with_user(by)._totp_try_setting(OTHER_SECRET, int(given))
                self.assertIs(answer, done)
        self.assertEqual(len(self.bob.authenticator_ids), 1)
        self.assertEqual(len(self.ann.authenticator_ids), 1)

    def test_code_of_somebody_else_in_a_session(self):
        """A server action, which may call any method, as a session of somebody else."""
        admin = self.new_person("mfa_admin", "base.group_system")
        self.authenticate(admin.login, None)
        call = "model.browse({})._check_credentials({{'type': 'totp', 'token': {!r}}}, {{}})"
        action = self.code_action(call.format(self.ann.id, code_of(SECRET)))
        answer = self.call("ir.actions.server", "run", [action.id])
        self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.AccessDenied")
        self.env.invalidate_all()
        self.assertFalse(self.ann.authenticator_ids.last_used, "nothing was compared")
        self.assertFalse(self.env["res.users.mfa.attempt"].search([]))


@tagged("post_install", "-at_install")
class TestNoPasskey(MfaCase):
    def test_it_proves_nothing(self):
        self.authenticate(self.ann.login, None)
        answer = self.rpc("/mfa/identity", passkey='{"id": "x"}')["result"]
        self.assertEqual((answer["needs_code"], answer["has_passkey"]), (True, False))
        self.assertEqual(answer["error"], str(AccessDenied()))
