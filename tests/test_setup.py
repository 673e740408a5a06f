import base64
import re
import shutil
import subprocess
import tempfile
import time
import xmlrpc.client
from html import unescape
from unittest import skipUnless
from urllib.parse import parse_qs, urlsplit

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OTHER_SECRET, SECRET, at, code_of
from .test_asvs_v6_3_1_guessing import GUESSES, GuessCase
from .test_recovery import ELSEWHERE, PAGES, RecoveryCase

SETUP = PAGES + "setup"
CODES = PAGES + "codes"
REMINDER = PAGES + "reminder"
HTML = {"Accept": "text/html"}
WRONG = "000000"
CONFIRM = "Code from the email"


class SetupCase(RecoveryCase):
    """``mfa_bob`` and ``mfa_paul`` have no app, and their company can require one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.paul = cls.new_person("mfa_paul", "base.group_portal")

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")
        # Core counts failures by address in this process, for the tests that follow too.
        self.addCleanup(lambda: getattr(self.registry, "_login_failures", {}).clear())

    def require(self, level="app", **values):
        """Set the policy of the company for everybody, in force now unless ``values`` say so."""
        populations = ("sensitive", "internal", "portal")
        policy = {f"mfa_policy_{population}": level for population in populations}
        self.env.company.write({**policy, **values})
        self.env.flush_all()

    def begin(self, user=None, **values):
        """Give the password; return the set-up page that must follow."""
        page = self.post_password(user or self.bob, **values)
        self.assertPage(page, "setup")
        self.assertLoggedOut()
        return page

    def mail_code(self, user=None):
        """Return the code that was sent to ``user``."""
        self.env.invalidate_all()
        return (user or self.bob)._get_totp_mail_code()[0]

    def mails_sent(self, user=None):
        logs = self.env["auth.totp.rate.limit.log"].sudo()
        domain = [("user_id", "=", (user or self.bob).id), ("limit_type", "=", "send_email")]
        return logs.search_count(domain)

    def confirm_setup(self, page, code=None, user=None, **values):
        """Give the code of the email on ``page``; return the page that follows."""
        values["confirmation"] = self.mail_code(user) if code is None else code
        return self.post(SETUP, page, **values)

    def begin_app(self, user=None, **values):
        """Return the step that shows the key."""
        page = self.confirm_setup(self.begin(user, **values), user=user, **values)
        self.assertIn("mfa_key", page.text)
        return page

    def new_app(self, user=None, **values):
        """Set an app up from the password on; return its secret."""
        page = self.begin_app(user, **values)
        self.set_up(page, **values)
        return self.key_on(page)

    def assertConfirmation(self, page):
        self.assertPage(page, "setup")
        self.assertIn('name="confirmation"', page.text)
        self.assertNotIn("mfa_key", page.text)
        self.assertNotIn("otpauth", page.text)

    def assertNotEnrolled(self, user=None):
        self.assertEqual(self.apps_of(user or self.bob), [])
        self.assertFalse(self.is_on(user or self.bob))


@tagged("post_install", "-at_install")
class TestSetup(SetupCase):
    """What a person does whose company requires an app."""

    @skipUnless(shutil.which("zbarimg") and shutil.which("oathtool"), "zbarimg, oathtool missing")
    def test_main_road(self):
        """From the password to the page asked for, with the QR picture and its code."""
        self.require()
        for user, target in ((self.bob, "/odoo/discuss"), (self.paul, "/my/security")):
            with self.subTest(user=user.login):
                self.new_browser()
                page = self.begin(user, redirect=target)
                self.assertIn(f"{self.env.company.name} requires", page.text)
                self.assertIn(f"{user.login[4]}•••@example.com", page.text)
                self.assertNotIn(user.email, page.text)
                page = self.confirm_setup(page, user=user, redirect=target)
                self.assertPage(page, "setup")
                link = self.read_picture(page)
                secret = parse_qs(urlsplit(link).query)["secret"][0]
                self.assertEqual(secret, self.key_on(page))
                argv = ["oathtool", "--totp", "--base32", secret]
                code = subprocess.check_output(argv, text=True).strip()
                sheet = self.set_up(page, code=code, redirect=target)
                self.assertPage(sheet, "codes")
                self.assertLoggedIn(user)
                self.assertEqual(len(set(self.codes_on(sheet))), 10)
                answer = self.post(CODES, sheet, done="1", redirect=target)
                self.assertIn(target, answer.url)
                self.assertEqual(self.apps_of(user), [("New phone", secret)])
                self.assertIn("enabled", self.kinds_of(user))
                self.assertIn("Two-factor Authentication Enabled", self.subjects_to(user))

    def read_picture(self, page):
        png = re.search(r'src="data:image/png;base64,([^"]+)"', page.text)[1]
        with tempfile.NamedTemporaryFile(suffix=".png") as picture:
            picture.write(base64.b64decode(png))
            picture.flush()
            argv = ["zbarimg", "-q", "--raw", picture.name]
            return subprocess.check_output(argv, text=True).strip()

    def subjects_to(self, user):
        mails = self.env["mail.mail"].sudo().search([("email_to", "ilike", user.email)])
        return " ".join(mails.mapped("subject"))

    def test_codes_by_mail_are_in_the_trail(self):
        self.require("mail")
        page = self.post_password(self.bob)
        with mute_logger("odoo.http"):
            page = self.post_code(page, "000000")
        self.assertLoggedOut()
        self.post_code(page, self.mail_code())
        self.assertLoggedIn(self.bob)
        domain = [("user_id", "=", self.bob.id), ("kind", "in", ("code_accepted", "code_refused"))]
        lines = self.env["res.users.mfa.event"].sudo().search(domain)
        self.assertIn(("code_accepted", "code by email"), [(one.kind, one.note) for one in lines])

    def test_the_next_login_asks_for_the_code(self):
        self.require()
        secret = self.new_app()
        self.new_browser()
        self.log_in(self.bob, code_of(secret, 1))
        self.assertLoggedIn(self.bob)

    def test_no_code_is_asked_again_where_a_second_factor_is_needed(self):
        """The enrolment is a proof: so a person goes on without another code."""
        self.require()
        self.new_app()
        self.assertFalse(self.rpc("/mfa/identity")["result"]["needs_code"])

    def test_without_the_mail(self):
        self.require(mfa_setup_by_mail=False)
        page = self.begin()
        self.assertEqual(self.mails_sent(), 0)
        self.set_up(page)
        self.assertLoggedIn(self.bob)

    def test_reasons(self):
        for values, reason in (
            ({"mfa_policy_internal": "app"}, "of its employees"),
            ({"mfa_policy_portal": "app"}, "customers and"),
            ({"mfa_policy_sensitive": "app"}, "far-reaching"),
        ):
            with self.subTest(values=values):
                user = self.paul if "mfa_policy_portal" in values else self.bob
                self.bob.group_ids = [(4, self.env.ref("base.group_erp_manager").id)]
                self.require("optional", **values)
                self.new_browser()
                self.assertIn(reason, self.begin(user).text)

    def test_language_of_the_user(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.ref("auth_totp_mfa.login_confirm").update_field_translations(
            "arch_db", {"fr_FR": {"Continue": "Continuer ici"}}
        )
        self.bob.lang = "fr_FR"
        self.set_cookie("frontend_lang", "en_US")
        self.require()
        page = self.begin()
        self.assertIn("Continuer ici", page.text)
        self.set_cookie("frontend_lang", "en_US")
        self.assertIn("Continuer ici", self.url_open(SETUP).text, "a reload")

    def test_one_mail_however_often_the_page_is_loaded(self):
        self.require()
        page = self.begin()
        for _reload in range(3):
            self.assertConfirmation(self.url_open(SETUP))
            self.assertConfirmation(self.confirm_setup(page, WRONG))
            self.url_open(SETUP + "?again=1")
        self.assertEqual(self.mails_sent(), 1)
        answer = self.post(SETUP, page, again="1", confirmation="")
        self.assertIn("A new email is on its way", answer.text)
        self.assertNotIn("mfa_error", answer.text)
        self.assertEqual(self.mails_sent(), 2)

    def test_a_sixth_mail_in_an_hour(self):
        self.require()
        page = self.begin()
        for _mail in range(5):
            page = self.post(SETUP, page, again="1")
        self.assertIn("Five codes were sent within an hour", page.text)
        self.assertIn("help code", page.text)
        self.assertEqual(self.mails_sent(), 5)
        self.assertIn("mfa_key", self.confirm_setup(page).text, "the last one is good")

    def test_mail_after_an_hour_of_an_open_session(self):
        self.require("optional")
        self.post_password(self.bob)
        self.require()
        self.url_open(SETUP)
        self.url_open(SETUP)
        self.assertEqual(self.mails_sent(), 1)
        self.put_in_session(mfa_setup_mailed=time.time() - 3601)
        self.url_open(SETUP)
        self.assertEqual(self.mails_sent(), 2)

    def test_wrong_and_expired_mail_code(self):
        self.require()
        page = self.begin()
        code = self.mail_code()
        for typed in (WRONG, "", "abc", "x" * 100_000, "９" * 7, "0000-0000-0000", "\x00"):
            with self.subTest(typed=typed[:20]):
                answer = self.confirm_setup(page, typed)
                self.assertConfirmation(answer)
                self.assertIn('id="mfa_error"', answer.text)
                self.assertIn('aria-describedby="mfa_error"', answer.text)
        with freeze_time(at(time.time() + 2 * 3600)):
            self.put_in_session(mfa_pending=self.in_session("mfa_pending") | {"since": time.time()})
            self.assertConfirmation(self.confirm_setup(page, code))
        self.assertNotEnrolled()

    def test_code_of_another_user(self):
        self.require()
        self.begin(self.paul)
        code = self.mail_code(self.paul)
        self.new_browser()
        self.assertConfirmation(self.confirm_setup(self.begin(), code))

    def test_mail_code_opens_no_later_login(self):
        """Core's key holds the time of the login."""
        self.require()
        self.begin()
        code = self.mail_code()
        with freeze_time(at(time.time() + 60)):
            self.new_browser()
            self.assertConfirmation(self.confirm_setup(self.begin(), code))

    def test_help_code_instead(self):
        self.require()
        code = self.bob._mfa_make_help_code("no mail")
        page = self.confirm_setup(self.begin(), code.upper().replace("-", " "))
        self.assertLoggedOut()
        self.assertIn("help_used", self.kinds_of(self.bob))
        self.set_up(page)
        self.assertLoggedIn(self.bob)
        self.new_browser()
        self.require(mfa_policy_portal="app")
        answer = self.confirm_setup(self.begin(self.paul), code)
        self.assertIn("This code is not valid", answer.text)

    def test_help_code_after_a_reset(self):
        """The code that a reset yields under a policy leads to a new app, and nowhere else."""
        self.require()
        code = self.ann._mfa_reset("phone stolen")[self.ann]
        page = self.confirm_setup(self.begin(self.ann), code)
        self.assertLoggedOut()
        self.set_up(page)
        self.assertLoggedIn(self.ann)
        self.assertEqual([name for name, _secret in self.apps_of(self.ann)], ["New phone"])

    def test_help_code_on_the_address_of_the_code_page(self):
        """Where MFA is off it opens no login."""
        self.require()
        code = self.bob._mfa_make_help_code("no mail")
        page = self.begin()
        answer = self.post_code(page, code)
        self.assertConfirmation(answer)
        self.assertLoggedOut()
        self.assertIn("mfa_key", self.confirm_setup(answer, code).text, "and is still good")

    def test_help_code_can_be_made_for_who_must_enrol(self):
        self.require()
        self.bob._mfa_check_help_code()
        self.require(mfa_grace_days=3)
        self.bob._mfa_check_help_code()

    def test_no_address(self):
        self.bob.email = False
        self.require()
        page = self.begin()
        self.assertIn("No email address is known", page.text)
        self.assertIn("ask your administrator for a help code", page.text)
        self.assertNotIn('name="again"', page.text)
        code = self.bob._mfa_make_help_code("no mail")
        self.set_up(self.confirm_setup(page, code))
        self.assertLoggedIn(self.bob)

    def test_mail_that_cannot_be_sent(self):
        template = self.env.ref("auth_totp_mail.mail_template_totp_mail_code")
        self.env.cr.execute(
            """UPDATE mail_template SET subject = '{"en_US": "{{ object.no_such_field }}"}'
                WHERE id = %s""",
            [template.id],
        )
        template.invalidate_recordset()
        self.require()
        with mute_logger(
            "odoo.addons.auth_totp_mfa.models.res_users_setup",
            "odoo.addons.mail.models.mail_render_mixin",
        ):
            page = self.begin()
        self.assertIn("The code could not be sent by email", page.text)
        self.assertIn("ask your administrator for a help code", page.text)
        self.assertNotIn("Use the last one", page.text, "there is none")
        self.assertConfirmation(page)

    def test_wrong_code_of_the_app_keeps_key_and_name(self):
        self.require()
        page = self.begin_app()
        answer = self.set_up(page, code=WRONG, name="My <phone>")
        self.assertIn("This code is not right", answer.text)
        self.assertEqual(self.key_on(answer), self.key_on(page))
        self.assertIn('value="My &lt;phone&gt;"', answer.text)
        self.assertLoggedOut()
        self.assertNotEnrolled()

    def test_earlier_apps_can_be_left_behind(self):
        self.ann._mfa_disable()
        self.require()
        page = self.begin_app(self.ann)
        self.set_up(page, lost=self.ann.authenticator_ids.id)
        self.assertLoggedIn(self.ann)
        self.assertEqual(self.apps_of(self.ann), [("New phone", self.key_on(page))])

    def test_start_again_as_somebody_else(self):
        self.require()
        page = self.begin()
        self.assertIn("Log in as somebody else", page.text)
        self.post("/web/session/logout", page)
        answer = self.url_open(SETUP, allow_redirects=False)
        self.assertRegex(answer.headers["Location"], "/web/login$")
        self.assertIsNone(self.in_session("pre_uid"))


@tagged("post_install", "-at_install")
class TestSetupOfOpenSessions(SetupCase):
    """An app set up by somebody who is logged in."""

    def open_session(self, user=None):
        """Log in without a policy, then let the policy come into force."""
        self.require("optional")
        self.post_password(user or self.bob)
        self.assertLoggedIn(user or self.bob)
        self.require()

    def test_next_page_leads_here_and_on(self):
        for user, target in ((self.bob, "/odoo/discuss"), (self.paul, "/my/security")):
            with self.subTest(user=user.login):
                self.new_browser()
                self.open_session(user)
                page = self.url_open(target, headers=HTML)
                self.assertConfirmation(page)
                self.assertNotIn('name="skip"', page.text)
                self.assertIn("Log out", page.text)
                page = self.confirm_setup(page, user=user, redirect=target)
                self.set_up(page, redirect=target)
                self.assertIn(target, self.url_open(target, headers=HTML).url)
                self.assertEqual(len(self.apps_of(user)), 1)

    def test_stolen_session_enrols_nothing(self):
        """A session is not enough: not on the page, and not by the web client's calls."""
        self.open_session()
        for values in ({"name": "Thief", "code": WRONG}, {"skip": "1"}, {}):
            with self.subTest(values=values):
                page = self.url_open(SETUP)
                self.assertConfirmation(self.post(SETUP, page, **values))
        self.sign_in(self.bob, password_age=1)
        answer = self.call("res.users", "action_totp_enable_wizard", [self.bob.id])
        self.assertEqual(answer["result"]["url"], SETUP)
        self.assertNotEnrolled()

    @mute_logger("odoo.http")
    def test_screen_opened_before_the_policy(self):
        self.require("optional")
        self.post_password(self.bob)
        screen = self.open_screen(self.bob)
        secret = self.secret_on(screen)
        self.require()
        answer = self.confirm(screen, secret, self.bob)
        self.assertIn("identity is confirmed first", self.message_of(answer))
        self.assertNotEnrolled()
        self.confirm_setup(self.url_open(SETUP))
        self.assertNotIn("error", self.confirm(screen, secret, self.bob))
        self.assertTrue(self.is_on(self.bob))

    @mute_logger("odoo.http")
    def test_core_s_wizard_opened_before_the_policy(self):
        self.require("optional")
        self.post_password(self.paul)
        wizard, row = self.open_core_screen(self.paul)
        self.require()
        context = {"code": code_of(row["secret"])}
        answer = self.call("auth_totp.wizard", "enable", [wizard], context=context)
        self.assertIn("identity is confirmed first", self.message_of(answer))
        self.assertNotEnrolled(self.paul)

    def test_confirmation_of_somebody_else_counts_for_nothing(self):
        self.open_session()
        self.put_in_session(mfa_setup_confirmed={"uid": self.ann.id, "at": time.time()})
        self.assertConfirmation(self.url_open(SETUP))
        self.put_in_session(mfa_setup_confirmed={"uid": self.bob.id, "at": time.time() - 901})
        self.assertConfirmation(self.url_open(SETUP))
        self.put_in_session(mfa_setup_confirmed={"uid": self.bob.id, "at": time.time() - 890})
        self.assertIn("mfa_key", self.url_open(SETUP).text)

    def test_confirmation_ends_with_the_login(self):
        self.require()
        self.begin_app()
        self.assertConfirmation(self.begin())

    def test_without_the_mail_the_password_is_asked_again(self):
        self.open_session()
        self.require(mfa_setup_by_mail=False)
        self.assertIn("mfa_key", self.url_open(SETUP).text, "it was given a moment ago")
        self.put_in_session(mfa_pending=self.in_session("mfa_pending") | {"since": 0})
        page = self.url_open(SETUP + "?redirect=/odoo/discuss")
        self.assertIn("/web/login?redirect=", page.url)
        self.assertIn("your password was given too long", page.text)
        self.assertLoggedOut()
        self.assertNotEnrolled()

    def test_help_code_in_an_open_session(self):
        self.bob.email = False
        self.open_session()
        code = self.bob._mfa_make_help_code("no mail")
        self.set_up(self.confirm_setup(self.url_open(SETUP), code))
        self.assertTrue(self.is_on(self.bob))

    def test_who_became_the_superuser_starts_again(self):
        root = self.new_person("mfa_root", "base.group_system")
        self.require("optional")
        self.post_password(root)
        self.url_open("/web/become")
        self.require()
        page = self.url_open("/odoo", headers=HTML)
        self.assertIn("Your account now needs two-factor authentication", page.text)
        self.assertLoggedOut()

    def test_become_is_no_way_around(self):
        root = self.new_person("mfa_root", "base.group_system")
        self.open_session(root)
        self.assertConfirmation(self.url_open("/web/become", headers=HTML))
        self.assertLoggedIn(root)

    def test_nothing_to_set_up(self):
        """Without a policy one's settings are the place, behind the identity check."""
        for user in (self.bob, self.paul):
            self.new_browser()
            self.post_password(user)
            self.assertNotIn(PAGES, self.url_open(SETUP).url)

    def test_passkey_meets_the_policy(self):
        self.open_session()
        self.put_in_session(mfa_factor="skip")
        self.assertNotIn(PAGES, self.url_open("/odoo", headers=HTML).url)
        page = self.url_open(SETUP)
        self.assertIn('name="skip"', page.text)
        self.assertNotIn(PAGES, self.post(SETUP, page, skip="1").url)

    def test_passkey_of_an_earlier_login_is_forgotten(self):
        """Paul came in by a passkey; without logging out, Bob gives his password."""
        self.open_session(self.paul)
        self.put_in_session(mfa_factor="skip")
        page = self.begin(self.bob)
        self.assertIsNone(self.in_session("mfa_factor"))
        self.assertNotIn('name="skip"', page.text)


@tagged("post_install", "-at_install")
class TestSetupCannotBeSkipped(SetupCase):
    """Who knows the password, and has no app, gets nowhere else."""

    def setUp(self):
        super().setUp()
        self.require()

    def assertNowhereElse(self):
        for path in (
            "/odoo",
            "/web",
            "/my",
            "/my/security",
            "/web/login_successful",
            "/web/become",
        ):
            with self.subTest(path=path):
                answer = self.url_open(path, headers=HTML, allow_redirects=False)
                self.assertEqual(answer.status_code, 303)
                self.assertIn("/web/login", answer.headers["Location"])
        for page in ("lost", "codes", "reminder"):
            with self.subTest(page=page):
                answer = self.url_open(PAGES + page, allow_redirects=False)
                self.assertRegex(answer.headers["Location"], r"/web/login(\?|$)")
        with mute_logger("odoo.http"):
            answer = self.call("res.users", "read", [self.bob.id], ["login"])
            self.assertIn("SessionExpired", answer["error"]["data"]["name"])
            answer = self.call("res.users", "action_totp_enable_wizard", [self.bob.id])
            self.assertIn("SessionExpired", answer["error"]["data"]["name"])
        self.assertLoggedOut()
        self.assertNotEnrolled()

    def test_another_address(self):
        self.begin()
        self.assertNowhereElse()

    def test_after_the_confirmation(self):
        page = self.begin_app()
        self.assertNowhereElse()
        self.set_up(page)
        self.assertLoggedIn(self.bob)

    def test_skip(self):
        for begin in (self.begin, self.begin_app):
            page = begin()
            self.assertNotIn('name="skip"', page.text)
            self.assertPage(self.post(SETUP, page, skip="1"), "setup")
        self.assertLoggedOut()

    def test_app_without_confirmation(self):
        """The code of a key that was never shown, or of one shown in another session."""
        page = self.begin()
        for values in (
            {"name": "Thief", "code": WRONG},
            {"name": "Thief", "code": code_of(SECRET), "confirmation": WRONG},
        ):
            self.assertConfirmation(self.post(SETUP, page, **values))
        other = self.env["res.users.authenticator.create"].with_user(self.bob)._start()
        secret = other._get_secret()
        self.env.flush_all()
        self.put_in_session(mfa_setup=other.id)
        self.assertConfirmation(self.post(SETUP, page, name="Thief", code=code_of(secret)))
        self.assertNotEnrolled()

    def test_screen_of_somebody_else(self):
        other = self.env["res.users.authenticator.create"].with_user(self.ann)._start()
        secret = other._get_secret()
        self.env.flush_all()
        page = self.begin_app()
        for screen in (other.id, 2_000_000_000, 0, None):
            with self.subTest(screen=screen):
                self.put_in_session(mfa_setup=screen)
                answer = self.set_up(page, secret)
                self.assertIn("This page has expired", answer.text)
                self.assertNotIn(secret, answer.text.replace(" ", ""))
        self.assertNotEnrolled()
        self.set_up(answer)
        self.assertLoggedIn(self.bob)

    def test_json_login(self):
        """Of the web client and of the mobile app: half-open as well."""
        answer = self.rpc(
            "/web/session/authenticate",
            db=self.env.cr.dbname,
            login="mfa_bob",
            password="mfa_bob_password",
        )
        self.assertEqual(answer["result"], {"uid": None})
        self.assertNowhereElse()
        self.assertConfirmation(self.url_open(SETUP))

    @mute_logger("odoo.addons.base.models.res_users", "odoo.http")
    def test_rpc(self):
        with self.assertRaises(xmlrpc.client.Fault):
            self.xmlrpc(self.bob, "mfa_bob_password", "res.users", "read", [self.bob.id])
        self.assertFalse(
            self.xmlrpc_common.authenticate(self.env.cr.dbname, "mfa_bob", "mfa_bob_password", {})
        )

    def test_password_reset(self):
        self.bob.partner_id.signup_prepare()
        token = self.bob.partner_id._generate_signup_token()
        page = self.url_open(f"/web/reset_password?token={token}")
        self.post(
            "/web/reset_password",
            page,
            token=token,
            login="mfa_bob",
            name="Bob",
            password="another_1",
            confirm_password="another_1",
        )
        self.assertLoggedOut()
        self.assertConfirmation(self.post_password(self.bob, "another_1"))
        self.assertLoggedOut()

    def test_signup(self):
        self.env["ir.config_parameter"].set_param("auth_signup.invitation_scope", "b2c")
        if "website" in self.env:
            self.env["website"].search([]).auth_signup_uninvited = "b2c"
        answer = self.post(
            "/web/signup",
            self.url_open("/web/signup"),
            login="new@example.com",
            name="New",
            password="new_person_1",
            confirm_password="new_person_1",
        )
        self.assertConfirmation(answer)
        self.assertLoggedOut()
        new = self.env["res.users"].search([("login", "=", "new@example.com")])
        self.set_up(self.confirm_setup(answer, user=new))
        self.assertLoggedIn(new)

    def test_code_page_leads_here(self):
        page = self.begin()
        for answer in (
            self.url_open("/web/login/totp?redirect=/my"),
            self.post_code(page, self.mail_code()),
            self.post("/web/login/totp?recovery=1", page, totp_token="0000-0000-0000"),
        ):
            self.assertConfirmation(answer)
        self.assertLoggedOut()

    def test_this_page_leads_to_the_code_page(self):
        """So that nobody enrols a phone for somebody who has one."""
        page = self.post_password(self.ann)
        for answer in (
            self.url_open(SETUP + "?redirect=/my"),
            self.post(SETUP, page, confirmation=WRONG),
            self.post(SETUP, page, name="Thief", code=WRONG),
        ):
            self.assertIn("/web/login/totp", answer.url)
            self.assertIn('name="totp_token"', answer.text)
        self.put_in_session(mfa_setup_confirmed={"uid": self.ann.id, "at": time.time()})
        self.assertIn('name="totp_token"', self.url_open(SETUP).text)
        self.assertEqual(len(self.apps_of(self.ann)), 1)

    def test_policy_changes_between_the_steps(self):
        self.begin()
        self.require("mail")
        self.assertIn("just sent via email", self.url_open(SETUP).text)
        self.require()
        self.assertConfirmation(self.url_open("/web/login/totp"))
        self.require("optional")
        self.assertIn("Please start again", self.url_open(SETUP).text)
        self.assertLoggedOut()

    def test_device_trusted_after_a_mail_code_is_no_app(self):
        self.require("mail")
        page = self.post_password(self.bob)
        self.post_code(page, self.mail_code(), remember="1")
        self.assertLoggedIn(self.bob)
        token = self.cookie(self.bob).value
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.bob.id}", token)
        self.post_password(self.bob)
        self.assertLoggedIn(self.bob)
        self.require()
        self.new_browser()
        self.set_cookie(f"trusted_devices_{self.bob.id}", token)
        self.begin()
        self.assertConfirmation(self.url_open("/web/login/totp"))
        self.assertLoggedOut()

    def test_half_open_session_becomes_void(self):
        """Too old, password changed, archived, or an app enrolled meanwhile elsewhere."""

        def too_old():
            self.put_in_session(mfa_pending=self.in_session("mfa_pending") | {"since": 0})

        for change in (
            too_old,
            lambda: self.bob.write({"password": "mfa_bob_password"}),
            lambda: self.enrol(self.bob, OTHER_SECRET),
            lambda: self.bob.write({"active": False}),
        ):
            with self.subTest(change=change):
                self.bob.authenticator_ids.sudo()._mfa_open_door().unlink()
                self.bob._mfa_set_enabled(False)
                self.env.flush_all()
                page = self.begin_app()
                change()
                self.env.flush_all()
                answer = self.set_up(page)
                self.assertIn("Please start again", answer.text)
                self.assertLoggedOut()
                self.assertNotIn("New phone", [name for name, _secret in self.apps_of(self.bob)])

    def test_second_tab(self):
        """Two tabs show one key; a login in the second makes the first one's void."""
        page = self.begin_app()
        self.assertEqual(self.key_on(self.url_open(SETUP)), self.key_on(page))
        second = self.begin_app()
        self.assertNotEqual(self.key_on(second), self.key_on(page))
        answer = self.set_up(second, self.key_on(page))
        self.assertIn("This code is not right", answer.text)
        self.set_up(second)
        self.assertEqual(self.apps_of(self.bob), [("New phone", self.key_on(second))])

    def test_two_people_in_one_browser(self):
        """The page of the first does not enrol for the second."""
        first = self.begin_app()
        page = self.begin(self.paul)
        self.assertEqual(self.set_up(first).status_code, 400, "its session is gone")
        self.assertConfirmation(self.set_up(page, self.key_on(first)))
        self.assertNotEnrolled(self.paul)
        self.assertNotEnrolled()

    def test_redirects_stay_on_the_site(self):
        for target in (*ELSEWHERE, "/my\r\nX-Evil: 1"):
            with self.subTest(target=target):
                self.bob.authenticator_ids.sudo()._mfa_open_door().unlink()
                self.env["res.users.recovery.code"]._void(self.bob)
                self.bob._mfa_set_enabled(False)
                self.new_browser()
                self.set_up(self.begin_app(), redirect=target)
                self.assertLoggedIn(self.bob)
                values = {"csrf_token": self.csrf_of(self.url_open(CODES)), "redirect": target}
                answer = self.url_open(CODES, data={**values, "done": "1"}, allow_redirects=False)
                self.assertOnSite(answer)
                self.assertNotIn("X-Evil", answer.headers)

    def test_without_recovery_codes_to_show_straight_on(self):
        self.ann._mfa_disable()
        for target in ("https://evil.example/x", "/my/security"):
            self.ann._mfa_disable()
            self.new_browser()
            page = self.begin_app(self.ann)
            form = {"name": target, "code": code_of(self.key_on(page)), "redirect": target}
            form["csrf_token"] = self.csrf_of(page)
            self.assertOnSite(self.url_open(SETUP, data=form, allow_redirects=False))

    def test_csrf_frames_and_caches(self):
        page = self.begin()
        self.assertEqual(page.headers["X-Frame-Options"], "DENY")
        with mute_logger("odoo.http"):
            answer = self.url_open(SETUP, data={"confirmation": self.mail_code()})
        self.assertEqual(answer.status_code, 400)
        self.assertConfirmation(self.url_open(SETUP))

    def test_without_any_login(self):
        answer = self.url_open(SETUP + "?redirect=/my", allow_redirects=False)
        self.assertIn("/web/login?redirect=%2Fmy", answer.headers["Location"])


@tagged("post_install", "-at_install")
class TestReminder(SetupCase):
    """Days of grace: the login completes, and a page says until when."""

    def setUp(self):
        super().setUp()
        self.require(mfa_grace_days=3)

    def remind(self, user=None, target="/odoo/discuss"):
        self.post_password(user or self.bob)
        self.assertLoggedIn(user or self.bob)
        page = self.url_open(target, headers=HTML)
        self.assertPage(page, "reminder")
        return page

    def test_later(self):
        for user, target in ((self.bob, "/odoo/discuss"), (self.paul, "/my/security")):
            with self.subTest(user=user.login):
                self.new_browser()
                page = self.remind(user, target)
                self.assertIn(f"{self.env.company.name} requires", page.text)
                answer = self.post(REMINDER, page, answer="later", redirect=target)
                self.assertIn(target, answer.url)
                self.assertIn(target, self.url_open(target, headers=HTML).url, "once for a login")
                self.new_browser()
                self.remind(user, target)

    def test_now(self):
        for user, target in ((self.bob, "/odoo/discuss"), (self.paul, "/my/security")):
            with self.subTest(user=user.login):
                self.new_browser()
                page = self.remind(user, target)
                page = self.post(REMINDER, page, answer="setup", redirect=target)
                self.assertConfirmation(page)
                self.assertIn('name="skip"', page.text)
                page = self.confirm_setup(page, user=user, redirect=target)
                answer = self.set_up(page, redirect=target)
                self.assertPage(answer, "codes")
                self.assertTrue(self.is_on(user))
                self.new_browser()
                self.log_in(user, code_of(self.key_on(page), 1))
                self.assertNotIn(REMINDER, self.url_open(target, headers=HTML).url)

    def test_not_now_after_all(self):
        page = self.post(REMINDER, self.remind(), answer="setup", redirect="/my")
        answer = self.post(SETUP, page, skip="1", redirect="/my")
        self.assertTrue(answer.url.endswith("/my"))
        self.assertNotEnrolled()

    def test_until_when_in_time_zone_and_format_of_the_user(self):
        end = fields.Datetime.from_string("2026-12-31 22:30:00")
        self.env.company.sudo().mfa_policy_internal_since = end
        self.require(mfa_grace_days=0)
        self.env["res.lang"]._activate_lang("de_DE")
        for lang, tz, shown in (
            ("en_US", "UTC", ("December 31, 2026", "10:30\u202fPM")),
            ("en_US", "Asia/Tokyo", ("January 1, 2027", "7:30\u202fAM")),
            ("de_DE", "Europe/Berlin", ("31. Dezember 2026", "23:30")),
        ):
            with self.subTest(lang=lang, tz=tz), freeze_time("2026-12-30 12:00:00"):
                self.bob.write({"lang": lang, "tz": tz})
                text = self.bob.with_context(lang=lang)._mfa_reminder()
                for part in shown:
                    self.assertIn(part, text)

    def test_who_has_an_app_is_not_reminded(self):
        self.log_in()
        self.assertNotIn(REMINDER, self.url_open("/odoo", headers=HTML).url)
        self.put_in_session(mfa_remind=True)
        self.assertNotIn(REMINDER, self.url_open("/odoo", headers=HTML).url)

    def test_mail_code_of_the_login_confirms_the_set_up(self):
        """A code by email was given a moment ago: no second one is asked for."""
        self.require("mail")
        self.require("app", mfa_grace_days=3)
        page = self.post_password(self.bob)
        self.post_code(page, self.mail_code())
        self.assertLoggedIn(self.bob)
        page = self.post(REMINDER, self.url_open("/odoo", headers=HTML), answer="setup")
        self.assertIn("mfa_key", page.text)

    def test_half_open_session_at_the_code_page_sets_nothing_up(self):
        self.require("mail")
        self.require("app", mfa_grace_days=3)
        self.post_password(self.bob)
        self.assertIn("just sent via email", self.url_open(SETUP).text)

    def test_no_open_redirect(self):
        page = self.remind()
        for target in ELSEWHERE:
            for answer in ("later", "setup"):
                with self.subTest(target=target, answer=answer):
                    values = {"csrf_token": self.csrf_of(page), "redirect": target}
                    self.assertOnSite(
                        self.url_open(
                            REMINDER, data={**values, "answer": answer}, allow_redirects=False
                        )
                    )

    def test_after_the_grace(self):
        self.remind()
        with freeze_time(at(time.time() + 3 * 24 * 3600 + 60)):
            self.assertConfirmation(self.url_open("/odoo", headers=HTML))


@tagged("post_install", "-at_install")
class TestNotices(SetupCase):
    """What the login page says to whom a policy has led there."""

    def notice(self, **session):
        self.new_browser()
        self.url_open("/web/login")
        self.put_in_session(**session)
        return unescape(self.url_open("/web/login").text)

    def test_texts(self):
        for notice, text in (
            ("network", "only from the networks that your administrator"),
            ("policy", "now needs two-factor authentication"),
            ("password", "your password was given too long"),
            ("session", "You were logged out, as set"),
            ("login", "Please start again"),
        ):
            with self.subTest(notice=notice):
                self.assertIn(text, self.notice(mfa_notice=notice))
                self.assertNotIn(text, self.url_open("/web/login").text, "said once")

    def test_code_page_without_an_address(self):
        """Level mail: no code can be sent, and the help code is asked for."""
        self.bob.email = False
        self.require("mail")
        page = self.post_password(self.bob)
        self.assertIn("No email address is known for your account", page.text)
        self.assertIn("administrator for a help code", page.text)
        self.assertNotIn("Cannot send email", page.text)
        self.assertNotIn("sent via email", page.text)
        self.assertNotIn("send_email", page.text)
        code = self.bob._mfa_make_help_code("no mail")
        self.post_code(page, code)
        self.assertLoggedIn(self.bob)

    def test_help_code_at_level_mail_logs_in(self):
        """The app is not required there: it is offered, and may be left."""
        self.require("mail")
        code = self.bob._mfa_make_help_code("no mail")
        page = self.post_code(self.post_password(self.bob), code)
        self.assertPage(page, "setup")
        self.assertLoggedIn(self.bob)
        self.assertNotIn(PAGES, self.post(SETUP, page, skip="1").url)
        self.assertNotEnrolled()


@tagged("post_install", "-at_install")
class TestGuessingAtTheSetup(GuessCase, SetupCase):
    """Fifty guesses at the confirmation: five are compared, whatever happens around them."""

    def setUp(self):
        super().setUp()
        self.require()

    def guess_on(self, page):
        return lambda code: self.confirm_setup(page, code).text

    def assertMailCodesAreVain(self, guess):
        right = self.mail_code()
        self.assertGuessingIsVain("mail", guess, WRONG, lambda: right, counter="app")
        self.assertNotEnrolled()

    def test_mail_code(self):
        self.assertMailCodesAreVain(self.guess_on(self.begin()))
        self.assertLoggedOut()

    def test_mail_code_in_an_open_session(self):
        self.require("optional")
        self.post_password(self.bob)
        self.require()
        self.assertMailCodesAreVain(self.guess_on(self.url_open(SETUP)))

    def test_mail_code_with_a_new_mail_each(self):
        """Another email gives no more guesses."""
        page = self.begin()

        def guess(code):
            self.post(SETUP, page, again="1")
            with self.reads("mail") as reads:
                answer = self.confirm_setup(page, code).text
            compared.append(reads.count)
            return answer

        compared = []
        with freeze_time(at(time.time())):
            for _guess in range(GUESSES - 1):
                guess(WRONG)
            guess(self.mail_code())
        self.assertEqual(sum(compared), 5)
        self.assertNotEnrolled()

    def test_mail_code_with_a_new_password_each(self):
        """A correct password clears nothing. It reads the time of the login itself, though."""
        guesses = 0
        with freeze_time(at(time.time())):
            for _guess in range(GUESSES):
                self.new_browser()
                page = self.begin()
                with self.reads("mail") as reads:
                    self.confirm_setup(page, WRONG)
                guesses += reads.count
        self.assertEqual(guesses, 5)

    def test_mail_code_on_core_s_page(self):
        self.require("mail")
        page = self.post_password(self.bob)
        codes = [WRONG] * (GUESSES - 1) + [self.mail_code()]
        with freeze_time(at(time.time())), self.reads("mail") as reads:
            for code in codes:
                self.post_code(page, code)
        self.assertEqual(reads.count, 5)
        self.assertLoggedOut()

    def test_help_code(self):
        code = self.bob._mfa_make_help_code("no mail")
        guess = self.guess_on(self.begin())
        self.assertGuessingIsVain("help", guess, "0000-0000-0000", lambda: code)
        self.assertLoggedOut()

    def test_code_of_the_app_is_compared_with_what_the_page_shows(self):
        page = self.begin_app()
        with self.reads("app") as reads:
            for _guess in range(GUESSES):
                self.assertIn("This code is not right", self.set_up(page, code=WRONG).text)
        self.assertEqual(reads.count, 0)
        self.assertEqual(self.rows(), {})
