import base64
import json
from xmlrpc.client import Fault

import pyotp

from odoo import fields
from odoo.api import SUPERUSER_ID
from odoo.tests import get_db_name, tagged
from odoo.tools import mute_logger

from ..tools import tokens
from .common import SECRET, MfaCase, code_of
from .test_enrolment import Buttons

SUPERUSER = "mfa_admin as superuser"
ACTORS = ("mfa_portal", "mfa_ann", "mfa_manager", "mfa_admin", SUPERUSER)
VICTIM = "mfa_bob"
THIEF_SECRET = "THIEFTHIEFTHIEFTHIEFTHIEFTHIEFTH"
FORGED = {"mfa_door": True, "su": True, "default_last_step": 1}
"""A context as a client would forge it, to pass for the addon's own code."""
REFUSALS = {f"odoo.exceptions.{name}" for name in ("AccessDenied", "AccessError", "UserError")}
APP = "res.users.authenticator"
DEVICE = "res.users.device"
ATTEMPT = "res.users.mfa.attempt"
ENROLMENT = "res.users.authenticator.create"
RENAMING = "res.users.authenticator.rename"
ENABLING = "res.users.mfa.enable"
CORE_WIZARD = "auth_totp.wizard"
MODELS = (APP, DEVICE, ATTEMPT, ENROLMENT, RENAMING, ENABLING, CORE_WIZARD)
TYPED = {
    ENROLMENT: {"name", "confirmation_code"},
    RENAMING: {"name"},
    ENABLING: {"confirmation_code"},
}
"""What the owner of a dialog may type into it."""
COUNTERS = {APP: "last_step", ATTEMPT: "failures"}
"""What a renumbering of records would reset."""
SNAPSHOT = (
    "SELECT id, login, active, mfa_since, mfa_epoch, totp_secret, totp_last_counter FROM res_users",
    *(f'SELECT * FROM "{model.replace(".", "_")}"' for model in MODELS),
    "SELECT id, user_id FROM auth_totp_device",
)


class RpcCase(Buttons, MfaCase):
    """One person of each rank, with one record of every kind and secrets of their own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = {"mfa_ann": cls.ann, "mfa_bob": cls.bob}
        for login, groups in (
            ("mfa_portal", "base.group_portal"),
            ("mfa_manager", "base.group_user,base.group_erp_manager"),
            ("mfa_admin", "base.group_user,base.group_system"),
        ):
            cls.people[login] = cls.new_person(login, groups)
        cls.secrets = {}
        cls.records = {login: cls.furnish(login, user) for login, user in cls.people.items()}
        cls.env.flush_all()

    @classmethod
    def furnish(cls, login, user):
        """Give ``user`` one record of every kind; note their secrets."""
        app_secret = SECRET if login == "mfa_ann" else pyotp.random_base32()
        app = user.authenticator_ids or cls.enrol(user, app_secret, f"Phone of {login}")
        core_secret = pyotp.random_base32()
        records = {
            APP: app,
            DEVICE: cls.make_device(user),
            ATTEMPT: cls.make_attempt(user),
            ENROLMENT: cls.env[ENROLMENT].with_user(user)._start(),
            RENAMING: cls.env[RENAMING].with_user(user)._start(app),
            ENABLING: cls.env[ENABLING].with_user(user)._start(),
            CORE_WIZARD: cls.env[CORE_WIZARD].with_user(user)._mfa_start(user, core_secret),
        }
        device = records[DEVICE]
        cls.secrets[login] = {
            "app": app_secret,
            "enrolment": records[ENROLMENT]._get_secret(),
            "core": core_secret,
            "token": device.token_hash,
            "fingerprint": device.fingerprint,
        }
        return {model: record.id for model, record in records.items()}

    @classmethod
    def make_device(cls, user):
        return (
            cls.env[DEVICE]
            ._mfa_open_door()
            .create(
                {
                    "name": "Chrome on Linux",
                    "user_id": user.id,
                    "token_hash": tokens.fingerprint(tokens.device_token()),
                    "fingerprint": f"lynx/beos_{user.login}",
                    "expires_at": fields.Datetime.add(fields.Datetime.now(), days=9),
                }
            )
        )

    @classmethod
    def make_attempt(cls, user):
        cls.env.cr.execute(
            "INSERT INTO res_users_mfa_attempt (user_id, counter, failures, last_try)"
            " VALUES (%s, 'app', 3, 1) RETURNING id",
            [user.id],
        )
        return cls.env[ATTEMPT].browse(cls.env.cr.fetchone()[0])

    def user_of(self, actor):
        return self.people["mfa_admin" if actor == SUPERUSER else actor]

    def act_as(self, actor):
        """Log in as ``actor``, with every proof that a session can hold."""
        self.sign_in(self.user_of(actor), password_age=0, proof_age=0)
        if actor == SUPERUSER:
            self.url_open("/web/become", allow_redirects=False)
            self.assertEqual(self.session_uid(), SUPERUSER_ID)
        self.before = self.snapshot()

    def snapshot(self):
        """Return all that a thief would like to change, secrets included."""
        state = []
        for query in SNAPSHOT:
            self.env.cr.execute(query)
            rows = self.env.cr.fetchall()
            state.append(
                sorted(str([bytes(v) if type(v) is memoryview else v for v in row]) for row in rows)
            )
        return state

    def assertUnchanged(self):
        """Compare the database with what it was when :meth:`act_as` or this was called."""
        before, self.before = self.before, self.snapshot()
        for query, old, new in zip(SNAPSHOT, before, self.before, strict=True):
            changes = [row[:300] for row in old + new if (row in old) != (row in new)]
            self.assertFalse(changes, query)

    def secrets_in(self, answer, logins=None):
        """Return the names of the secrets that ``answer`` contains."""
        text = json.dumps(answer, ensure_ascii=False).replace(" ", "")
        return [
            f"{name} of {login}"
            for login in logins or self.secrets
            for name, secret in self.secrets[login].items()
            if secret in text
        ]

    def attack(self, model, method, args, kwargs=None):
        with mute_logger("odoo.http", "odoo.models", "odoo.addons.base.models.ir_model"):
            return self.call(model, method, *args, **{"context": FORGED, **(kwargs or {})})

    def assertRefused(self, answer):
        self.assertIn("error", answer)
        error = answer["error"]["data"]
        self.assertIn(error["name"], REFUSALS, error["debug"][-400:])


def changes_of(model, record, values, owner):
    """Return ``(method, args)`` for each way in which a client changes ``record``."""
    names, row = [".id", *values], [str(record), *map(str, values.values())]
    if owner:
        values_to_write = {k: v for k, v in values.items() if k not in TYPED.get(model, ())}
    else:
        values_to_write = values
    calls = [
        ("create", [[values]]),
        ("create", [values]),
        ("web_save", [[], values, {}]),
        ("load", [names[1:], [row[1:]]]),
        ("load", [names, [row]]),
        ("name_create", ["Thief"]),
        ("write", [[record], values_to_write]),
        ("web_save", [[record], values_to_write, {}]),
        ("web_save_multi", [[record], [values_to_write], {}]),
        ("copy", [[record]]),
        ("copy", [[record], values]),
        *(("write", [[record], {name: value}]) for name, value in values_to_write.items()),
    ]
    if model in COUNTERS:
        calls.append(("web_resequence", [[record], {}, COUNTERS[model]]))
    if model != CORE_WIZARD:  # whoever throws away core's own dialog gains nothing
        calls.append(("unlink", [[record]]))
    return calls


SILENT = {"load", "name_create", "web_resequence"}
"""Methods that answer a refusal in their own way: what counts is that nothing changed."""


@tagged("post_install", "-at_install")
class TestRpcChanges(RpcCase):
    """Nobody changes a factor but by this addon's buttons."""

    def values_of(self, user):
        """Return what a thief would write into each model, in favour of ``user``."""
        app = self.records[VICTIM][APP]
        return {
            APP: {"name": "Thief", "user_id": user.id, "secret_key": THIEF_SECRET, "last_step": 1},
            DEVICE: {
                "name": "Thief",
                "user_id": user.id,
                "token_hash": tokens.fingerprint("thief"),
                "fingerprint": "chrome/linux",
                "expires_at": "2099-01-01 00:00:00",
            },
            ATTEMPT: {"user_id": user.id, "counter": "app", "failures": 0, "last_try": 0.0},
            ENROLMENT: {
                "name": "Thief",
                "secret_key": THIEF_SECRET,
                "secret": THIEF_SECRET,
                "user_id": user.id,
                "create_uid": user.id,
            },
            RENAMING: {"authenticator_id": app, "name": "Thief", "create_uid": user.id},
            ENABLING: {"confirmation_code": "123456", "create_uid": user.id},
            CORE_WIZARD: {"secret": THIEF_SECRET, "user_id": user.id},
        }

    def check_records_of(self, actor):
        self.act_as(actor)
        me = self.user_of(actor)
        for login in (me.login, VICTIM):
            for model, values in self.values_of(me).items():
                owner = login == me.login and actor != SUPERUSER
                record = self.records[login][model]
                for method, args in changes_of(model, record, values, owner):
                    with self.subTest(actor=actor, of=login, call=f"{model}.{method}", args=args):
                        answer = self.attack(model, method, args)
                        self.assertUnchanged()
                        self.assertFalse(self.secrets_in(answer))
                        if method not in SILENT:
                            self.assertRefused(answer)

    def test_records_by_portal_user(self):
        self.check_records_of("mfa_portal")

    def test_records_by_employee(self):
        self.check_records_of("mfa_ann")

    def test_records_by_access_rights_manager(self):
        self.check_records_of("mfa_manager")

    def test_records_by_system_administrator(self):
        self.check_records_of("mfa_admin")

    def test_records_by_superuser_session(self):
        self.check_records_of(SUPERUSER)

    def commands_on(self, model, record):
        """Return each kind of x2many command (0 to 6)."""
        values = {"name": "Thief"}
        if model == DEVICE:
            values |= {"token_hash": "0" * 64, "expires_at": "2099-01-01 00:00:00"}
        return [
            [0, 0, values],
            [1, record, values],
            [2, record],
            [3, record],
            [4, record],
            [5],
            [6, 0, [record]],
            [6, 0, []],
        ]

    def forgeries_for(self, login):
        """Return the values that nobody may write on a user."""
        records = self.records[login]
        return [
            {"mfa_enabled": True},
            {"mfa_enabled": False},
            {"mfa_since": "2020-01-01 00:00:00"},
            {"mfa_since": False},
            {"mfa_epoch": 0},
            {"mfa_epoch": 7},
            {"totp_secret": THIEF_SECRET},
            {"totp_secret": False},
            *({"authenticator_ids": [c]} for c in self.commands_on(APP, records[APP])),
            *({"trusted_device_ids": [c]} for c in self.commands_on(DEVICE, records[DEVICE])),
            {"signature": "x", "authenticator_ids": [[5]]},
        ]

    def check_users_by(self, actor):
        self.act_as(actor)
        own = self.user_of(actor).login
        for login, of in ((own, own), (own, VICTIM), (VICTIM, own), (VICTIM, VICTIM)):
            user = self.people[login]
            for values in self.forgeries_for(of):
                self.check_refused(actor, "write", [[user.id], values])
                self.check_refused(actor, "web_save", [[user.id], values, {}])
                if login == of:
                    new = {"name": "New", "login": "mfa_new", **values}
                    self.check_refused(actor, "create", [[new]])
                    self.check_refused(actor, "copy", [[user.id], new])

    def check_refused(self, actor, method, args):
        with self.subTest(actor=actor, call=method, args=args):
            answer = self.attack("res.users", method, args)
            self.assertUnchanged()
            self.assertRefused(answer)

    def test_users_by_portal_user(self):
        self.check_users_by("mfa_portal")

    def test_users_by_employee(self):
        self.check_users_by("mfa_ann")

    def test_users_by_access_rights_manager(self):
        self.check_users_by("mfa_manager")

    def test_users_by_system_administrator(self):
        self.check_users_by("mfa_admin")

    def test_users_by_superuser_session(self):
        self.check_users_by(SUPERUSER)

    def test_users_by_import(self):
        """A file import answers with messages; what counts is that nothing changed."""
        for actor in ACTORS:
            self.act_as(actor)
            for names, row in (
                ([".id", "mfa_enabled"], [str(self.bob.id), "0"]),
                ([".id", "totp_secret"], [str(self.bob.id), THIEF_SECRET]),
                ([".id", "authenticator_ids/name"], [str(self.bob.id), "Thief"]),
                ([".id", "trusted_device_ids/.id"], [str(self.bob.id), "1"]),
                (["name", "login", "totp_secret"], ["New", "mfa_new", THIEF_SECRET]),
            ):
                with self.subTest(actor=actor, names=names):
                    answer = self.attack("res.users", "load", [names, [row]])
                    self.assertUnchanged()
                    self.assertFalse((answer.get("result") or {}).get("ids"))

    def test_copy_of_a_user_has_no_factors(self):
        self.act_as("mfa_admin")
        answer = self.call("res.users", "copy", [self.bob.id], {"login": "mfa_copy"})
        copy = self.env["res.users"].browse(answer["result"])
        self.assertFalse(copy.authenticator_ids)
        self.assertFalse(copy.trusted_device_ids)
        self.assertFalse(copy.mfa_enabled)


def readings_of(field, ids, domain):
    """Return ``(method, args)`` for each way in which a client reads ``field``."""
    spec = {field: {}}
    return [
        ("read", [ids, [field]]),
        ("read", [ids]),
        ("web_read", [ids, spec]),
        ("search_read", [domain, [field]]),
        ("search_read", [domain]),
        ("web_search_read", [domain, spec]),
        ("web_name_search", ["", spec, domain]),
        ("export_data", [ids, [field, "id"]]),
        ("read_group", [domain, [field], [field]]),
        ("read_group", [domain, [f"x:array_agg({field})"], []]),
        ("web_read_group", [domain, [field], ["__count"]]),
        ("formatted_read_group", [domain, [field], ["__count"]]),
        ("formatted_read_group", [domain, [], [f"{field}:array_agg", f"{field}:max"]]),
        ("formatted_read_grouping_sets", [domain, [[field]], ["__count"]]),
        ("search_panel_select_range", [field]),
        ("onchange", [ids, {}, [field], spec]),
        ("onchange", [ids, {}, [], spec]),
        ("copy_data", [ids]),
        ("name_search", [""]),
        ("fields_get", []),
    ]


@tagged("post_install", "-at_install")
class TestRpcSecrets(RpcCase):
    """No API answers with a secret, nor with anything that depends on one."""

    # model, field, whether the reader's own is secret from them as well
    SECRETS = (
        (APP, "secret_key", True),
        (DEVICE, "token_hash", True),
        (DEVICE, "fingerprint", True),
        (ENROLMENT, "secret_key", False),
        (ENROLMENT, "otpauth_uri", False),
        (ENROLMENT, "qr_code", False),
        (CORE_WIZARD, "secret", False),
        (CORE_WIZARD, "url", False),
        (CORE_WIZARD, "qrcode", False),
    )

    def check_reading_by(self, actor):
        self.act_as(actor)
        me = self.user_of(actor).login
        for model, field, own_too in self.SECRETS:
            for login in {VICTIM, me} if own_too or actor == SUPERUSER else {VICTIM}:
                ids = [self.records[login][model]]
                for method, args in readings_of(field, ids, [["id", "in", ids]]):
                    with self.subTest(actor=actor, of=login, field=f"{model}.{field}", call=method):
                        answer = self.attack(model, method, args)
                        self.assertFalse(self.secrets_in(answer, [login]))
                        self.assertNotIn("iVBORw0KGgo", str(answer), "a QR picture")

    def check_reading_users_by(self, actor):
        self.act_as(actor)
        for login in (self.user_of(actor).login, VICTIM):
            ids = [self.people[login].id]
            for field in ("totp_secret", "authenticator_ids", "trusted_device_ids"):
                for method, args in readings_of(field, ids, [["id", "in", ids]]):
                    with self.subTest(actor=actor, of=login, field=field, call=method):
                        self.assertFalse(self.secrets_in(self.attack("res.users", method, args)))

    def check_reading_through_users_by(self, actor):
        """Read the secrets of a user's apps and devices in one go with the user."""
        self.act_as(actor)
        for login in (self.user_of(actor).login, VICTIM):
            ids = [self.people[login].id]
            for lines, field in (
                ("authenticator_ids", "secret_key"),
                ("trusted_device_ids", "token_hash"),
                ("trusted_device_ids", "fingerprint"),
            ):
                spec = {lines: {"fields": {field: {}}}}
                for method, args in (
                    ("web_read", [ids, spec]),
                    ("web_search_read", [[["id", "in", ids]], spec]),
                    ("onchange", [ids, {}, [], spec]),
                    ("export_data", [ids, [f"{lines}/{field}"]]),
                    ("web_save", [ids, {"signature": "x"}, spec]),
                ):
                    with self.subTest(actor=actor, of=login, field=field, call=method):
                        self.assertFalse(self.secrets_in(self.attack("res.users", method, args)))

    def check_oracles_for(self, actor):
        """A search must answer a right guess exactly as it answers a wrong one."""
        self.act_as(actor)
        secrets = self.secrets[VICTIM]
        for model, field, secret in (
            (APP, "secret_key", secrets["app"]),
            (DEVICE, "token_hash", secrets["token"]),
            (ENROLMENT, "secret_key", secrets["enrolment"]),
            (ENROLMENT, "otpauth_uri", secrets["enrolment"]),
            (CORE_WIZARD, "secret", secrets["core"]),
            (CORE_WIZARD, "url", secrets["core"]),
            ("res.users", "totp_secret", secrets["app"]),
            ("res.users", "authenticator_ids.secret_key", secrets["app"]),
            ("res.users", "trusted_device_ids.token_hash", secrets["token"]),
        ):
            wrong = secret[::-1]
            # The actor may search a core wizard of their own by its secret.
            whose = ["create_uid.login", "=", VICTIM] if model == CORE_WIZARD else ["id", "!=", 0]
            for operator, pattern in (
                ("=", "%s"),
                ("!=", "%s"),
                ("in", None),
                ("like", "%s"),
                ("=like", "%s%%"),
                ("ilike", "%s"),
                ("<=", "%s"),
            ):
                right, false = (
                    [guess] if pattern is None else pattern % guess for guess in (secret, wrong)
                )
                with self.subTest(actor=actor, field=f"{model}.{field}", operator=operator):
                    answers = [
                        self._without(
                            self.attack(model, "search", [[[field, operator, guess], whose]])
                        )
                        for guess in (right, false)
                    ]
                    self.assertEqual(*answers)

    def _without(self, answer):
        """Return what an answer tells: its result, or that it is an error."""
        return answer.get("result", "error")

    def check_order_by(self, actor):
        """Sorting by a secret would tell it, one comparison at a time."""
        self.act_as(actor)
        for model, field in (
            (APP, "secret_key"),
            (DEVICE, "token_hash"),
            (ENROLMENT, "secret_key"),
            ("res.users", "totp_secret"),
        ):
            with self.subTest(actor=actor, field=f"{model}.{field}"):
                for order in (field, f"{field} desc"):
                    answer = self.attack(model, "search", [[]], {"order": order})
                    self.assertIn("error", answer)

    def test_portal_user(self):
        self.check_all_by("mfa_portal")

    def test_employee(self):
        self.check_all_by("mfa_ann")

    def test_access_rights_manager(self):
        self.check_all_by("mfa_manager")

    def test_system_administrator(self):
        self.check_all_by("mfa_admin")

    def test_superuser_session(self):
        self.check_all_by(SUPERUSER)

    def check_all_by(self, actor):
        self.check_reading_by(actor)
        self.check_reading_users_by(actor)
        self.check_reading_through_users_by(actor)
        self.check_oracles_for(actor)
        self.check_order_by(actor)

    def test_preferences_show_no_secret(self):
        """What the web client reads for the Preferences dialog, fields and all."""
        self.act_as("mfa_ann")
        views = self.call("res.users", "get_views", [[False, "form"]])["result"]
        spec = {name: {} for name in views["models"]["res.users"]["fields"]}
        for lines in ("authenticator_ids", "trusted_device_ids"):
            spec[lines] = {"fields": {"name": {}, "create_date": {}, "last_used": {}}}
        answer = self.call("res.users", "web_read", [self.ann.id], spec)
        self.assertIn("Phone", json.dumps(answer["result"]))
        self.assertFalse(self.secrets_in(answer))

    def test_pictures_are_not_fetched(self):
        """``/web/image`` and ``/web/content`` read as the person who is logged in."""
        records = self.records[VICTIM]
        for actor in ACTORS:
            self.act_as(actor)
            for path in (
                f"{ENROLMENT}/{records[ENROLMENT]}/qr_code",
                f"{CORE_WIZARD}/{records[CORE_WIZARD]}/qrcode",
            ):
                for route in ("/web/image", "/web/content"):
                    with self.subTest(actor=actor, path=path, route=route):
                        with mute_logger("odoo.http", "odoo.models"):
                            answer = self.url_open(f"{route}/{path}")
                        self.assertNotIn(answer.content, self.pictures())

    def pictures(self):
        records = self.records[VICTIM]
        ours = self.env[ENROLMENT].with_user(self.bob).browse(records[ENROLMENT]).qr_code
        core = self.env[CORE_WIZARD].with_user(self.bob).browse(records[CORE_WIZARD]).qrcode
        return [base64.b64decode(ours), base64.b64decode(core)]

    def test_fields_get_hides_the_fields(self):
        self.act_as("mfa_admin")
        for model, hidden in (
            (APP, {"secret_key", "last_step"}),
            (DEVICE, {"token_hash", "fingerprint"}),
            ("res.users", {"totp_secret", "mfa_since", "mfa_epoch"}),
        ):
            self.assertFalse(hidden & self.call(model, "fields_get")["result"].keys())


@tagged("post_install", "-at_install")
class TestRpcSight(RpcCase):
    """Who sees which apps and devices."""

    def seen(self, model):
        answer = self.call(model, "search_read", [], ["name", "user_id"])
        return {row["user_id"][0] for row in answer["result"]}

    def test_one_sees_one_s_own(self):
        for login in ("mfa_portal", "mfa_ann"):
            self.act_as(login)
            for model in (APP, DEVICE):
                with self.subTest(login=login, model=model):
                    self.assertEqual(self.seen(model), {self.people[login].id})

    def test_another_s_are_not_read_by_id(self):
        for login in ("mfa_portal", "mfa_ann"):
            self.act_as(login)
            for model in (APP, DEVICE):
                with self.subTest(login=login, model=model):
                    answer = self.attack(model, "read", [[self.records[VICTIM][model]], ["name"]])
                    self.assertRefused(answer)

    def test_another_s_are_not_read_through_the_user(self):
        for login in ("mfa_portal", "mfa_ann"):
            self.act_as(login)
            spec = {"authenticator_ids": {"fields": {"name": {}}}}
            answer = self.attack("res.users", "web_read", [[self.bob.id], spec])
            self.assertNotIn("Phone of mfa_bob", json.dumps(answer))

    def test_one_reads_one_s_own_through_the_user(self):
        for login in ("mfa_portal", "mfa_ann"):
            self.act_as(login)
            user = self.people[login]
            spec = {
                "mfa_enabled": {},
                "authenticator_ids": {"fields": {"name": {}}},
                "trusted_device_ids": {"fields": {"name": {}, "expiration_date": {}}},
            }
            row = self.call("res.users", "web_read", [user.id], spec)["result"][0]
            self.assertTrue(row["mfa_enabled"])
            self.assertEqual(row["authenticator_ids"][0]["id"], self.records[login][APP])
            self.assertEqual(row["trusted_device_ids"][0]["id"], self.records[login][DEVICE])

    def test_administrators_see_names_and_dates_of_all(self):
        everybody = {user.id for user in self.people.values()}
        for login in ("mfa_manager", "mfa_admin"):
            self.act_as(login)
            for model in (APP, DEVICE):
                self.assertLessEqual(everybody, self.seen(model))
            row = self.call(APP, "read", [self.records[VICTIM][APP]])["result"][0]
            self.assertEqual(row["name"], "Phone of mfa_bob")
            self.assertTrue(row["create_date"])
            self.assertIn("last_used", row)

    def test_nobody_sees_the_count_of_wrong_codes(self):
        for login in self.people:
            self.act_as(login)
            self.assertRefused(self.attack(ATTEMPT, "search_read", [[]]))


@tagged("post_install", "-at_install")
class TestPublicMethods(RpcCase):
    """What can be called over RPC asks for an identity, or stands here with a reason."""

    OPEN = {
        "create": "behind the door, TestRpcChanges",
        "write": "behind the door, TestRpcChanges",
        "unlink": "behind the door, TestRpcChanges",
        "init": "private in core",
        "get_values": "the settings in force, which every form shows",
        "set_values": "core's settings: access rights of an administrator",
        "authenticate": "the login itself, which core exposes to nobody",
        "session_info": "what the web client may know",
        "web_read": "the owner's enrolment screen, TestRpcSecrets",
        "change_password": "refuses without a fresh proof, TestOwnAccount",
        "signup": "core asks for the token of a mail",
        "action_open_my_account_settings": "opens a form, changes nothing",
        "run_check": "the identity check itself",
        "execute": "core's button of the settings: access rights of an administrator",
        "get_headline": "figures, read under the record rules, TestCoverageLeaks",
        "set_weekly_report": "one's own mail, with figures that one may read, TestWeeklyMail",
        "action_invite": "core's invitation, which asks for no identity either, TestInvite",
        "action_remind": "a mail that changes nothing, TestRemind",
        "action_open_user": "opens a form, changes nothing",
    }

    def own_methods(self):
        """Yield the model and name of each public method that this addon defines."""
        for model in self.env.registry.values():
            for cls in model.mro():
                if cls.__module__.startswith("odoo.addons.auth_totp_mfa."):
                    for name, member in vars(cls).items():
                        if callable(member) and not name.startswith("_"):
                            yield model, name

    def test_every_button_checks_the_identity(self):
        for model, name in self.own_methods():
            with self.subTest(model=model._name, method=name):
                guarded = getattr(getattr(model, name), "__has_check_identity", False)
                self.assertTrue(guarded or name in self.OPEN)

    def test_there_are_buttons(self):
        names = {name for _model, name in self.own_methods()}
        buttons = {"action_create", "action_rename", "action_remove", "action_revoke"}
        self.assertLessEqual(buttons | {"action_totp_disable", "action_enable"}, names)

    def test_private_methods_are_not_called(self):
        self.act_as(SUPERUSER)
        app = self.records[VICTIM][APP]
        for model, method, args in (
            (APP, "_read_secrets", [[app]]),
            (APP, "_mfa_open_door", [[app]]),
            (APP, "_enrol", [[], self.ann.id, "x", THIEF_SECRET]),
            (ENROLMENT, "_get_secret", [[self.records[VICTIM][ENROLMENT]]]),
            (ENROLMENT, "_start", []),
            (CORE_WIZARD, "_mfa_start", [self.bob.id, THIEF_SECRET]),
            ("res.users", "_mfa_set_enabled", [[self.bob.id], False]),
            ("res.users", "_mfa_disable", [[self.bob.id]]),
            ("res.users", "_mfa_set_proof", []),
            ("res.users", "_totp_try_setting", [[self.bob.id], THIEF_SECRET, 1]),
        ):
            with self.subTest(method=f"{model}.{method}"):
                answer = self.attack(model, method, args)
                self.assertRefused(answer)
                self.assertUnchanged()


@tagged("post_install", "-at_install")
class TestXmlRpc(RpcCase):
    """The API without a session: passwords stop with MFA, keys go on."""

    def key_of(self, user):
        return (
            self.env["res.users.apikeys"]
            .with_user(user)
            ._generate("rpc", "test", fields.Datetime.add(fields.Datetime.now(), days=1))
        )

    def read_own_login(self, user, password):
        return self.xmlrpc(user, password, "res.users", "read", [user.id], ["login"])

    def assertFault(self, user, password, model, method, *args):
        with mute_logger("odoo.http", "odoo.sql_db"), self.assertRaises(Fault) as caught:
            self.xmlrpc(user, password, model, method, *args)
        return caught.exception

    def test_password_is_refused_at_once_after_enabling(self):
        """With a warm cache of credentials: core keeps those that were right."""
        user = self.new_person("mfa_fay")
        self.env["res.users.authenticator"]._enrol(user, "Phone", SECRET)
        self.env.flush_all()
        for _warm in range(2):
            self.assertEqual(self.read_own_login(user, "mfa_fay_password")[0]["login"], "mfa_fay")
        self.sign_in(user)
        dialog = self.press("res.users", "action_mfa_enable", [user.id], user)["result"]
        self.call(ENABLING, "write", [dialog["res_id"]], {"confirmation_code": code_of(SECRET)})
        self.press(ENABLING, "action_enable", [dialog["res_id"]], user)
        self.env.invalidate_all()
        self.assertTrue(user.mfa_enabled)
        self.assertFault(user, "mfa_fay_password", "res.users", "read", [user.id], ["login"])

    def test_password_is_refused_for_the_login_too(self):
        for login, user in self.people.items():
            with self.subTest(login=login):
                self.assertFault(user, f"{login}_password", "res.users", "read", [user.id])

    def test_wrong_password_with_mfa_off(self):
        self.bob._mfa_disable()
        self.env.flush_all()
        self.read_own_login(self.bob, "mfa_bob_password")
        self.assertFault(self.bob, "wrong", "res.users", "read", [self.bob.id], ["login"])

    def test_api_key_works(self):
        for login, user in self.people.items():
            with self.subTest(login=login):
                rows = self.read_own_login(user, self.key_of(user))
                self.assertEqual(rows[0]["login"], login)

    def test_changes_are_refused(self):
        for login in ("mfa_portal", "mfa_ann", "mfa_manager", "mfa_admin"):
            user = self.people[login]
            key, self.before = self.key_of(user), self.snapshot()
            app, device = self.records[VICTIM][APP], self.records[VICTIM][DEVICE]
            own_app = self.records[login][APP]
            for model, method, args in (
                (APP, "create", [{"name": "Thief", "user_id": user.id}]),
                (APP, "write", [[own_app], {"last_step": 0}]),
                (APP, "unlink", [[own_app]]),
                (APP, "unlink", [[app]]),
                (APP, "action_remove", [[own_app]]),
                (DEVICE, "unlink", [[device]]),
                (DEVICE, "action_revoke", [[device]]),
                (ENROLMENT, "create", [{"name": "Thief"}]),
                (CORE_WIZARD, "create", [{"user_id": user.id, "secret": THIEF_SECRET}]),
                ("res.users", "write", [[user.id], {"mfa_enabled": False}]),
                ("res.users", "write", [[user.id], {"totp_secret": False}]),
                ("res.users", "write", [[user.id], {"authenticator_ids": [(5,)]}]),
                ("res.users", "action_totp_disable", [[user.id]]),
                ("res.users", "revoke_all_devices", [[user.id]]),
            ):
                with self.subTest(login=login, call=f"{model}.{method}", args=args):
                    self.assertFault(user, key, model, method, *args)
                    self.assertUnchanged()

    def test_secrets_are_not_read(self):
        for login in ("mfa_portal", "mfa_ann", "mfa_manager", "mfa_admin"):
            user = self.people[login]
            key = self.key_of(user)
            for model, record, field in (
                (APP, self.records[login][APP], "secret_key"),
                (DEVICE, self.records[login][DEVICE], "token_hash"),
                ("res.users", user.id, "totp_secret"),
            ):
                with self.subTest(login=login, field=f"{model}.{field}"):
                    self.assertFault(user, key, model, "read", [record], [field])
                    self.assertFault(user, key, model, "search_read", [], [field])
                    self.assertFault(user, key, model, "search", [(field, "!=", False)])

    def test_authenticate_call(self):
        """``common.authenticate`` is a password login as well."""
        login = self.xmlrpc_common.authenticate
        self.assertFalse(login(get_db_name(), "mfa_ann", "mfa_ann_password", {}))
        self.assertEqual(login(get_db_name(), "mfa_ann", self.key_of(self.ann), {}), self.ann.id)
