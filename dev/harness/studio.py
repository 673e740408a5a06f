"""A browser that logs in and takes pictures; needs Playwright and Pillow."""

import io
import time
from argparse import Namespace
from pathlib import Path

import pyotp
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from .console import Failure, say

DEMO_KEY = "DEMO" * 8  # of all apps in the demo data
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
TALL = 1200  # pixels, in which the longest dialog fits
LARGEST = 150_000  # bytes
UNDISTURBED = """
    const style = new CSSStyleSheet();
    style.replaceSync(".o-mail-ChatHub, .o_notification_manager { display: none }");
    document.adoptedStyleSheets = [style];
"""  # no greeting of OdooBot, which covers the screen of a phone, and no passing notice
PATIENCE = 60_000  # milliseconds
SETTLING = 1  # seconds for Odoo's own transitions, and for pictures of people


class Studio:
    """Opens a browser for each visitor of ``url``, and keeps their pictures in ``folder``."""

    def __init__(self, url: str, folder: Path, browser: str, options: Namespace):
        self.url = url
        self.folder = folder
        self.options = options
        self.pictures: list[str] = []
        self._driver = sync_playwright().start()
        arguments = ["--no-sandbox", "--disable-gpu"]
        if options.dark:
            arguments.append("--enable-features=WebContentsForceDark")
        self._browser = self._driver.chromium.launch(executable_path=browser, args=arguments)

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *_error) -> None:
        self._browser.close()
        self._driver.stop()

    def visitor(self) -> "Visitor":
        """Return somebody with a browser of their own, not logged in."""
        phone = self.options.phone
        context = self._browser.new_context(
            base_url=self.url,
            viewport=PHONE if phone else DESKTOP,
            is_mobile=phone,
            has_touch=phone,
            device_scale_factor=1,
            locale=self.options.lang.replace("_", "-"),
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(UNDISTURBED)
        return Visitor(context.new_page(), self)

    def keep(self, name: str, png: bytes) -> None:
        """Store a picture with 256 colours, which is plenty for a screen."""
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        picture = picture.quantize(256, dither=Image.Dither.NONE)
        target = self.folder / f"{name}.png"
        picture.save(target, optimize=True)
        size = target.stat().st_size
        if size > LARGEST:
            raise Failure(f"{target} has {size} bytes: photograph a smaller part.")
        self.pictures.append(name)
        say(f"{target.name}: {picture.width} x {picture.height}, {size // 1000} kB")


class Visitor:
    """Somebody in front of a screen."""

    def __init__(self, page: Page, studio: Studio):
        self.page = page
        self.studio = studio

    def log_in(self, login: str, then: str = "/odoo") -> None:
        """Give the password, which in the demo is the login; what comes next depends."""
        self.page.goto(f"/web/login?redirect={then}")
        self.page.fill("#login", login)
        self.page.fill("#password", login)
        self.page.click("button[type=submit].btn-primary")
        self.page.wait_for_load_state()

    def give_code(self) -> None:
        """Give the code of a demo app at the login."""
        self.page.fill("#totp_token", code_of(DEMO_KEY))
        self.page.click("button[type=submit].btn-primary")
        self.page.wait_for_load_state()

    def see(self, selector: str) -> Locator:
        """Wait until the last element that ``selector`` names stands still; return it."""
        element = self.page.locator(selector).last
        element.wait_for()
        self.page.evaluate("document.fonts.ready")
        time.sleep(SETTLING)
        return element

    def photograph(self, name: str, selector: str | None = None) -> None:
        """Take a picture of one element, or of the screen."""
        self.page.mouse.move(0, 0)
        if not selector:
            self.see("body")
            self.studio.keep(name, self.page.screenshot(animations="disabled"))
            return
        small = self.page.viewport_size
        self.page.set_viewport_size({**small, "height": TALL})
        element = self.see(selector)
        self.page.evaluate("document.activeElement.blur()")
        self.studio.keep(name, element.screenshot(animations="disabled"))
        self.page.set_viewport_size(small)

    def tell_odoo(self, script: str) -> None:
        """Run a function of Odoo's web client, given its services."""
        self.see(".o_main_navbar")
        self.page.evaluate(f"async () => await ({script})(odoo.__WOWL_DEBUG__.root.env.services)")

    def open_security(self) -> None:
        """Open the tab of that name, of a user or of one's preferences."""
        self.page.click("a[name=page_security]")


def code_of(key: str) -> str:
    return pyotp.TOTP(key.replace(" ", "")).now()
