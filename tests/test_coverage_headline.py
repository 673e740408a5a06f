"""The headline of the coverage page: figures and findings, for whom, in which words."""

from lxml import etree

from odoo import Command
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ..models.mfa_policy import BY_APP, BY_MAIL
from ..report.mfa_coverage_headline import FINDINGS
from .common import OTHER_SECRET
from .test_enrolment import EnrolmentCase
from .test_rank import MANAGER


class HeadlineCase(EnrolmentCase):
    """A dozen people in every state, and nobody else; ``mfa_boss`` administers.

    One company asks for nothing, one for a code, one for an app at once, one in two days.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        new = cls.env["res.company"].create
        cls.free = new({"name": "MFA Free"})
        cls.mailing = new({"name": "MFA Mailing"})
        cls.strict = new({"name": "MFA Strict"})
        cls.gentle = new({"name": "MFA Gentle", "mfa_grace_days": 2})
        cls.make_people()
        cls.mailing.mfa_policy_internal = BY_MAIL
        cls.strict.mfa_policy_internal = BY_APP
        cls.gentle.write({"mfa_policy_internal": BY_APP, "mfa_policy_portal": BY_APP})
        cls.make_facts()
        cls.env.flush_all()

    @classmethod
    def make_people(cls):
        portal = "base.group_portal"
        cls.boss = cls.new_person("mfa_boss", MANAGER)
        cls.root = cls.new_person("mfa_root", "base.group_user,base.group_system")
        cls.sam = cls.new_person("mfa_sam", MANAGER)
        cls.max = cls.new_person("mfa_max")
        cls.may = cls.new_person("mfa_may")
        cls.terminal = cls.new_person("mfa_terminal")
        cls.gia = cls.new_person("mfa_gia")
        cls.gus = cls.new_person("mfa_gus", portal)
        cls.paula = cls.new_person("mfa_paula", portal)
        cls.paul = cls.new_person("mfa_paul", portal)
        cls.people = cls.ann + cls.bob + cls.boss + cls.root + cls.sam + cls.max + cls.may
        cls.people += cls.terminal + cls.gia + cls.gus + cls.paula + cls.paul
        cls.env["res.users"].search([("id", "not in", cls.people.ids)]).active = False
        cls.put(cls.ann + cls.bob + cls.sam + cls.paula + cls.paul, cls.free)
        cls.put(cls.may, cls.mailing)
        cls.put(cls.max + cls.terminal, cls.strict)
        cls.put(cls.gia + cls.gus, cls.gentle)
        cls.put(cls.boss, cls.free, cls.mailing, cls.strict, cls.gentle)
        for user in cls.boss + cls.root:
            cls.enrol(user, OTHER_SECRET)
        cls.enrol(cls.paula)

    @classmethod
    def put(cls, users, *companies):
        ids = [company.id for company in companies]
        users.write({"company_ids": [Command.set(ids)], "company_id": ids[0]})

    @classmethod
    def make_facts(cls):
        """Give all but Paul a login, two of three their recovery codes, two of three a key."""
        cls.terminal._mfa_exempt_from_now("terminal in the warehouse", "127.0.0.0/8")
        for user in cls.ann + cls.boss + cls.root:
            user._mfa_make_recovery_codes()
        for user in cls.people - cls.paul:
            cls.env["res.users.log"].with_user(user).sudo().create({})
        for user in cls.bob + cls.bob + cls.max + cls.ann:
            cls.env["res.users.apikeys"].with_user(user).sudo()._generate("rpc", "script", None)
        cls.ann._mfa_write_api_networks("192.0.2.0/24")

    def headline(self, user=None, *companies):
        """Return the headline that ``user`` sees with these companies ticked, or with all."""
        user = user or self.boss
        ids = [company.id for company in companies] or user.company_ids.ids
        coverage = self.env["mfa.coverage"].with_user(user)
        return coverage.with_context(allowed_company_ids=ids).get_headline()

    def shares(self, *args):
        return {share["name"]: share["text"] for share in self.headline(*args)["shares"]}

    def findings(self, *args):
        return {one["name"]: one["text"] for one in self.headline(*args)["findings"]}


@tagged("post_install", "-at_install")
class TestCoverageHeadline(HeadlineCase):
    def test_shares(self):
        self.assertEqual(
            self.shares(),
            {
                "all": "5 of 12 protected, 1 exempt",
                "internal": "4 of 9 protected, 1 exempt",
                "portal": "1 of 3 protected",
                "sensitive": "2 of 3 protected",
            },
        )

    def test_percentage_is_rounded_down(self):
        """“100%” means everybody."""
        shares = {share["name"]: share for share in self.headline()["shares"]}
        self.assertEqual(shares["internal"]["percent_text"], "44%", "44.4")
        self.assertEqual(shares["internal"]["percent"], 44)
        self.assertEqual(shares["internal"]["percent_exempt"], 11)

    def test_groups_of_nobody_are_left_out(self):
        (self.gus + self.paula + self.paul).active = False
        self.assertNotIn("portal", self.shares())

    def test_findings_in_words(self):
        self.assertEqual(
            self.findings(),
            {
                "sensitive_bare": "1 person in a sensitive group has no second factor",
                "missing": "1 person is required to have an authenticator app and has none",
                "not_asked": "3 accounts are opened by a password alone, and no policy asks for "
                "more",
                "grace_ending": "The days of grace of 2 people end within a week",
                "few_codes": "1 person has few recovery codes left",
                "api_unlimited": "3 API keys are not limited to networks",
                "exempt": "1 account is exempt from two-factor authentication",
                "never_logged_in": "1 person has never logged in",
            },
        )

    def test_urgent_findings(self):
        urgent = [one["name"] for one in self.headline()["findings"] if one["urgent"]]
        self.assertEqual(urgent, ["sensitive_bare", "missing"])

    def test_one_and_several(self):
        coverage = self.env["mfa.coverage"]
        for name in FINDINGS:
            for count in (1, 2):
                figures = dict.fromkeys(FINDINGS, 0) | {name: count}
                [finding] = coverage._describe_findings(figures)
                self.assertEqual(finding["name"], name)
                self.assertIn(str(count), finding["text"])

    def test_grace_that_ends_later(self):
        self.gentle.mfa_grace_days = 8
        self.assertNotIn("grace_ending", self.findings())

    def test_all_is_well(self):
        (self.people - self.ann - self.boss - self.root).active = False
        headline = self.headline()
        self.assertEqual(headline["findings"], [])
        self.assertEqual(headline["shares"][0]["percent_text"], "100%")

    def test_each_finding_opens_its_filter(self):
        """The list under a finding holds whom the finding counts."""
        arch = etree.fromstring(self.env["mfa.coverage"].get_view(view_type="search")["arch"])
        filters = {node.get("name"): node.get("domain") for node in arch.iter("filter")}
        coverage = self.env["mfa.coverage"]
        for name, domain in FINDINGS.items():
            self.assertIn(name, filters)
            listed = coverage.search(Domain(safe_eval(filters[name])))
            self.assertEqual(listed, coverage.search(domain), name)
            self.assertTrue(listed, name)

    def test_companies_of_the_selection(self):
        """As in the list: portal users of the ticked companies, and all employees."""
        self.assertEqual(self.shares(self.boss, self.free)["portal"], "1 of 2 protected")
        self.assertEqual(self.shares(self.boss, self.gentle)["portal"], "0 of 1 protected")
        self.assertNotIn("portal", self.shares(self.boss, self.strict))
        self.assertEqual(self.shares(self.boss, self.free)["internal"], self.shares()["internal"])
        self.assertNotIn("never_logged_in", self.findings(self.boss, self.strict))

    def test_one_statement(self):
        coverage = self.env["mfa.coverage"].with_user(self.boss)
        coverage.get_headline()
        with self.assertQueryCount(1):
            coverage.get_headline()

    def test_only_who_may_read_the_list(self):
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_model"):
            self.headline(self.bob)
        self.post_password(self.bob)
        for method, *args in (("get_headline",), ("set_weekly_report", True)):
            error = self.call("mfa.coverage", method, *args)["error"]
            self.assertEqual(error["data"]["name"], "odoo.exceptions.AccessError", method)

    def test_over_http_for_the_company_in_the_context(self):
        self.sign_in(self.boss)
        context = {"allowed_company_ids": self.strict.ids}
        answer = self.call("mfa.coverage", "get_headline", context=context)
        self.assertEqual(
            [share["name"] for share in answer["result"]["shares"]],
            ["all", "internal", "sensitive"],
        )

    def test_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        coverage = self.env["mfa.coverage"].with_user(self.boss)
        english = coverage.get_headline()
        french = coverage.with_context(lang="fr_FR").get_headline()
        for part, said in (("shares", "label"), ("shares", "text"), ("findings", "text")):
            for one, other in zip(english[part], french[part], strict=True):
                self.assertEqual(one["name"], other["name"])
                self.assertNotEqual(one[said], other[said])

    def test_in_the_browser(self):
        """Findings are followed, people invited and reminded, the weekly mail is asked for."""
        self.start_tour("/odoo/mfa-coverage", "mfa_coverage", login="mfa_boss", timeout=120)
        self.assertTrue(self.headline()["weekly"])
        mails = self.env["mail.mail"].sudo().search([("state", "=", "outgoing")])
        written = [mail.email_to or mail.recipient_ids.email for mail in mails]
        self.assertIn(self.bob.email, written)
        self.assertIn(self.gia.email_formatted, written)
        self.start_tour(
            "/odoo/mfa-coverage", "mfa_coverage_weekly_off", login="mfa_boss", timeout=120
        )
        self.assertFalse(self.headline()["weekly"])

    def test_no_names(self):
        text = str(self.headline())
        for user in self.people:
            self.assertNotIn(user.login, text)


@tagged("post_install", "-at_install")
class TestCoveragePhone(HeadlineCase):
    browser_size = "390x844"
    touch_enabled = True

    def test_on_a_phone(self):
        self.start_tour("/odoo/mfa-coverage", "mfa_coverage_phone", login="mfa_boss", timeout=120)
        self.assertTrue(self.headline()["weekly"])
        mails = self.env["mail.mail"].sudo().search([("state", "=", "outgoing")])
        self.assertIn(self.max.email, mails.recipient_ids.mapped("email"))
