"""A browser that a test drives step by step, and looks at between the steps."""

import base64
import json
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from odoo.tests.common import ChromeBrowser, ChromeBrowserException, save_test_file

KEYS = {
    "Tab": ("Tab", 9, None),
    "Enter": ("Enter", 13, "\r"),
    "Space": (" ", 32, " "),
    "Escape": ("Escape", 27, None),
    "ArrowDown": ("ArrowDown", 40, None),
    "ArrowRight": ("ArrowRight", 39, None),
}
"""Names of keys: what the browser calls them, their number, the text that they type."""
SHIFT = 8
DESKTOP = (1366, 768)
PHONE = (375, 812)


class Chromium(ChromeBrowser):
    """Odoo's own client of Chromium, with the steps of a person in the place of a script."""

    def __init__(self, test_case, size=DESKTOP):
        super().__init__(test_case)
        self.resize(*size)
        self._websocket_request(
            "Emulation.setEmulatedMedia",
            params={"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]},
        )

    def resize(self, width, height):
        self._websocket_request(
            "Emulation.setDeviceMetricsOverride",
            params={"mobile": False, "width": width, "height": height, "deviceScaleFactor": 1},
        )

    def run_on_each_page(self, script):
        """Have ``script`` run on each page that is opened from now on."""
        self._websocket_request("Page.addScriptToEvaluateOnNewDocument", params={"source": script})

    def open(self, path):
        """Open ``path`` and return once its scripts are ready."""
        self.navigate_to(self.test_case.base_url() + path)
        self.wait_ready()

    def wait_ready(self):
        self.wait_for("document.readyState === 'complete' && window.odoo?.isReady !== false")

    def ask(self, expression, timeout=20.0):
        """Return the value of a JavaScript expression, or of the promise that it is."""
        answer = self._websocket_request(
            "Runtime.evaluate",
            params={"expression": expression, "awaitPromise": True, "returnByValue": True},
            timeout=timeout,
        )
        if wrong := answer.get("exceptionDetails"):
            raise ChromeBrowserException(wrong.get("exception", {}).get("description", wrong))
        return answer["result"].get("value")

    def wait_for(self, condition, seconds=10):
        """Return the first value of a JavaScript expression that is true.

        A page that is being left answers nothing: it is asked again.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(ChromeBrowserException):
                if value := self.ask(f"Boolean(document.body && ({condition}))"):
                    return value
            time.sleep(0.05)
        self.picture("missing")
        raise AssertionError(f"{condition} did not become true on {self.ask('location.href')}")

    def see(self, selector):
        """Wait until something that ``selector`` names can be seen."""
        self.wait_for(f"[...document.querySelectorAll({json.dumps(selector)})].some({VISIBLE})")

    def click(self, selector):
        self.see(selector)
        self.ask(f"[...document.querySelectorAll({json.dumps(selector)})].find({VISIBLE}).click()")

    def press(self, key, shift=False):
        """Press a key of :data:`KEYS`, as the keyboard does."""
        name, number, text = KEYS[key]
        event = {"key": name, "code": key, "windowsVirtualKeyCode": number}
        event["modifiers"] = SHIFT if shift else 0
        if text:
            event["text"] = text
        for kind in ("keyDown", "keyUp"):
            self._websocket_request("Input.dispatchKeyEvent", params={"type": kind, **event})
            event.pop("text", None)

    def type(self, text):
        self._websocket_request("Input.insertText", params={"text": text})

    def picture(self, name):
        """Keep a picture of the page among the screenshots of the test."""
        answer = self._websocket_request("Page.captureScreenshot")
        content = base64.b64decode(answer["data"])
        save_test_file(type(self.test_case).__name__, content, f"{name}_", logger=self._logger)


VISIBLE = "el => el.checkVisibility({visibilityProperty: true})"


class ChromiumCase:
    """For an ``HttpCase``: one browser for the whole test."""

    def new_chromium(self, size=DESKTOP):
        browser = Chromium(self, size)
        self.addCleanup(browser.stop)
        return browser

    def proven(self, user):
        """Return what the session of somebody holds who has just proven a second factor."""
        now = time.time()
        return {"identity-check-last": now, "mfa_proof": {"uid": user.id, "at": now}}

    @contextmanager
    def browsing(self, browser, user=None, **session):
        """Let ``browser`` reach the server, in a new session of ``user`` or of nobody.

        Meanwhile the server has the test's cursor: the test asks the database nothing.
        """
        self.authenticate(user and user.login, None, browser=browser, session_extra=session)
        with self.browsing_on(browser):
            yield

    @contextmanager
    def browsing_on(self, browser):
        """As :meth:`browsing`, in the session that the browser has."""
        self.env.flush_all()
        self.cr.clear()
        with self.allow_requests(browser=browser):
            yield
            browser.navigate_to("about:blank", wait_stop=True)
            self._wait_remaining_requests()
        self.env.invalidate_all()

    def axe_script(self):
        """Return the text of axe-core, or skip the test where ``dev/test`` did not fetch it."""
        path = os.environ.get("MFA_AXE")
        if not path:
            self.skipTest("axe-core is not here: run dev/test, which fetches it")
        return Path(path).read_text()
