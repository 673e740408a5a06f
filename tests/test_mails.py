import re

from babel.dates import format_date

from odoo import fields
from odoo.tests import tagged
from odoo.tools import html2plaintext

from .common import OTHER_SECRET, SECRET, MailCase, code_of
from .test_enrolment import APP
from .test_trail import TrailCase

STEPS = "If this was not you"


@tagged("post_install", "-at_install")
class TestMails(MailCase, TrailCase):
    """What the owner of an account is told, in Odoo's own security notice."""

    def cases(self):
        """Return the subject of each mail, a word of it, and what sends it."""
        ann = self.ann
        self.enrol(ann, OTHER_SECRET, "Tablet")
        recovery = ann._mfa_make_recovery_codes()
        return (
            ("Two-factor Authentication Disabled", "disabled", ann._mfa_disable),
            ("Two-factor Authentication Enabled", "enabled", ann._mfa_enable),
            ("Authenticator App Added", "Third", lambda: ann._mfa_enrol("Third", SECRET, 1)),
            ("Authenticator App Removed", "Tablet", self.remove_app),
            ("Recovery Code Used", "9", lambda: ann._mfa_check_code(recovery[0])),
            ("New Recovery Codes", "no longer work", ann._mfa_make_recovery_codes),
            ("Help Code Made", "phone", lambda: ann._mfa_make_help_code("Lost")),
            ("Help Code Used", "help code", self.use_help_code),
            ("Wrong Codes", "5 wrong codes", lambda: ann._mfa_tell_locked("app", 5)),
            ("App Codes Locked", "100 wrong codes", lambda: ann._mfa_tell_locked("app", 100)),
            ("Two-factor Authentication Reset", "reset", lambda: ann._mfa_reset("Lost")),
        )

    def remove_app(self):
        self.sign_in(self.ann, password_age=5, proof_age=5)
        self.press(APP, "action_remove", self.ann.authenticator_ids[1].ids)

    def use_help_code(self):
        code = self.ann._mfa_make_help_code("Lost")
        self.forget_mails()
        self.ann._mfa_check_code(code)

    def forget_mails(self):
        self.last_mail = self.mails().search([], order="id desc", limit=1).id or 0

    def test_each_says_what_to_do(self):
        for subject, word, send in self.cases():
            self.forget_mails()
            with self.subTest(subject=subject):
                send()
                mail = self.new_mails()
                self.assertEqual(mail.mapped("subject"), [f"Security Update: {subject}"])
                self.assertIn("ann@example.com", mail.email_to)
                text = " ".join(html2plaintext(mail.body_html).split())
                self.assertIn(word, text)
                self.assertIn(STEPS, text)
                self.assertIn("make new recovery codes", text)
                self.assertNotIn("don't recognize it", text)
                self.assertRegex(mail.body_html, r'href="http[^"]+/web/reset_password"')
                self.assertNotIn(SECRET, mail.body_html)
                self.assertNotIn(OTHER_SECRET, mail.body_html)
                self.assertNotRegex(text, r"[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}")

    def test_mail_says_from_where(self):
        self.enrol(self.ann, OTHER_SECRET, "Tablet")
        self.remove_app()
        text = html2plaintext(self.new_mails().body_html)
        self.assertIn("IP Address: 127.0.0.1", " ".join(text.split()))

    def test_no_address_is_made_up(self):
        """As for a mail that a command or a job sends."""
        self.ann._mfa_disable()
        text = html2plaintext(self.new_mails().body_html)
        self.assertIn("IP Address: unknown", " ".join(text.split()))

    def test_sentences_end(self):
        for _subject, _word, send in self.cases():
            self.forget_mails()
            send()
            body = self.new_mails().body_html
            content = html2plaintext(re.split("Here are some details", body)[0]).strip()
            self.assertTrue(content.endswith("."), content)

    def test_portal_user_reads_of_their_own_page(self):
        self.enrol(self.portal)
        self.portal._mfa_disable()
        text = html2plaintext(self.new_mails().body_html)
        self.assertIn("Connection & Security", text)
        self.assertNotIn("Preferences", text)

    def test_no_link_where_passwords_cannot_be_reset(self):
        self.env["ir.config_parameter"].set_param("auth_signup.reset_password", "False")
        self.ann._mfa_disable()
        body = self.new_mails().body_html
        self.assertNotIn("/web/reset_password", body)
        self.assertIn("Change your password", body)

    def test_core_s_mails_stay_as_they_are(self):
        self.ann.write({"login": "mfa_anna"})
        text = html2plaintext(self.new_mails().body_html)
        self.assertIn("don't recognize it", text)
        self.assertNotIn(STEPS, text)

    def test_language_of_the_owner(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.ann.lang = "fr_FR"
        template = self.env.ref("auth_totp_mfa.account_security_alert")
        terms, _info = template.get_field_translations("arch_db")
        [term] = {row["source"] for row in terms if STEPS in row["source"]}
        french = term.replace(STEPS, "Si ce n'était pas vous")
        template.update_field_translations("arch_db", {"fr_FR": {term: french}})
        self.ann.with_user(self.system)._mfa_reset("Perdu")
        text = html2plaintext(self.new_mails().body_html)
        self.assertIn("Si ce n'était pas vous", text)
        today = format_date(fields.Datetime.now(), "d MMMM y", locale="fr_FR")
        self.assertIn(today, " ".join(text.split()))

    def test_nobody_without_an_address_gets_one(self):
        self.ann.email = False
        self.forget_mails()
        page = self.post_password(self.ann)
        for _guess in range(6):
            self.post_code(page, code_of(SECRET, 7))
        self.ann._mfa_reset("Lost")
        self.assertFalse(self.new_mails())
        self.assertTrue(self.new_lines("reset", "locked"))
