"""All of it by keyboard alone: Tab, Enter, Space and Escape, as a browser gets them."""

import json

from odoo.tests import tagged

from .chromium import ChromiumCase
from .common import CHROME, MfaCase, code_of
from .test_tours import user_agent

MOST_TABS = 80
FOCUS = """
(() => {
    const el = document.activeElement;
    const style = (it) => getComputedStyle(it);
    const seen = (it) => style(it).outlineStyle !== "none" || style(it).boxShadow !== "none";
    return {
        there: el.matches(%(selector)s),
        visible: el === document.body || el.type === "checkbox" || seen(el),
        html: el.outerHTML.slice(0, 200),
    };
})()
"""


class KeyboardCase(ChromiumCase, MfaCase):
    def setUp(self):
        super().setUp()
        self.chromium = self.new_chromium()

    def focus(self, selector):
        """Tab until something that ``selector`` names has the focus; each stop must be seen."""
        question = FOCUS % {"selector": json.dumps(selector)}
        self.chromium.see(selector)
        for _tab in range(MOST_TABS):
            focus = self.chromium.ask(question)
            if focus["there"]:
                return
            self.chromium.press("Tab")
        self.chromium.picture("no_focus")
        self.fail(f"{selector} cannot be reached by Tab; the focus is on {focus['html']}")
