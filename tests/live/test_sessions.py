"""A change of factors ends the user's other sessions, on every worker of every server.

Each worker keeps the token of every session that it has seen. So all sessions are shown to
all workers before the change; after it, each worker gets a session that no other has refused
yet, since a refused session is gone for all.
"""

import unittest

from support import (
    SERVERS,
    WORKERS,
    A,
    B,
    Browser,
    at_once,
    in_parallel,
    is_code_page,
    make_people,
    make_protected_people,
    make_protected_person,
    on_every_worker,
    query,
    switch_off_cooldown,
)

EACH_WORKER = SERVERS * WORKERS


def setUpModule():
    switch_off_cooldown()


class SessionCase(unittest.TestCase):
    def open_beside(self, browser, person):
        """Return a session of ``person`` for each worker, in other browsers."""
        return in_parallel(lambda server: browser.beside(person, server), EACH_WORKER)

    def show_to_all_workers(self, browsers):
        for browser in browsers:
            self.assertEqual(on_every_worker(browser.is_in), [True] * len(EACH_WORKER))

    def assertEnded(self, browsers):
        """Assert that each worker refuses a session of its own at the next request."""
        self.assertEqual(at_once(*(browser.is_in for browser in browsers)), [False] * len(browsers))
        self.assertFalse(any(browser.is_in() for browser in browsers))


class OwnChanges(SessionCase):
    """What a person does to their own account. The acting session goes on."""

    @classmethod
    def setUpClass(cls):
        cls.people = iter(make_protected_people(3))

    def setUp(self):
        self.person = next(self.people)
        self.browser = Browser(A).log_in_and_trust(self.person)

    def assertEndsOthers(self, change):
        others = self.open_beside(self.browser, self.person)
        self.show_to_all_workers([self.browser, *others])
        change()
        self.assertEnded(others)
        self.assertEqual(on_every_worker(self.browser.is_in), [True] * len(EACH_WORKER))

    def app_ids(self):
        return self.browser.search("res.users.authenticator", [("user_id", "=", self.person.uid)])

    def test_disable(self):
        def disable():
            self.browser.press(self.person, "res.users", "action_totp_disable", [self.person.uid])

        self.assertEndsOthers(disable)

    def test_add_an_app(self):
        self.assertEndsOthers(lambda: self.browser.enrol(self.person, "Tablet"))

    def test_remove_an_app(self):
        self.browser.enrol(self.person, "Tablet")
        [first, _second] = self.app_ids()
        self.browser = Browser(A).log_in_and_trust(self.person)

        def remove():
            self.browser.press(self.person, "res.users.authenticator", "action_remove", [first])

        self.assertEndsOthers(remove)
        self.assertEqual(len(self.app_ids()), 1)


class FirstEnable(SessionCase):
    def test_first_enable_ends_the_other_sessions(self):
        [person] = make_people(1)
        browser, *others = in_parallel(lambda s: Browser(s).log_in(person), (A, *EACH_WORKER))
        self.show_to_all_workers([browser, *others])
        browser.enrol(person)
        self.assertEnded(others)
        self.assertEqual(on_every_worker(browser.is_in), [True] * len(EACH_WORKER))


class ChangesByAnAdministrator(SessionCase):
    """All sessions of the person end, and the administrator's own goes on."""

    @classmethod
    def setUpClass(cls):
        [cls.helper] = make_protected_people(1, "base.group_system")
        cls.office = Browser(B).log_in(cls.helper)
        cls.people = iter(make_protected_people(2))

    def setUp(self):
        self.person = next(self.people)
        self.browser = Browser(A).log_in_and_trust(self.person)

    def assertEndsAll(self, change):
        sessions = self.open_beside(self.browser, self.person)
        self.show_to_all_workers(sessions)
        change()
        self.assertEnded(sessions)
        self.assertFalse(self.browser.is_in())
        self.assertEqual(on_every_worker(self.office.is_in), [True] * len(EACH_WORKER))

    def test_disable(self):
        def disable():
            self.office.press(self.helper, "res.users", "action_totp_disable", [self.person.uid])

        self.assertEndsAll(disable)

    def test_remove_an_app(self):
        self.browser.enrol(self.person, "Tablet")
        self.browser = Browser(A).log_in_and_trust(self.person)
        [[first]] = query(
            "SELECT min(id) FROM res_users_authenticator WHERE user_id = %s", self.person.uid
        )

        def remove():
            self.office.press(self.helper, "res.users.authenticator", "action_remove", [first])

        self.assertEndsAll(remove)


class HalfOpenLogin(unittest.TestCase):
    def test_change_of_password_voids_it_on_the_other_server(self):
        person = make_protected_person()
        half_open = Browser(B).half_open(person)
        change_password(Browser(A).log_in(person), person)
        answer = half_open.give_code(person.app.next_code())
        self.assertEqual(answer.status_code, 303)
        self.assertRegex(answer.headers["Location"], "/web/login$")
        self.assertFalse(half_open.is_in())
        self.assertFalse(is_code_page(half_open.get("/web/login/totp")))


def change_password(browser, person):
    """Change one's password as the dialog in Preferences does."""
    new = f"{person.password}-new"
    browser.call("res.users", "change_password", person.password, new)
    person.password = new
