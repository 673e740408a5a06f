"""All of it by keyboard alone: Tab, Enter, Space and Escape, as a browser gets them."""

import json

from odoo.tests import tagged

from .chromium import ChromiumCase
from .common import SECRET, MfaCase, code_of

MOST_TABS = 80
PATIENCE = 60  # seconds: beside many modules the first page of the web client takes long
SECURITY = "/odoo/action-auth_totp_mail.action_activate_two_factor_authentication"
FOCUS = """
(() => {
    const el = document.activeElement;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(el);
    const ring = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
    return {
        there: el.matches(%s),
        seen: ring || el.matches("body, input, textarea, [tabindex='-1']"),
        inDialog: Boolean(el.closest(".modal")),
        html: el.outerHTML.slice(0, 200),
    };
})()
"""


@tagged("post_install", "-at_install")
class TestKeyboard(ChromiumCase, MfaCase):
    def setUp(self):
        super().setUp()
        self.chromium = self.new_chromium()

    def where(self, selector="body"):
        return self.chromium.ask(FOCUS % json.dumps(selector))

    def focus(self, selector, back=False):
        """Tab until something that ``selector`` names has the focus; each stop must be seen.

        :param bool back: with Shift, from what comes after
        """
        self.chromium.see(selector)
        for _tab in range(MOST_TABS):
            focus = self.where(selector)
            self.assertTrue(focus["seen"], f"Nobody sees that the focus is on {focus['html']}")
            if focus["there"]:
                return
            self.chromium.press("Tab", shift=back)
        self.chromium.picture("no_focus")
        self.fail(f"{selector} cannot be reached by Tab; the focus is on {focus['html']}")

    def type_into(self, selector, text):
        self.focus(selector)
        self.chromium.type(text)

    def press_on(self, selector, key="Enter"):
        self.focus(selector)
        self.chromium.press(key)

    def enter(self):
        """Press Enter, and wait for the page that it leads to."""
        self.chromium.ask("document.body.classList.add('o_left')")
        self.chromium.press("Enter")
        self.chromium.wait_for("!document.body.classList.contains('o_left')", PATIENCE)
        self.chromium.wait_ready()

    def give_password(self, login):
        self.chromium.open("/web/login")
        self.type_into("#login", login)
        self.type_into("#password", f"{login}_password")
        self.enter()

    def test_code_device_and_app(self):
        """Log in with a code, trust the device, revoke it, add an app, leave a dialog."""
        with self.browsing(self.chromium):
            self.give_password("mfa_ann")
            self.assertTrue(self.where("[name=totp_token]")["there"])
            self.chromium.type(code_of(SECRET))
            self.press_on("[name=remember]", "Space")
            self.focus("form button.btn-primary")
            self.enter()
            self.chromium.open(SECURITY)
            self.press_on("[name=trusted_device_ids] [name=action_revoke]")
            self.type_into(".modal [name=password] input", "mfa_ann_password")
            self.press_on(".modal footer .btn-primary")
            self.chromium.see(".modal [name=mfa]")
            self.assertFalse(
                self.chromium.ask("document.querySelector('.modal [name=action_revoke]')")
            )
            self.press_on(".modal [name=action_totp_enable_wizard]")
            self.assertFocusStaysInDialog("[name=confirmation_code] input")
            secret = self.chromium.ask("document.querySelector('[name=secret_key] span').innerText")
            self.type_into("[name=confirmation_code] input", code_of(secret))
            self.chromium.press("Enter")
            self.press_on("#mfa_codes_kept", "Space")
            self.press_on(".modal footer .btn-primary")
            self.chromium.see(".modal [name=authenticator_ids] .o_kanban_record:nth-child(2)")
            self.press_on(".modal [name=authenticator_ids] [name=action_rename]")
            self.chromium.wait_for("document.activeElement.closest('.modal [name=name]')")
            self.chromium.press("Escape")
            self.chromium.wait_for("!document.querySelector('.modal [name=action_rename].btn')")
        self.assertFalse(self.ann.trusted_device_ids)
        self.assertEqual(len(self.ann.authenticator_ids), 2)

    def assertFocusStaysInDialog(self, field):
        """Assert that Tab goes round in the dialog, and that ``field`` has the focus at first."""
        self.chromium.wait_for(f"document.activeElement.matches({json.dumps(field)})")
        for _tab in range(15):
            self.chromium.press("Tab")
            focus = self.where()
            self.assertTrue(focus["inDialog"], focus["html"])

    def test_recovery_code(self):
        code = self.ann._mfa_make_recovery_codes()[0]
        with self.browsing(self.chromium):
            self.give_password("mfa_ann")
            self.focus("a[href*='recovery=1']")
            self.enter()
            self.chromium.type("aaaa-bbbb-cccc-dddd")
            self.enter()
            self.assertTrue(self.where("[aria-describedby=totp_error]")["there"])
            self.chromium.type(code)
            self.enter()
            self.focus("button[value=kept]")
            self.enter()
            self.chromium.see(".o_main_navbar")

    def test_forced_setup(self):
        self.env.company.write({"mfa_policy_internal": "app", "mfa_setup_by_mail": False})
        with self.browsing(self.chromium):
            self.give_password("mfa_bob")
            secret = self.chromium.ask("document.querySelector('#mfa_key').textContent")
            self.assertTrue(self.where("[name=code]")["there"])
            self.chromium.type(code_of(secret))
            self.enter()
            self.press_on("#kept", "Space")
            self.focus("form .btn-primary")
            self.enter()
            self.chromium.see(".o_main_navbar")
        self.assertTrue(self.bob.mfa_enabled)

    def test_portal(self):
        """Disable and enable on ``/my/security``: a question that opens, and an identity check."""
        paul = self.new_person("mfa_paul", "base.group_portal")
        self.enrol(paul)
        with self.browsing(self.chromium, paul):
            self.chromium.open("/my/security")
            self.press_on("#mfa details:has([value=disable]) summary")
            self.focus("#mfa [value=disable]")
            self.enter()
            self.type_into("#password", "mfa_paul_password")
            self.type_into("#mfa_code", code_of(SECRET))
            self.enter()
            self.assertTrue(self.where("#mfa_said")["there"], "The focus is on what was said.")
            self.focus("#mfa [value=enable]")
            self.enter()
            self.assertTrue(self.where("#confirmation_code")["there"])
        self.assertFalse(paul.mfa_enabled)

    def test_administrator(self):
        """Help a colleague with a code, and exempt an account within a network."""
        boss = self.new_person("mfa_boss", "base.group_user,base.group_erp_manager")
        self.enrol(boss)
        with self.browsing(self.chromium, boss, **self.proven(boss)):
            self.open_security_of(self.ann)
            self.press_on("button[name=action_mfa_help]")
            self.type_into(".modal [name=reason] input", "Lost the phone")
            self.press_on(".modal footer .btn-primary")
            self.chromium.see(".o_mfa_help_code")
            self.open_security_of(self.bob)
            self.press_on("button[name=action_mfa_exemption]")
            self.press_on(".modal [name=exempt] input", "Space")
            self.type_into(".modal [name=reason] input", "Shared terminal")
            self.type_into(".modal [name=exempt_networks] textarea", "192.0.2.0/24")
            self.press_on(".modal footer .btn-primary")
            self.chromium.wait_for("!document.querySelector('.modal')")
        self.assertTrue(self.bob.mfa_exempt)

    def open_security_of(self, user):
        self.chromium.open(f"/odoo/users/{user.id}")
        self.press_on(".o_form_view .nav-link[name=page_security]")

    def test_coverage(self):
        """Follow a finding, ask for the weekly mail, tick a user and invite them."""
        boss = self.new_person("mfa_boss", "base.group_user,base.group_erp_manager")
        self.env["res.users"].search([("id", "not in", (self.bob + boss).ids)]).active = False
        self.enrol(boss)
        with self.browsing(self.chromium, boss):
            self.chromium.open("/odoo/mfa-coverage")
            self.chromium.see(".o_data_row:nth-child(2)")
            self.leave_search_box()
            self.focus("#o_mfa_weekly", back=True)
            self.chromium.press("Space")
            self.chromium.see(".o_notification")
            self.focus("[data-finding=not_asked]", back=True)
            self.chromium.press("Enter")
            self.chromium.see(".o_searchview_facet")
            self.chromium.wait_for("document.querySelectorAll('.o_data_row').length === 1")
            self.leave_search_box()
            self.press_on(".o_data_row .o_list_record_selector input", "Space")
            self.focus("button[name=action_invite]", back=True)
            self.chromium.press("Enter")
            self.chromium.wait_for(
                "[...document.querySelectorAll('.o_notification')]"
                ".some((el) => el.innerText.includes('was invited'))"
            )
        self.assertTrue(boss.sudo().mfa_weekly_report)
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertEqual(mail.recipient_ids, self.bob.partner_id)

    def leave_search_box(self):
        """Odoo's search box keeps Tab for itself: an arrow leads on, to the list."""
        self.press_on(".o_searchview_input", "ArrowDown")
        self.chromium.wait_for("document.activeElement.closest('.o_list_renderer')")
