from contextlib import contextmanager

from odoo import http
from odoo.tests import tagged

from odoo.addons.auth_totp.controllers.home import Home

from .common import SECRET, MfaCase, code_of


class TourCase(MfaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.carl = cls.new_person("mfa_carl")

    def new_portal_user(self):
        """Return a portal user with more events than one page shows after the tour."""
        paul = self.new_person("mfa_paul", "base.group_portal")
        for _login in range(3):
            self.env["res.users.mfa.event"]._record("code_accepted", paul, "Old phone")
        return paul

    @contextmanager
    def route_for_tours(self, name, answer):
        """Let a tour ask ``/mfa/test/<name>`` for what ``answer`` returns."""

        def route(controller, **params):
            return answer(**params)

        attribute = f"mfa_test_{name}"
        route.routing_type = "json"
        route = http.route(f"/mfa/test/{name}", type="jsonrpc", auth="none", readonly=False)(route)
        setattr(Home, attribute, route)
        self.env.registry.clear_cache("routing")
        try:
            yield
        finally:
            delattr(Home, attribute)
            self.env.registry.clear_cache("routing")

    def code_for_tour(self, secret=None, offset=0, mailed_to=None):
        """Return a code, as an app would give it half a minute after the last one.

        The tour is quicker than the time step: the used steps are forgotten.
        """
        if mailed_to:
            users = http.request.env["res.users"].sudo()
            return users.search([("login", "=", mailed_to)])._get_totp_mail_code()[0]
        http.request.env.cr.execute("UPDATE res_users_authenticator SET last_step = NULL")
        return code_of(secret or SECRET, offset)

    def run_tour(self, url, name, login, **more):
        with self.route_for_tours("code", self.code_for_tour):
            self.start_tour(url, name, login=login, timeout=120, **more)


@tagged("post_install", "-at_install")
class TestTours(TourCase):
    """What a person does, in a real browser."""

    def test_main_road(self):
        """Enrol, log in with a code, trust the device, log in without, revoke, be asked."""
        self.run_tour("/odoo", "mfa_main_road", "mfa_carl")
        self.assertTrue(self.carl.mfa_enabled)
        self.assertFalse(self.carl.trusted_device_ids)

    def test_disable_and_enable(self):
        self.run_tour("/odoo", "mfa_disable_and_enable", "mfa_carl")
        self.assertTrue(self.carl.mfa_enabled)
        self.assertEqual(self.carl.authenticator_ids.name, "My phone")

    def test_new_recovery_codes(self):
        """Preferences say that few are left, and make new ones."""
        self.ann._mfa_make_recovery_codes()
        codes = self.env["res.users.recovery.code"].search([("user_id", "=", self.ann.id)])
        codes[3:]._mfa_open_door().unlink()
        self.run_tour("/odoo", "mfa_new_recovery_codes", "mfa_ann")
        self.assertEqual(self.ann.recovery_codes_left, 10)
        self.assertFalse(codes.exists())

    def test_recovery_notice(self):
        """Who logs in without recovery codes is offered them."""
        self.run_tour("/web/login", "mfa_recovery_notice", None)
        self.assertEqual(self.ann.recovery_codes_left, 10)

    def make_administrator(self):
        admin = self.new_person("mfa_admin", "base.group_system")
        self.enrol(admin)

    def test_administrator_helps(self):
        """A help code from the list of users, then a reset from the form."""
        self.make_administrator()
        self.run_tour("/odoo", "mfa_administrator_helps", "mfa_admin")
        self.assertFalse(self.ann.mfa_enabled or self.ann.authenticator_ids)
        trail = self.env["res.users.mfa.event"].search([("user_id", "=", self.ann.id)])
        notes = {line.kind: (line.actor_id.login, line.note) for line in trail}
        self.assertEqual(notes["help_made"], ("mfa_admin", "Lost her phone"))
        self.assertEqual(notes["reset"], ("mfa_admin", "Lost her phone for good"))

    def test_administrator_disables(self):
        self.make_administrator()
        self.run_tour("/odoo", "mfa_administrator_disables", "mfa_admin")
        self.assertFalse(self.ann.mfa_enabled)
        self.assertTrue(self.ann.authenticator_ids)

    def test_api_key_goes_on_after_enrolment(self):
        """An API key made before MFA works after it, the password does not."""
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.carl)
            .sudo()
            ._generate("rpc", "script", None)
        )
        self.run_tour("/odoo", "mfa_disable_and_enable", "mfa_carl")
        database = self.env.cr.dbname
        self.assertEqual(
            self.xmlrpc_common.authenticate(database, "mfa_carl", key, {}), self.carl.id
        )
        self.assertFalse(
            self.xmlrpc_common.authenticate(database, "mfa_carl", "mfa_carl_password", {})
        )

    def test_settings(self):
        """The settings, saved from their screen."""
        self.start_tour("/odoo/settings", "mfa_settings", login="admin", timeout=120)
        get_param = self.env["ir.config_parameter"].sudo().get_param
        saved = {
            "auth_totp.trusted_device_age": "7",
            "auth_totp.session_age": "14",
            "auth_totp.login_timeout": "5",
            "auth_totp.help_code_age": "20",
            "auth_totp.secure_cookie": "0",
            "auth_totp.session_extend": "1",
        }
        self.assertEqual({key: get_param(key) for key in saved}, saved)

    def test_portal_dialog(self):
        """The dialog of core's buttons in the portal asks for the second factor as well."""
        self.enrol(self.new_portal_user())
        self.env["ir.config_parameter"].sudo().set_param("portal.allow_api_keys", "True")
        self.run_tour("/my/security?debug=1", "mfa_portal_dialog", "mfa_paul")

    def test_portal_security(self):
        paul = self.new_portal_user()
        self.run_tour("/my/security", "mfa_portal_security", "mfa_paul")
        self.assertFalse(paul.mfa_enabled or paul.trusted_device_ids)
        self.assertEqual(paul.authenticator_ids.mapped("name"), ["My phone", "Tablet"])
        self.assertEqual(paul.recovery_codes_left, 10)

    def test_forced_setup(self):
        """Who must set up an app does so between the password and the page asked for."""
        self.env.company.write({"mfa_policy_internal": "app"})
        self.run_tour("/web/login", "mfa_setup_employee", None)
        self.assertTrue(self.carl.mfa_enabled)

    def test_reminder(self):
        self.env.company.write({"mfa_policy_internal": "app", "mfa_grace_days": 3})
        self.run_tour("/web/login", "mfa_reminder", None)
        self.assertTrue(self.carl.mfa_enabled)


@tagged("post_install", "-at_install")
class TestToursPhone(TourCase):
    browser_size = "390x844"
    touch_enabled = True

    def test_main_road(self):
        self.run_tour("/odoo", "mfa_main_road_phone", "mfa_carl")
        self.assertTrue(self.carl.mfa_enabled)
        self.assertFalse(self.carl.trusted_device_ids)

    def test_forced_setup_of_a_portal_user(self):
        paul = self.new_person("mfa_paul", "base.group_portal")
        self.env.company.write({"mfa_policy_portal": "app"})
        self.run_tour("/web/login?redirect=/my/security", "mfa_setup_portal", None)
        self.assertTrue(paul.mfa_enabled)

    def test_portal_security(self):
        paul = self.new_portal_user()
        self.run_tour("/my/security", "mfa_portal_security_phone", "mfa_paul")
        self.assertFalse(paul.mfa_enabled)
