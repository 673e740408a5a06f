"""A login by core's ``auth_ldap``, against an OpenLDAP server of our own on this machine."""

import importlib
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from xmlrpc.client import Fault

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.res_users_mfa_guarded import open_door
from .common import SECRET, code_of
from .test_setup import SetupCase

SUFFIX = "dc=example,dc=com"
ROOT = f"cn=root,{SUFFIX}"
ROOT_PASSWORD = "of the directory"
PASSWORD = "bob_in_the_directory"
START_LIMIT = 20  # seconds
CONFIGURATION = """
include {place}/etc/ldap/schema/core.schema
include {place}/etc/ldap/schema/cosine.schema
include {place}/etc/ldap/schema/inetorgperson.schema
modulepath {place}/usr/lib/ldap
moduleload back_mdb
pidfile {data}/pid
database mdb
directory {data}
suffix "{suffix}"
rootdn "{root}"
rootpw "{password}"
access to attrs=userPassword by self write by anonymous auth
access to * by * read
"""


class Directory:
    """An OpenLDAP server with one person, ``mfa_bob``."""

    def __init__(self, place):
        self.ldap = importlib.import_module("ldap")
        self.folder = tempfile.TemporaryDirectory(prefix="mfa_ldap_")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        file = Path(self.folder.name, "slapd.conf")
        values = {"suffix": SUFFIX, "root": ROOT, "password": ROOT_PASSWORD}
        file.write_text(CONFIGURATION.format(place=place, data=self.folder.name, **values))
        self.address = f"ldap://127.0.0.1:{self.port}"
        argv = [f"{place}/usr/sbin/slapd", "-d", "0", "-h", self.address, "-f", file]
        self.child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._add_people()

    def close(self):
        self.child.terminate()
        self.child.wait(START_LIMIT)
        self.folder.cleanup()

    def _add_people(self):
        connection = self._connect()
        kinds = [b"dcObject", b"organization"]
        connection.add_s(SUFFIX, [("objectClass", kinds), ("o", [b"Example"])])
        person = {"cn": b"Bob", "sn": b"Bob", "userPassword": PASSWORD.encode()}
        for name in ("mfa_bob", "mfa_newcomer"):
            values = [(key, [value]) for key, value in person.items()]
            kind = ("objectClass", [b"inetOrgPerson"])
            connection.add_s(f"uid={name},{SUFFIX}", [kind, *values])

    def set_password(self, name, password):
        self._connect().passwd_s(f"uid={name},{SUFFIX}", None, password)

    def _connect(self):
        """Return a connection of the directory's own administrator, once it answers."""
        deadline = time.monotonic() + START_LIMIT
        while True:
            connection = self.ldap.initialize(self.address)
            try:
                connection.simple_bind_s(ROOT, ROOT_PASSWORD)
                return connection
            except self.ldap.SERVER_DOWN:
                if self.child.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


@tagged("post_install", "-at_install")
class TestLdap(SetupCase):
    """``mfa_bob`` has a password in the directory only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = os.environ.get("MFA_LDAP")
        if "auth_ldap" not in cls.env.registry._init_modules or not place:
            cls.skipTest(cls, "auth_ldap is not installed (dev/test --with auth_ldap)")
        cls.directory = Directory(place)
        cls.addClassCleanup(cls.directory.close)
        cls.env["res.company.ldap"].create(
            {
                "company": cls.env.company.id,
                "ldap_server": "127.0.0.1",
                "ldap_server_port": cls.directory.port,
                "ldap_base": SUFFIX,
                "ldap_filter": "(uid=%s)",
                "create_user": True,
            }
        )
        cls.bob._set_empty_password()

    def begin_by_ldap(self, login="mfa_bob", password=PASSWORD):
        """Give the password of the directory; return the page that follows."""
        with mute_logger("odoo.addons.base.models.res_users"):
            return self.post_password(self.bob, password, login=login)

    def trust(self):
        """Log in, and have this browser remembered and logged out."""
        self.post_code(self.begin_by_ldap(), code_of(SECRET), remember="1")
        self.assertLoggedIn(self.bob)
        cookie = self.cookie(self.bob)
        self.url_open("/web/session/logout")
        # A browser sends a Secure cookie to localhost over plain HTTP, this one does not.
        self.set_cookie(cookie.name, cookie.value)

    def test_optional(self):
        self.begin_by_ldap()
        self.assertLoggedIn(self.bob)

    def test_wrong_password(self):
        for password in ("wrong", "mfa_bob_password", ROOT_PASSWORD):
            self.begin_by_ldap(password=password)
            self.assertLoggedOut()

    def test_code_of_the_app(self):
        self.enrol(self.bob)
        page = self.begin_by_ldap()
        self.assertIn('name="totp_token"', page.text)
        self.assertLoggedOut()
        self.post_code(page, "000000")
        self.assertLoggedOut()
        self.post_code(page, code_of(SECRET))
        self.assertLoggedIn(self.bob)

    def test_trusted_device(self):
        self.enrol(self.bob)
        self.trust()
        self.begin_by_ldap()
        self.assertLoggedIn(self.bob)

    def test_must_enrol(self):
        self.require()
        page = self.begin_by_ldap()
        self.assertConfirmation(page)
        self.set_up(self.confirm_setup(page))
        self.assertLoggedIn(self.bob)
        self.assertTrue(self.is_on(self.bob))

    def test_newcomer(self):
        """Who has no account yet gets one, and meets the policy at that very login."""
        self.require()
        self.begin_by_ldap("mfa_newcomer")
        self.assertLoggedOut()
        newcomer = self.env["res.users"].search([("login", "=", "mfa_newcomer")])
        self.assertEqual(len(newcomer), 1)
        self.assertFalse(self.is_on(newcomer))

    def test_exempt_account_elsewhere(self):
        """Refused at the login, though the directory accepts the password."""
        open_door(self.bob).write(
            {"mfa_exempt_networks": "192.0.2.0/24", "mfa_exempt_reason": "terminal"}
        )
        self.begin_by_ldap()
        self.assertLoggedOut()
        self.assertEqual(self.url_open("/web/login/totp").url, self.base_url() + "/web/login")

    def test_identity_check(self):
        """The password of the directory alone proves no second factor."""
        self.enrol(self.bob)
        self.sign_in(self.bob)
        button = ("res.users", "action_totp_disable", [self.bob.id], self.bob)
        with mute_logger("odoo.http", "odoo.addons.base.models.res_users"):
            self.press(*button, password=PASSWORD)
        self.assertTrue(self.is_on(self.bob))
        self.press(*button, code_of(SECRET), PASSWORD)
        self.assertFalse(self.is_on(self.bob))

    def test_password_over_rpc(self):
        """An account with a second factor calls the API with keys only."""
        call = (self.bob, PASSWORD, "res.users", "context_get")
        with mute_logger("odoo.addons.base.models.res_users", "odoo.http"):
            self.assertIn("lang", self.xmlrpc(*call))
            self.enrol(self.bob)
            with self.assertRaises(Fault):
                self.xmlrpc(*call)

    def test_new_password_in_the_directory(self):
        """Odoo changes it there, and stores none: the trusted devices end all the same."""
        self.enrol(self.bob)
        self.trust()
        self.sign_in(self.bob, password_age=0, proof_age=0)
        self.addCleanup(self.directory.set_password, "mfa_bob", PASSWORD)
        answer = self.call("res.users", "change_password", PASSWORD, "another_password")
        self.assertTrue(answer["result"])
        self.env.invalidate_all()
        self.assertFalse(self.bob.trusted_device_ids)
        self.new_browser()
        self.begin_by_ldap()
        self.assertLoggedOut()
        page = self.begin_by_ldap(password="another_password")
        self.assertIn('name="totp_token"', page.text)
