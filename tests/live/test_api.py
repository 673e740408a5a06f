"""The API against real servers: networks, keys, their use, and which client calls."""

import contextlib
import os
import re
import unittest
from xmlrpc.client import Fault

import odoorpc
import requests
from odoo_process import Odoo, needs_odoo
from support import (
    DATABASE,
    LIMIT,
    SERVERS,
    A,
    B,
    Browser,
    make_people,
    on_every_worker,
    query,
    rpc_call,
    switch_off_cooldown,
)

HERE, ELSEWHERE = "127.0.0.0/8", "10.0.0.0/8"
REFUSED = "refused"


def make_key(browser, person):
    """Make an API key as a person does in Preferences."""
    model = "res.users.apikeys.description"
    [wizard] = browser.rpc(
        f"/web/dataset/call_kw/{model}/create",
        model=model,
        method="create",
        args=[[{"name": "Script", "duration": "1"}]],
        kwargs={},
    )["result"]
    return browser.press(person, model, "make_key", [wizard])["context"]["default_key"]


def allow(networks):
    """Set the networks of the company as an administrator who is logged in."""
    browser = Browser(A)
    browser.get("/web/login")
    browser.post("/web/login", login="admin", password="admin")
    browser.write("res.company", [1], {"mfa_api_networks": networks})


def read_login(server, person, secret):
    try:
        [user] = rpc_call(
            (server, DATABASE), person.uid, secret, "res.users", "read", [person.uid], ["login"]
        )
    except Fault as fault:
        assert "Access Denied" in fault.faultString, fault.faultString
        return REFUSED
    return user["login"]


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        switch_off_cooldown()
        [cls.person] = make_people(1)
        cls.browser = Browser(A).log_in(cls.person)
        cls.key = make_key(cls.browser, cls.person)

    def tearDown(self):
        allow("")

    def client(self, server, secret):
        """Log in with a well-known client; return it, or ``REFUSED``."""
        address, port = server.removeprefix("http://").split(":")
        client = odoorpc.ODOO(address, port=int(port), timeout=LIMIT)
        try:
            client.login(DATABASE, self.person.login, secret)
        except odoorpc.error.RPCError:
            return REFUSED
        return client

    def on_every_worker(self, secret):
        return set(on_every_worker(lambda server: read_login(server, self.person, secret)))

    def test_tightened_network_holds_at_the_next_call_on_the_other_server(self):
        self.assertEqual(self.on_every_worker(self.key), {self.person.login})
        allow(ELSEWHERE)
        self.assertEqual(read_login(B, self.person, self.key), REFUSED)
        self.assertEqual(self.on_every_worker(self.key), {REFUSED})
        allow(HERE)
        self.assertEqual(self.on_every_worker(self.key), {self.person.login})

    def test_removed_key_is_refused_at_the_next_call_everywhere(self):
        key = make_key(self.browser, self.person)
        self.assertEqual(self.on_every_worker(key), {self.person.login})
        [number] = query(
            "SELECT max(id) FROM res_users_apikeys WHERE user_id = %s", self.person.uid
        )[0]
        self.browser.press(self.person, "res.users.apikeys", "action_mfa_revoke", [number])
        self.assertEqual(self.on_every_worker(key), {REFUSED})
        self.assertEqual(self.on_every_worker(self.key), {self.person.login})

    def test_odoorpc(self):
        for server in SERVERS:
            for secret in (self.key, self.person.password):
                client = self.client(server, secret)
                user = client.env["res.users"].browse(client.env.uid)
                self.assertEqual(user.login, self.person.login)

    def test_odoorpc_is_refused_a_password_once_there_is_an_app(self):
        [person] = make_people(1)
        browser = Browser(A).log_in(person)
        key = make_key(browser, person)
        browser.enrol(person)
        self.person, before = person, self.person
        self.addCleanup(setattr, self, "person", before)
        self.assertEqual(self.client(B, person.password), REFUSED)
        self.assertNotEqual(self.client(B, key), REFUSED)

    def test_use_is_noted_once_by_calls_at_the_same_moment(self):
        key = make_key(self.browser, self.person)
        self.assertEqual(self.on_every_worker(key), {self.person.login})
        rows = query(
            "SELECT mfa_last_address, mfa_last_used IS NOT NULL FROM res_users_apikeys"
            " WHERE user_id = %s ORDER BY id DESC LIMIT 1",
            self.person.uid,
        )
        self.assertEqual(rows, [("127.0.0.1", True)])

    def test_each_way_leaves_a_line_though_the_call_fails(self):
        for way in (self.by_json2, self.by_jsonrpc, self.by_xmlrpc):
            [person] = make_people(1)
            key = make_key(Browser(A).log_in(person), person)
            self.assertTrue(way(person, key), way.__name__)
            allow(ELSEWHERE)
            with self.subTest(way=way.__name__):
                self.assertFalse(way(person, key))
                self.assertFalse(way(person, key))
                rows = query(
                    "SELECT address, actor_login, note FROM res_users_mfa_event"
                    " WHERE kind = 'network_refused' AND user_id = %s",
                    person.uid,
                )
                note = "API call from 127.0.0.1"
                self.assertEqual(rows, [("127.0.0.1", person.login, note)])
            allow("")

    def post(self, path, body, **headers):
        with requests.Session() as http:
            http.trust_env = False
            return http.post(A + path, json=body, headers=headers, timeout=LIMIT)

    def by_json2(self, person, key):
        body = {"ids": [person.uid], "fields": ["login"]}
        return self.post("/json/2/res.users/read", body, Authorization=f"Bearer {key}").ok

    def by_jsonrpc(self, person, key):
        call = [DATABASE, person.uid, key, "res.users", "read", [[person.uid], ["login"]]]
        params = {"service": "object", "method": "execute_kw", "args": call}
        return "result" in self.post("/jsonrpc", {"jsonrpc": "2.0", "params": params}).json()

    def by_xmlrpc(self, person, key):
        return read_login(A, person, key) != REFUSED


@needs_odoo
class SeveralDatabases(unittest.TestCase):
    """A server that cannot know by its name which database a call is for."""

    def setUp(self):
        switch_off_cooldown()
        [self.person] = make_people(1)
        allow(HERE)
        self.addCleanup(allow, "")

    @contextlib.contextmanager
    def server(self, *options):
        odoo = Odoo(DATABASE)
        databases = f"{DATABASE},{os.environ['MFA_BASE_DATABASE']}"
        with contextlib.closing(odoo):
            yield odoo, odoo.start(f"--database={databases}", "--db-filter=", *options)

    def call(self, server):
        return read_login(server, self.person, self.person.password) == self.person.login

    def test_fails_closed_and_says_what_to_do(self):
        with self.server() as (odoo, server):
            self.assertFalse(self.call(server))
            self.assertFalse(self.call(server))
            log = odoo.log.read_text()
        self.assertEqual(len(re.findall("WARNING .*server_wide_modules", log)), 1)

    def test_works_as_a_server_wide_module(self):
        with self.server("--load=base,rpc,web,auth_totp_mfa") as (odoo, server):
            self.assertTrue(self.call(server))
            allow(ELSEWHERE)
            self.assertFalse(self.call(server))
            self.assertEqual(odoo.bad_lines(), [])
