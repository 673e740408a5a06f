"""The screens in another language: German stands for all of them.

What should be shown comes from ``i18n/de.po``, so these tests fail where a term is not
translated, and where one is translated but does not reach the screen.
"""

import polib

from odoo.tests import tagged
from odoo.tools import file_path

from .test_tours import TourCase

LANGUAGE = "de_DE"


@tagged("post_install", "-at_install")
class TestLanguages(TourCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.terms = polib.pofile(file_path("auth_totp_mfa/i18n/de.po"))
        language = cls.env["res.lang"]._activate_lang(LANGUAGE)
        if "website" in cls.env:
            cls.env["website"].search([]).language_ids += language
        cls.env.ref("base.module_auth_totp_mfa")._update_translations(LANGUAGE)
        cls.ann.lang = LANGUAGE

    def in_german(self, source):
        """Return the translation of ``source``, which differs from it."""
        term = self.terms.find(source)
        self.assertTrue(term, f"i18n/de.po should have “{source}”")
        self.assertNotIn(term.msgstr, ("", source), f"“{source}” should be translated")
        return term.msgstr

    def assertSays(self, page, source):
        said = " ".join(page.text.split())
        self.assertIn(self.in_german(source), said)
        self.assertNotIn(source, said)

    def run_german_tour(self, url, name, login=None):
        """Run a tour in a German browser; it asks for what should be on its screens."""
        with self.route_for_tours("text", self.in_german):
            self.run_tour(url, name, login, cookies={"frontend_lang": LANGUAGE})

    def test_login(self):
        """The pages before the login follow the browser."""
        self.opener.headers["Accept-Language"] = "de"
        page = self.post_password(self.ann)
        self.assertSays(page, "Use a recovery code")
        page = self.post_code(page, "abc")
        self.assertSays(page, "This is not a code. Enter the six digits that you see now.")
        self.ann.password = "another password"
        page = self.url_open("/web/login/totp")
        self.assertSays(
            page, "The login took too long, or your account changed meanwhile. Please start again."
        )

    def test_mail(self):
        """A mail is in the language of its reader, whoever caused it."""
        self.ann._mfa_disable()
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        disabled = "Two-factor authentication has been disabled on your account."
        self.assertIn(self.in_german(disabled), mail.body_html)

    def test_backend(self):
        """Code page, notification, dialogs and preferences of an employee."""
        self.run_german_tour("/web/login", "mfa_another_language")
        self.assertEqual(self.ann.recovery_codes_left, 10)

    def test_portal(self):
        """The security page of a portal user, core's dialog in it, and the recovery codes."""
        paul = self.new_portal_user()
        paul.lang = LANGUAGE
        self.enrol(paul)
        self.env["ir.config_parameter"].sudo().set_param("portal.allow_api_keys", "True")
        self.run_german_tour("/my/security?debug=1", "mfa_another_language_portal", "mfa_paul")
