"""HTML in names that people choose is text on every screen and in every mail."""

import json
import re

from lxml import html

from odoo.tests import tagged
from odoo.tools import mute_logger

from .chromium import ChromiumCase
from .common import SECRET, MailCase
from .test_recovery import PAGES
from .test_rpc import DEVICE
from .test_setup import HTML, SetupCase

EVIL = "<img src=x onerror=window.o_robbed=1>"
"""Short enough for the name of an app, and for each other name."""
ATTRIBUTE = "\"'><svg onload=window.o_robbed=1>"
TEMPLATE = "{{7*7}}<t t-out='7*7'/>"
LISTS = (
    "action_res_users_mfa_event",
    "action_res_users_mfa_event_own",
    "action_res_users_apikeys",
    "action_res_users_exempt",
    "action_res_groups_sensitive",
    "action_mfa_coverage",
)
"""Lists that the web client draws."""


class HtmlCase(ChromiumCase, MailCase, SetupCase):
    """Everything that has a name has an evil one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.new_person("mfa_admin", "base.group_user,base.group_system")
        cls.gia = cls.new_person("mfa_gia")
        cls.env.company.name = EVIL
        for user in (cls.ann, cls.admin, cls.paul):
            if not user.mfa_enabled:
                cls.enrol(user)
            user._mfa_make_recovery_codes()
            cls.enrol(user, SECRET[::-1].replace("J", "K"), EVIL)
            cls.enrol(user, SECRET[::-1].replace("J", "L"), ATTRIBUTE)
            cls.make_device(user)
            cls.env["res.users.apikeys"].with_user(user).sudo()._generate("rpc", EVIL, None)
            cls.env["res.users.mfa.event"]._record("renamed", user, EVIL, ATTRIBUTE)
        for user in (cls.ann, cls.bob, cls.admin, cls.paul, cls.gia):
            user.name = EVIL + TEMPLATE
        cls.gia._mfa_exempt_from_now(EVIL, "192.0.2.0/24")
        cls.env["res.groups"].create({"name": EVIL, "mfa_sensitive": True})
        cls.env.flush_all()

    @classmethod
    def make_device(cls, user):
        """A device whose name, places and browser a client could have forged."""
        cls.env[DEVICE]._mfa_open_door().create(
            {
                "name": EVIL,
                "user_id": user.id,
                "token_hash": f"hash of {user.login}",
                "added_from": ATTRIBUTE,
                "last_ip": EVIL,
                "expires_at": "2099-01-01 00:00:00",
            }
        )

    def assertText(self, source, where):
        """Expect the names as text: neither their tags nor their handlers are in the tree."""
        self.assertIn("onerror", source, f"{where} shows no name")
        tree = html.fromstring(source)
        for element in tree.iter():
            if isinstance(element.tag, str):
                handlers = [value for name, value in element.items() if name.startswith("on")]
                self.assertNotIn("o_robbed", " ".join(handlers), where)
        self.assertNotIn("<img src=x", self.without_scripts(source), where)

    def without_scripts(self, source):
        return re.sub(r"<script.*?</script>", "", source, flags=re.S)


@tagged("post_install", "-at_install")
class TestHtmlInPages(HtmlCase):
    """What the server writes: pages around the login, portal, mails."""

    def test_portal(self):
        self.sign_in(self.paul, password_age=0, proof_age=0)
        page = self.url_open("/my/security")
        self.assertText(page.text, "/my/security")
        for button, record in (
            ("rename", self.paul.authenticator_ids[1]),
            ("add", self.paul),
            ("replace", self.paul),
            ("revoke", self.paul.trusted_device_ids),
            ("remove", self.paul.authenticator_ids[2]),
        ):
            form = {"button": button, "record": record.id, "csrf_token": self.csrf_of(page)}
            answer = self.url_open("/my/security/press", data=form)
            self.assertEqual(answer.status_code, 200)
            self.assertText(answer.text, button)

    def test_set_up_and_its_errors(self):
        self.ann._mfa_disable()
        self.require("app")
        page = self.begin(self.ann)
        self.assertText(page.text, "confirmation")
        page = self.confirm_setup(page, user=self.ann)
        self.assertText(page.text, "set-up")
        for name in (EVIL, ATTRIBUTE, TEMPLATE):
            page = self.set_up(page, name=name, code="000000")
            self.assertText(page.text, f"set-up with {name}")
            self.assertNotIn("4949", page.text)

    def test_reminder(self):
        self.require("app", mfa_grace_days=5)
        self.post_password(self.bob)
        self.assertText(self.url_open("/odoo", headers=HTML).text, "reminder")

    def test_what_is_typed_comes_back_as_text(self):
        page = self.post_password(self.ann)
        for value in (EVIL, ATTRIBUTE):
            answer = self.post_code(page, value, redirect=value)
            self.assertNotIn("<img src=x", answer.text)
            self.assertNotIn("<svg onload", answer.text)
            again = self.url_open("/web/login/totp", params={"redirect": value, "recovery": value})
            self.assertNotIn("<svg onload", again.text)
        self.log_in(code=self.new_code())
        page = self.url_open(PAGES + "codes", params={"redirect": ATTRIBUTE})
        self.assertNotIn("<svg onload", page.text)

    def test_mails(self):
        """Each notice that names an app, a device, a key or a company."""
        ann, admin = self.ann, self.admin
        self.require("app", mfa_grace_days=9)
        coverage = self.env["mfa.coverage"].with_user(admin)
        ann._mfa_enrol(f"{EVIL}2", SECRET[::-1].replace("J", "M"), 1)
        self.make_device(ann)
        ann.trusted_device_ids._revoke()
        ann.authenticator_ids[-1]._remove(ann)
        coverage.set_weekly_report(True)
        self.env["res.users"]._mfa_cron_weekly_report()
        coverage.browse(self.bob.id).action_remind()
        coverage.browse(self.bob.id).action_invite()
        ann._mfa_make_help_code("Lost")
        ann._mfa_reset("Lost")
        mails = self.new_mails()
        self.assertGreater(len(mails), 6)
        named = 0
        for mail in mails:
            with self.subTest(subject=mail.subject):
                tree = html.fromstring(mail.body_html)
                self.assertFalse(tree.xpath("//*[@onerror or @onload]"))
                self.assertFalse(tree.xpath("//img[@src='x']|//svg|//script"))
                self.assertNotIn("4949", mail.body_html)
                named += "onerror" in mail.body_html
        self.assertGreater(named, 5)

    @mute_logger("odoo.http")
    def test_formulas_in_an_export(self):
        """A spreadsheet takes what begins with ``=`` for a formula: core puts ``'`` before it."""
        self.env["res.users.mfa.event"]._record("renamed", self.ann, '=HYPERLINK("//evil";1)')
        self.sign_in(self.admin, password_age=0, proof_age=0)
        data = {
            "model": "res.users.mfa.event",
            "fields": [{"name": "subject", "label": "Concerns", "type": "char"}],
            "ids": self.env["res.users.mfa.event"].search([], limit=3).ids,
            "domain": [],
            "groupby": [],
            "import_compat": False,
        }
        csrf = self.csrf_of(self.url_open("/web/login/totp/codes"))
        answer = self.url_open(
            "/web/export/csv", data={"data": json.dumps(data), "csrf_token": csrf}
        )
        self.assertIn("\"'=HYPERLINK", answer.text)


@tagged("post_install", "-at_install")
class TestHtmlInTheWebClient(HtmlCase):
    """What JavaScript draws, in a real browser: lists, forms, dialogs, notifications."""

    def setUp(self):
        super().setUp()
        self.chromium = self.new_chromium()

    def is_robbed(self):
        return self.chromium.ask(
            "window.o_robbed || document.querySelectorAll('img[src=x]').length"
        )

    def assertNothingRan(self, where):
        self.assertFalse(self.is_robbed(), where)

    def look(self, where, shows=True):
        if shows:
            self.chromium.wait_for("document.body.innerText.includes('onerror')")
        self.assertNothingRan(where)

    def do(self, action):
        """Open an action, given by its XML id or as a button answers with it."""
        self.chromium.ask(
            f"odoo.__WOWL_DEBUG__.root.env.services.action.doAction({json.dumps(action)})"
        )

    def test_trap(self):
        """What a page must not do would be noticed."""
        with self.browsing(self.chromium, self.admin):
            self.chromium.open("/odoo")
            self.assertNothingRan("home")
            self.chromium.ask(f"document.body.insertAdjacentHTML('beforeend', {json.dumps(EVIL)})")
            self.assertTrue(self.is_robbed())

    def test_lists(self):
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open("/odoo")
            for name in LISTS:
                self.do(f"auth_totp_mfa.{name}")
                self.chromium.see(".o_list_view, .o_kanban_view, .o_content")
                self.look(name)
            self.chromium.picture("html_coverage")

    def test_preferences_and_its_dialogs(self):
        apps = self.admin.authenticator_ids.ids[1:]
        form = {
            "type": "ir.actions.act_window",
            "res_model": "res.users",
            "res_id": self.ann.id,
            "views": [[False, "form"]],
        }
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open("/odoo")
            self.do(form)
            self.look("user form")
            self.chromium.picture("html_user_form")
            for app in apps:
                self.press_in_browser("res.users.authenticator", "action_rename", app)
                self.chromium.see(".modal [name=action_rename]")
                self.assertNothingRan("renaming")
                self.do({"type": "ir.actions.act_window_close"})
            self.press_in_browser("res.users", "action_mfa_add_app", self.admin.id)
            self.chromium.see(".modal [name=confirmation_code]")
            self.assertNothingRan("enrolment")
            self.do({"type": "ir.actions.act_window_close"})
            self.press_in_browser("res.users", "action_mfa_recovery_codes", self.admin.id)
            self.chromium.see(".modal")
            self.assertNothingRan("recovery codes")

    def test_help_and_notifications(self):
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open("/odoo")
            self.press_in_browser("res.users", "action_mfa_help", self.ann.id)
            self.chromium.see(".modal [name=action_help]")
            self.look("help")
            self.chromium.picture("html_help")
            self.do({"type": "ir.actions.act_window_close"})
            self.press_in_browser("res.users", "action_totp_disable", self.ann.id)
            self.chromium.see(".o_notification")
            self.look("notification")
            self.press_in_browser("res.users", "action_mfa_exemption", self.gia.id)
            self.chromium.see(".modal [name=exempt_networks]")
            self.look("exemption")

    def press_in_browser(self, model, method, record):
        call = f"services.orm.call({model!r}, {method!r}, [[{record}]])"
        self.chromium.ask(
            "(async () => { const { services } = odoo.__WOWL_DEBUG__.root.env;"
            f" await services.action.doAction(await {call}); }})()"
        )
