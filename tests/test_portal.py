import re
import time
from datetime import timedelta

from odoo import fields, http
from odoo.tests import tagged

from ..models.res_users_mfa_guarded import open_door
from .common import CHROME, FIREFOX, OTHER_SECRET, SECRET, code_of
from .test_enrolment import STALE, EnrolmentCase
from .test_identity import PasskeyCase

CODES = re.compile(r"<li>((?:[0-9a-z]{4}-){3}[0-9a-z]{4})</li>")
KEY = re.compile(r'id="mfa_key">([A-Z2-7 ]+)<')
LINE = re.compile(r'id="mfa_events".*', re.DOTALL)


class PortalCase(EnrolmentCase):
    """``mfa_portal``, a portal user without JavaScript, and ``mfa_other``, another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.new_person("mfa_portal", "base.group_portal")
        cls.other = cls.new_person("mfa_other", "base.group_portal")
        cls.company = cls.env.company

    def page(self, **query):
        return self.url_open("/my/security", params=query)

    def text_of(self, page):
        """Return the words of ``page``, without tags."""
        return " ".join(re.sub(r"<[^>]*>", " ", page.text).split())

    def press_on(self, page, button, record=""):
        """Press a button of the security page; return the page that it leads to."""
        return self.url_open(
            "/my/security/press",
            data={"button": button, "record": record, "csrf_token": self.csrf_of(page)},
        )

    def press_button(self, button, record=""):
        return self.press_on(self.page(), button, record)

    def fill_in(self, page, **values):
        """Send the form of ``page``, a page that a button led to."""
        return self.url_open(page.url, data={"csrf_token": self.csrf_of(page), **values})

    def confirm_it(self, page, code=None, password=None):
        """Answer the identity check."""
        self.assertIn("/my/security/confirm/", page.url)
        values = {"password": password or "mfa_portal_password"}
        return self.fill_in(page, **values, **({"mfa_code": code} if code else {}))

    def key_on(self, page):
        return KEY.search(page.text)[1].replace(" ", "")

    def assertSaid(self, page, text):
        """Expect ``page`` to be the security page, with ``text`` in its message."""
        self.assertTrue(page.url.split("?")[0].endswith("/my/security"), page.url)
        self.assertIn(text, re.search(r'id="mfa_said"[^>]*>([^<]*)<', page.text)[1])

    def sign_in_fresh(self, user=None):
        """Begin a session whose identity was checked a moment ago."""
        user = user or self.portal
        self.sign_in(user, password_age=5, proof_age=5 if user.mfa_enabled else None)

    def issue_device(self, user):
        user_agent = http.werkzeug.user_agent.UserAgent(CHROME % 140)
        return self.env["res.users.device"]._issue(user, user_agent, "192.0.2.7")[0]

    def names_of(self, user):
        return [name for name, _secret in self.apps_of(user)]


@tagged("post_install", "-at_install")
class TestPortalSecurity(PortalCase):
    """The buttons of ``/my/security``, over HTTP."""

    def test_first_app(self):
        """Password, picture and key, code, recovery codes, and the mail."""
        self.sign_in(self.portal)
        asked = self.press_button("add")
        self.assertNotIn('name="mfa_code"', asked.text, "there is no second factor yet")
        self.assertIn("Incorrect Password", self.confirm_it(asked, password="wrong").text)
        screen = self.confirm_it(asked)
        self.assertIn("/my/security/app/", screen.url)
        self.assertEqual(screen.headers["Cache-Control"], "no-store")
        self.assertEqual(screen.headers["X-Frame-Options"], "DENY")
        self.assertIn("data:image/png;base64,", screen.text)
        secret = self.key_on(screen)
        wrong = self.fill_in(screen, name="My “phone”", confirmation_code=code_of(secret, 5))
        self.assertIn("This code is not right", wrong.text)
        self.assertIn('value="My “phone”"', wrong.text)
        self.assertEqual(self.key_on(wrong), secret, "the same key stays")
        again = self.url_open(screen.url).text
        self.assertNotIn("My “phone”", again, "what was refused is rolled back")
        self.assertFalse(self.is_on(self.portal))
        with self.assertOneMail(self.portal, "Authentication Enabled"):
            sheet = self.fill_in(screen, name="Phone", confirmation_code=code_of(secret))
        self.assertTrue(self.is_on(self.portal))
        self.assertEqual(self.apps_of(self.portal), [("Phone", secret)])
        self.assertEqual(sheet.headers["Cache-Control"], "no-store")
        codes = CODES.findall(sheet.text)
        self.assertEqual(len(codes), 10)
        kept = {"done": "1", "redirect": "/my/security", "csrf_token": self.csrf_of(sheet)}
        page = self.url_open("/web/login/totp/codes", data=kept)
        self.assertTrue(page.url.endswith("/my/security"))
        self.assertNotIn(codes[0], page.text)
        self.new_browser()
        self.log_in(self.portal, codes[0])
        self.assertLoggedIn(self.portal)

    def test_second_app(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.portal._mfa_make_recovery_codes()
        self.sign_in(self.portal)
        asked = self.press_button("add")
        self.assertIn("Enter the six digits", self.confirm_it(asked).text)
        self.assertIn("double-check", self.confirm_it(asked, code_of(SECRET)).text)
        screen = self.confirm_it(asked, code_of(OTHER_SECRET))
        taken = self.fill_in(screen, name="phone", confirmation_code=code_of(self.key_on(screen)))
        self.assertIn("already have an app named", taken.text)
        done = self.fill_in(screen, name="Tablet", confirmation_code=code_of(self.key_on(screen)))
        self.assertSaid(done, "“Tablet” is ready")
        self.assertEqual(self.names_of(self.portal), ["Phone", "Tablet"])
        self.assertLoggedIn(self.portal)
        self.assertSaid(self.url_open(screen.url), "expired")

    def test_code_that_aged_during_the_identity_check(self):
        """The screen stays, and says what is wrong."""
        self.sign_in_fresh()
        screen = self.press_button("add")
        self.sign_in(self.portal, password_age=STALE)
        screen_again = self.url_open(screen.url)
        asked = self.fill_in(
            screen_again, name="Phone", confirmation_code=code_of(self.key_on(screen), 5)
        )
        back = self.confirm_it(asked)
        self.assertEqual(back.url, screen.url)
        self.assertIn("This code is not right", back.text)
        self.assertIn('value="Phone"', back.text)

    def test_rename(self):
        app = self.enrol(self.portal, OTHER_SECRET)
        self.enrol(self.portal, SECRET, "Tablet")
        self.sign_in_fresh()
        form = self.press_button("rename", app.id)
        self.assertIn("already have an app named", self.fill_in(form, name="tablet").text)
        self.assertIn("printable characters", self.fill_in(form, name=" ").text)
        self.assertSaid(self.fill_in(form, name="Old phone"), "now called “Old phone”")
        self.assertEqual(self.names_of(self.portal), ["Old phone", "Tablet"])

    def test_replace(self):
        """The only app gives way to a new one, in one step; it may keep the name."""
        self.enrol(self.portal, OTHER_SECRET)
        self.portal._mfa_make_recovery_codes()
        self.sign_in_fresh()
        screen = self.press_button("replace")
        secret = self.key_on(screen)
        self.fill_in(screen, name="Phone", confirmation_code=code_of(secret, 5))
        self.assertEqual(self.apps_of(self.portal), [("Phone", OTHER_SECRET)])
        done = self.fill_in(screen, name="Phone", confirmation_code=code_of(secret))
        self.assertSaid(done, "“Phone” is ready")
        self.assertEqual(self.apps_of(self.portal), [("Phone", secret)])
        self.assertTrue(self.is_on(self.portal))

    def test_remove(self):
        phone = self.enrol(self.portal, OTHER_SECRET)
        tablet = self.enrol(self.portal, SECRET, "Tablet")
        self.sign_in_fresh()
        page = self.page()
        self.press_on(page, "remove", phone.id)
        self.assertEqual(self.names_of(self.portal), ["Tablet"])
        self.assertNotIn('value="remove"', self.page().text)
        self.assertSaid(self.press_on(page, "remove", tablet.id), "This is the last app")
        self.assertSaid(self.press_on(page, "remove", phone.id), "no longer there")
        self.assertEqual(self.names_of(self.portal), ["Tablet"])

    def test_disable_and_enable(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.sign_in_fresh()
        with self.assertOneMail(self.portal, "Authentication Disabled"):
            done = self.press_button("disable")
        self.assertSaid(done, "disabled")
        self.assertFalse(self.is_on(self.portal))
        form = self.press_button("enable")
        wrong = self.fill_in(form, confirmation_code=code_of(OTHER_SECRET, 5))
        self.assertIn("double-check", wrong.text)
        self.assertFalse(self.is_on(self.portal))
        done = self.fill_in(form, confirmation_code=code_of(OTHER_SECRET))
        self.assertSaid(done, "is enabled")
        self.assertTrue(self.is_on(self.portal))

    def test_devices(self):
        self.enrol(self.portal, OTHER_SECRET)
        devices = self.issue_device(self.portal) + self.issue_device(self.portal)
        self.sign_in_fresh()
        page = self.page()
        self.assertIn('from <span class="text-break" dir="ltr">192.0.2.7</span>', page.text)
        with self.assertOneMail(self.portal, "Trusted Device Removed"):
            self.assertSaid(self.press_on(page, "revoke", devices[0].id), "Done.")
        self.assertEqual(devices.exists(), devices[1])
        self.assertSaid(self.press_on(page, "revoke", devices[0].id), "no longer there")
        self.press_on(page, "revoke_all")
        self.assertFalse(devices.exists())

    def test_every_button_asks_who_it_is(self):
        """Neither the password alone nor an old proof will do, and nothing happens."""
        app = self.enrol(self.portal, OTHER_SECRET)
        self.enrol(self.portal, SECRET, "Tablet")
        device = self.issue_device(self.portal)
        records = {"revoke": device.id}
        buttons = ["add", "replace", "disable", "revoke_all", "log_out_all"]
        buttons += ["rename", "remove", "revoke"]
        for ages in ({}, {"password_age": 0}, {"password_age": STALE, "proof_age": STALE}):
            for button in buttons:
                self.sign_in(self.portal, **ages)
                with self.subTest(button=button, **ages):
                    asked = self.press_button(button, records.get(button, app.id))
                    self.assertIn("/my/security/confirm/", asked.url)
                    self.assertIn('name="mfa_code"', asked.text)
                    self.assertIn("/confirm/", self.confirm_it(asked).url)
        self.assertTrue(self.is_on(self.portal))
        self.assertTrue(device.exists())
        self.assertEqual(self.names_of(self.portal), ["Phone", "Tablet"])

    def test_records_of_others(self):
        """For every button: no app, device, dialog or identity check of somebody else."""
        theirs = self.enrol(self.other, OTHER_SECRET)
        self.enrol(self.other, SECRET, "Tablet")
        device = self.issue_device(self.other)
        self.sign_in_fresh(self.other)
        dialogs = [self.press_button("add").url, self.press_button("rename", theirs.id).url]
        self.sign_in(self.other)
        dialogs.append(self.press_button("add").url)
        self.sign_in_fresh()
        for button in ("rename", "remove"):
            with self.subTest(button=button):
                self.assertSaid(self.press_button(button, theirs.id), "no longer there")
        self.assertSaid(self.press_button("revoke", device.id), "no longer there")
        for url in dialogs:
            with self.subTest(url=url):
                self.assertSaid(self.url_open(url), "expired")
                data = {"csrf_token": self.csrf_of(self.page()), "name": "Mine"}
                self.assertSaid(self.url_open(url, data=data), "expired")
        self.assertEqual(self.names_of(self.other), ["Phone", "Tablet"])
        self.assertTrue(device.exists())

    def test_what_no_page_sends(self):
        self.sign_in_fresh()
        for button, record in (("unlink", "1"), ("", ""), ("remove", "x"), ("revoke", "-1")):
            with self.subTest(button=button):
                answer = self.press_button(button, record)
                self.assertTrue(answer.url.endswith("/my/security"))
        form = self.press_button("add")
        answer = self.fill_in(form, name="x" * 300, confirmation_code="\x00", button="unlink")
        self.assertIn('role="alert"', answer.text)
        without_token = self.url_open("/my/security/press", data={"button": "add"})
        self.assertEqual(without_token.status_code, 400)
        self.authenticate(None, None)
        self.assertIn("/web/login", self.page().url)

    def test_log_out_from_all_devices(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.log_in(self.portal, self.new_code(OTHER_SECRET), remember="1")
        self.page()
        self.new_browser(FIREFOX)
        self.sign_in_fresh()
        asked = self.press_button("log_out_all")
        self.assertIn("Chrome on", asked.text)
        self.assertSaid(self.fill_in(asked, button="action_log_out_and_forget"), "Logged out")
        self.assertFalse(self.portal.trusted_device_ids)
        self.assertLoggedIn(self.portal)


@tagged("post_install", "-at_install")
class TestPortalState(PortalCase):
    """What the page says."""

    def test_off(self):
        self.sign_in(self.portal)
        text = self.page().text
        self.assertIn("Your password alone opens this account.", text)
        self.assertIn('value="add"', text)
        for button in ("enable", "disable", "remove", "revoke_all"):
            self.assertNotIn(f'value="{button}"', text)

    def test_kept_apps(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.portal._mfa_disable()
        self.sign_in(self.portal)
        text = self.page().text
        self.assertIn("Your apps are kept.", text)
        self.assertIn('value="enable"', text)
        self.assertIn('value="remove"', text)

    def test_on(self):
        self.enrol(self.portal, OTHER_SECRET)
        self.sign_in(self.portal)
        text = self.page().text
        self.assertIn("A code of one of these apps is asked at login.", text)
        self.assertIn("Without your phone you would be locked out.", text)
        self.assertIn('value="disable"', text)
        self.assertNotIn("requires an", " ".join(text.split()))

    def test_mail(self):
        self.company.mfa_policy_portal = "mail"
        self.authenticate(self.portal.login, None, session_extra={"mfa_since": time.time()})
        text = self.text_of(self.page())
        self.assertIn("Code by e-mail.", text)
        self.assertIn(f"{self.company.name} requires a code by e-mail", text)

    def test_app(self):
        """Under a policy that asks for an app there is no button to disable, but one to replace."""
        self.enrol(self.portal, OTHER_SECRET)
        self.company.mfa_policy_portal = "app"
        self.sign_in_fresh()
        page = self.page()
        self.assertIn(f"{self.company.name} requires an authenticator app", self.text_of(page))
        self.assertNotIn('value="disable"', page.text)
        self.assertIn('value="replace"', page.text)
        answer = self.press_on(page, "disable")
        self.assertSaid(answer, "so two-factor authentication stays on")
        self.assertIn("alert-danger", answer.text)
        self.assertTrue(self.is_on(self.portal))

    def test_grace(self):
        self.company.write({"mfa_policy_portal": "app", "mfa_grace_days": 3})
        self.sign_in(self.portal)
        text = self.page().text
        self.assertIn("an authenticator app", text)
        self.assertIn("is required", text)
        day = (fields.Datetime.now() + timedelta(days=3)).strftime("%m/%d/%Y")
        self.assertIn(day, text)
        self.assertIn("Add one before then.", text)

    def test_exempt(self):
        open_door(self.portal).write(
            {"mfa_exempt_networks": "127.0.0.0/8", "mfa_exempt_reason": "Terminal"}
        )
        self.post_password(self.portal)
        page = self.page()
        self.assertIn("Protected by its networks.", page.text)
        self.assertNotIn('value="add"', page.text)
        answer = self.confirm_it(self.press_on(page, "add"))
        self.assertSaid(answer, "is exempt from two-factor authentication")

    def test_own_events_only(self):
        events = self.env["res.users.mfa.event"]
        events._record("removed", self.portal, "My own tablet")
        events._record("removed", self.other, "Strange tablet")
        for user in (self.portal, self.env.ref("base.user_admin")):
            self.sign_in(user)
            self.assertNotIn("Strange tablet", self.page().text)
        self.sign_in(self.portal)
        self.assertIn("My own tablet", self.page().text)

    def test_events_by_page(self):
        for number in range(21):
            self.env["res.users.mfa.event"]._record("removed", self.portal, f"App-{number:02}.")
        self.sign_in(self.portal)

        def shown(page):
            return re.findall(r"App-(\d\d)\.", LINE.search(self.page(page=page).text)[0])

        pages = [shown(page) for page in ("1", "2", "3", "4")]
        self.assertEqual([len(page) for page in pages], [10, 10, 1, 0])
        self.assertEqual(len({line for page in pages for line in page}), 21)
        self.assertIn("page=2#mfa_events", self.page().text)
        self.assertNotIn("page=4", self.page(page="3").text)
        for page in ("0", "-1", "x", "9" * 30):
            self.assertEqual(shown(page), pages[0])

    def test_times_and_words_of_the_reader(self):
        """Events stand in the user's time zone."""
        self.portal.tz = "Asia/Tokyo"
        self.env["res.users.mfa.event"]._record("removed", self.portal, "Tablet")
        self.sign_in(self.portal)
        there = fields.Datetime.context_timestamp(
            self.portal.with_context(tz="Asia/Tokyo"), fields.Datetime.now()
        )
        text = LINE.search(self.page().text)[0]
        self.assertIn("App removed", text)
        times = {f"{moment:%-I:%M}" for moment in (there, there - timedelta(minutes=1))}
        self.assertTrue(any(shown in text for shown in times), times)

    def test_shared_documents_need_no_login(self):
        """A policy for portal users asks nothing of who has the link of a document."""
        document = self.env["ir.attachment"].create({"name": "offer.txt", "raw": b"Our offer"})
        token = document.generate_access_token()[0]
        self.company.mfa_policy_portal = "app"
        self.authenticate(None, None)
        self.opener.headers["Accept"] = "text/html"
        url = f"/web/content/{document.id}"
        self.assertEqual(self.url_open(f"{url}?access_token={token}").content, b"Our offer")
        self.assertEqual(self.url_open(url).status_code, 404)


@tagged("post_install", "-at_install")
class TestPortalPasskey(PasskeyCase, PortalCase):
    def test_passkey_confirms(self):
        """In the place of password and code; what is no answer of it is refused."""
        self.enrol(self.portal, OTHER_SECRET)
        self.sign_in(self.portal)
        self.assertNotIn("o_mfa_passkey", self.press_button("disable").text)
        self.own_passkey(self.portal)
        self.sign_in(self.portal)
        asked = self.press_button("disable")
        self.assertIn("o_mfa_passkey", asked.text)
        for answer in ("{}", "x", self.touch()[:-9]):
            refused = self.fill_in(asked, passkey=answer)
            self.assertIn("Incorrect Passkey", refused.text)
        self.assertSaid(self.fill_in(asked, passkey=self.touch()), "disabled")
