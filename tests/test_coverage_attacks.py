"""Attacks on the coverage page: who learns what, and who can do what, by which way in."""

from xmlrpc.client import Fault

from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_coverage_actions import COVERAGE, SelectionCase

ACCESS_ERROR = "odoo.exceptions.AccessError"
HTTP = "odoo.http"
RULES = "odoo.addons.base.models.ir_rule"


class AttackCase(SelectionCase):
    def assertRefused(self, answer, why=None):
        self.assertEqual(answer.get("error", {}).get("data", {}).get("name"), ACCESS_ERROR, why)

    def server_action(self, name):
        return self.env.ref(f"auth_totp_mfa.action_mfa_coverage_{name}")

    def run_server_action(self, name, users):
        """Run what the Actions menu of the cards runs, as a client may ask for it."""
        context = {"active_model": COVERAGE, "active_ids": users.ids, "active_id": users.ids[0]}
        return self.rpc("/web/action/run", action_id=self.server_action(name).id, context=context)


@tagged("post_install", "-at_install")
class TestCoverageLeaks(AttackCase):
    """A list of unprotected people is a list of targets."""

    def test_mails_tell_no_colleague(self):
        """Employees may read what was sent about any user: who is invited has no app."""
        self.press_on("action_invite", self.bob)
        self.press_on("action_remind", self.gia)
        messages = self.new_mails().mail_message_id
        for reader in (self.may, self.sam, self.paul):
            self.sign_in(reader)
            domain = [("id", "in", messages.ids)]
            found = self.call("mail.message", "search", domain)["result"]
            self.assertEqual(found, [], reader.login)
            for message in messages:
                self.assertRefused(self.call("mail.message", "read", message.ids, ["body"]))

    @mute_logger(HTTP)
    def test_every_way_to_read(self):
        """Groups, aggregates, searches by name and exports tell no more than the list."""
        ways = (
            ("name_search", "mfa"),
            ("search_count", []),
            ("web_search_read", [], {"login": {}}),
            ("web_read_group", [], ["state"], ["__count"]),
            ("formatted_read_group", [], ["state"], ["login:array_agg"]),
            ("search_panel_select_range", "state"),
            ("get_views", [[False, "list"]]),
            ("get_headline",),
            ("set_weekly_report", True),
            ("action_open_user", self.ann.ids),
            ("web_read", self.ann.ids, {"login": {}}),
        )
        for reader in (self.bob, self.paul):
            self.sign_in(reader, password_age=0)
            for method, *args in ways:
                self.assertRefused(self.call(COVERAGE, method, *args), (reader.login, method))

    @mute_logger(HTTP)
    def test_hidden_fields_of_the_user(self):
        """Neither condition, order, group nor export reaches them by way of the row."""
        self.sign_in(self.boss)
        for name in ("mfa_weekly_report", "totp_secret", "mfa_since", "mfa_epoch"):
            field = f"user_id.{name}"
            for method, *args in (
                ("search_count", [(field, "!=", False)]),
                ("formatted_read_group", [], [field], ["__count"]),
                ("search", [], 0, None, field),
                ("export_data", self.ann.ids, [field.replace(".", "/")]),
            ):
                self.assertIn("error", self.call(COVERAGE, method, *args), (method, name))
        secret = [("user_id.authenticator_ids.secret_key", "!=", False)]
        self.assertRefused(self.call(COVERAGE, "search_count", secret))

    @mute_logger(HTTP)
    def test_statements_in_names(self):
        self.sign_in(self.boss)
        for method, *args in (
            ("search", [], 0, None, "(SELECT 1)"),
            ("search", [], 0, None, 'urgency", (SELECT 1)'),
            ("formatted_read_group", [], ["state"], ["share:sum) FROM res_users --"]),
            ("formatted_read_group", [], ["grace_until:week'); SELECT 1"], ["__count"]),
            ("formatted_read_group", [], ["state"], ["__count"], [("share:sum) OR (1", "=", 1)]),
            ("search_count", [("user_id", "any!", [("password", "!=", False)])]),
        ):
            self.assertIn("error", self.call(COVERAGE, method, *args), args)

    @mute_logger(HTTP, RULES)
    def test_companies_of_others_in_the_context(self):
        self.put(self.boss, self.free)
        self.sign_in(self.boss, password_age=0, proof_age=0)
        for ids in (self.gentle.ids, (self.free + self.gentle).ids):
            context = {"allowed_company_ids": ids}
            for method, *args in (
                ("get_headline",),
                ("search_count", []),
                ("read", self.gus.ids, ["login"]),
                ("action_remind", self.gus.ids),
            ):
                self.assertRefused(self.call(COVERAGE, method, *args, context=context), method)
        self.assertFalse(self.new_mails())


@tagged("post_install", "-at_install")
class TestCoverageActionsByOtherWays(AttackCase):
    @mute_logger(HTTP)
    def test_server_actions_of_others(self):
        for person in (self.bob, self.paul):
            self.sign_in(person, password_age=0)
            for name in ("invite", "remind", "reset"):
                self.assertRefused(self.run_server_action(name, self.gia), (person.login, name))
        self.assertFalse(self.new_mails())

    @mute_logger(HTTP, RULES)
    def test_server_actions_on_portal_users_of_another_company(self):
        self.put(self.boss, self.free)
        self.sign_in(self.boss, password_age=0, proof_age=0)
        for name in ("invite", "remind", "reset"):
            self.assertRefused(self.run_server_action(name, self.gus), name)
        self.assertFalse(self.new_mails())

    def test_server_action_resets_nobody_without_a_proof(self):
        self.sign_in(self.boss, password_age=0)
        answer = self.run_server_action("reset", self.ann)
        self.assertTrue(self.is_identity_check(answer))
        key = self.env["res.users.apikeys"].with_user(self.boss).sudo()
        key = key._generate("rpc", "script", None)
        context = {"active_model": COVERAGE, "active_ids": self.ann.ids}
        with self.assertRaises(Fault), mute_logger(HTTP):
            self.xmlrpc_object.execute_kw(
                self.env.cr.dbname,
                self.boss.id,
                key,
                "ir.actions.server",
                "run",
                self.server_action("reset").ids,
                {"context": context},
            )
        self.assertTrue(self.is_on(self.ann))

    @mute_logger(HTTP)
    def test_half_open_session(self):
        self.post_password(self.boss)
        self.last_mail = self.mails().search([], order="id desc", limit=1).id  # of the login
        for answer in (
            self.call(COVERAGE, "get_headline"),
            self.call(COVERAGE, "action_invite", self.bob.ids),
            self.run_server_action("invite", self.bob),
        ):
            self.assertIn("Expired", answer["error"]["data"]["name"])
        self.assertFalse(self.new_mails())

    @mute_logger(HTTP)
    def test_superuser_resets_nobody(self):
        """Who became the superuser (``/web/become``) has no second factor to prove."""
        self.sign_in(self.root, password_age=0, proof_age=0)
        self.url_open("/web/become", allow_redirects=False)
        self.assertRefused(self.call(COVERAGE, "action_reset", self.ann.ids))
        self.assertTrue(self.is_on(self.ann))

    @mute_logger(HTTP)
    def test_rows_that_are_not_there(self):
        self.max.active = False
        self.sign_in(self.boss, password_age=0, proof_age=0)
        for ids in ([2**40], [1], self.max.ids):
            for button in ("action_invite", "action_remind", "action_reset"):
                self.assertIn("error", self.call(COVERAGE, button, ids), (button, ids))
        self.assertFalse(self.new_mails())

    def test_context_of_the_client_adds_nothing_to_a_mail(self):
        """No copy to somebody else, no file that the administrator may not read."""
        file = self.env["ir.attachment"].create({"name": "Payroll.csv", "raw": b"secret"})
        context = {
            "default_email_cc": "thief@example.com",
            "default_recipient_ids": [(6, 0, self.max.partner_id.ids)],
            "default_attachment_ids": [(6, 0, file.ids)],
            "default_state": "sent",
        }
        self.sign_in(self.boss, password_age=0, proof_age=0)
        self.call(COVERAGE, "action_invite", self.bob.ids, context=context)
        self.call(COVERAGE, "action_remind", self.gia.ids, context=context)
        mails = self.new_mails()
        self.assertEqual(mails.mapped("state"), ["outgoing"] * 2)
        self.assertEqual(mails.recipient_ids, self.bob.partner_id)
        self.assertFalse(mails.attachment_ids or any(mails.mapped("email_cc")))


@tagged("post_install", "-at_install")
class TestWeeklyMailAttacks(AttackCase):
    @mute_logger(HTTP)
    def test_nobody_switches_it_on_for_a_new_user(self):
        self.sign_in(self.boss, password_age=0, proof_age=0)
        values = {"name": "New", "login": "mfa_new", "email": "new@example.com"}
        wanted = {"mfa_weekly_report": True}
        context = {"default_mfa_weekly_report": True}
        self.assertRefused(self.call("res.users", "create", values | wanted))
        self.assertRefused(self.call("res.users", "create", values, context=context))
        fields = [*values, *wanted]
        rows = [["New", "mfa_new", "new@example.com", "1"]]
        self.assertFalse(self.call("res.users", "load", fields, rows)["result"]["ids"])

    def test_markup_in_names(self):
        """Names of a user and of a company, in the mails that show them."""
        self.boss.name = "<script>1</script>"
        self.gia.name = "<script>2</script>"
        self.gentle.name = "<img src=x onerror=3>"
        self.env[COVERAGE].with_user(self.boss).set_weekly_report(True)
        self.press_on("action_remind", self.gia)
        self.press_on("action_invite", self.gia)
        self.env.ref("auth_totp_mfa.cron_weekly_report").method_direct_trigger()
        mails = self.new_mails()
        self.assertEqual(len(mails), 3)
        for mail in mails:
            self.assertIn("&lt;script&gt;", mail.body_html)
            self.assertNotRegex(mail.body_html, "<script|<img[^>]*onerror")

    def test_line_breaks_in_names(self):
        """A name that ends a header would add others, or keep the notice from its owner."""
        self.sign_in(self.boss, password_age=0, proof_age=0)
        name = "Boss\r\nBcc: thief@example.com\r\n\r\nNothing happened"
        self.assertTrue(self.call("res.users", "write", self.boss.ids, {"name": name})["result"])
        self.env[COVERAGE].with_user(self.boss).set_weekly_report(True)
        self.press("res.users", "action_mfa_recovery_codes", self.boss.ids)
        self.press(COVERAGE, "action_invite", self.bob.ids)
        self.env.ref("auth_totp_mfa.cron_weekly_report").method_direct_trigger()
        mails = self.new_mails()
        self.assertEqual(len(mails), 3)
        for mail in mails:
            headers = [mail.subject, mail.email_from, *mail._prepare_outgoing_list()[0]["email_to"]]
            for header in headers:
                self.assertEqual(len(header.splitlines()), 1, header)
