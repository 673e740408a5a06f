"""The weekly mail: who asks for it, who gets it, and what it must not say."""

from freezegun import freeze_time

from odoo import Command, fields
from odoo.tests import tagged
from odoo.tools import html2plaintext

from .test_coverage_actions import COVERAGE, SelectionCase

MAILS = "odoo.addons.auth_totp_mfa.models.res_users_coverage_mails"
CRON = "auth_totp_mfa.cron_weekly_report"


@tagged("post_install", "-at_install")
class TestWeeklyMail(SelectionCase):
    def setUp(self):
        super().setUp()
        self.switch(self.boss, True)

    def switch(self, user, wanted):
        return self.env[COVERAGE].with_user(user).set_weekly_report(wanted)

    def run_cron(self):
        self.env.ref(CRON).method_direct_trigger()
        return self.new_mails()

    def text_of(self, mail):
        return " ".join(html2plaintext(mail.body_html).split())

    def test_figures_and_a_link(self):
        mail = self.run_cron()
        self.assertEqual(mail.subject, "MFA Coverage: 41% protected")
        self.assertIn(self.boss.email, mail.email_to)
        text = self.text_of(mail)
        for words in (
            "Everybody",
            "5 of 12 protected, 1 exempt",
            "1 of 3 protected",
            "1 person in a sensitive group has no second factor.",
            "3 API keys are not limited to networks.",
        ):
            self.assertIn(words, text)
        self.assertIn(f'href="{self.boss.get_base_url()}/odoo/mfa-coverage"', mail.body_html)

    def test_no_names(self):
        """A list of unprotected people is a list of targets."""
        mail = self.run_cron()
        said = f"{mail.subject} {mail.body_html} {mail.headers}"
        for user in self.people - self.boss:
            for word in (user.login, user.name, user.email):
                self.assertNotIn(word, said)

    def test_nobody_else_gets_one(self):
        self.assertEqual(self.addressees(), [])
        self.run_cron()
        self.assertEqual(len(self.addressees()), 1)
        self.switch(self.sam, True)
        self.run_cron()
        self.assertEqual(len(self.addressees()), 3)

    def test_one_that_fails_keeps_no_other_back(self):
        self.switch(self.sam, True)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_partner SET lang = 'xx_XX' WHERE id = %s", [self.boss.partner_id.id]
        )
        self.env.invalidate_all()
        with self.assertLogs(MAILS, "ERROR"):
            self.run_cron()
        self.assertEqual(self.addressees(), [self.sam.email_formatted])

    def test_off_again(self):
        self.switch(self.boss, False)
        self.assertFalse(self.run_cron())

    def test_not_without_the_right(self):
        self.boss.group_ids = [Command.unlink(self.env.ref("base.group_erp_manager").id)]
        self.assertFalse(self.run_cron())

    def test_not_to_the_archived(self):
        self.boss.active = False
        self.assertFalse(self.run_cron())

    def test_right_by_an_implied_group(self):
        self.switch(self.root, True)
        self.switch(self.boss, False)
        self.put(self.root, self.free)
        self.assertIn(self.root.email, self.run_cron().email_to)

    def test_not_without_an_address(self):
        self.boss.email = False
        self.assertFalse(self.run_cron())
        self.sign_in(self.boss)
        answer = self.call(COVERAGE, "set_weekly_report", True)
        self.assertIn("no email address", self.message_of(answer))
        self.assertIn("result", self.call(COVERAGE, "set_weekly_report", False))

    def test_companies_of_the_recipient(self):
        """All of them, and no portal user of another."""
        self.switch(self.root, True)
        self.put(self.root, self.strict)
        by_address = {mail.email_to: self.text_of(mail) for mail in self.run_cron()}
        self.assertIn("Portal users", by_address[self.boss.email_formatted])
        self.assertNotIn("Portal users", by_address[self.root.email_formatted])

    def test_language_of_the_recipient(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.boss.lang = "fr_FR"
        page = self.env.ref("auth_totp_mfa.mfa_mail_weekly_report")
        [term] = [
            row["source"]
            for row in page.get_field_translations("arch_db")[0]
            if row["lang"] == "fr_FR" and "What to look at" in row["source"]
        ]
        page.update_field_translations("arch_db", {"fr_FR": {term: "À regarder"}})
        self.assertIn("À regarder", self.text_of(self.run_cron()))

    def test_all_is_well(self):
        (self.people - self.ann - self.boss - self.root).active = False
        mail = self.run_cron()
        self.assertEqual(mail.subject, "MFA Coverage: 100% protected")
        self.assertIn("All is well", self.text_of(mail))

    def test_every_week(self):
        cron = self.env.ref(CRON)
        self.assertEqual((cron.interval_number, cron.interval_type), (1, "weeks"))
        self.assertEqual(cron.nextcall.weekday(), 0, "a Monday")
        self.assertGreater(cron.nextcall, fields.Datetime.now())

    def test_figures_of_the_day(self):
        with freeze_time(self.gia._mfa_grace_end()):
            text = self.text_of(self.run_cron())
        self.assertIn("3 people are required to have an authenticator app", text)

    def test_switched_only_by_the_person(self):
        """Neither read nor set on the user, by administrators either."""
        self.sign_in(self.root, password_age=0, proof_age=0)
        error = self.call("res.users", "write", self.sam.ids, {"mfa_weekly_report": True})["error"]
        self.assertEqual(error["data"]["name"], "odoo.exceptions.AccessError")
        error = self.call("res.users", "read", self.boss.ids, ["mfa_weekly_report"])["error"]
        self.assertEqual(error["data"]["name"], "odoo.exceptions.AccessError")

    def test_switch_shows_what_is(self):
        self.sign_in(self.boss)
        self.assertTrue(self.call(COVERAGE, "get_headline")["result"]["weekly"])
        self.call(COVERAGE, "set_weekly_report", False)
        self.assertFalse(self.call(COVERAGE, "get_headline")["result"]["weekly"])
