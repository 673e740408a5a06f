"""What ``odoo neutralize`` and ``odoo db duplicate --neutralize`` run of this addon.

``tests/live`` runs the commands themselves.
"""

from odoo import http
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CHROME, MailCase
from .test_trail import EVENT, TrailCase


@tagged("post_install", "-at_install")
class TestNeutralize(MailCase, TrailCase):
    """A staging copy trusts no device, and is as protected as the production."""

    def neutralize(self):
        self.env.flush_all()
        [query] = get_neutralization_queries(["auth_totp_mfa"])
        self.env.cr.execute(query)
        self.env.invalidate_all()
        self.env.registry.clear_all_caches()

    def issue(self, user):
        agent = http.werkzeug.user_agent.UserAgent(CHROME % 140)
        return self.env["res.users.device"]._issue(user, agent, "192.0.2.7")[0]

    def test_no_browser_is_trusted(self):
        self.log_in(remember="1")
        token = self.cookie(self.ann).value
        self.come_with(token)
        self.assertLoggedIn(self.ann)
        self.neutralize()
        self.assertFalse(self.env["res.users.device"].search([]))
        self.come_with(token)
        self.assertLoggedOut()

    def come_with(self, token):
        """Give the password in a browser that keeps the cookie of a trusted device."""
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.ann.id}", token)
        self.post_password(self.ann)

    def test_one_line_of_the_trail_for_each_person(self):
        self.issue(self.ann)
        self.issue(self.ann)
        self.issue(self.portal)
        self.env["res.users.mfa.event"]._record("renamed", self.ann, "Phone")
        self.forget_lines()
        kept = self.env[EVENT].search([])
        names = ", ".join(self.ann.trusted_device_ids.mapped("name"))
        self.assertIn(", ", names)
        self.neutralize()
        lines = self.new_lines("device_revoked")
        people = lines.filtered(lambda line: line.login in ("mfa_ann", "mfa_portal"))
        self.assertEqual(len(people), 2)
        mine = lines.filtered(lambda line: line.user_id == self.ann)
        self.assertEqual(mine.subject, names)
        self.assertEqual(mine.note, "database neutralized")
        self.assertEqual(self.env[EVENT].search([]) - lines, kept)

    def test_what_was_begun_is_void(self):
        help_code = self.ann._mfa_make_help_code("Lost")
        self.env["res.users.authenticator.create"].with_user(self.ann)._start()
        self.env["auth_totp.wizard"].with_user(self.bob)._mfa_start(self.bob, "JBSWY3DPEHPK3PXP")
        self.neutralize()
        for model in ("res.users.authenticator.create", "auth_totp.wizard"):
            self.assertFalse(self.env[model].sudo().search([]), model)
        self.log_in(code=help_code)
        self.assertLoggedOut()

    def test_sessions_end(self):
        self.log_in()
        self.assertLoggedIn(self.ann)
        self.neutralize()
        self.assertLoggedOut()

    def test_half_open_session_ends(self):
        page = self.post_password(self.ann)
        self.neutralize()
        self.post_code(page, self.new_code())
        self.assertLoggedOut()

    def test_codes_by_email_are_others(self):
        """Who runs the copy reads its secret: those of the production must not follow from it."""
        before = self.bob._get_totp_mail_key()
        self.neutralize()
        self.assertNotEqual(self.bob._get_totp_mail_key(), before)

    def test_protection_stays(self):
        codes = self.ann._mfa_make_recovery_codes()
        company = self.env.company
        company.mfa_api_networks = "192.0.2.0/24"
        company.mfa_policy_internal = "mail"
        before = self.env["res.users.authenticator"]._read_group([], ["user_id"], ["__count"])
        self.neutralize()
        self.assertTrue(self.ann.mfa_enabled)
        after = self.env["res.users.authenticator"]._read_group([], ["user_id"], ["__count"])
        self.assertEqual(after, before)
        self.assertEqual(company.mfa_policy_internal, "mail")
        self.assertEqual(company.mfa_api_networks, "192.0.2.0/24")
        self.log_in(code=self.new_code())
        self.assertLoggedIn(self.ann)
        self.new_browser()
        with mute_logger("odoo.http"):
            self.log_in(code="000000")
        self.assertLoggedOut()
        self.new_browser()
        self.log_in(code=codes[0])
        self.assertLoggedIn(self.ann)

    def test_nobody_is_told(self):
        """The people of the production have nothing to do with the copy."""
        self.issue(self.ann)
        self.neutralize()
        self.assertFalse(self.new_mails())
