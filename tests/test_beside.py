"""Screens of the addon inside those of other modules: ``dev/test --with website hr``."""

from xmlrpc.client import Fault

from lxml import etree

from odoo.tests import tagged
from odoo.tools import mute_logger

from .chromium import PHONE, ChromiumCase
from .common import MfaCase
from .test_api import ApiCase

WIDEST = 450  # pixels
BOXES = """
[...document.querySelectorAll(".o_mfa_page > *, .o_mfa_page form > *")].map((el) => {
    const { left, right, width } = el.getBoundingClientRect();
    return { html: el.outerHTML.slice(0, 100), left, width, room: innerWidth - right };
}).filter((box) => box.width)
"""


@tagged("post_install", "-at_install")
class TestWebsite(ChromiumCase, MfaCase):
    """The pages around the login in the frame of a website, where there is no card."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "website" not in cls.env:
            cls.skipTest(cls, "website is not installed")

    def assertNarrow(self, chromium, margin):
        boxes = chromium.ask(BOXES)
        self.assertGreater(len(boxes), 3)
        for box in boxes:
            with self.subTest(box["html"], **box):
                self.assertLessEqual(box["width"], WIDEST)
                self.assertGreaterEqual(min(box["left"], box["room"]), margin)

    def test_set_up_page(self):
        """All of it has the width of a card, in the middle; on a phone nothing touches the edge."""
        self.env.company.write({"mfa_policy_internal": "app", "mfa_setup_by_mail": False})
        chromium = self.new_chromium()
        with self.browsing(chromium):
            chromium.open("/web/login")
            chromium.see("#login")
            for selector, text in (("#login", "mfa_bob"), ("#password", "mfa_bob_password")):
                chromium.ask(f"document.querySelector('{selector}').focus()")
                chromium.type(text)
            chromium.press("Enter")
            chromium.see("#mfa_key")
            chromium.wait_ready()
            self.assertNarrow(chromium, 300)
            chromium.resize(*PHONE)
            self.assertNarrow(chromium, 8)


@tagged("post_install", "-at_install")
class TestHr(ApiCase):
    """``hr`` shows employees a form of its own under My Preferences."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "hr.employee" not in cls.env:
            cls.skipTest(cls, "hr is not installed")

    def test_preferences(self):
        """The form has the whole block, and its owner reads all that is in it."""
        self.env["hr.employee"].create({"name": "Ann", "user_id": self.ann.id})
        self.authenticate(self.ann.login, None)
        action = self.call("res.users", "action_get")["result"]
        form = next(view_id for view_id, kind in action["views"] if kind == "form")
        view = self.call("res.users", "get_view", form, "form")["result"]
        page = etree.fromstring(view["arch"]).find(".//page[@name='page_security']")
        [block] = page.findall(".//div[@name='mfa']")
        names = {field.get("name") for field in block.xpath(".//field[not(ancestor::field)]")}
        self.assertLessEqual({"authenticator_ids", "trusted_device_ids"}, names)
        answer = self.call("res.users", "web_read", [self.ann.id], {name: {} for name in names})
        [values] = answer["result"]
        self.assertEqual(values["authenticator_ids"], self.ann.authenticator_ids.ids)

    def test_key_changes_no_address_by_the_employee(self):
        """``hr`` writes it to the contact in superuser mode."""
        for user in (self.ann, self.bob):
            self.env["hr.employee"].create({"name": user.name, "user_id": user.id})
            address, key = user.email, self.make_key(user)
            with self.subTest(user=user.login), mute_logger("odoo.http"):
                with self.assertRaises(Fault):
                    self.xmlrpc(
                        user, key, "res.users", "write", user.ids, {"work_email": "t@example.com"}
                    )
                self.env.invalidate_all()
                self.assertEqual(user.email, address)
