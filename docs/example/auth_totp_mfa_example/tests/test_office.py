from odoo.tests import tagged

from odoo.addons.auth_totp_mfa.tests.common import MfaCase

from ..models.office import OFFICE

INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.7"


@tagged("post_install", "-at_install")
class TestOffice(MfaCase):
    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param(OFFICE, "192.0.2.0/24")

    def test_inside_the_password_is_enough(self):
        with self.coming_from(INSIDE):
            self.post_password(self.bob)
            self.assertLoggedIn(self.bob)

    def test_outside_the_app_is_set_up_first(self):
        with self.coming_from(OUTSIDE):
            page = self.post_password(self.bob)
            self.assertIn("/web/login/totp/setup", page.url)
            self.assertLoggedOut()

    def test_session_that_leaves_the_office_is_over(self):
        with self.coming_from(INSIDE):
            self.post_password(self.bob)
        with self.coming_from(OUTSIDE):
            self.assertLoggedOut()

    def test_who_has_an_app_works_anywhere(self):
        with self.coming_from(OUTSIDE):
            self.log_in(self.ann)
            self.assertLoggedIn(self.ann)
