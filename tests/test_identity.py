"""What asks for a second factor, and takes no password alone for it."""

import json

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET, SECRET, MfaCase, code_of
from .passkey import Passkey, b64
from .test_enrolment import APP, ENROLMENT, RENAMING, STALE, Buttons, EnrolmentCase

CONFIRM = "confirm first that it is you"


class IdentityCase(EnrolmentCase):
    """Ann's session in which her password was just confirmed, by another module say."""

    def setUp(self):
        super().setUp()
        self.stale()

    def stale(self, user=None):
        self.sign_in(user or self.ann, password_age=5, proof_age=STALE)

    def fresh(self, user=None):
        self.sign_in(user or self.ann, password_age=5, proof_age=5)

    def prove(self, answer):
        """Pass the identity check in ``answer`` by password and code."""
        return self.identify(answer, self.ann, self.new_code())

    def assertAsksFirst(self, call, changed):
        """Assert that the call asks who it is before it changes anything, then does."""
        self.stale()
        answer = call()
        self.assertTrue(self.is_identity_check(answer), answer)
        self.env.invalidate_all()
        self.assertFalse(changed())
        with mute_logger("odoo.http"):
            self.message_of(self.identify(answer, self.ann, code_of(SECRET, 9)))
            self.message_of(self.identify(answer, self.ann))
        self.env.invalidate_all()
        self.assertFalse(changed())
        answer = self.prove(answer)
        self.assertNotIn("error", answer)
        self.assertFalse(self.is_identity_check(answer))
        self.env.invalidate_all()
        self.assertTrue(changed())
        return answer["result"]


@tagged("post_install", "-at_install")
class TestGuardedButtons(IdentityCase):
    """Each button of section "Identity check", pressed with the password's mark alone."""

    @property
    def app(self):
        return self.ann.authenticator_ids[0]

    def press_on(self, model, method, ids, *args):
        return lambda: self.call(model, method, ids, *args)

    def test_adding_an_app(self):
        action = self.assertAsksFirst(
            self.press_on("res.users", "action_totp_enable_wizard", [self.ann.id]),
            lambda: self.count("res_users_authenticator_create"),
        )
        screen = action["res_id"]
        secret = self.secret_on(screen)
        self.fill(screen, confirmation_code=code_of(secret), name="Tablet")
        self.assertAsksFirst(
            self.press_on(ENROLMENT, "action_create", [screen]),
            lambda: len(self.ann.authenticator_ids) == 2,
        )

    def test_renaming_an_app(self):
        action = self.assertAsksFirst(
            self.press_on(APP, "action_rename", [self.app.id]),
            lambda: self.count("res_users_authenticator_rename"),
        )
        dialog = action["res_id"]
        self.call(RENAMING, "web_save", [dialog], {"name": "Old phone"}, {})
        self.assertAsksFirst(
            self.press_on(RENAMING, "action_rename", [dialog]),
            lambda: self.app.name == "Old phone",
        )

    def test_removing_an_app(self):
        other = self.enrol(self.ann, OTHER_SECRET, "Tablet")
        self.assertAsksFirst(
            self.press_on(APP, "action_remove", [other.id]), lambda: not other.exists()
        )

    def test_disabling(self):
        self.assertAsksFirst(
            self.press_on("res.users", "action_totp_disable", [self.ann.id]),
            lambda: not self.ann.mfa_enabled,
        )

    def test_an_error_in_between_costs_no_proof(self):
        self.fresh()
        with mute_logger("odoo.http"):
            answer = self.call("res.users", "read", "no fields", "too", "many", "arguments")
        self.assertEqual(answer["error"]["data"]["name"], "builtins.TypeError")
        answer = self.call("res.users", "action_totp_enable_wizard", [self.ann.id])
        self.assertFalse(self.is_identity_check(answer))

    def test_recovery_codes(self):
        self.assertAsksFirst(
            self.press_on("res.users", "action_mfa_recovery_codes", [self.ann.id]),
            lambda: self.ann.recovery_codes_left,
        )

    def trust(self):
        self.new_browser()
        self.log_in(remember="1", code=self.new_code())
        return self.ann.trusted_device_ids

    def test_revoking_devices(self):
        device = self.trust()
        self.assertAsksFirst(
            self.press_on("res.users.device", "action_revoke", device.ids),
            lambda: not device.exists(),
        )
        device = self.trust()
        self.assertAsksFirst(
            self.press_on("res.users", "revoke_all_devices", [self.ann.id]),
            lambda: not device.exists(),
        )

    def test_api_keys(self):
        self.assertAsksFirst(
            self.press_on("res.users", "api_key_wizard", [self.ann.id]), lambda: not self.is_stale()
        )
        values = {"name": "Robot", "duration": "1"}
        [dialog] = self.call("res.users.apikeys.description", "create", [values])["result"]
        self.assertAsksFirst(
            self.press_on("res.users.apikeys.description", "make_key", [dialog]),
            lambda: self.ann.api_key_ids,
        )
        self.assertAsksFirst(
            self.press_on("res.users.apikeys", "remove", self.ann.api_key_ids.ids),
            lambda: not self.ann.api_key_ids,
        )

    def is_stale(self):
        return self.rpc("/mfa/identity")["result"]["needs_code"]

    def test_password_in_preferences(self):
        self.assertAsksFirst(
            self.press_on("res.users", "preference_change_password", [self.ann.id]),
            lambda: not self.is_stale(),
        )
        values = {"new_password": "new_password_1", "confirm_password": "new_password_1"}
        [dialog] = self.call("change.password.own", "create", [values])["result"]
        before = self.hash_of(self.ann)
        self.assertAsksFirst(
            self.press_on("change.password.own", "change_password", [dialog]),
            lambda: self.hash_of(self.ann) != before,
        )

    def hash_of(self, user):
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", [user.id])
        return self.env.cr.fetchone()[0]


@tagged("post_install", "-at_install")
class TestOwnAccount(IdentityCase):
    """Password and addresses, which core changes without asking, or for the password alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.new_person("mfa_admin", "base.group_system")
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")

    def accepts(self, user, password):
        """Tell whether this is the password of the user."""
        self.new_browser()
        page = self.post_password(user, password)
        return "totp_token" in page.text or self.session_uid() == user.id

    def assertRefused(self, answer):
        """Refused in one sentence, with a button that leads to the identity check."""
        self.assertIn("error", answer)
        data = answer["error"]["data"]
        self.assertEqual(data["name"], "odoo.exceptions.RedirectWarning")
        self.assertIn(CONFIRM, data["arguments"][0])
        return data["arguments"]

    def write_own(self, user, **values):
        return self.call("res.users", "write", [user.id], values)

    def test_password_over_rpc(self):
        call = ("res.users", "change_password", "mfa_ann_password", "new_password_1")
        self.assertRefused(self.call(*call))
        self.assertTrue(self.accepts(self.ann, "mfa_ann_password"))
        self.fresh()
        self.assertTrue(self.call(*call)["result"])
        self.assertTrue(self.accepts(self.ann, "new_password_1"))

    def test_refused_password_leaves_devices_alone(self):
        self.new_browser()
        self.log_in(remember="1")
        self.stale()
        self.call("res.users", "change_password", "mfa_ann_password", "new_password_1")
        self.assertTrue(self.ann.trusted_device_ids)

    @mute_logger("odoo.addons.rpc.controllers.xmlrpc")
    def test_password_with_an_api_key(self):
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.ann)
            .sudo()
            ._generate("rpc", "Robot", self.env.cr.now().replace(year=2100))
        )
        for args in (
            ("res.users", "change_password", "mfa_ann_password", "new_password_1"),
            ("res.users", "write", [self.ann.id], {"email": "thief@example.com"}),
        ):
            with self.assertRaisesRegex(Exception, "cannot be done with an API key"):
                self.xmlrpc(self.ann, key, *args)
        self.xmlrpc(self.ann, key, "res.users", "write", [self.ann.id], {"signature": "Bye"})
        self.assertEqual(self.ann.email, "ann@example.com")

    def test_administrator_s_own_account(self):
        """The right to write all accounts is no proof."""
        self.enrol(self.admin, OTHER_SECRET)
        for values in (
            {"password": "new_password_1"},
            {"password": False},
            {"new_password": "new_password_1"},
            {"login": "thief"},
            {"email": "thief@example.com"},
            {"partner_id": self.bob.partner_id.id},
        ):
            self.stale(self.admin)
            with self.subTest(values=values):
                self.assertRefused(self.write_own(self.admin, **values))
                many = [self.admin.id, self.bob.id]
                self.assertRefused(self.call("res.users", "write", many, values))
        line = {"user_id": self.admin.id, "new_passwd": "new_password_1"}
        values = {"user_ids": [(0, 0, line)]}
        [dialog] = self.call("change.password.wizard", "create", [values])["result"]
        self.assertRefused(self.call("change.password.wizard", "change_password_button", [dialog]))
        self.assertTrue(self.accepts(self.admin, "mfa_admin_password"))
        self.assertEqual(self.admin.login, "mfa_admin")

    @mute_logger("odoo.http")
    def test_administrator_who_became_the_superuser(self):
        """The superuser, who has no second factor, is no way to one's own account."""
        self.enrol(self.admin, OTHER_SECRET)
        self.stale(self.admin)
        self.url_open("/web/become")
        self.assertEqual(self.session_uid(), 1)
        for values in ({"password": "new_password_1"}, {"email": "thief@example.com"}):
            refusal = self.write_own(self.admin, **values)["error"]["data"]["message"]
            self.assertIn("Log in as yourself", refusal)
        answer = self.call("res.partner", "write", self.admin.partner_id.ids, {"email": "x@y.com"})
        self.assertIn("Log in as yourself", self.message_of(answer))
        self.assertTrue(self.write_own(self.admin, signature="Bye")["result"])
        self.assertTrue(self.write_own(self.bob, password="new_password_1")["result"])
        self.assertTrue(self.accepts(self.admin, "mfa_admin_password"))

    def test_administrator_changes_others_as_before(self):
        self.enrol(self.admin, OTHER_SECRET)
        self.stale(self.admin)
        values = {"password": "new_password_1", "email": "new@example.com"}
        self.assertTrue(self.write_own(self.bob, **values)["result"])
        self.assertTrue(self.accepts(self.bob, "new_password_1"))

    def test_email_address(self):
        for method, args in (("write", []), ("web_save", [{"email": {}}])):
            self.stale()
            values = {"email": f"{method}@example.com"}
            answer = self.call("res.users", method, [self.ann.id], values, *args)
            self.assertRefused(answer)
            self.assertRefused(self.write_own(self.ann, email=False))
            self.env.invalidate_all()
            self.assertEqual(self.ann.email, "ann@example.com")
        self.fresh()
        self.write_own(self.ann, email="new@example.com")
        self.env.invalidate_all()
        self.assertEqual(self.ann.email, "new@example.com")

    def confirm_refusal(self, refusal):
        """Press the button of a refusal, and give password and code in the dialog."""
        _message, action, _button, context = refusal
        answer = self.rpc("/web/action/run", action_id=action, context=context or {})
        self.assertTrue(self.is_identity_check(answer))
        return self.prove(answer)["result"]["params"]["message"]

    def test_button_of_the_refusal_saves(self):
        values = {"email": "new@example.com", "signature": "<p>Ann</p>"}
        refusal = self.assertRefused(self.write_own(self.ann, **values))
        self.assertIn("is saved", self.confirm_refusal(refusal))
        self.env.invalidate_all()
        self.assertEqual(self.ann.email, "new@example.com")
        self.assertEqual(self.ann.signature, "<p>Ann</p>")

    def test_button_of_the_refusal_takes_no_password_along(self):
        values = {"email": "new@example.com", "password": "new_password_1"}
        self.enrol(self.admin)
        self.stale(self.admin)
        refusal = self.assertRefused(self.write_own(self.admin, **values))
        self.assertNotIn("new_password_1", str(refusal))
        self.stale()
        self.assertIn("make your change", self.confirm_refusal(refusal))

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_rule")
    def test_button_of_the_refusal_gives_no_rights(self):
        """What the client says was refused is written with the client's own rights."""
        action = self.env.ref("auth_totp_mfa.action_confirm_identity").id
        group = self.env.ref("base.group_system")
        for values in ({"group_ids": [(4, group.id)]}, {"login": "thief"}, {"mfa_since": False}):
            self.fresh()
            context = {"mfa_own_change": values}
            answer = self.rpc("/web/action/run", action_id=action, context=context)
            self.assertIn("error", answer)
            answer = self.call("res.users", "action_mfa_confirm", [], context=context)
            self.assertIn("error", answer)
        self.assertFalse(self.ann.has_group("base.group_system"))

    def test_button_of_the_refusal_saves_no_garbage(self):
        for values in ("email", ["email"], 5, True):
            self.fresh()
            context = {"mfa_own_change": values}
            answer = self.call("res.users", "action_mfa_confirm", [], context=context)
            self.assertIn("make your change", str(answer["result"]))

    def test_all_else_in_preferences_is_saved_as_before(self):
        values = {"signature": "Ann", "lang": "en_US", "tz": "Europe/Vienna", "phone": "1"}
        same = {"email": "ann@example.com", "login": "mfa_ann"}
        self.assertTrue(self.write_own(self.ann, **values)["result"])
        self.assertTrue(self.write_own(self.ann, **values, email=same["email"])["result"])
        self.sign_in(self.bob)
        self.assertTrue(self.write_own(self.bob, email="bob2@example.com")["result"])
        call = ("res.users", "change_password", "mfa_bob_password", "new_password_1")
        self.assertTrue(self.call(*call)["result"])

    def test_link_of_a_forgotten_password(self):
        """The dialog itself leads there, in the browser that is logged in."""
        partner = self.ann.partner_id
        partner.signup_prepare()
        token = partner._generate_signup_token()
        page = self.url_open(f"/web/reset_password?token={token}")
        self.url_open(
            "/web/reset_password",
            data={
                "token": token,
                "login": "mfa_ann",
                "name": "Ann",
                "password": "new_password_1",
                "confirm_password": "new_password_1",
                "csrf_token": self.csrf_of(page),
            },
        )
        self.assertTrue(self.accepts(self.ann, "new_password_1"))
        self.assertLoggedOut()

    # -- the portal, without JavaScript --------------------------------------------

    def change_on_portal(self, **values):
        page = self.url_open("/my/security")
        data = {
            "old": "mfa_portal_password",
            "new1": "new_password_1",
            "new2": "new_password_1",
            "csrf_token": self.csrf_of(page),
            **values,
        }
        return self.url_open("/my/security", data=data)

    def test_portal_password(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.stale(self.portal)
        self.assertIn('name="mfa_code"', self.url_open("/my/security").text)
        for code, text in (
            (None, "Enter the six digits"),
            ("", "Enter the six digits"),
            (code_of(OTHER_SECRET, 9), "double-check"),
            (code_of(SECRET), "double-check"),
        ):
            answer = self.change_on_portal(**({} if code is None else {"mfa_code": code}))
            self.assertIn(text, answer.text)
            self.assertNotIn("Password Updated", answer.text)
        answer = self.change_on_portal(old="wrong", mfa_code=code_of(OTHER_SECRET))
        self.assertIn("old password you provided is incorrect", answer.text)
        self.assertNotIn('name="mfa_code"', answer.text, "the code was right")
        self.assertIn("Password Updated", self.change_on_portal().text)
        self.assertTrue(self.accepts(self.portal, "new_password_1"))

    def test_portal_password_with_a_recovery_code(self):
        self.enrol(self.portal, OTHER_SECRET)
        code = self.portal._mfa_make_recovery_codes()[0]
        self.stale(self.portal)
        self.assertIn("Password Updated", self.change_on_portal(mfa_code=code).text)

    def test_portal_password_without_mfa(self):
        self.sign_in(self.portal)
        self.assertNotIn('name="mfa_code"', self.url_open("/my/security").text)
        self.assertIn("Password Updated", self.change_on_portal().text)

    def save_address(self, **values):
        page = self.url_open("/my/account")
        data = {
            "partner_id": self.portal.partner_id.id,
            "name": self.portal.name,
            "email": "new@example.com",
            "phone": "1",
            "street": "Street",
            "city": "City",
            "zip": "1000",
            "country_id": self.env.ref("base.at").id,
            "csrf_token": self.csrf_of(page),
            **values,
        }
        return page, self.url_open("/my/address/submit", data=data).json()

    def test_portal_email_address(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.stale(self.portal)
        _page, answer = self.save_address(email="portal@example.com")
        self.assertIn("redirectUrl", answer)
        for code, text in (("", "Enter the six digits"), (code_of(SECRET), "double-check")):
            page, answer = self.save_address(mfa_code=code)
            self.assertIn('name="mfa_code"', page.text)
            self.assertIn(text, answer["messages"][0])
            self.assertEqual(answer["invalid_fields"], ["mfa_code"])
        self.env.invalidate_all()
        self.assertEqual(self.portal.email, "portal@example.com")
        _page, answer = self.save_address(mfa_code=code_of(OTHER_SECRET))
        self.assertIn("redirectUrl", answer)
        self.env.invalidate_all()
        self.assertEqual(self.portal.email, "new@example.com")

    def test_email_address_of_the_contact(self):
        """The right to edit contacts is no way around."""
        self.enrol(self.admin, OTHER_SECRET)
        self.stale(self.admin)
        ids = [self.admin.partner_id.id, self.bob.partner_id.id]
        self.assertRefused(self.call("res.partner", "write", ids, {"email": "x@example.com"}))
        self.assertTrue(self.call("res.partner", "write", ids[:1], {"phone": "1"})["result"])
        self.assertTrue(self.call("res.partner", "write", ids[1:], {"email": "x@y.com"})["result"])
        self.fresh(self.admin)
        self.assertTrue(self.call("res.partner", "write", ids[:1], {"email": "x@y.com"})["result"])

    def test_portal_account_deletes_itself(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.stale(self.portal)
        page = self.url_open("/my/security")
        data = {
            "validation": "mfa_portal",
            "password": "mfa_portal_password",
            "csrf_token": self.csrf_of(page),
        }
        answer = self.url_open("/my/deactivate_account", data=data)
        self.assertIn("Enter the six digits", answer.text)
        self.env.invalidate_all()
        self.assertTrue(self.portal.active)
        data |= {"csrf_token": self.csrf_of(answer), "mfa_code": code_of(OTHER_SECRET)}
        self.url_open("/my/deactivate_account", data=data)
        self.env.invalidate_all()
        self.assertFalse(self.portal.active)


class PasskeyCase(IdentityCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "auth.passkey.key" not in cls.env:
            cls.skipTest(cls, "auth_passkey is not installed")

    def setUp(self):
        self.passkey = Passkey(self.base_url())
        self.env["ir.config_parameter"].set_param("web.base.url", self.base_url())
        super().setUp()

    def own_passkey(self, user):
        """Give ``user`` the passkey, as if done long ago."""
        self.passkey.owner = user
        self.env.cr.execute(
            """INSERT INTO auth_passkey_key
                           (name, credential_identifier, public_key, create_uid, create_date)
                    VALUES ('Key', %s, %s, %s, now() AT TIME ZONE 'UTC') RETURNING id""",
            [*self.stored(), user.id],
        )
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        return self.env["auth.passkey.key"].browse(self.env.cr.fetchone()[0])

    def stored(self):
        answer = self.passkey.register({"challenge": "x"})
        return answer["id"], b64(self.passkey.public_key())

    def touch(self):
        """Touch the passkey when the page asks for it; return what it answers."""
        return self.passkey.authenticate(self.rpc("/auth/passkey/start-auth")["result"])


@tagged("post_install", "-at_install")
class TestPasskeys(PasskeyCase):
    def test_creating(self):
        """A passkey skips the second step for ever."""
        action = self.assertAsksFirst(
            lambda: self.call("res.users", "action_create_passkey", [self.ann.id]),
            lambda: not self.rpc("/mfa/identity")["result"]["needs_code"],
        )
        options = action["context"]["registration"]
        registration = self.passkey.register(options)
        self.call("auth.passkey.key.create", "create", [{"name": "Key"}])
        [dialog] = self.env["auth.passkey.key.create"].sudo().search([]).ids
        challenge = options["challenge"]
        self.sign_in(self.ann, password_age=5, proof_age=STALE)
        self.keep_challenge(challenge)
        answer = self.call("auth.passkey.key.create", "make_key", [dialog], registration)
        self.assertTrue(self.is_identity_check(answer))
        self.assertFalse(self.ann.auth_passkey_key_ids)
        self.prove(answer)
        self.env.invalidate_all()
        self.assertEqual(self.ann.auth_passkey_key_ids.name, "Key")

    def keep_challenge(self, challenge):
        self.put_in_session(webauthn_challenge=challenge)

    def test_deleting(self):
        key = self.own_passkey(self.ann)
        self.stale()
        answer = self.call("auth.passkey.key", "action_delete_passkey", [key.id])
        self.assertTrue(self.is_identity_check(answer))
        self.call("res.users.identitycheck", "action_use_password", [answer["result"]["res_id"]])
        self.prove(answer)
        self.assertFalse(key.exists())

    @mute_logger("odoo.http", "odoo.models", "odoo.addons.base.models.ir_model")
    def test_ways_around(self):
        """Records and one's own user written directly, with all rights that there are."""
        admin = self.new_person("mfa_admin", "base.group_system")
        self.enrol(admin, OTHER_SECRET)
        mine, hers = self.own_passkey(admin), None
        self.passkey = Passkey(self.base_url())
        hers = self.own_passkey(self.ann)
        _identifier, public_key = self.stored()
        values = {"name": "Thief", "credential_identifier": "x", "public_key": public_key}
        for user in (self.ann, admin):
            for model, method, *args in (
                ("auth.passkey.key", "create", [values]),
                ("auth.passkey.key", "create", [{**values, "create_uid": user.id}]),
                ("auth.passkey.key", "unlink", [mine.id]),
                ("auth.passkey.key", "unlink", [hers.id]),
                ("auth.passkey.key", "_start_registration"),
                ("auth.passkey.key", "_verify_registration_options", {}),
                ("res.users", "write", [user.id], {"auth_passkey_key_ids": [(0, 0, values)]}),
                ("res.users", "write", [user.id], {"auth_passkey_key_ids": [(2, mine.id)]}),
                ("res.users", "write", [user.id], {"auth_passkey_key_ids": [(2, hers.id)]}),
                ("res.users", "write", [user.id], {"auth_passkey_key_ids": [(5,)]}),
                ("res.users", "write", [self.ann.id], {"auth_passkey_key_ids": [(5,)]}),
            ):
                self.stale(user)
                with self.subTest(user=user.login, model=model, method=method, args=args):
                    self.assertIn("error", self.call(model, method, *args))
        self.env.invalidate_all()
        keys = (
            self.env["auth.passkey.key"]
            .sudo()
            .search([("create_uid", "in", (admin | self.ann).ids)])
        )
        self.assertEqual(keys, mine | hers)
        self.assertFalse(self.ann.with_user(self.ann).auth_passkey_key_ids - hers)

    def test_administrator_with_a_proof_deletes_a_colleague_s(self):
        admin = self.new_person("mfa_admin", "base.group_system")
        self.enrol(admin, OTHER_SECRET)
        key = self.own_passkey(self.ann)
        self.fresh(admin)
        self.assertTrue(self.call("auth.passkey.key", "unlink", [key.id])["result"])

    # -- a passkey as the proof ----------------------------------------------------

    def test_dialog_takes_the_passkey(self):
        self.own_passkey(self.ann)
        self.stale()
        answer = self.call("res.users", "action_totp_disable", [self.ann.id])
        check = answer["result"]["res_id"]
        row = self.call("res.users.identitycheck", "read", [check], ["auth_method"])["result"]
        self.assertEqual(row[0]["auth_method"], "webauthn")
        context = {"password": self.touch()}
        self.call("res.users.identitycheck", "run_check", [check], context=context)
        self.assertFalse(self.is_on(self.ann))

    @mute_logger("odoo.http")
    def test_garbage_is_no_passkey(self):
        self.own_passkey(self.ann)
        own = b64(self.passkey.credential_id)
        self.stale()
        whole = {"id": own, "rawId": own, "type": "public-key"}
        empty = {"clientDataJSON": "", "authenticatorData": "", "signature": ""}
        for answer in (
            *({"id": value} for value in ("\x00", "\ud800", "", ["x"], {"a": 1}, None, own)),
            {**whole, "response": {}},
            {**whole, "response": empty},
            {**whole, "response": dict.fromkeys(empty, "x")},
            {**whole, "rawId": "x", "response": empty},
            ["x"],
            "x",
        ):
            self.rpc("/auth/passkey/start-auth")
            with self.subTest(answer=ascii(answer)):
                result = self.rpc("/mfa/identity", passkey=json.dumps(answer)).get("result")
                self.assertTrue(result and result["error"] and result["needs_code"])

    def test_passkey_of_another_proves_nothing(self):
        self.own_passkey(self.ann)
        theirs, self.passkey = self.passkey, Passkey(self.base_url())
        self.own_passkey(self.bob)
        self.stale()
        answer = self.call("res.users", "action_totp_disable", [self.ann.id])
        check = answer["result"]["res_id"]
        forged = json.loads(self.touch()) | {"id": theirs.register({"challenge": ""})["id"]}
        for text in (self.touch(), json.dumps(forged), "", "{}", "[]", "x", None, 5, ["x"]):
            with self.subTest(text=str(text)[:20]):
                context = {"password": text}
                self.message_of(
                    self.call("res.users.identitycheck", "run_check", [check], context=context)
                )
                result = self.rpc("/mfa/identity", passkey=text)["result"]
                self.assertTrue(result["needs_code"])
        self.assertTrue(self.is_on(self.ann))

    def test_password_instead_of_the_passkey_needs_the_code(self):
        self.own_passkey(self.ann)
        self.stale()
        answer = self.call("res.users", "action_totp_disable", [self.ann.id])
        check = answer["result"]["res_id"]
        self.call("res.users.identitycheck", "action_use_password", [check])
        with mute_logger("odoo.http"):
            self.message_of(self.identify(answer, self.ann))
        self.prove(answer)
        self.assertFalse(self.is_on(self.ann))

    def test_portal_dialog_takes_the_passkey(self):
        """Core's portal dialog asks for the password; the passkey stands for the code."""
        portal = self.new_person("mfa_portal", "base.group_portal")
        self.enrol(portal, OTHER_SECRET)
        self.own_passkey(portal)
        self.stale(portal)
        answer = self.call("res.users", "action_totp_disable", [portal.id])
        values = {"auth_method": "password"}
        check = answer["result"]["res_id"]
        self.call("res.users.identitycheck", "write", [check], values)
        self.assertTrue(self.rpc("/mfa/identity")["result"]["has_passkey"])
        result = self.rpc("/mfa/identity", passkey=self.touch())["result"]
        self.assertEqual(result, {"needs_code": False, "has_passkey": True, "error": False})
        self.identify(answer, portal)
        self.assertFalse(self.is_on(portal))

    def test_passkey_opens_closed_codes(self):
        attempts = self.env["res.users.mfa.attempt"]
        self.own_passkey(self.ann)
        self.stale()
        attempts._mfa_open_door().create(
            {"user_id": self.ann.id, "counter": "app", "failures": 100, "last_try": 0}
        )
        self.env.flush_all()
        self.assertIn(
            "are locked", self.rpc("/mfa/identity", code=code_of(SECRET))["result"]["error"]
        )
        self.rpc("/mfa/identity", passkey=self.touch())
        self.env.invalidate_all()
        self.assertFalse(attempts.search([]))


@tagged("post_install", "-at_install")
class TestPortalDialog(Buttons, MfaCase):
    """``/mfa/identity``, which core's portal dialog asks before the password."""

    def test_takes_codes_and_recovery_codes(self):
        for code in (code_of(SECRET), self.ann._mfa_make_recovery_codes()[3].upper()):
            self.sign_in(self.ann, password_age=5, proof_age=STALE)
            self.assertTrue(self.rpc("/mfa/identity")["result"]["needs_code"])
            self.assertFalse(self.rpc("/mfa/identity", code=code)["result"]["needs_code"])

    def test_without_mfa(self):
        self.sign_in(self.bob, password_age=5)
        self.assertFalse(self.rpc("/mfa/identity")["result"]["needs_code"])
