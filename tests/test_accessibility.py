"""axe-core on every page of the addon, on a wide screen and on a phone."""

import json
import re
import time

from odoo import http
from odoo.tests import tagged

from .chromium import DESKTOP, PHONE, ChromiumCase
from .common import CHROME, FIREFOX, OTHER_SECRET, MfaCase, code_of
from .test_enrolment import Buttons

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
GRAVE = ["serious", "critical"]
EXCEPTIONS = [
    ("aria-required-children", ".o_main_navbar", "roles of the bar of menus"),
    ("aria-required-parent", ".o_main_navbar", "roles of the bar of menus"),
    ("link-name", ".o_main_navbar", "a link of an icon alone"),
    ("button-name", ".o_main_navbar", "buttons of icons alone"),
    ("aria-required-parent", ".o_control_panel", "roles of what is searched for"),
    ("aria-allowed-attr", ".o_control_panel", "attributes of the search box"),
    ("aria-command-name", ".o_control_panel", "buttons of icons alone"),
    ("aria-roles", ".o_control_panel", "a role that does not exist"),
    ("button-name", ".o_control_panel", "buttons of icons alone"),
    ("role-img-alt", ".o_control_panel", "icons without a name"),
    ("scrollable-region-focusable", ".o_list_renderer", "a list that is wider than a phone"),
    ("label", ".o_list_renderer", "boxes that select a row, and ticks in a list"),
    ("button-name", ".o_list_renderer .o_optional_columns_dropdown", "a button of an icon alone"),
    ("image-alt", ".o_portal_icon", "pictures beside a text that says the same"),
    ("button-name", ".o_show_password", "a button of an icon alone"),
    ("tabindex", ".oe_login_form a[tabindex]", "the order of fields on the login page"),
    ("color-contrast", "#wrap a.btn-outline-secondary", "Discard on the page of one's address"),
]
"""What Odoo itself draws around our pages and we cannot mend: rule, part of the page, reason."""

DIALOG = ".modal:not(.o_inactive_modal)"
SERVICES = "odoo.__WOWL_DEBUG__.root.env.services"
DIALOGS = [
    ("enrolment", "action_totp_enable_wizard", "[name=confirmation_code]"),
    ("rename", "action_rename", "footer [name=action_rename]"),
    ("remove", "action_remove", "main.modal-body > p"),
    ("disable", "action_totp_disable", "main.modal-body > p"),
]
"""Buttons of Preferences, and what their dialogs show."""
LISTS = [
    ("events", "action_res_users_mfa_event"),
    ("recent activity", "action_res_users_mfa_event_own"),
    ("API keys", "action_res_users_apikeys"),
    ("exempt users", "action_res_users_exempt"),
    ("sensitive groups", "action_res_groups_sensitive"),
]

AXE = """
(async () => {
    const dialog = [...document.querySelectorAll(".modal:not(.o_inactive_modal)")].at(-1);
    const { violations } = await axe.run(%(part)s || dialog || document, {
        runOnly: { type: "tag", values: %(rules)s },
        resultTypes: ["violations"],
    });
    const isCore = (rule, target) => %(exceptions)s.some(
        ([id, part]) => id === rule && document.querySelector(target)?.closest(part)
    );
    return violations
        .filter((found) => %(grave)s.includes(found.impact))
        .flatMap(({ id, impact, nodes }) => nodes
            .filter((node) => !isCore(id, node.target[0]))
            .map((node) => `${impact} ${id}: ${node.target[0]}\\n  ${node.html}\\n  ${
                node.failureSummary}`)
        );
})()
"""


class AxeCase(ChromiumCase, Buttons, MfaCase):
    """People and things for the pages to show, and the way to look at each page."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.new_person("mfa_admin", "base.group_system")
        cls.enrol(cls.admin)
        cls.paul = cls.new_person("mfa_paul", "base.group_portal")
        cls.enrol(cls.paul)
        for user in (cls.admin, cls.paul):
            cls.enrol(user, OTHER_SECRET, "Tablet")
            for kind in ("code_refused", "disabled", "code_accepted"):
                cls.env["res.users.mfa.event"]._record(kind, user, "Phone")
            for browser in (CHROME % 140, FIREFOX):
                cls.env["res.users.device"]._issue(
                    user, http.werkzeug.user_agent.UserAgent(browser), "192.0.2.7"
                )
        cls.terminal = cls.new_person("mfa_terminal")
        cls.terminal._mfa_exempt_from_now("Shared terminal", "192.0.2.0/24")
        cls.env["res.users.apikeys"].with_user(cls.paul).sudo()._generate("rpc", "script", None)

    def setUp(self):
        super().setUp()
        script = self.axe_script()
        self.chromium = self.new_chromium()
        self.chromium.run_on_each_page(script)
        self.findings = []
        self.addCleanup(self.assertNothingFound)

    def look(self, page, *sizes, part=None):
        """Run axe-core on the page or dialog that is open, once in each size of the window.

        :param str part: a selector of what of it is ours, where that is less than all
        """
        question = AXE % {
            "part": json.dumps(part),
            "rules": json.dumps(RULES),
            "grave": json.dumps(GRAVE),
            "exceptions": json.dumps([case[:2] for case in EXCEPTIONS]),
        }
        for size in sizes:
            self.chromium.resize(*size)
            found = self.chromium.ask(question, timeout=60)
            self._logger.info("%s, %d pixels: %d findings", page, size[0], len(found))
            if found:
                self.chromium.picture(f"{re.sub(r'[^a-z]+', '_', page)}_{size[0]}")
            self.findings += [f"{page}, {size[0]} pixels: {line}" for line in found]

    def assertNothingFound(self):
        self.assertFalse(self.findings, "\n" + "\n".join(self.findings))

    def fill(self, **values):
        """Put texts into the fields of the page that is open, by their names."""
        for name, value in values.items():
            self.chromium.see(f"input[name={name}]")
            self.chromium.ask(f"document.querySelector('input[name={name}]').value = {value!r}")

    def submit(self, selector, **values):
        """Fill in a form, press its button, and wait for the page that follows."""
        self.fill(**values)
        self.chromium.ask("document.body.classList.add('o_left')")
        self.chromium.click(selector)
        self.chromium.wait_for("!document.body.classList.contains('o_left')")
        self.chromium.wait_ready()

    def give_password(self, login):
        self.chromium.open("/web/login")
        self.submit(
            "form.oe_login_form button[type=submit].btn-primary",
            login=login,
            password=f"{login}_password",
        )


@tagged("post_install", "-at_install")
class TestAccessibleLogin(AxeCase):
    """The pages around the login, where the width changes nothing but the style."""

    MAIN = "form .btn-primary"

    def look(self, page):
        super().look(page, DESKTOP, PHONE)

    def test_second_step(self):
        with self.browsing(self.chromium):
            self.give_password("mfa_ann")
            self.look("code")
            self.submit(self.MAIN, totp_token="000000")
            self.look("code refused")
            for _try in range(5):
                self.submit(self.MAIN, totp_token="000000")
            self.look("codes locked")
            self.chromium.open("/web/login/totp?recovery=1")
            self.look("recovery code")
            self.submit(self.MAIN, totp_token="aaaa-bbbb-cccc-dddd")
            self.look("recovery code refused")

    def test_recovery_code_used(self):
        codes = self.ann._mfa_make_recovery_codes()
        with self.browsing(self.chromium):
            self.give_password("mfa_ann")
            self.chromium.open("/web/login/totp?recovery=1")
            self.submit(self.MAIN, totp_token=codes[0])
            self.look("recovery code used")
            self.submit("button[value=lost]")
            self.look("a new app in the place of a lost one")
            self.chromium.open("/web/login/totp/codes")
            self.look("make recovery codes")
            self.submit(self.MAIN)
            self.look("recovery codes")

    def test_forced_setup(self):
        self.env.company.write({"mfa_policy_internal": "app", "mfa_setup_by_mail": True})
        with self.browsing(self.chromium):
            self.give_password("mfa_bob")
            self.look("set-up, who it is")
            self.submit(self.MAIN, confirmation="000000")
            self.look("set-up, code refused")
            self.submit("button[name=again]")
            self.look("set-up, sent again")
        code = self.bob._get_totp_mail_code()[0]
        with self.browsing_on(self.chromium):
            self.chromium.open("/web/login/totp/setup")
            self.submit(self.MAIN, confirmation=code)
            self.look("set-up, the app")
            secret = self.chromium.ask("document.querySelector('#mfa_key').textContent")
            self.submit(self.MAIN, name="Phone", code="000000")
            self.look("set-up, code of the app refused")
            self.submit(self.MAIN, name="Phone", code=code_of(secret))
            self.look("first recovery codes")

    def test_policies(self):
        """What a policy shows: a code by email, the days of grace, a login that is void."""
        self.env.company.write({"mfa_policy_internal": "mail"})
        with self.browsing(self.chromium):
            self.give_password("mfa_bob")
            self.look("code by email")
        self.bob.password = "another one, set meanwhile"
        with self.browsing_on(self.chromium):
            self.chromium.open("/web/login/totp")
            self.look("login void")
        self.bob.password = "mfa_bob_password"
        self.env.company.write({"mfa_policy_internal": "app", "mfa_grace_days": 3})
        with self.browsing(self.chromium):
            self.give_password("mfa_bob")
            self.look("days of grace")


@tagged("post_install", "-at_install")
class TestAccessiblePortal(AxeCase):
    """``/my/security`` and the pages behind its buttons."""

    def look(self, page):
        super().look(page, DESKTOP, PHONE)

    def press_button(self, button):
        self.chromium.open("/my/security")
        self.submit(f"#mfa button[value={button}]")

    def test_security_page(self):
        self.env["ir.config_parameter"].sudo().set_param("portal.allow_api_keys", "True")
        with self.browsing(self.chromium, self.paul, mfa_codes_left=0):
            self.chromium.open("/my")
            self.look("portal")
            self.chromium.open("/my/security?debug=1")
            self.look("security")
            self.chromium.click("#mfa summary")
            self.look("security, a question")
            self.chromium.click("button.o_portal_new_api_key")
            self.chromium.see(".modal input[name=mfa_code]")
            self.look("security, dialog of a key")
            self.press_button("add")
            self.look("confirm")
            self.submit("#wrap .btn-primary", password="wrong", mfa_code="000000")
            self.look("confirm refused")

    def test_pages_behind_buttons(self):
        with self.browsing(self.chromium, self.paul, **self.proven(self.paul)):
            self.press_button("add")
            self.look("add an app")
            self.submit("#wrap .btn-primary", name="Phone", confirmation_code="000000")
            self.look("add an app, refused")
            self.press_button("rename")
            self.look("rename an app")
            self.submit("#wrap .btn-primary", name="My phone")
            self.look("security, said")
            self.chromium.open("/web/login/totp/codes")
            self.submit("form .btn-primary")
            self.look("recovery codes")
        self.paul._mfa_set_enabled(False)
        with self.browsing(self.chromium, self.paul, **self.proven(self.paul)):
            self.press_button("enable")
            self.look("enable")
            self.chromium.open("/my/account")
            self.look("address")


@tagged("post_install", "-at_install")
class TestAccessibleWebClient(AxeCase):
    """The pages of the web client, whose views differ on a phone."""

    size = DESKTOP

    def setUp(self):
        super().setUp()
        self.chromium.resize(*self.size)
        self.env["res.users.apikeys"].with_user(self.admin).sudo()._generate("rpc", "script", None)

    def look(self, page, part=None):
        self.chromium.wait_for(
            "!document.querySelector('.o_loading_indicator') && "
            "document.getAnimations().every((it) => it.playState !== 'running')"
        )
        super().look(page, self.size, part=part)

    def call_action(self, model, method, user):
        """Call a method as its button does, and open what it returns."""
        arguments = json.dumps([model, method, [[user.id]]])[1:-1]
        self.chromium.ask(
            f"{SERVICES}.orm.call({arguments}).then((it) => {SERVICES}.action.doAction(it))"
        )

    def do_action(self, action, see):
        """Open an action: its XML id, or what describes it."""
        self.chromium.ask(f"{SERVICES}.action.doAction({json.dumps(action)})")
        self.chromium.see(see)

    def look_at_dialog(self, page, see, part=None):
        """Look at the dialog that opens, and leave it."""
        self.chromium.see(f"{DIALOG} {see}")
        self.look(page, part)
        self.leave_dialog()

    def leave_dialog(self):
        open_ones = self.chromium.ask("document.querySelectorAll('.modal').length")
        self.chromium.click(
            f"{DIALOG} footer .btn-secondary, {DIALOG} footer [special=cancel], "
            f"{DIALOG} header button"
        )
        self.chromium.wait_for(f"document.querySelectorAll('.modal').length < {open_ones}")

    def open_preferences(self, user):
        self.chromium.ask(
            f"{SERVICES}.orm.call('res.users', 'action_get')"
            f".then((it) => {SERVICES}.action.doAction({{...it, res_id: {user.id}}}))"
        )
        self.open_security_tab("[name=mfa]")

    def open_security_tab(self, see):
        self.chromium.click(".o_form_view .nav-link[name=page_security]")
        self.chromium.see(see)

    def test_preferences(self):
        """Preferences ▸ Security, and the dialogs that its buttons open."""
        self.admin._mfa_make_recovery_codes()
        dialog = self.env["res.users.mfa.logout"].with_user(self.admin)
        log_out = dialog._open(self.admin.trusted_device_ids)
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open("/odoo/mfa-coverage")
            self.open_preferences(self.admin)
            self.look("preferences", part="[name=mfa]")
            for page, button, see in DIALOGS:
                self.open_preferences(self.admin)
                self.chromium.click(f"button[name={button}]")
                self.look_at_dialog(page, see)
            self.open_preferences(self.admin)
            self.chromium.click("[name=action_mfa_recovery_codes]")
            self.chromium.see(f"{DIALOG} main.modal-body > p")
            self.chromium.click(f"{DIALOG} footer .btn-primary")
            self.chromium.see(".o_mfa_codes")
            self.look("recovery codes")
            self.chromium.click("#mfa_codes_kept")
            self.chromium.click(f"{DIALOG} footer .btn-primary:not([disabled])")
            self.look_at_dialog("security dialog", "[name=mfa]", part="[name=mfa]")
            self.do_action(log_out, f"{DIALOG} [name=action_log_out]")
            self.look("log out")

    def test_identity_check(self):
        """The identity check, and what stands over any page until it is settled."""
        since = time.time() - 29.5 * 24 * 60 * 60  # half a day before the session ends
        with self.browsing(self.chromium, self.admin, mfa_codes_left=2, mfa_since=since):
            self.chromium.open("/odoo/mfa-coverage")
            self.chromium.see(".o_notification")
            self.look("notices")
            self.call_action("res.users", "action_totp_enable_wizard", self.admin)
            self.look_at_dialog("identity check", "[name=mfa_code]")

    def test_enable(self):
        self.admin._mfa_set_enabled(False)
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open("/odoo/mfa-coverage")
            self.open_preferences(self.admin)
            self.look("preferences, disabled", part="[name=mfa]")
            self.chromium.click("button[name=action_mfa_enable]")
            self.look_at_dialog("enable", "[name=confirmation_code]")

    def test_lists(self):
        """What an administrator looks through."""
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open("/odoo/mfa-coverage")
            self.chromium.see(".o_data_row, .o_kanban_record")
            self.look("coverage")
            for page, action in LISTS:
                self.do_action(f"auth_totp_mfa.{action}", ".o_data_row, .o_kanban_record")
                self.look(page)
            self.do_action("auth_totp_mfa.action_res_users_mfa_event", ".o_last_breadcrumb_item")
            self.chromium.click(".o_data_row .o_data_cell, .o_kanban_record")
            self.chromium.see(".o_form_view [name=kind]")
            self.look("event")

    def test_user_form(self):
        """The account of somebody else, and the dialogs of its buttons."""
        self.env.company.mfa_policy_internal = "app"
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open(f"/odoo/users/{self.paul.id}")
            self.open_security_tab("[name=auth_2fa]")
            self.look("user", part="[name=auth_2fa]")
            self.chromium.click("button[name=action_mfa_exemption]")
            self.chromium.click(".modal [name=exempt] input")
            self.look_at_dialog("exemption", "[name=exempt_networks]")
            self.chromium.click("button[name=action_mfa_help]")
            self.chromium.click(".modal [name=choice] input[data-value=reset]")
            self.look_at_dialog("reset", ".btn-danger")
            self.chromium.click("button[name=action_mfa_help]")
            self.chromium.see(".modal [name=reason]")
            self.look("help")
            self.chromium.ask("document.querySelector('.modal [name=reason] input').focus()")
            self.chromium.type("Lost the phone")
            self.chromium.click(f"{DIALOG} footer .btn-primary")
            self.look_at_dialog("help code", ".o_mfa_help_code")

    def test_settings(self):
        with self.browsing(self.chromium, self.admin, **self.proven(self.admin)):
            self.chromium.open("/odoo/settings")
            self.chromium.see("#mfa_policy_internal")
            self.look("settings", part=".o_setting_box[id^=mfa_]")


@tagged("post_install", "-at_install")
class TestAccessibleOnPhone(TestAccessibleWebClient):
    allow_inherited_tests_method = True
    size = PHONE
