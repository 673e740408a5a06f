import logging
import re
import time

from freezegun import freeze_time

from odoo import fields
from odoo.tests import get_db_name, tagged

from ..models.res_users_mfa_guarded import open_door
from .test_api import ApiCase

XMLRPC, JSON2 = 2, 3
"""What a warm call that reads one user's login takes in core."""
SIGNALLING = 1
"""A server asks once a request whether its caches are valid; a test does not."""


class _CountQueries(logging.Handler):
    """Note the queries of each request, as Odoo puts them into its access log."""

    def __init__(self):
        super().__init__()
        self.counts = []

    def emit(self, record):
        if queries := re.match(r"\d+", getattr(record, "perf_info", "")):
            self.counts.append(int(queries[0]))


@tagged("post_install", "-at_install")
class TestQueryCount(ApiCase):
    """SQL queries of a request on warm caches, against those of core's ``auth_totp``.

    The figures are core 19.0's own. A POST may cost three more, one of them being
    the count of tries in a transaction of its own.
    """

    def setUp(self):
        super().setUp()
        self.queries = _CountQueries()
        logger = logging.getLogger("werkzeug")
        logger.addHandler(self.queries)
        self.addCleanup(logger.removeHandler, self.queries)

    def assertQueriesOfLast(self, most):
        self.assertLessEqual(self.queries.counts[-1] + SIGNALLING, most)

    def test_code_page(self):
        self.post_password(self.ann)
        for _warm in range(2):
            self.url_open("/web/login/totp")
        self.assertQueriesOfLast(8 if "website" in self.env else 7)

    def test_code_with_remember(self):
        for _warm in range(3):
            self.new_browser()
            page = self.post_password(self.ann)
            answer = self.url_open(
                "/web/login/totp",
                data={
                    "totp_token": self.new_code(),
                    "remember": "1",
                    "csrf_token": self.csrf_of(page),
                },
                allow_redirects=False,
            )
            self.assertEqual(answer.status_code, 303)
        self.assertQueriesOfLast(23 + 3)

    def test_trusted_device(self):
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        for _warm in range(3):
            self.new_browser()
            self.set_cookie(f"trusted_devices_{self.ann.id}", token)
            page = self.url_open("/web/login")
            self.url_open(
                "/web/login",
                data={
                    "login": "mfa_ann",
                    "password": "mfa_ann_password",
                    "csrf_token": self.csrf_of(page),
                },
                allow_redirects=False,
            )
            answer = self.url_open("/web/login/totp", allow_redirects=False)
            self.assertEqual(answer.status_code, 303)
        self.assertQueriesOfLast(8)

    def test_authenticated_request_after_an_identity_check(self):
        self.log_in()
        self.put_in_session(**{"identity-check-last": time.time()})
        for _warm in range(3):
            self.rpc("/web/session/check")
        self.assertQueriesOfLast(1)

    def test_authenticated_request(self):
        self.log_in()
        for _warm in range(3):
            self.rpc("/web/session/check")
        self.assertQueriesOfLast(1)

    def name_database(self):
        """Spare calls without a session core's question which databases there are."""
        self.opener.headers["X-Odoo-Database"] = get_db_name()

    def test_call_with_a_key(self):
        """XML-RPC takes one more: core's cache of right keys outlives the key."""
        self.name_database()
        self.company.mfa_api_networks = "127.0.0.0/8"
        key = self.make_key(self.ann)
        now = fields.Datetime.now().replace(minute=5)  # the use is noted anew in the next hour
        for way, most in (("xmlrpc_2", XMLRPC + 1), ("json2", JSON2)):
            with freeze_time(now):
                for _warm in range(3):
                    self.assertEqual(self.ask(way, self.ann, key), "mfa_ann")
            with self.subTest(way=way):
                self.assertQueriesOfLast(most)

    def test_call_with_a_password(self):
        self.name_database()
        for _warm in range(3):
            self.ask("xmlrpc_2", self.bob, "mfa_bob_password")
        self.assertQueriesOfLast(XMLRPC + 1)

    def test_authenticated_request_under_policies(self):
        """Also with lists of networks, which hold this address."""
        self.set_up_policies()
        self.log_in()
        for _warm in range(3):
            self.rpc("/web/session/check")
        self.assertQueriesOfLast(1)

    def test_authenticated_request_during_grace(self):
        self.set_up_policies()
        self.env.company.mfa_grace_days = 30
        self.post_password(self.bob)
        for _warm in range(3):
            self.rpc("/web/session/check")
        self.assertQueriesOfLast(1)

    def test_authenticated_request_of_an_exempt_account(self):
        self.set_up_policies()
        open_door(self.bob).mfa_exempt_networks = "127.0.0.0/8\n2001:db8::/32"
        self.env["res.users"]._mfa_forget_rules()
        self.post_password(self.bob)
        self.assertLoggedIn(self.bob)
        for _warm in range(3):
            self.rpc("/web/session/check")
        self.assertQueriesOfLast(1)

    def set_up_policies(self):
        names = ("sensitive", "internal", "portal")
        policy = {f"mfa_policy_{name}": "app" for name in names}
        self.env.company.write(policy | {"mfa_api_networks": "127.0.0.0/8"})
