"""The id of a session changes with the password and with the second factor. OWASP ASVS 5.0 7.2.4.

A thief plants an id in somebody's browser and waits, or has seen the id of the half-open
session. Each id that a login had before its last one is nobody's.
"""

from odoo.http import root
from odoo.tests import tagged

from .common import SECRET, code_of
from .test_identity import PasskeyCase
from .test_setup import SetupCase


class FixationCase(SetupCase):
    def plant(self):
        """Let the browser come with a session id that a thief knows."""
        self.new_browser()
        self.opener.cookies.clear()
        self.ids = [root.session_store.generate_key()]
        self.set_cookie("session_id", self.ids[0])

    def note(self):
        self.ids.append(self.opener.cookies["session_id"])

    def give_password(self, user=None):
        page = self.post_password(user or self.ann)
        self.note()
        return page

    def assertFixationIsVain(self, user, steps):
        """Expect a new id at each of so many ``steps``, of which the last one is in."""
        self.note()
        self.assertLoggedIn(user)
        *earlier, last = dict.fromkeys(self.ids)
        self.assertEqual(len(earlier), steps)
        self.assertEqual(last, self.opener.cookies["session_id"])
        for number, sid in enumerate(earlier):
            with self.subTest(number):
                self.assertIsNobody(sid)

    def assertIsNobody(self, sid):
        session = root.session_store.get(sid)
        self.assertFalse(session.get("uid") or session.get("pre_uid"))
        self.new_browser()
        self.opener.cookies.clear()
        self.set_cookie("session_id", sid)
        self.assertLoggedOut()
        self.assertRegex(self.url_open("/web/login/totp").url, r"/web/login$")


@tagged("post_install", "-at_install")
class TestSessionFixation(FixationCase):
    def test_half_open_session_has_a_new_id(self):
        self.plant()
        self.give_password()
        self.assertEqual(len(set(self.ids)), 2)
        self.assertIsNobody(self.ids[0])

    def test_code(self):
        self.plant()
        self.post_code(self.give_password(), code_of(SECRET))
        self.assertFixationIsVain(self.ann, 2)

    def test_recovery_code(self):
        self.plant()
        self.post_code(self.give_password(), self.codes[0])
        self.assertFixationIsVain(self.ann, 2)

    def test_trusted_device(self):
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        self.plant()
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        answer = self.url_open("/web/login")
        form = {"login": "mfa_ann", "password": "mfa_ann_password"}
        form["csrf_token"] = self.csrf_of(answer)
        self.url_open("/web/login", form, allow_redirects=False)
        self.note()
        self.url_open("/web/login/totp")
        self.assertFixationIsVain(self.ann, 2)

    def test_set_up(self):
        self.require()
        self.plant()
        page = self.confirm_setup(self.give_password(self.bob))
        self.note()
        self.set_up(page)
        self.assertFixationIsVain(self.bob, 2)

    def test_json_login(self):
        self.plant()
        form = {"db": self.env.cr.dbname, "login": "mfa_ann", "password": "mfa_ann_password"}
        self.assertIsNone(self.rpc("/web/session/authenticate", **form)["result"]["uid"])
        self.note()
        self.post_code(self.url_open("/web/login/totp"), code_of(SECRET))
        self.assertFixationIsVain(self.ann, 2)

    def test_login_in_the_session_of_another(self):
        """Who logs in without having logged out leaves no session of the first one behind."""
        self.post_password(self.bob)
        self.ids = [self.opener.cookies["session_id"]]
        self.assertLoggedIn(self.bob)
        page = self.give_password()
        self.env.registry.clear_cache()
        self.post_code(page, code_of(SECRET))
        self.assertFixationIsVain(self.ann, 2)


@tagged("post_install", "-at_install")
class TestSessionFixationOfPasskeys(FixationCase, PasskeyCase):
    def test_passkey(self):
        self.env.flush_all()
        self.own_passkey(self.ann)
        self.plant()
        form = {"csrf_token": self.csrf_of(self.url_open("/web/login")), "password": ""}
        self.url_open("/web/login", {**form, "type": "webauthn", "webauthn_response": self.touch()})
        self.assertFixationIsVain(self.ann, 1)
