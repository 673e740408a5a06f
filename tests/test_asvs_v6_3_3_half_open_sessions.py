"""A session with the password alone, on every route of the server, is nobody's.

OWASP ASVS 5.0 6.3.3 and 6.3.4. The routes are read from the routing map, so that one which
is added later, by whatever module, is tried too.
"""

import json
import re

import odoo.http
from odoo.http import root
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_setup import SetupCase

OF_THE_LOGIN = ("/web/login/totp", "/web/login/totp/setup")
"""Pages where a half-open session is somebody: they ask for the second factor."""
NOT_TRIED = re.compile(r"/web/database/|/web/tests|/website/force/|/web/session/logout")
"""Administration of whole databases, tests in the browser, and the way out."""
VALUES = {
    "IntegerConverter": "1",
    "SignedIntConverter": "1",
    "FloatConverter": "1.0",
    "ModelConverter": "1",
    "ModelsConverter": "1",
    "PathConverter": "a/b",
}
"""What stands in an address by kind of converter; of ``any(…)`` the first choice."""
READ_USERS = {"model": "res.users", "method": "read", "args": [[1], ["login"]], "kwargs": {}}
"""What some routes want before they ask who it is."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
NOISE = re.compile(
    r'"challenge": "[^"]*"|csrf_token["\' ]*[:=][^,>]*|[0-9a-f]{40}o\d+'
    r"|\d{10,}(\.\d+)?|[0-9a-f]{32}|_[0-9a-f]{7,}"
)
"""What differs from one answer to the next whoever asks: tokens and times."""


def fill_in(rule):
    """Return an address that ``rule`` serves."""
    parts = []
    for is_dynamic, data in rule._trace:
        if data == "|":
            continue
        if not is_dynamic:
            parts.append(data)
            continue
        converter = rule._converters[data]
        choices = re.findall(r"[^|(?:)\\]+", converter.regex)
        kind = type(converter).__name__
        parts.append(choices[0] if kind == "AnyConverter" else VALUES.get(kind, "x"))
    return "".join(parts)


class HalfOpenCase(SetupCase):
    def routes(self, *auth):
        """Return ``{(address, type, auth): methods}`` of all routes, or of these ``auth``."""
        found = {}
        for rule in self.env["ir.http"].routing_map().iter_rules():
            routing = rule.endpoint.routing
            address = fill_in(rule)
            if NOT_TRIED.match(address) or (auth and routing["auth"] not in auth):
                continue
            key = address, routing["type"], routing["auth"]
            found.setdefault(key, set()).update(rule.methods or {"GET", "POST"})
        return found

    def requests(self, *auth):
        """Yield ``(address, type, auth, method, body, headers)`` of what is tried."""
        for (address, kind, needs), methods in sorted(self.routes(*auth).items()):
            if kind == "jsonrpc":
                params = READ_USERS if needs == "user" else {}
                body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 0, "params": params})
                yield address, kind, needs, "POST", body, JSON
                continue
            for method in sorted(methods - {"HEAD", "OPTIONS"}):
                body, headers = (None, {}) if method == "GET" else ("x=1", FORM)
                if kind != "http" and method != "GET":
                    body, headers = "{}", JSON
                yield address, kind, needs, method, body, headers

    def keep_session(self):
        """Keep the session of the browser as it is, for :meth:`ask`."""
        self.sid = self.opener.cookies["session_id"]
        self.kept = dict(root.session_store.get(self.sid))

    def ask(self, address, method, body, headers):
        """Ask with the session that was kept; what a request changes in it is undone."""
        session = root.session_store.session_class(dict(self.kept), self.sid)
        root.session_store.save(session)
        self.opener.cookies.clear()
        self.opener.cookies.set("session_id", self.sid, domain=odoo.tests.common.HOST)
        with mute_logger("odoo.http", "odoo.addons.base.models.ir_http", "werkzeug"):
            return self.opener.request(
                method,
                self.base_url() + address,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=60,
            )

    def is_refusal(self, kind, answer):
        """Tell whether ``answer`` sends to the login, or says that there is no session."""
        if kind == "jsonrpc":
            return (answer.json().get("error") or {}).get("code") == 100
        if answer.status_code == 303:
            return "/web/login?" in answer.headers["Location"]
        return answer.status_code in (401, 403)

    def assertEveryRouteRefuses(self):
        self.keep_session()
        count = 0
        for address, kind, needs, method, body, headers in self.requests("user", "bearer"):
            with self.subTest(f"{method} {address} ({needs}, {kind})"):
                answer = self.ask(address, method, body, headers)
                self.assertTrue(self.is_refusal(kind, answer), (answer, answer.text[:300]))
                self.assertNothingOf(self.victim, answer)
                count += 1
        self.assertGreater(count, 100, "routes are missing")

    def assertNothingOf(self, user, answer):
        for name in (user.login, user.email, user.name, user.partner_id.name):
            self.assertNotIn(name, answer.text)


@tagged("post_install", "-at_install")
class TestHalfOpenSessions(HalfOpenCase):
    def half_open(self, user, page):
        self.victim = user
        self.assertIn(page, self.post_password(user).url)
        self.assertLoggedOut()

    def test_routes_for_users_refuse_who_owes_a_code(self):
        self.half_open(self.ann, "/web/login/totp")
        self.assertEveryRouteRefuses()

    def test_routes_for_users_refuse_who_must_enrol(self):
        self.require()
        self.half_open(self.bob, "/web/login/totp/setup")
        self.assertEveryRouteRefuses()

    def test_public_routes_answer_as_to_a_stranger(self):
        """The same status, target and text, but for tokens; and nothing of the user."""
        self.authenticate(None, None)
        self.url_open("/web/login")
        self.keep_session()
        asked = [r for r in self.requests("public", "none") if r[0] not in OF_THE_LOGIN]
        strangers = [self.ask(r[0], *r[3:]) for r in asked]
        self.half_open(self.ann, "/web/login/totp")
        self.keep_session()
        for request, stranger in zip(asked, strangers, strict=True):
            address, kind, needs, method, *_content = request
            with self.subTest(f"{method} {address} ({needs}, {kind})"):
                answer = self.ask(address, *request[3:])
                self.assertNothingOf(self.ann, answer)
                self.assertEqual(self.gist_of(answer), self.gist_of(stranger))
        self.assertGreater(len(asked), 100, "routes are missing")

    def gist_of(self, answer):
        location = answer.headers.get("Location", "")
        return answer.status_code, location, NOISE.sub("", answer.text)[:20000]
