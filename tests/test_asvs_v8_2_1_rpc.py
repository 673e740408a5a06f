"""Every public method of every model, called by each kind of user: made from the registry.

A new model or method is tried without anybody remembering it. What an API key may call is
tried by ``test_api_refusals``; how fields are read and written, by ``test_rpc``.
"""

import inspect

from odoo.fields import NO_ACCESS
from odoo.models import BaseModel
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_api_refusals import ORM, KeyCase
from .test_enrolment import STALE
from .test_rpc import APP, FORGED, SUPERUSER, THIEF_SECRET, VICTIM

OURS = "auth_totp_mfa"
QUIET = mute_logger(
    "odoo.http",
    "odoo.models",
    "odoo.sql_db",
    "odoo.addons.base.models.ir_model",
    "odoo.addons.base.models.ir_rule",
)
READINGS = ("read", "web_read", "search_read", "web_search_read", "export_data", "name_search")
NOBODY = {"odoo.http.SessionExpiredException", "odoo.exceptions.AccessDenied"}
"""What calls are answered with where nobody is logged in."""
AS_CORE = {
    "res.users.action_archive": "an administrator archives an account, as in core",
    "res.users.unlink": "or deletes it",
    "res.users.toggle_active": "likewise",
    "res.users.action_unarchive": "or brings it back",
    "res.users.web_resequence": "no field to sort by is named",
    "auth_totp.wizard.unlink": "whoever throws away core's own dialog gains nothing",
}

OF_THE_SUPERUSER = AS_CORE | {
    "res.users.apikeys.copy": "a key without a key, which opens nothing",
    "res.users.apikeys.remove": "a system administrator removes any key, as in core",
    "res.users.apikeys.unlink": "as by its button",
    "res.users.apikeys.web_save": "as a copy",
    "res.users.apikeys.description.make_key": "of the superuser, who is archived: opens nothing",
    "auth.passkey.key.web_save": "likewise",
    "auth.passkey.key.write": "a new name",
    "res.users.apikeys.write": "likewise",
    "mfa.coverage.copy": "there is no table: PostgreSQL refuses",
    "mfa.coverage.name_create": "likewise",
    "mfa.coverage.unlink": "likewise",
}
GUESSES = {
    "boolean": ("=", True),
    "char": ("like", "a"),
    "datetime": ("<", "2100-01-01 00:00:00"),
    "float": (">", 0),
    "integer": (">", 0),
    "selection": ("=", "mail"),
}
"""What a search would answer, by the type of the field; what is always set tells nothing."""
SORTED_BY_CORE = {
    "ir.attachment": "in superuser mode, by the name of who made it: no value is compared"
}
OF_ONE_S_OWN = {"res.users.apikeys.description.make_key": "a key of one's own, after a proof"}


class RegistryCase(KeyCase):
    """Calls by the web client's road, on what belongs to a colleague."""

    def calls(self):
        """Yield model, name, ids and arguments of each public method, on Bob's records."""
        self.owner = self.people[VICTIM]
        for model, name, function in self.methods():
            if hasattr(self.env.registry["base"], name) and name not in ORM and model != APP:
                continue  # what all models share is tried on one of them
            ids, kwargs = self.arguments_of(model, function)
            yield model, name, ids, kwargs
        for model in self.own_models():
            for name in READINGS:
                function = getattr(self.env.registry[model], name)
                ids, kwargs = self.arguments_of(model, function)
                if name == "export_data":
                    kwargs["fields_to_export"] = ["id", "display_name"]
                yield model, name, ids, kwargs

    def own_models(self):
        models = self.env.registry.values()
        return [
            model._name
            for model in models
            if model._original_module == OURS and not model._abstract
        ]

    def call_as_client(self, model, method, ids, kwargs):
        """Return the answer of a call with a forged context and made-up arguments."""
        kwargs = dict(kwargs)
        args = [ids] if ids else []
        if method == "create":
            args = [kwargs.pop("vals_list")]
        with QUIET:
            return self.call(model, method, *args, context=FORGED, **kwargs)

    def check_calls(self, actor, allowed=()):
        """Call everything; nothing of Bob's, nor of anybody's, may change or be told."""
        called = set()
        self.before = self.state()
        for model, method, ids, kwargs in self.calls():
            name = f"{model}.{method}"
            called.add(name)
            if name in allowed:
                continue
            with self.subTest(actor=actor, call=name):
                answer = self.call_as_client(model, method, ids, kwargs)
                self.assertFalse(self.secrets_in(answer, self.others(actor)), answer)
                error = answer.get("error", {}).get("data", {})
                self.assertNotIn("psycopg2", error.get("name", ""), error)
                if not error:  # else all that it did was rolled back
                    self.assertNothingChanged()
        self.assertNothingChanged()
        self.assertLessEqual(
            {
                "res.users.action_totp_disable",
                "res.users.device.action_revoke",
                "res.users.mfa.help.action_help",
                "res.users.mfa.attempt.write",
                "res.users.recovery.code.unlink",
                "mfa.coverage.action_reset",
            },
            called,
        )

    def others(self, actor):
        return [login for login in self.people if login != self.user_of(actor).login]


@tagged("post_install", "-at_install")
class TestEveryMethod(RegistryCase):
    def test_half_open_session(self):
        """The password of an administrator was given, and the code is missing."""
        self.assertIn("totp_token", self.post_password(self.people["mfa_admin"]).text)
        self.check_refused(self.calls())

    def test_nobody(self):
        """Without a session; one method of each model, since all have the same door."""
        self.new_browser()
        self.check_refused({call[0]: call for call in self.calls()}.values())

    def check_refused(self, calls):
        self.before = self.state()
        for model, method, ids, kwargs in calls:
            with self.subTest(call=f"{model}.{method}"):
                answer = self.call_as_client(model, method, ids, kwargs)
                self.assertIn(answer["error"]["data"]["name"], NOBODY)
        self.assertNothingChanged()

    def test_portal_user_with_proof(self):
        self.act_as("mfa_portal")
        self.check_calls("mfa_portal", allowed=OF_ONE_S_OWN)

    def test_employee_with_proof(self):
        self.act_as("mfa_ann")
        self.check_calls("mfa_ann", allowed=OF_ONE_S_OWN)

    def test_administrators_without_proof(self):
        for actor in ("mfa_manager", "mfa_admin"):
            self.sign_in(self.user_of(actor), password_age=0, proof_age=STALE)
            self.check_calls(actor, allowed=AS_CORE)

    def test_superuser_session_with_proof(self):
        """Who became the superuser (``/web/become``) has no second factor to answer with."""
        self.act_as(SUPERUSER)
        self.check_calls(SUPERUSER, allowed=OF_THE_SUPERUSER)

    def test_every_own_method_is_among_them(self):
        """What is left out is private, or core's own way to do the same."""
        called = {f"{model}.{method}" for model, method, *_rest in self.calls()}
        for model in self.own_models():
            cls = self.env.registry[model]
            for name, member in inspect.getmembers(cls, callable):
                if name.startswith("_") or hasattr(BaseModel, name):
                    continue
                if member.__module__.startswith(f"odoo.addons.{OURS}."):
                    private = getattr(member, "_api_private", False)
                    self.assertTrue(private or f"{model}.{name}" in called, f"{model}.{name}")


@tagged("post_install", "-at_install")
class TestEverySecretField(RegistryCase):
    """Fields that nobody may read, by way of each relation that leads to their record.

    A search answers a guess by what it finds, sorting and grouping by what comes first.
    """

    def secret_fields(self):
        """Return the names of the hidden stored or searchable fields, by their model."""
        found = {}
        for model in self.env.registry.values():
            names = [
                name
                for name, field in model._fields.items()
                if field.groups == NO_ACCESS and OURS in (field._modules or ())
            ]
            if names and not model._abstract and not model._transient:
                found[model._name] = sorted(names)
        found["res.users"].append("totp_secret")
        return found

    def paths(self, actor):
        """Yield model, path and type of each relation that ``actor`` may follow to a secret."""
        secrets = self.secret_fields()
        count = 0
        for model in sorted(self.env.registry):
            records = self.env[model].with_user(self.user_of(actor))
            if records._abstract or not records.has_access("read"):
                continue
            for name, field in records._fields.items():
                if field.comodel_name in secrets and field.store and not field.groups:
                    hidden = secrets[field.comodel_name]
                    count += 1
                    secret = hidden[count % len(hidden)]
                    kind = self.env[field.comodel_name]._fields[secret].type
                    yield model, f"{name}.{secret}", kind

    def check_paths(self, actor):
        self.act_as(actor)
        paths = list(self.paths(actor))
        self.assertGreater(len(paths), 20)
        for model, path, kind in paths:
            calls = (
                ("search", [[[path, *GUESSES[kind]]]], {}),
                ("search", [[]], {"order": path, "limit": 1}),
                ("formatted_read_group", [[], [path], ["__count"]], {}),
            )
            for method, args, kwargs in calls:
                with self.subTest(actor=actor, model=model, path=path, method=method), QUIET:
                    answer = self.call(model, method, *args, **kwargs)
                    if model not in SORTED_BY_CORE:
                        self.assertFalse(answer.get("result"))
                    if args[0]:  # a condition; sorting nothing tells nothing
                        self.assertIn("error", answer)

    def test_there_are_secret_fields(self):
        fields = self.secret_fields()
        self.assertLessEqual({"mfa_since", "mfa_epoch", "totp_secret"}, set(fields["res.users"]))
        self.assertIn("token_hash", fields["res.users.device"])
        self.assertIn("code_hash", fields["res.users.recovery.code"])

    def test_attachments(self):
        """Core searches them in superuser mode."""
        self.act_as("mfa_ann")
        self.env["ir.attachment"].with_user(self.ann).create({"name": "x", "raw": b"x"})
        ours = ("mfa_exempt_networks", "trusted_device_ids.last_ip", "company_id.mfa_api_networks")
        for name in (*self.secret_fields()["res.users"], *ours):
            for condition in (
                [f"create_uid.{name}", "!=", False],
                ["create_uid", "any", [[name, "!=", False]]],
                ["create_uid.company_id.user_ids", "any", [[name, "!=", False]]],
            ):
                with self.subTest(condition), QUIET:
                    answer = self.call("ir.attachment", "search_count", [condition])
                    self.assertRefused(answer)

    def test_portal_user(self):
        self.check_paths("mfa_portal")

    def test_employee(self):
        self.check_paths("mfa_ann")

    def test_system_administrator(self):
        self.check_paths("mfa_admin")


@tagged("post_install", "-at_install")
class TestEveryWayToUsers(RegistryCase):
    """Values of a user written by way of each record that holds users."""

    FORGERIES = (
        {"totp_secret": THIEF_SECRET},
        {"mfa_since": False},
        {"authenticator_ids": [[5]]},
        {"mfa_exempt_networks": "0.0.0.0/0"},
    )

    def ways(self, actor):
        """Yield model, record and field of each list of users that ``actor`` may write."""
        victim = self.people[VICTIM]
        for model in sorted(self.env.registry):
            records = self.env[model].with_user(self.user_of(actor))
            if records._abstract or not records._auto or not records.has_access("write"):
                continue
            for name, field in records._fields.items():
                if field.comodel_name == "res.users" and field.type in ("one2many", "many2many"):
                    domain = [(name, "in", victim.ids)] if field.store else []
                    found = records.sudo().search(domain, limit=1)
                    yield model, found.ids or records.sudo().search([], limit=1).ids, name

    def check_ways(self, actor):
        self.act_as(actor)
        self.owner, self.before = self.people[VICTIM], self.state()
        ways = {(model, name): ids for model, ids, name in self.ways(actor) if ids}
        for (model, name), ids in ways.items():
            for forgery in self.FORGERIES:
                vals = {name: [[1, self.owner.id, forgery]]}
                for method, args in (("write", [ids, vals]), ("web_save", [ids, vals, {}])):
                    with self.subTest(actor=actor, model=model, field=name, forgery=forgery), QUIET:
                        answer = self.call(model, method, *args, context=FORGED)
                        if "error" not in answer:
                            self.assertNothingChanged()
        self.assertNothingChanged()
        return set(ways)

    def test_portal_user(self):
        self.check_ways("mfa_portal")

    def test_employee(self):
        self.check_ways("mfa_ann")

    def test_administrator(self):
        ways = self.check_ways("mfa_admin")
        self.assertLessEqual({("res.partner", "user_ids"), ("res.groups", "user_ids")}, ways)

    def test_superuser_session(self):
        self.check_ways(SUPERUSER)

    def test_mass_edit(self):
        """Many records in one call, as the web client edits a selection."""
        victim = self.people[VICTIM]
        for actor in ("mfa_portal", "mfa_ann", "mfa_manager", "mfa_admin", SUPERUSER):
            self.act_as(actor)
            for forgery in self.FORGERIES:
                ids = [victim.id, self.people["mfa_ann"].id]
                with self.subTest(actor=actor, forgery=forgery), QUIET:
                    answer = self.call("res.users", "web_save_multi", ids, [forgery] * 2, {})
                    self.assertIn("error", answer)
                    self.assertUnchanged()
