"""Over-long texts, NUL bytes, wrong types and huge bodies on every form and route of ours.

The answer is a sentence or a plain refusal, never an error of the server, and nothing changes.
"""

import json

from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_api_refusals import KeyCase
from .test_identity import PasskeyCase
from .test_recovery import PAGES
from .test_rpc import APP, ENABLING, ENROLMENT, RENAMING

OURS = "odoo.addons.auth_totp_mfa.controllers"
FIELDS = (
    "totp_token",
    "remember",
    "recovery",
    "redirect",
    "confirmation",
    "code",
    "name",
    "lost",
    "answer",
    "voids",
    "button",
    "record",
    "password",
    "mfa_code",
    "passkey",
    "page",
    "choice",
    "confirmation_code",
)
"""Every field of every form of ours."""
LEAVING = dict.fromkeys(("again", "skip", "done"), "1")
"""Buttons that leave a form, whatever was typed."""
OF_CORE = dict.fromkeys(("old", "new1", "new2"), "x")
"""Fields that core's form beside ours cannot do without."""
TEXTS = {
    "NUL byte": "12\x003456",
    "long": "x" * 100_000,
    "digits": "1" * 100_000,
    "surrogate": b"\xed\xa0\x80",
    "bytes that are no text": b"\xff\xfe\x00",
    "line breaks": "1\r\n2\u2028\u20293",
    "direction": "\u202e\u2066654321\u2069",
    "other digits": "١٢٣٤٥",
    "a million combining marks": "1" + "\u0301" * 50_000,
    "SQL": "'; DROP TABLE res_users_mfa_event; --",
    "format": "%s%(x)d{0}{0.__class__}",
    "number": "99999999999999999999",
    "negative": "-1",
    "path": "../../../../etc/passwd\x00.png",
}
VALUES = (
    "\x00",
    "x" * 300,
    "x" * 1_000_000,
    "\ud800",
    "\u202e",
    -1,
    2**31,
    2**63,
    2**200,
    1e400,
    [],
    [[6, 0, [1]]],
    {},
    {"a": {"b": []}},
    None,
    True,
)
QUIET = mute_logger(
    "odoo.http",
    "odoo.sql_db",
    "odoo.models",
    "odoo.addons.base.models.ir_model",
    "odoo.addons.base.models.ir_rule",
)
FAULTS = {"odoo.exceptions." + name for name in ("AccessDenied", "AccessError", "UserError")} | {
    "odoo.exceptions.ValidationError",
    "odoo.exceptions.MissingError",
    "odoo.exceptions.RedirectWarning",
    "odoo.addons.auth_totp_mfa.exceptions.NoCode",
    "builtins.ValueError",
    "builtins.TypeError",
}
"""What a client is told who sends what no screen sends: a reason, or that its call is none."""


class InputCase(KeyCase):
    def own_routes(self):
        """Return the path and the kind of each route that this addon serves."""
        found = {}
        for rule in self.env["ir.http"].routing_map().iter_rules():
            endpoint = rule.endpoint
            if endpoint.func.__module__.startswith(OURS):
                found[rule.rule] = endpoint.routing
        return found


@tagged("post_install", "-at_install")
class TestForms(InputCase):
    def setUp(self):
        """Opening the set-up page shows a key that is not enrolled: that is no change."""
        super().setUp()
        screens = ENROLMENT.replace(".", "_")
        self.kept = [query for query in self.kept if f'"{screens}"' not in query]

    def paths(self):
        """Return the addresses of the pages, but those of dialogs."""
        routes = self.own_routes().items()
        pages = {rule for rule, how in routes if how["type"] == "http" and "<" not in rule}
        return sorted(rule for rule in pages if "/xmlrpc" not in rule)

    def fill(self, path, csrf, text, **buttons):
        """Send ``text`` in each field at once."""
        data = dict.fromkeys(FIELDS, text) | OF_CORE | buttons | {"csrf_token": csrf}
        with QUIET:
            return self.url_open(path, data=data, allow_redirects=False)

    def check_forms(self, csrf):
        for path in self.paths():
            for kind, text in TEXTS.items():
                with self.subTest(path=path, text=kind):
                    for buttons in ({}, LEAVING) if kind == "long" else ({},):
                        answer = self.fill(path, csrf, text, **buttons)
                        self.assertLess(answer.status_code, 500, answer.text[:500])
                        self.assertNotIn("Traceback", answer.text)
        self.assertNothingChanged()

    def test_paths(self):
        self.assertLessEqual(
            {PAGES + "setup", PAGES + "lost", PAGES + "codes", "/my/security/press"},
            set(self.paths()),
        )

    def test_half_open(self):
        page = self.post_password(self.ann)
        self.before = self.state()
        self.check_forms(self.csrf_of(page))
        self.assertLoggedOut()

    def test_who_must_set_up_an_app(self):
        self.bob._mfa_reset("lost")
        self.env.company.mfa_policy_internal = "app"
        page = self.post_password(self.bob)
        self.before = self.state()
        self.check_forms(self.csrf_of(page))
        self.assertLoggedOut()

    def test_open(self):
        self.act_as("mfa_portal")
        self.before = self.state()
        self.check_forms(self.csrf_of(self.url_open("/my/security")))

    def test_addresses_of_dialogs(self):
        self.act_as("mfa_portal")
        csrf = self.csrf_of(self.url_open("/my/security"))
        self.before = self.state()
        for page in ("confirm", "app", "rename", "enable", "logout", "nothing"):
            for number in ("0", "1", "-1", "99999999999", "9" * 400, "x"):
                with self.subTest(page=page, number=number[:9]):
                    answer = self.fill(f"/my/security/{page}/{number}", csrf, "x")
                    self.assertLess(answer.status_code, 500, answer.text[:300])
        self.assertNothingChanged()

    def test_files_and_repeated_fields(self):
        page = self.post_password(self.ann)
        csrf = self.csrf_of(page)
        self.before = self.state()
        for path in self.paths():
            files = dict.fromkeys(FIELDS, ("x", b"\x00" * 1000))
            data = {"csrf_token": csrf, **OF_CORE}
            pairs = [(name, value) for name in FIELDS for value in ("1", "2")]
            for sent in ({"data": data, "files": files}, {"data": [*pairs, *data.items()]}):
                with self.subTest(path=path), QUIET:
                    answer = self.url_open(path, **sent, allow_redirects=False)
                    self.assertLess(answer.status_code, 500, answer.text[:300])
        self.assertNothingChanged()
        self.assertLoggedOut()

    def test_headers_and_cookies(self):
        """The browser's name and the cookies that are read before anybody is known."""
        for text in ("", "x" * 8000, "\xff\xfe", "Mozilla/5.0 (" * 500, "'; --", "%s{0}"):
            self.new_browser()
            page = self.post_password(self.ann)
            self.opener.headers["User-Agent"] = text.encode("latin-1")
            self.set_cookie(f"trusted_devices_{self.ann.id}", text.strip("\xff\xfe;")[:3000])
            with self.subTest(text=text[:20]), QUIET:
                self.assertLess(self.url_open("/web/login/totp").status_code, 500)
                answer = self.post_code(page, self.new_code(), remember="1")
                self.assertLess(answer.status_code, 500)
        self.assertTrue(all(len(name) < 300 for name in self.ann.trusted_device_ids.mapped("name")))

    def test_huge_bodies(self):
        page = self.post_password(self.ann)
        csrf = self.csrf_of(page)
        self.before = self.state()
        megabytes = "1" * 20_000_000
        for path in ("/web/login/totp", PAGES + "setup"):
            answer = self.fill_one(path, csrf, megabytes)
            self.assertLess(answer.status_code, 500)
        self.assertNothingChanged()
        self.assertLoggedOut()

    def fill_one(self, path, csrf, text):
        with QUIET:
            data = {"csrf_token": csrf, "totp_token": text}
            return self.url_open(path, data=data, allow_redirects=False, timeout=60)


@tagged("post_install", "-at_install")
class TestCalls(InputCase):
    def assertAnswered(self, answer):
        """Expect a result or a reason; an error of the server's own is none."""
        if "error" in answer:
            error = answer["error"]["data"]
            self.assertNotIn("psycopg2", error["name"], error["debug"][-600:])
            self.assertIn(error["name"], FAULTS, error["debug"][-600:])

    def test_json_routes(self):
        """``/mfa/identity`` and the like, with each value in each parameter."""
        routes = [rule for rule, how in self.own_routes().items() if how["type"] == "jsonrpc"]
        self.assertIn("/mfa/identity", routes)
        self.act_as("mfa_ann")
        for route in routes:
            if route == "/jsonrpc":
                continue
            for name in ("code", "passkey", "unknown"):
                for value in VALUES:
                    self.sign_in(self.ann, password_age=0)
                    with self.subTest(route=route, name=name, value=ascii(value)[:20]), QUIET:
                        self.assertAnswered(self.rpc(route, **{name: value}))
        self.assertUnchanged()

    def test_typed_fields_of_dialogs(self):
        """Each field that the owner of a dialog may type into."""
        self.act_as("mfa_admin")
        for model in (ENROLMENT, RENAMING, ENABLING):
            dialog = self.records["mfa_admin"][model]
            for name in sorted(self.env[model]._typed_fields):
                for value in VALUES:
                    with self.subTest(model=model, name=name, value=ascii(value)[:20]), QUIET:
                        answer = self.call(model, "web_save", [dialog], {name: value}, {name: {}})
                        self.assertAnswered(answer)
                        if isinstance(value, (str, list, dict, float)) and value not in ([], {}):
                            self.assertIn("error", answer)

    def test_ids_and_arguments(self):
        """Each public method of ours, on what is no record and with what is no argument."""
        self.act_as("mfa_ann")
        self.before = self.state()
        for model, name, function in self.own_public_methods():
            for ids in ([0], [-1], [2**31], ["x"], [None], [[]], [2**40], "x", [True]):
                with self.subTest(model=model, method=name, ids=str(ids)), QUIET:
                    kwargs = self.arguments_for(function)
                    args = [] if getattr(function, "_api_model", False) else [ids]
                    answer = self.call(model, name, *args, **kwargs)
                    error = answer.get("error", {}).get("data", {})
                    self.assertNotIn("AttributeError", error.get("name", ""), error)
        self.assertNothingChanged()

    def own_public_methods(self):
        self.owner = self.ann
        for model, name, function in self.methods():
            if function.__module__.startswith("odoo.addons.auth_totp_mfa."):
                yield model, name, function

    def arguments_for(self, function):
        return self.arguments_of("res.users", function)[1]

    def test_json_bodies(self):
        """Bodies that are no JSON, or none of a call."""
        self.act_as("mfa_ann")
        deep = "[" * 10_000 + "]" * 10_000
        for body in ("", "null", "[]", "{", "5", '"x"', deep, '{"params": 5}', "\x00", "\xff"):
            headers = {"Content-Type": "application/json"}
            with self.subTest(body=body[:9]), QUIET:
                answer = self.url_open("/mfa/identity", data=body.encode(), headers=headers)
                self.assertNotIn("psycopg2", answer.text)
                self.assertNotIn("needs_code", answer.text.replace("[]", ""))
        self.assertUnchanged()

    def test_names_of_apps(self):
        """A name is checked where it is stored, by whatever way it came."""
        apps = self.env[APP]
        for name in ("", " ", "x" * 65, "a\x00", "a\x07b", "a\u202eb", "\u200b", "\ud800"):
            with self.subTest(name=ascii(name)), self.assertRaises(Exception) as caught:
                apps._check_new_name(self.bob, name)
            self.assertIn("printable characters", str(caught.exception))
        self.assertEqual(json.dumps(apps._check_new_name(self.bob, " é  1 ")), '"\\u00e9 1"')


@tagged("post_install", "-at_install")
class TestAnswersOfPasskeys(PasskeyCase):
    """Core takes for granted that what is posted as a passkey's answer is one."""

    @mute_logger("odoo.sql_db")
    def test_what_is_none(self):
        self.own_passkey(self.ann)
        for text in ("", "x", "1", "[]", "{}", '{"id": 1}', '{"id": {}}', '{"id": "\\u0000"}'):
            self.new_browser()
            page = self.url_open("/web/login")
            self.rpc("/auth/passkey/start-auth")
            form = {"csrf_token": self.csrf_of(page), "login": "", "password": ""}
            answer = self.url_open(
                "/web/login", {**form, "type": "webauthn", "webauthn_response": text}
            )
            with self.subTest(text=text):
                self.assertEqual(answer.status_code, 200)
                self.assertIn("alert-danger", answer.text)
                self.assertLoggedOut()
