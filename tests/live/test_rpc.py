"""Passwords over RPC: refused once MFA is on, by workers that have accepted them before."""

import unittest
from xmlrpc.client import Fault

from support import (
    DATABASE,
    A,
    Browser,
    make_people,
    on_every_worker,
    rpc_call,
    switch_off_cooldown,
)

REFUSED = "refused"


class PasswordOverRpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        switch_off_cooldown()
        [cls.person] = make_people(1)
        cls.browser = Browser(A).log_in(cls.person)

    def on_every_worker(self, secret):
        """Return what each worker answers to a call with a password or a key."""

        def ask(server):
            uid = self.person.uid
            question = ("res.users", "read", [uid], ["login"])
            try:
                [user] = rpc_call((server, DATABASE), uid, secret, *question)
            except Fault as fault:
                self.assertIn("Access Denied", fault.faultString)
                return REFUSED
            return user["login"]

        return set(on_every_worker(ask))

    def make_key(self):
        [wizard] = self.browser.rpc(
            "/web/dataset/call_kw/res.users.apikeys.description/create",
            model="res.users.apikeys.description",
            method="create",
            args=[[{"name": "Script", "duration": "1"}]],
            kwargs={},
        )["result"]
        action = self.browser.press(
            self.person, "res.users.apikeys.description", "make_key", [wizard]
        )
        return action["context"]["default_key"]

    def test_enabling_refuses_the_password_at_the_next_call(self):
        key = self.make_key()
        for secret in (self.person.password, key):
            self.assertEqual(self.on_every_worker(secret), {self.person.login})
        self.browser.enrol(self.person)
        self.assertEqual(self.on_every_worker(self.person.password), {REFUSED})
        self.assertEqual(self.on_every_worker(key), {self.person.login})
        self.assertEqual(self.on_every_worker(self.make_key()), {self.person.login})
