"""Cookies of one database shown to the server of another, where the same person has an account.

Both have the same login, password and number, and the sessions of both are in one folder.
"""

import contextlib
import os
import unittest

from odoo_process import Odoo, ScratchOdoo, needs_odoo
from support import (
    DATABASE,
    A,
    Browser,
    Person,
    admin_call,
    is_code_page,
    make_protected_person,
    query,
    switch_off_cooldown,
)


@needs_odoo
class CookiesOfAnotherDatabase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        switch_off_cooldown()
        cls.other = os.environ["MFA_SCRATCH_DATABASE"]
        odoo = ScratchOdoo()
        cls.addClassCleanup(odoo.close)
        odoo.run("--init=auth_totp_mfa")
        cls.server = odoo.start()
        cls.person = make_protected_person()
        cls.trusted = Browser(A).log_in_and_trust(cls.person)
        cls.namesake = cls.make_namesake()

    @classmethod
    def make_namesake(cls):
        """Return the same person in the other database, with an app of their own."""
        person, site = cls.person, (cls.server, cls.other)
        query("SELECT setval('res_users_id_seq', %s)", person.uid - 1, name=cls.other)
        values = {"name": "Namesake", "login": person.login, "password": person.password}
        [uid] = admin_call("res.users", "create", [values], site=site)
        assert uid == person.uid
        namesake = Person(uid, person.login, person.password)
        Browser(cls.server).log_in(namesake).enrol(namesake)
        return namesake

    def setUp(self):
        self.browser = self.trusted.beside(self.person, A)

    def test_session(self):
        self.assertFalse(self.browser.twin(self.server).is_in())

    def test_half_open_session(self):
        half_open = Browser(A).half_open(self.person).twin(self.server)
        half_open.give_code(self.namesake.app.next_code())
        self.assertFalse(half_open.is_in())

    def test_trusted_device(self):
        thief = self.browser.trusted_only(self.server)
        thief.give_password(self.namesake)
        self.assertTrue(is_code_page(thief.get("/web/login/totp")))
        self.assertFalse(thief.is_in())

    def test_code_of_the_app(self):
        browser = Browser(self.server).half_open(self.namesake)
        browser.give_code(self.person.app.next_code())
        self.assertFalse(browser.is_in())

    def test_server_of_both(self):
        """Neither a header nor the address takes a session along to the other database."""
        with contextlib.closing(Odoo(DATABASE)) as odoo:
            server = odoo.start(f"--database={DATABASE},{self.other}", "--db-filter=")
            browser = self.browser.twin(server)
            self.assertTrue(browser.is_in())
            browser.http.headers["X-Odoo-Database"] = self.other
            self.assertEqual(browser.get("/odoo").status_code, 403)
            del browser.http.headers["X-Odoo-Database"]
            browser.get(f"/web?db={self.other}")
            browser.get("/web/login")
            self.assertFalse(browser.is_in())
