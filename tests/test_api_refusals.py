import inspect
import json
import secrets
from xmlrpc.client import Fault

from odoo.models import BaseModel
from odoo.tests import get_db_name, tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET
from .test_api import KEYS, ApiCase
from .test_rpc import FORGED, SNAPSHOT, THIEF_SECRET, RpcCase

IDENTITY_CHECK = "res.users.identitycheck"
KEY_WIZARD = "res.users.apikeys.description"
OTHER_MODELS = (
    "res.users",
    KEYS,
    KEY_WIZARD,
    "auth_totp.device",
    "auth_totp.wizard",
    "auth.passkey.key",
    "auth.passkey.key.create",
    "change.password.own",
    "res.device",
    IDENTITY_CHECK,
)
"""Models of other modules that hold factors, trusts, keys or what changes them."""
ORM = ("write", "unlink", "copy", "create", "web_save", "load", "name_create", "web_resequence")
HARMLESS = {
    ("res.users", "create"): "a new account has no factors",
    ("res.users", "name_create"): "likewise",
    ("res.users", "copy"): "likewise",
    ("res.users", "unlink"): "an account that ends takes its factors along",
    ("res.users", "action_archive"): "likewise",
    ("auth_totp.wizard", "unlink"): "whoever throws away core's own dialog gains nothing",
}
VALUES = {
    "vals": {"name": "Thief"},
    "vals_list": [{"name": "Thief"}],
    "values": {"name": "Thief"},
    "default": {},
    "specification": {"id": {}},
    "name": "Thief",
    "fields": ["name"],
    "data": [["Thief"]],
    "old_passwd": "mfa_admin_password",
    "new_passwd": "thief_password",
    "login": "mfa_admin",
}
"""What is given to a method for its parameters, by their names."""
KEPT = (
    *SNAPSHOT,
    "SELECT id, password, partner_id FROM res_users",
    "SELECT id, email FROM res_partner",
    "SELECT id, name, user_id FROM res_users_apikeys",
    "SELECT * FROM res_users_recovery_code",
    "SELECT * FROM res_users_help_code",
    "SELECT id, mfa_policy_sensitive, mfa_policy_internal, mfa_policy_portal, mfa_grace_days,"
    " mfa_trusted_devices, mfa_setup_by_mail, mfa_api_networks FROM res_company",
    "SELECT id, mfa_exempt_networks, mfa_api_networks FROM res_users",
    "SELECT id, mfa_sensitive FROM res_groups",
)


class KeyCase(RpcCase, ApiCase):
    """A thief with an API key, and with the cookie of its owner's proven session too."""

    def setUp(self):
        super().setUp()
        self.kept = KEPT
        if "auth.passkey.key" in self.env:
            self.kept += ("SELECT id, name, create_uid FROM auth_passkey_key",)

    def steal_key_of(self, login):
        self.owner = self.people[login]
        self.key = self.make_key(self.owner)
        self.sign_in(self.owner, password_age=0, proof_age=0)
        self.before = self.state()

    def state(self):
        rows = {}
        for query in self.kept:
            self.env.cr.execute(query)
            rows[query] = sorted(map(str, self.env.cr.fetchall()))
        return rows

    def assertNothingChanged(self):
        before, self.before = self.before, self.state()
        for query, rows in self.before.items():
            self.assertEqual(before[query], rows, query)

    def by_json2(self, model, method, ids, kwargs):
        """Return the refusal, or ``None`` where there was none."""
        body = {**kwargs, **({"ids": ids} if ids else {})}
        answer = self.json2(self.key, f"{model}/{method}", body)
        return None if answer.ok else answer.json()["message"]

    def by_xmlrpc(self, model, method, ids, kwargs):
        args, kwargs = [ids] if ids else [], dict(kwargs)
        if method == "create":  # core's dispatcher looks at it by its place
            args.append(kwargs.pop("vals_list"))
        call = (get_db_name(), self.owner.id, self.key, model, method, args, kwargs)
        try:
            self.xml("/xmlrpc/2/object", "execute_kw", call)
        except Fault as fault:
            return fault.faultString
        return None

    def methods(self):
        """Yield model, name and function of each public method that might change one."""
        for model in self.env.registry.values():
            ours = model._original_module == "auth_totp_mfa" and not model._abstract
            if not ours and model._name not in OTHER_MODELS:
                continue
            names = {
                name
                for name, function in inspect.getmembers(model, callable)
                if not name.startswith("_") and not hasattr(BaseModel, name)
            }
            for name in sorted(names | set(ORM)):
                function = getattr(model, name)
                private = any(
                    getattr(getattr(cls, name, None), "_api_private", False) for cls in model.mro()
                )
                if not private and (model._name, name) not in HARMLESS:
                    yield model._name, name, function

    def arguments_of(self, model, function):
        parameters = list(inspect.signature(function).parameters.values())[1:]
        kwargs = {
            one.name: VALUES.get(one.name, {})
            for one in parameters
            if one.default is one.empty and one.kind == one.POSITIONAL_OR_KEYWORD
        }
        record = self.records[self.owner.login].get(model)
        ids = [record] if record else self.env[model].sudo().search([], limit=1).ids
        ids = self.owner.ids if model == "res.users" else ids
        return ([] if getattr(function, "_api_model", False) else ids), kwargs


@tagged("post_install", "-at_install")
class TestKeyChangesNothing(KeyCase):
    """No call that an API key opened changes a factor, a trust or a key."""

    def check_every_method(self, call):
        called = set()
        for model, name, function in self.methods():
            ids, kwargs = self.arguments_of(model, function)
            with self.subTest(model=model, method=name), mute_logger("odoo.http", "odoo.sql_db"):
                call(model, name, ids, kwargs)
                self.assertNothingChanged()
            called.add(f"{model}.{name}")
        self.assertLessEqual(
            {
                "res.users.action_totp_disable",
                "res.users.revoke_all_devices",
                "res.users.change_password",
                "res.users.authenticator.action_remove",
                "res.users.device.action_revoke",
                "res.users.apikeys.remove",
                "res.users.apikeys.action_mfa_revoke",
                "res.users.apikeys.description.make_key",
                "res.users.identitycheck.run_check",
                "res.users.mfa.help.action_help",
                "auth_totp.wizard.enable",
            },
            called,
        )

    def test_every_method_over_json2(self):
        self.steal_key_of("mfa_admin")
        self.check_every_method(self.by_json2)

    def test_every_method_over_xmlrpc(self):
        self.steal_key_of("mfa_admin")
        self.check_every_method(self.by_xmlrpc)

    # -- each change, by its own name ------------------------------------------------

    def changes(self):
        """Return the calls that would change something of the owner, were they let pass."""
        me, records = self.owner, self.records[self.owner.login]
        wizard = self.env[KEY_WIZARD].with_user(me).create({"name": "More", "duration": "1"})
        button = json.dumps([{}, "res.users", me.ids, "action_totp_disable", [], {}])
        check = self.env[IDENTITY_CHECK].with_user(me).sudo().create({"request": button})
        proof = {"context": {**FORGED, "password": f"{me.login}_password"}}
        calls = [
            ("res.users", "action_totp_disable", me.ids, {}),
            ("res.users", "revoke_all_devices", me.ids, {}),
            ("res.users", "action_totp_enable_wizard", me.ids, {}),
            ("res.users", "write", me.ids, {"vals": {"password": "thief"}}),
            ("res.users", "write", me.ids, {"vals": {"email": "thief@example.com"}}),
            ("res.users", "write", me.ids, {"vals": {"login": "thief"}}),
            ("res.users", "write", me.ids, {"vals": {"totp_secret": OTHER_SECRET}}),
            ("res.users", "write", me.ids, {"vals": {"mfa_api_networks": ""}}),
            ("res.users", "write", me.ids, {"vals": {"mfa_exempt_networks": "10.0.0.0/8"}}),
            ("res.partner", "write", me.partner_id.ids, {"vals": {"email": "thief@example.com"}}),
            ("res.users.device", "action_revoke", [records["res.users.device"]], {}),
            ("res.users.authenticator", "action_remove", [records["res.users.authenticator"]], {}),
            ("auth_totp.wizard", "enable", [records["auth_totp.wizard"]], {}),
            ("auth_totp.wizard", "create", [], {"vals_list": [{"secret": THIEF_SECRET}]}),
            (KEY_WIZARD, "make_key", wizard.ids, {}),
            (KEYS, "remove", self.key_of(me).ids, {}),
            (KEYS, "action_mfa_revoke", self.key_of(me).ids, {}),
            (KEYS, "unlink", self.key_of(me).ids, {}),
            (IDENTITY_CHECK, "run_check", check.ids, proof),
            (IDENTITY_CHECK, "create", [], {"vals_list": [{}]}),
        ]
        if me._is_system():
            calls += self.changes_of_policy()
        if "auth.passkey.key" in self.env:
            passkey = self.make_passkey(me)
            calls += [
                ("auth.passkey.key", "write", passkey, {"vals": {"name": "Thief"}}),
                ("auth.passkey.key", "action_delete_passkey", passkey, {}),
                ("auth.passkey.key", "unlink", passkey, {}),
            ]
        self.before = self.state()
        return calls

    def changes_of_policy(self):
        company, group = self.company.ids, self.env.ref("base.group_system").ids
        return [
            ("res.company", "write", company, {"vals": {"mfa_policy_internal": "mail"}}),
            ("res.company", "write", company, {"vals": {"mfa_api_networks": "10.0.0.0/8"}}),
            ("res.company", "write", company, {"vals": {"mfa_trusted_devices": False}}),
            ("res.groups", "write", group, {"vals": {"mfa_sensitive": False}}),
        ]

    def make_passkey(self, user):
        self.env.cr.execute(
            "INSERT INTO auth_passkey_key (name, credential_identifier, public_key, create_uid)"
            " VALUES ('Key', %s, 'x', %s) RETURNING id",
            [secrets.token_hex(8), user.id],
        )
        return [self.env.cr.fetchone()[0]]

    def check_refusals(self, login, call):
        self.steal_key_of(login)
        for model, method, ids, kwargs in self.changes():
            with (
                self.subTest(login=login, model=model, method=method, kwargs=kwargs),
                mute_logger("odoo.http", "odoo.sql_db", "odoo.addons.base.models.ir_model"),
            ):
                self.assertTrue(call(model, method, ids, kwargs), "this should be refused")
                self.assertNothingChanged()

    def test_changes_over_json2(self):
        for login in ("mfa_portal", "mfa_ann", "mfa_manager", "mfa_admin"):
            self.check_refusals(login, self.by_json2)

    def test_changes_over_xmlrpc(self):
        for login in ("mfa_portal", "mfa_ann", "mfa_manager", "mfa_admin"):
            self.check_refusals(login, self.by_xmlrpc)

    def new_attack(self):
        """Return an action that writes a field, which nobody had to confirm."""
        field = self.env["ir.model.fields"]._get("res.users", "totp_secret")
        return self.env["ir.actions.server"].create(
            {
                "name": "Attack",
                "model_id": self.env["ir.model"]._get_id("res.users"),
                "state": "object_write",
                "update_path": "totp_secret",
                "update_field_id": field.id,
                "value": "",
            }
        )

    def assertAttackFails(self, attack, call, victim):
        context = {"active_model": "res.users", "active_id": victim.id}
        run = ("ir.actions.server", "run", attack.ids, {"context": context})
        quiet = mute_logger("odoo.http", "odoo.addons.base.models.ir_actions")
        with self.subTest(victim=victim.login, call=call.__name__), quiet:
            self.assertTrue(call(*run), "this should be refused")
            self.env.invalidate_all()
            self.assertTrue(victim.mfa_enabled)

    def test_server_action(self):
        self.steal_key_of("mfa_admin")
        attack = self.new_attack()
        for victim in (self.owner, self.ann):
            for call in (self.by_json2, self.by_xmlrpc):
                self.assertAttackFails(attack, call, victim)

    def test_server_action_by_password(self):
        """An administrator without a second factor, of whom no policy asks one."""
        self.owner = self.new_person("mfa_bare", "base.group_user,base.group_system")
        self.key = "mfa_bare_password"
        self.assertAttackFails(self.new_attack(), self.by_xmlrpc, self.ann)

    def test_secrets_of_open_dialogs(self):
        """Who has the key of somebody who is adding an app must not get that app's secret."""
        self.steal_key_of("mfa_ann")
        for model, names in (
            ("res.users.authenticator.create", ["secret_key"]),
            ("res.users.authenticator.create", ["otpauth_uri", "qr_code"]),
            ("auth_totp.wizard", ["secret"]),
        ):
            ids = [self.records["mfa_ann"][model]]
            for call in (self.by_json2, self.by_xmlrpc):
                with self.subTest(model=model, names=names), mute_logger("odoo.http"):
                    self.assertTrue(call(model, "read", ids, {"fields": names}))
                    self.assertTrue(call(model, "export_data", ids, {"fields_to_export": names}))

    def test_changes_without_two_factor_authentication(self):
        """An account that has nothing to lose yet: the thief must not start it."""
        self.bob._mfa_set_enabled(False)
        for call in (self.by_json2, self.by_xmlrpc):
            self.check_refusals("mfa_bob", call)

    # -- what stays possible ---------------------------------------------------------

    def test_key_does_its_work(self):
        self.steal_key_of("mfa_admin")
        partner = self.env["res.partner"].create({"name": "Customer"})
        for number, call in enumerate((self.by_json2, self.by_xmlrpc)):
            for model, method, ids, kwargs in (
                (
                    "res.partner",
                    "write",
                    partner.ids,
                    {"vals": {"email": f"c{number}@example.com"}},
                ),
                ("res.users", "write", self.owner.ids, {"vals": {"signature": f"s{number}"}}),
                ("res.company", "write", self.company.ids, {"vals": {"phone": str(number)}}),
                ("res.users", "create", [], {"vals_list": [{"name": "N", "login": f"n{number}"}]}),
            ):
                with self.subTest(call=call.__name__, model=model, method=method):
                    self.assertIsNone(call(model, method, ids, kwargs))

    def test_password_over_rpc_changes_what_core_lets_it_change(self):
        """The call after one with a key is not taken for one."""
        self.bob._mfa_set_enabled(False)
        self.steal_key_of("mfa_bob")
        change = ("res.users", "write", self.bob.ids, {"vals": {"email": "new@example.com"}})
        with mute_logger("odoo.http"):
            self.assertTrue(self.by_xmlrpc(*change))
        self.key = "mfa_bob_password"
        self.assertIsNone(self.by_xmlrpc(*change))

    def test_browser_goes_on_beside_a_key(self):
        """A call with key and cookie takes nothing from the session of that cookie."""
        self.steal_key_of("mfa_ann")
        self.assertEqual(self.ask("json2", self.ann, self.key), "mfa_ann")
        answer = self.call("res.users", "action_totp_enable_wizard", self.ann.ids)
        self.assertEqual(answer["result"]["res_model"], "res.users.authenticator.create")

    def test_key_beside_a_cookie_has_none_of_its_proofs(self):
        """Core's own buttons too ask for an identity check, which a key cannot open."""
        self.steal_key_of("mfa_ann")
        answer = self.by_json2("res.users", "preference_change_password", self.ann.ids, {})
        self.assertIn("API key", answer)
        answer = self.call("res.users", "preference_change_password", self.ann.ids)
        self.assertEqual(answer["result"]["res_model"], "change.password.own")

    def test_code_in_superuser_mode_that_a_key_calls(self):
        """As that of modules is which write the address of the contact for its owner."""
        self.steal_key_of("mfa_admin")
        admin = self.people["mfa_admin"]
        apps = admin.authenticator_ids
        for code in (
            "env.user.sudo().partner_id.write({'email': 'thief@example.com'})",
            f"env.user.sudo().write({{'totp_secret': '{OTHER_SECRET}'}})",
            "env.user.sudo().write({'totp_secret': False})",
        ):
            action = self.code_action(code)
            for ask in (self.by_xmlrpc, self.by_json2):
                with self.subTest(code=code, way=ask.__name__), mute_logger("odoo.http"):
                    self.assertIn("API key", ask("ir.actions.server", "run", action.ids, {}))
        self.env.invalidate_all()
        self.assertNotEqual(admin.email, "thief@example.com")
        self.assertEqual(admin.authenticator_ids, apps)
