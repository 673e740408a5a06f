"""What is done with a selection of the coverage list: by button, and over the API."""

from xmlrpc.client import Fault

from odoo.tests import tagged
from odoo.tools import html2plaintext, mute_logger

from .common import MailCase
from .test_coverage_headline import HeadlineCase

COVERAGE = "mfa.coverage"
RULES = "odoo.addons.base.models.ir_rule"


class SelectionCase(MailCase, HeadlineCase):
    def addressees(self):
        """Return whom the new mails go to, however they say it."""
        return [
            mail.email_to or ", ".join(mail.recipient_ids.mapped("email"))
            for mail in self.new_mails()
        ]

    def press_on(self, button, users, by=None):
        """Press a button over the list with these users ticked; return the notification."""
        self.sign_in(by or self.boss, password_age=0, proof_age=0)
        answer = self.press(COVERAGE, button, users.ids)
        self.assertNotIn("error", answer)
        return answer["result"]["params"]


@tagged("post_install", "-at_install")
class TestInvite(SelectionCase):
    def test_invite(self):
        said = self.press_on("action_invite", self.bob + self.max)
        self.assertEqual(said["message"], "2 people were invited by email.")
        self.assertEqual((said["type"], said["sticky"]), ("success", False))
        self.assertEqual(self.addressees(), ["bob@example.com", "max@example.com"])
        mail = self.new_mails()[0]
        self.assertIn("mfa_boss", html2plaintext(mail.body_html))
        self.assertIn(self.boss.email, mail.email_from)

    def test_the_skipped_are_counted(self):
        self.max.email = False
        self.gia.email = False
        users = self.ann + self.paula + self.bob + self.terminal + self.max + self.gia
        said = self.press_on("action_invite", users)
        self.assertEqual(
            said["message"],
            "1 person was invited by email. 2 people have an authenticator app already. "
            "1 account is exempt from two-factor authentication. "
            "2 people have no email address.",
        )
        self.assertEqual((said["type"], said["sticky"]), ("warning", True))
        self.assertEqual(self.addressees(), ["bob@example.com"])

    def test_nobody(self):
        said = self.press_on("action_invite", self.ann)
        self.assertIn("Nobody was invited. 1 person has", said["message"])
        self.assertFalse(self.new_mails())

    def test_each_is_counted_once(self):
        """A call of the API may name a user twice."""
        self.sign_in(self.boss, password_age=0, proof_age=0)
        answer = self.press(COVERAGE, "action_invite", [self.bob.id] * 2)
        said = answer["result"]["params"]["message"]
        self.assertEqual(said, "1 person was invited by email.")
        self.assertEqual(self.addressees(), ["bob@example.com"])

    def test_portal_user_is_led_to_their_page(self):
        self.press_on("action_invite", self.paul + self.bob)
        led = {
            mail.recipient_ids.email: "/my/security" in mail.body_html for mail in self.new_mails()
        }
        self.assertEqual(led, {"paul@example.com": True, "bob@example.com": False})

    def test_language_of_the_invited(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        template = self.env.ref("auth_totp_mail.mail_template_totp_invite")
        template.with_context(lang="fr_FR").subject = "Activez-la"
        self.bob.lang = "fr_FR"
        self.press_on("action_invite", self.bob + self.max)
        subjects = {mail.recipient_ids.email: mail.subject for mail in self.new_mails()}
        self.assertEqual(subjects["bob@example.com"], "Activez-la")
        self.assertIn("Invitation", subjects["max@example.com"])

    def test_mails_are_queued(self):
        """A selection of hundreds is no wait: the queue is sent soon after."""
        queue = self.env.ref("mail.ir_cron_mail_scheduler_action")
        triggers = self.env["ir.cron.trigger"].sudo()
        before = triggers.search_count([("cron_id", "=", queue.id)])
        self.press_on("action_invite", self.bob + self.max)
        self.press_on("action_remind", self.gia + self.gus)
        self.assertEqual(self.new_mails().mapped("state"), ["outgoing"] * 4)
        self.assertEqual(triggers.search_count([("cron_id", "=", queue.id)]), before + 2)


@tagged("post_install", "-at_install")
class TestRemind(SelectionCase):
    def test_remind(self):
        self.gia.tz = "Pacific/Auckland"
        said = self.press_on("action_remind", self.gia)
        self.assertEqual(said["message"], "1 person was reminded by email.")
        mail = self.new_mails()
        self.assertIn("gia@example.com", mail.email_to)
        text = " ".join(html2plaintext(mail.body_html).split())
        until = self.gia._mfa_reminder()
        self.assertIn("MFA Gentle", text)
        self.assertIn(" ".join(until.split()), text)
        self.assertIn(until, mail.subject)
        self.gia.tz = "America/New_York"
        self.assertNotEqual(until, self.gia._mfa_reminder(), "in their own time zone")

    def test_links(self):
        self.press_on("action_remind", self.gia + self.gus)
        by_address = {mail.email_to: mail.body_html for mail in self.new_mails()}
        employee, portal = (by_address[user.email_formatted] for user in (self.gia, self.gus))
        base = self.gia.get_base_url()
        self.assertIn(f'href="{base}/odoo/action-auth_totp_mail.', employee)
        self.assertIn(f'href="{base}/my/security"', portal)
        self.assertIn("Preferences ▸ Security", employee)
        self.assertIn("Connection & Security", html2plaintext(portal))

    def test_language_of_the_reminded(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.gia.lang = "fr_FR"
        self.press_on("action_remind", self.gia)
        until = self.gia.with_context(lang="fr_FR")._mfa_reminder()
        self.assertNotEqual(until, self.gia.with_context(lang="en_US")._mfa_reminder())
        self.assertIn(until, self.new_mails().subject)

    def test_only_those_in_grace(self):
        self.gus.email = False
        said = self.press_on("action_remind", self.people)
        self.assertEqual(
            said["message"],
            "1 person was reminded by email. 10 people are not in grace. "
            "1 person has no email address.",
        )
        self.assertEqual(len(self.new_mails()), 1)

    def test_nobody(self):
        said = self.press_on("action_remind", self.bob)
        self.assertEqual(said["message"], "Nobody was reminded. 1 person is not in grace.")
        self.assertEqual(said["type"], "warning")


@tagged("post_install", "-at_install")
class TestReset(SelectionCase):
    def reset(self, users, reason="lost the phone"):
        """Press the button; fill in the dialog that it opens, with “Reset” chosen."""
        answer = self.press(COVERAGE, "action_reset", users.ids)
        dialog = answer["result"]["res_id"]
        model = answer["result"]["res_model"]
        [shown] = self.call(model, "web_read", [dialog], {"choice": {}})["result"]
        self.assertEqual(shown["choice"], "reset")
        self.call(model, "web_save", [dialog], {"reason": reason}, {})
        return self.press(model, "action_help", [dialog])

    def test_reset(self):
        self.sign_in(self.boss, password_age=0, proof_age=0)
        answer = self.reset(self.ann + self.paula)
        self.assertIn("was reset", answer["result"]["params"]["message"])
        self.assertFalse(self.is_on(self.ann) or self.is_on(self.paula))

    def test_reason_is_asked_for(self):
        self.sign_in(self.boss, password_age=0, proof_age=0)
        self.assertIn("Enter the reason", self.message_of(self.reset(self.ann, " ")))
        self.assertTrue(self.is_on(self.ann))

    def test_identity_is_asked_for(self):
        self.sign_in(self.boss)
        self.assertTrue(self.is_identity_check(self.press(COVERAGE, "action_reset", self.ann.ids)))

    def test_identity_check_keeps_what_was_chosen(self):
        self.sign_in(self.boss)
        code = self.new_code(secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        answer = self.press(COVERAGE, "action_reset", self.ann.ids, self.boss, code)
        dialog = self.env["res.users.mfa.help"].sudo().browse(answer["result"]["res_id"])
        self.assertEqual((dialog.choice, dialog.user_ids), ("reset", self.ann))

    def test_rank(self):
        self.sign_in(self.boss, password_age=0, proof_age=0)
        answer = self.press(COVERAGE, "action_reset", (self.ann + self.root).ids)
        self.assertIn("more access rights than you", self.message_of(answer))
        self.assertTrue(self.is_on(self.root))

    def test_not_oneself(self):
        self.sign_in(self.boss, password_age=0, proof_age=0)
        answer = self.press(COVERAGE, "action_reset", (self.ann + self.boss).ids)
        self.assertIn("Your own account is among them", self.message_of(answer))


@tagged("post_install", "-at_install")
class TestSelectionRights(SelectionCase):
    BUTTONS = ("action_invite", "action_remind", "action_reset")

    def test_employee(self):
        self.sign_in(self.bob, password_age=0)
        for button in self.BUTTONS:
            error = self.press(COVERAGE, button, self.gia.ids)["error"]
            self.assertEqual(error["data"]["name"], "odoo.exceptions.AccessError", button)
        self.assertFalse(self.new_mails())

    @mute_logger(RULES)
    def test_portal_users_of_another_company(self):
        """Out of the list, and out of reach."""
        self.put(self.boss, self.free)
        self.sign_in(self.boss, password_age=0, proof_age=0)
        for button in self.BUTTONS:
            error = self.press(COVERAGE, button, (self.gia + self.gus).ids)["error"]
            self.assertEqual(error["data"]["name"], "odoo.exceptions.AccessError", button)
        self.assertFalse(self.new_mails())

    def test_api_key(self):
        """A key mails as its owner does, and resets nothing."""
        keys = self.env["res.users.apikeys"].with_user(self.boss).sudo()
        key = keys._generate("rpc", "script", None)
        said = self.xmlrpc(self.boss, key, COVERAGE, "action_remind", self.gia.ids)
        self.assertIn("1 person was reminded", said["params"]["message"])
        self.xmlrpc(self.boss, key, COVERAGE, "action_invite", self.bob.ids)
        self.assertEqual(len(self.new_mails()), 2)
        with self.assertRaises(Fault):
            self.xmlrpc(self.boss, key, COVERAGE, "action_reset", self.ann.ids)
        self.assertTrue(self.is_on(self.ann))

    def test_api_key_of_an_employee(self):
        keys = self.env["res.users.apikeys"].with_user(self.bob).sudo()
        key = keys._generate("rpc", "script", None)
        for button in self.BUTTONS:
            with self.assertRaises(Fault):
                self.xmlrpc(self.bob, key, COVERAGE, button, self.gia.ids)
        self.assertFalse(self.new_mails())
