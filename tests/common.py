"""What the tests share: people, their apps, and a browser without JavaScript.

Codes come from ``passlib``, an implementation of RFC 6238 that is not the addon's.
"""

import json
import re
import time
from contextlib import contextmanager
from datetime import datetime, timezone

from passlib.totp import TOTP

from odoo.http import root
from odoo.tests import HttpCase, get_db_name, new_test_user
from odoo.tests.common import HOST
from odoo.tools import config

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/%d.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME_ON_WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
OTHER_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def code_of(secret, offset=0, now=None):
    """Return the code of ``secret``, ``offset`` time steps from ``now`` (Unix seconds)."""
    now = time.time() if now is None else now
    return TOTP(secret.replace(" ", "")).generate(int(now) + 30 * offset).token


def at(timestamp):
    """Return what ``freeze_time`` takes for a Unix time."""
    return datetime.fromtimestamp(timestamp, timezone.utc).replace(tzinfo=None)


class MfaCase(HttpCase):
    """Employee ``mfa_ann`` with one app, and ``mfa_bob`` with none."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Those of demo data would be counted too.
        cls.env["res.users.authenticator"]._mfa_open_door().search([]).unlink()
        cls.ann = cls.new_person("mfa_ann")
        cls.bob = cls.new_person("mfa_bob")
        cls.enrol(cls.ann)

    @classmethod
    def new_person(cls, login, groups="base.group_user"):
        """Return a new user with a password, an address and no app.

        ``mfa_ann`` has the password ``mfa_ann_password`` and the address ``ann@example.com``.
        """
        return new_test_user(
            cls.env,
            login,
            groups,
            password=f"{login}_password",
            email=f"{login.removeprefix('mfa_')}@example.com",
            tz="UTC",
        )

    def setUp(self):
        super().setUp()
        self.opener.headers["User-Agent"] = CHROME % 140

    @contextmanager
    def coming_from(self, address, proxy_mode=True):
        """Send what a proxy sends for a client at ``address``."""
        headers = {
            "X-Forwarded-Host": self.base_url().partition("//")[2],
            "X-Forwarded-For": address,
        }
        config["proxy_mode"] = proxy_mode
        self.opener.headers.update(headers)
        try:
            yield
        finally:
            config["proxy_mode"] = False
            for name in headers:
                del self.opener.headers[name]

    @classmethod
    def enrol(cls, user, secret=SECRET, name="Phone"):
        """Give ``user`` an app with MFA on, as if done long ago."""
        app = cls.env["res.users.authenticator"]._enrol(user, name, secret)
        if not user.mfa_enabled:
            user._mfa_set_enabled(True)
        cls.env.flush_all()
        return app

    def new_code(self, secret=SECRET, now=None):
        """Return a code as :func:`code_of` does, good though it was used a moment ago."""
        self.env.cr.execute("UPDATE res_users_authenticator SET last_step = NULL")
        return code_of(secret, now=now)

    # -- a browser -----------------------------------------------------------------

    def new_browser(self, user_agent=None):
        """Forget all cookies, as another browser would come."""
        self.authenticate(None, None)
        for cookie in list(self.opener.cookies):
            if cookie.name.startswith("trusted_devices_"):
                self.opener.cookies.clear(cookie.domain, cookie.path, cookie.name)
        self.opener.headers["User-Agent"] = user_agent or CHROME % 140

    def csrf_of(self, response):
        return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', response.text)[1]

    def post_password(self, user, password=None, **values):
        """Give the password; return the answer of the page that follows."""
        page = self.url_open("/web/login")
        return self.url_open(
            "/web/login",
            data={
                "login": user.login,
                "password": password or f"{user.login}_password",
                "csrf_token": self.csrf_of(page),
                **values,
            },
        )

    def post_code(self, page, code, **values):
        """Give the code on ``page``, the form of the second step."""
        return self.url_open(
            "/web/login/totp",
            data={"totp_token": code, "csrf_token": self.csrf_of(page), **values},
        )

    def log_in(self, user=None, code=None, offset=0, **values):
        """Log in with password and code; return the last answer.

        :param int offset: time steps from now of the code, where none is given
        """
        user = user or self.ann
        page = self.post_password(user)
        self.assertIn("totp_token", page.text, "the second step should be asked")
        return self.post_code(page, code or code_of(SECRET, offset), **values)

    def session_uid(self):
        """Return the user of the browser's session, or ``None``."""
        answer = self.rpc("/web/session/get_session_info")
        return (answer.get("result") or {}).get("uid")

    def assertLoggedIn(self, user):
        self.assertEqual(self.session_uid(), user.id)

    def assertLoggedOut(self):
        self.assertIsNone(self.session_uid())

    def stored_session(self):
        """Return the browser's session as it stands on the disk."""
        return root.session_store.get(self.opener.cookies["session_id"])

    def put_in_session(self, **values):
        session = self.stored_session()
        session.update(values)
        root.session_store.save(session)

    def set_cookie(self, name, value):
        self.opener.cookies.set(name, value, domain=HOST)

    # -- RPC -----------------------------------------------------------------------

    def rpc(self, route, **params):
        """Return the whole JSON-RPC answer of ``route``."""
        answer = self.url_open(
            route,
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "id": 0, "params": params}),
            headers={"Content-Type": "application/json"},
        )
        return answer.json()

    def call(self, model, method, *args, **kwargs):
        """Return the whole answer of a method called as the web client calls it."""
        return self.rpc(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=list(args),
            kwargs=kwargs,
        )

    def code_action(self, code, model="res.users"):
        """Return a server action that runs ``code``, as an administrator may write it."""
        return self.env["ir.actions.server"].create(
            {
                "name": "Code",
                "model_id": self.env["ir.model"]._get_id(model),
                "state": "code",
                "code": code,
            }
        )

    def xmlrpc(self, user, password, model, method, *args):
        return self.xmlrpc_object.execute_kw(
            get_db_name(), user.id, password, model, method, list(args)
        )

    def cookie(self, user):
        """Return the trusted-device cookie of ``user`` in the browser, or ``None``."""
        name = f"trusted_devices_{user.id}"
        return next((c for c in self.opener.cookies if c.name == name), None)


class MailCase(HttpCase):
    """For tests that read what Odoo mailed since they began."""

    def setUp(self):
        super().setUp()
        self.last_mail = self.mails().search([], order="id desc", limit=1).id or 0

    def mails(self):
        self.env.invalidate_all()
        return self.env["mail.mail"].sudo()

    def new_mails(self):
        return self.mails().search([("id", ">", self.last_mail)], order="id")
