"""A trusted device that one server revokes is no longer trusted by the other."""

import unittest

from support import (
    A,
    B,
    Browser,
    admin_call,
    is_code_page,
    make_protected_people,
    query,
    switch_off_cooldown,
)


def setUpModule():
    switch_off_cooldown()


class TrustedDevice(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.people = iter(make_protected_people(4))

    def setUp(self):
        self.person = next(self.people)
        self.browser = Browser(A).log_in_and_trust(self.person)
        self.browser.beside(self.person, B)
        self.assertEqual(len(self.devices()), 1)

    def assertAskedForACode(self, server):
        """Assert that the next login in the browser that was trusted leads to the code."""
        again = self.browser.trusted_only(server)
        answer = again.give_password(self.person)
        self.assertIn("/web/login/totp", answer.headers["Location"])
        self.assertTrue(is_code_page(again.get("/web/login/totp")))

    def devices(self):
        return query("SELECT id FROM res_users_device WHERE user_id = %s", self.person.uid)

    def test_revoked_on_one_server(self):
        [[device]] = self.devices()
        self.browser.press(self.person, "res.users.device", "action_revoke", [device])
        self.assertAskedForACode(B)

    def test_all_revoked_on_one_server(self):
        self.browser.press(self.person, "res.users", "revoke_all_devices", [self.person.uid])
        self.assertAskedForACode(B)

    def test_password_changed_on_one_server(self):
        new = f"{self.person.password}-new"
        self.browser.call("res.users", "change_password", self.person.password, new)
        self.person.password = new
        self.assertAskedForACode(B)
        self.assertEqual(self.devices(), [])

    def test_password_set_by_an_administrator(self):
        self.person.password += "-set"
        admin_call("res.users", "write", [self.person.uid], {"password": self.person.password})
        self.assertAskedForACode(B)
        self.assertEqual(self.devices(), [])
