"""Companies of a client's choice: the context names them, access rules decide."""

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_rpc import APP, DEVICE, RpcCase

COVERAGE = "mfa.coverage"
EVENT = "res.users.mfa.event"
QUIET = mute_logger("odoo.http", "odoo.addons.base.models.ir_rule", "odoo.models")


@tagged("post_install", "-at_install")
class TestCompanies(RpcCase):
    """Core shows all employees to every administrator, and portal users by their company.

    ``mfa_portal`` is of another company than the administrators.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create({"name": "Other"})
        portal = cls.people["mfa_portal"]
        portal.write({"company_ids": [Command.set(cls.other.ids)], "company_id": cls.other.id})
        cls.env[EVENT]._record("renamed", portal, "Phone")
        cls.env.flush_all()

    def contexts(self):
        home = self.env.company
        for ids in (self.other.ids, (home + self.other).ids, (self.other + home).ids, [], ["x"]):
            yield {"allowed_company_ids": ids}
        yield {"force_company": self.other.id, "company_id": self.other.id, "active_test": False}
        yield {"uid": 1, "su": True, "allowed_company_ids": [10**6]}

    def cookies(self):
        """The web client also keeps the selection in a cookie, which is no right either."""
        return (str(self.other.id), f"{self.env.company.id}-{self.other.id}", "x", "")

    def check_hidden(self, actor):
        records = self.records["mfa_portal"]
        portal = self.people["mfa_portal"]
        for cookie, context in zip([*self.cookies()] * 2, self.contexts(), strict=False):
            self.set_cookie("cids", cookie)
            for model, record in (
                (APP, records[APP]),
                (DEVICE, records[DEVICE]),
                (COVERAGE, portal.id),
            ):
                with self.subTest(actor=actor, model=model, context=context), QUIET:
                    answer = self.call(model, "read", [record], ["user_id"], context=context)
                    self.assertIn("error", answer)
                    found = self.call(model, "search", [["id", "=", record]], context=context)
                    self.assertFalse(found.get("result"))
                    groups = self.call(
                        model, "formatted_read_group", [], ["user_id"], ["__count"], context=context
                    )
                    self.assertNotIn(portal.name, str(groups.get("result")))

    def test_administrators_see_no_portal_user_of_another_company(self):
        for actor in ("mfa_manager", "mfa_admin"):
            self.act_as(actor)
            self.check_hidden(actor)

    def test_administrators_act_on_no_portal_user_of_another_company(self):
        portal, records = self.people["mfa_portal"], self.records["mfa_portal"]
        for context in self.contexts():
            self.act_as("mfa_manager")
            for model, method, ids in (
                (APP, "action_remove", [records[APP]]),
                (DEVICE, "action_revoke", [records[DEVICE]]),
                (COVERAGE, "action_reset", [portal.id]),
                (COVERAGE, "action_invite", [portal.id]),
                ("res.users", "action_mfa_help", [portal.id]),
                ("res.users", "action_totp_disable", [portal.id]),
                ("res.users", "revoke_all_devices", [portal.id]),
                ("res.users", "action_mfa_exemption", [portal.id]),
            ):
                with self.subTest(context=context, call=f"{model}.{method}"), QUIET:
                    self.assertIn("error", self.call(model, method, ids, context=context))
                    self.assertUnchanged()

    def test_trail_is_one_for_all_companies(self):
        """As documented: whoever holds Access Rights sees every line, others their own."""
        domain = [["login", "=", "mfa_portal"]]
        for actor, seen in (("mfa_manager", True), ("mfa_admin", True), ("mfa_ann", False)):
            self.act_as(actor)
            for context in self.contexts():
                with self.subTest(actor=actor, context=context), QUIET:
                    answer = self.call(EVENT, "search_count", domain, context=context)
                    if "result" in answer:
                        self.assertEqual(bool(answer["result"]), seen)

    def test_policy_is_for_settings_administrators_alone(self):
        """Who administers Settings does so for every company, as core has it."""
        for actor in ("mfa_portal", "mfa_ann", "mfa_manager"):
            self.act_as(actor)
            for name in ("mfa_policy_internal", "mfa_grace_days", "mfa_api_networks"):
                for company in (self.env.company, self.other):
                    with self.subTest(actor=actor, name=name, company=company.name), QUIET:
                        for method, value in (("write", {name: False}), ("read", [name])):
                            answer = self.call("res.company", method, company.ids, value)
                            self.assertIn("error", answer)
