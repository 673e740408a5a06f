import base64
import re
import shutil
import subprocess
import tempfile
import time
from html import unescape
from unittest import skipUnless
from urllib.parse import unquote

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools import tokens
from .common import OTHER_SECRET, SECRET, code_of
from .test_enrolment import EnrolmentCase

CODE = re.compile(r"\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b")
PAGES = "/web/login/totp/"
ELSEWHERE = (
    "https://evil.example/x",
    "//evil.example/x",
    r"\\evil.example/x",
    r"/\evil.example",
    "javascript:alert(1)",
)


class RecoveryCase(EnrolmentCase):
    """``mfa_ann`` has ten recovery codes, and a browser without JavaScript."""

    def setUp(self):
        super().setUp()
        self.codes = self.ann._mfa_make_recovery_codes()
        self.env.flush_all()

    def use_code(self, code, user=None, **values):
        """Log in with password and ``code`` on the form for such codes."""
        page = self.post_password(user or self.ann)
        link = re.search(r'href="(/web/login/totp\?recovery=1[^"]*)"', page.text)[1]
        form = self.url_open(unescape(link))
        values = {"totp_token": code, "csrf_token": self.csrf_of(form), **values}
        return self.url_open(unescape(link), data=values)

    def post(self, path, page, **values):
        hidden = dict(re.findall(r'<input type="hidden" name="(voids)" value="(\d+)"', page.text))
        data = {"csrf_token": self.csrf_of(page), **hidden, **values}
        return self.url_open(path, data=data)

    def codes_on(self, page):
        """Return the codes in the list of ``page``."""
        block = re.search(r'<ul class="o_mfa_codes.*?</ul>', page.text, re.S)
        return CODE.findall(block[0]) if block else []

    def key_on(self, page):
        return re.search(r'id="mfa_key"[^>]*>([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")

    def set_up(self, page, secret=None, **values):
        """Fill in the page that enrols an app, as somebody who has scanned its key."""
        values = {"name": "New phone", "code": code_of(secret or self.key_on(page)), **values}
        return self.post(PAGES + "setup", page, **values)

    def left(self, user=None):
        self.env.invalidate_all()
        return (user or self.ann).recovery_codes_left

    def kinds_of(self, user):
        """Return the kinds of the trail's lines of ``user``, oldest first."""
        lines = self.env["res.users.mfa.event"].search([("user_id", "=", user.id)])
        return lines.sorted("id").mapped("kind")

    def in_session(self, key):
        return self.stored_session().get(key)

    def assertPage(self, answer, page):
        self.assertEqual(answer.status_code, 200)
        self.assertIn(PAGES + page, answer.url)
        self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def assertOnSite(self, answer):
        self.assertEqual(answer.status_code, 303)
        self.assertRegex(answer.headers["Location"], rf"^({self.base_url()})?/(?![/\\])")


@tagged("post_install", "-at_install")
class TestRecoveryCodes(RecoveryCase):
    """What a recovery code is, and what it opens."""

    def test_form_and_entropy(self):
        self.assertEqual(len(set(self.codes)), 10)
        for code in self.codes:
            self.assertRegex(code, rf"^[{tokens.ALPHABET}]{{4}}(-[{tokens.ALPHABET}]{{4}}){{3}}$")
        self.assertEqual(len(set(tokens.ALPHABET)), 32)
        self.assertFalse(set("ilou") & set(tokens.ALPHABET))
        many = [tokens.one_time_code(tokens.RECOVERY_LENGTH) for _number in range(500)]
        self.assertEqual(len(set(many)), 500)
        for place in range(16):
            drawn = {code.replace("-", "")[place] for code in many}
            self.assertEqual(drawn, set(tokens.ALPHABET), "every place takes every character")

    def test_only_hashes_are_stored(self):
        self.env.cr.execute("SELECT to_jsonb(c)::text FROM res_users_recovery_code AS c")
        stored = " ".join(row[0] for row in self.env.cr.fetchall())
        for code in self.codes:
            self.assertNotIn(code, stored)
            self.assertNotIn(code.replace("-", ""), stored)
            self.assertIn(tokens.fingerprint(code.replace("-", "")), stored)

    def test_sheet_has_site_account_and_date(self):
        sheet = self.ann._mfa_recovery_sheet(self.codes)
        for text in (self.ann.get_base_url(), "mfa_ann", str(time.gmtime().tm_year), *self.codes):
            self.assertIn(text, sheet["text"])
        self.assertEqual(unquote(sheet["href"].split(",", 1)[1]), sheet["text"])
        self.assertTrue(sheet["filename"].endswith(".txt"))

    def test_each_code_once(self):
        self.use_code(self.codes[0])
        self.assertLoggedIn(self.ann)
        self.new_browser()
        answer = self.use_code(self.codes[0])
        self.assertIn("This code is not valid", answer.text)
        self.assertLoggedOut()
        self.use_code(self.codes[1].upper().replace("-", " "))
        self.assertLoggedIn(self.ann)
        self.assertEqual(self.left(), 8)

    def test_code_of_another_user(self):
        self.enrol(self.bob, OTHER_SECRET)
        answer = self.use_code(self.codes[0], self.bob)
        self.assertIn("This code is not valid", answer.text)
        self.assertLoggedOut()
        self.assertEqual(self.left(), 10)

    def test_number_left_is_the_owner_s_business(self):
        for user in (self.ann, self.env.ref("base.user_admin")):
            self.assertEqual(self.ann.with_user(user).recovery_codes_left, 10)
        fields = ["recovery_codes_left", "recovery_codes_few"]
        self.env["res.users.recovery.code"]._void(self.ann)
        self.env["res.users.recovery.code"]._make(self.ann, 2)
        self.sign_in(self.bob)
        [read] = self.call("res.users", "read", [self.ann.id], fields)["result"]
        self.assertEqual([read[name] for name in fields], [0, False])
        self.sign_in(self.ann)
        [read] = self.call("res.users", "read", [self.ann.id], fields)["result"]
        self.assertEqual([read[name] for name in fields], [2, True])

    def test_new_codes_void_old_ones(self):
        new = self.ann._mfa_make_recovery_codes()
        self.use_code(self.codes[0])
        self.assertLoggedOut()
        self.use_code(new[0])
        self.assertLoggedIn(self.ann)

    def test_mail_trail_and_number_left(self):
        answer = self.use_code(self.codes[0])
        self.assertPage(answer, "lost")
        self.assertIn("Recovery codes left: <b>9</b>", answer.text)
        mail = self.env["mail.mail"].sudo().search([("subject", "ilike", "Recovery Code Used")])
        self.assertEqual(len(mail), 1)
        self.assertIn("ann@example.com", mail.email_to)
        self.assertIn("Recovery codes left: 9", mail.body_html)
        self.assertIn("recovery_used", self.kinds_of(self.ann))

    def test_locked_app_codes_stop_no_recovery_code(self):
        self.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")
        page = self.post_password(self.ann)
        for _guess in range(5):
            page = self.post_code(page, code_of(SECRET, offset=7))
        self.assertIn("Too many wrong codes", self.post_code(page, code_of(SECRET)).text)
        self.use_code(self.codes[0])
        self.assertLoggedIn(self.ann)
        self.assertFalse(
            self.env["res.users.mfa.attempt"].search([]), "a recovery code clears the count"
        )

    def test_closed_app_codes_open_again(self):
        self.env["res.users.mfa.attempt"]._mfa_open_door().create(
            {"user_id": self.ann.id, "counter": "app", "failures": 100, "last_try": time.time()}
        )
        page = self.post_password(self.ann)
        self.assertIn("codes of apps are locked", self.post_code(page, code_of(SECRET)).text)
        self.use_code(self.codes[0])
        self.new_browser()
        self.log_in()
        self.assertLoggedIn(self.ann)


@tagged("post_install", "-at_install")
class TestRecoveryLogin(RecoveryCase):
    """The login by recovery or help code, without JavaScript."""

    def test_form(self):
        page = self.post_password(self.ann, redirect="/my/security")
        self.assertIn("/web/login/totp?recovery=1&amp;redirect=%2Fmy%2Fsecurity", page.text)
        form = self.url_open("/web/login/totp?recovery=1&redirect=/my/security").text
        field = re.search(r"<input[^>]*totp_token[^>]*>", form)[0]
        self.assertIn('maxlength="64"', field)
        self.assertIn('autocomplete="off"', field)
        self.assertIn("xxxx-xxxx-xxxx-xxxx", field)
        self.assertNotIn("inputmode", field)
        self.assertEqual(form.count('name="totp_token"'), 1)
        self.assertEqual(form.count('for="totp_token"'), 1)
        self.assertNotIn('name="remember"', form)
        self.assertIn("help code that your", form)
        self.assertNotIn("six-digit", form)
        self.assertIn('href="/web/login/totp?redirect=%2Fmy%2Fsecurity"', form)

    def test_error_stays_on_the_form(self):
        for typed in ("no such thing", "9999-9999-9999-9999", "x" * 100_000, "000000"):
            with self.subTest(typed=typed[:20]):
                self.new_browser()
                answer = self.use_code(typed)
                self.assertEqual(answer.status_code, 200)
                self.assertIn("Use a recovery code", answer.text)
                self.assertIn("alert-danger", answer.text)
                self.assertLoggedOut()

    def test_what_is_no_code_is_not_counted(self):
        self.use_code("no such thing")
        self.assertFalse(self.env["res.users.mfa.attempt"].search([]))

    def test_code_of_the_app_is_taken_too(self):
        self.use_code(code_of(SECRET))
        self.assertLoggedIn(self.ann)

    def test_box_ticked_by_hand_trusts_no_device(self):
        self.use_code(self.codes[0], remember="1")
        self.assertLoggedIn(self.ann)
        self.assertIsNone(self.cookie(self.ann))

    def test_kept_phone_goes_on(self):
        page = self.use_code(self.codes[0], redirect="/my/security")
        self.assertPage(page, "lost?redirect=%2Fmy%2Fsecurity")
        answer = self.post(PAGES + "lost", page, answer="kept", redirect="/my/security")
        self.assertTrue(answer.url.endswith("/my/security"))
        self.assertNotIn("/lost", self.url_open(PAGES + "lost").url, "the question was answered")

    def test_lost_phone(self):
        """A new app with no further code, and the old one is gone."""
        page = self.post(PAGES + "lost", self.use_code(self.codes[0]), answer="lost")
        self.assertPage(page, "setup")
        self.assertRegex(page.text, r'name="lost"[^>]*checked')
        secret = self.key_on(page)
        lost = self.ann.authenticator_ids
        answer = self.set_up(page, lost=lost.id, redirect="/my/security")
        self.assertTrue(answer.url.endswith("/my/security"))
        self.assertEqual(self.apps_of(self.ann), [("New phone", secret)])
        self.assertTrue(self.is_on(self.ann))
        self.assertEqual(self.left(), 9)
        for kind in ("removed", "enrolled"):
            self.assertIn(kind, self.kinds_of(self.ann))
        subjects = self.env["mail.mail"].sudo().search([], limit=2, order="id desc")
        self.assertCountEqual(
            [subject.split(": ")[1] for subject in subjects.mapped("subject")],
            ["Authenticator App Added", "Authenticator App Removed"],
        )
        self.new_browser()
        self.log_in(code=code_of(SECRET))
        self.assertLoggedOut()
        self.log_in(code=code_of(secret, 1))
        self.assertLoggedIn(self.ann)

    def test_new_app_may_have_the_name_of_the_lost_one(self):
        self.use_code(self.codes[0])
        page = self.url_open(PAGES + "setup")
        self.set_up(page, name="Phone", lost=self.ann.authenticator_ids.id)
        self.assertEqual([name for name, _secret in self.apps_of(self.ann)], ["Phone"])

    def test_tenth_app(self):
        """Ten apps are the most, but one may take the place of another."""
        for number in range(9):
            self.enrol(self.ann, name=f"Phone {number}")
        self.use_code(self.codes[0])
        page = self.url_open(PAGES + "setup")
        answer = self.set_up(page)
        self.assertIn("which is the most", answer.text)
        self.assertLoggedIn(self.ann)
        self.set_up(answer, lost=self.ann.authenticator_ids[:1].id)
        self.assertEqual(len(self.apps_of(self.ann)), 10)

    def test_wrong_code_keeps_page_key_and_ticks(self):
        second = self.enrol(self.ann, OTHER_SECRET, "Tablet")
        self.use_code(self.codes[0])
        page = self.url_open(PAGES + "setup")
        secret = self.key_on(page)
        answer = self.set_up(page, code="000000", lost=second.id, name="My <phone>")
        self.assertPage(answer, "setup")
        self.assertIn("This code is not right", answer.text)
        self.assertEqual(self.key_on(answer), secret)
        self.assertIn('value="My &lt;phone&gt;"', answer.text)
        ticked = re.findall(r'id="lost_(\d+)"[^>]*checked', answer.text)
        self.assertEqual(ticked, [str(second.id)])
        self.assertEqual(len(self.apps_of(self.ann)), 2)
        self.assertEqual(self.key_on(self.url_open(PAGES + "setup")), secret, "and a reload")

    @skipUnless(shutil.which("zbarimg"), "zbarimg is not on this machine")
    def test_picture_is_the_key(self):
        self.use_code(self.codes[0])
        page = self.url_open(PAGES + "setup")
        png = re.search(r'src="data:image/png;base64,([^"]+)"', page.text)[1]
        with tempfile.NamedTemporaryFile(suffix=".png") as picture:
            picture.write(base64.b64decode(png))
            picture.flush()
            text = subprocess.check_output(["zbarimg", "-q", "--raw", picture.name], text=True)
        link = unescape(re.search(r'href="(otpauth://[^"]+)"', page.text)[1])
        self.assertEqual(text.strip(), link)
        self.assertIn(f"secret={self.key_on(page)}", link)

    def test_help_code(self):
        """From a help code straight to a new app, and to recovery codes where there are none."""
        self.env["res.users.recovery.code"]._void(self.ann)
        code = self.ann._mfa_make_help_code("lost everything")
        page = self.use_code(code, redirect="/my/security")
        self.assertPage(page, "setup?redirect=%2Fmy%2Fsecurity")
        sheet = self.set_up(page, lost=self.ann.authenticator_ids.id, redirect="/my/security")
        self.assertPage(sheet, "codes")
        codes = self.codes_on(sheet)
        self.assertEqual(len(set(codes)), 10)
        self.assertRegex(sheet.text, r'<input[^>]*name="done"[^>]*required')
        answer = self.post(PAGES + "codes", sheet, done="1", redirect="/my/security")
        self.assertTrue(answer.url.endswith("/my/security"))
        self.new_browser()
        self.use_code(codes[3])
        self.assertLoggedIn(self.ann)

    def test_help_code_after_a_reset(self):
        """MFA is off, a policy asks for a second factor: the help code takes its place."""
        self.env["ir.config_parameter"].set_param("auth_totp.policy", "all_required")
        self.ann._mfa_reset("phone stolen")
        code = self.ann._mfa_make_help_code("phone stolen")
        page = self.post_password(self.ann)
        self.assertIn("just sent via email", page.text)
        self.assertIn("Use a help code", page.text)
        mails = self.env["mail.mail"].sudo().search_count([])
        form = self.url_open("/web/login/totp?recovery=1")
        self.assertNotIn("via email to", form.text)
        self.assertNotIn("send_email", form.text)
        self.assertEqual(self.env["mail.mail"].sudo().search_count([]), mails, "no code is mailed")
        page = self.post("/web/login/totp?recovery=1", form, totp_token=code)
        self.assertPage(page, "setup")
        self.assertEqual(len(self.codes_on(self.set_up(page))), 10)
        self.assertTrue(self.is_on(self.ann))

    def test_portal_user(self):
        paul = self.new_person("mfa_paul", "base.group_portal")
        self.enrol(paul)
        code = paul._mfa_make_recovery_codes()[0]
        page = self.post(PAGES + "lost", self.use_code(code, paul), answer="lost")
        answer = self.set_up(page, lost=paul.authenticator_ids.id)
        self.assertIn("/my", answer.url)
        self.assertEqual([name for name, _secret in self.apps_of(paul)], ["New phone"])
        page = self.url_open("/my/security")
        self.assertIn("Recovery codes left: <b>9</b>", page.text)
        page = self.url_open(PAGES + "codes?redirect=/my/security")
        self.assertEqual(len(self.codes_on(self.post(PAGES + "codes", page))), 10)

    def test_pages_speak_the_language_of_the_user(self):
        """And not that of the browser, in which the login page was."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.ref("auth_totp_mfa.login_lost").update_field_translations(
            "arch_db", {"fr_FR": {"Have you lost your phone?": "Téléphone perdu ?"}}
        )
        self.ann.lang = "fr_FR"
        self.set_cookie("frontend_lang", "en_US")
        self.assertIn("Téléphone perdu ?", self.use_code(self.codes[0]).text)


@tagged("post_install", "-at_install")
class TestFewCodes(RecoveryCase):
    """Who is told that recovery codes run out, and how new ones are made."""

    def keep(self, number):
        codes = self.env["res.users.recovery.code"].search([("user_id", "=", self.ann.id)])
        codes[number:]._mfa_open_door().unlink()
        self.env.flush_all()

    def codes_left_in_web_client(self):
        info = self.rpc("/web/session/get_session_info")["result"]
        return info.get("mfa_codes_left")

    def test_login_says_so_at_three_or_fewer(self):
        for number, said in ((4, None), (3, 3), (0, 0)):
            with self.subTest(number=number):
                self.keep(number)
                self.ann.authenticator_ids.sudo()._mfa_open_door().last_step = None
                self.new_browser()
                self.log_in()
                self.assertEqual(self.codes_left_in_web_client(), said)

    def test_recovery_login_says_so(self):
        self.keep(1)
        self.ann._mfa_make_recovery_codes()
        codes = self.codes = self.ann._mfa_make_recovery_codes()
        stored = self.env["res.users.recovery.code"].search([("user_id", "=", self.ann.id)])
        kept = tokens.fingerprint(codes[0].replace("-", ""))
        self.env.cr.execute(
            "DELETE FROM res_users_recovery_code WHERE id = ANY(%s) AND code_hash != %s",
            [stored.ids, kept],
        )
        page = self.use_code(codes[0])
        self.assertIn("It was your last one", page.text)
        self.assertEqual(self.codes_left_in_web_client(), 0)
        answer = self.post(PAGES + "lost", page, answer="codes")
        self.assertPage(answer, "codes")

    def test_who_has_no_mfa_is_told_nothing(self):
        self.post_password(self.bob)
        self.assertIsNone(self.codes_left_in_web_client())

    def test_dismissed(self):
        self.keep(0)
        self.log_in()
        self.assertNotIn("error", self.rpc("/mfa/recovery/dismiss"))
        self.assertIsNone(self.codes_left_in_web_client())

    def test_new_codes_end_the_notice(self):
        self.keep(0)
        self.log_in()
        self.assertIn("You have no recovery codes", self.url_open("/my").text)
        answer = self.press("res.users", "action_mfa_recovery_codes", [self.ann.id], self.ann)
        action = answer["result"]
        self.assertEqual(action["tag"], "mfa_recovery_codes")
        self.assertEqual(len(action["params"]["codes"]), 10)
        self.assertEqual(action["params"]["next"]["res_model"], "res.users")
        self.assertIsNone(self.codes_left_in_web_client())
        self.assertNotIn("You have no recovery codes", self.url_open("/my").text)

    def test_first_app_makes_codes_and_a_second_none(self):
        self.new_browser()
        self.post_password(self.bob)
        for number, tag in ((0, "mfa_recovery_codes"), (1, None)):
            screen = self.open_screen(self.bob)
            answer = self.confirm(screen, self.secret_on(screen), self.bob, name=f"App {number}")
            self.assertEqual(answer["result"]["params"]["next"].get("tag"), tag)
        self.assertEqual(self.left(self.bob), 10)

    def test_button_is_for_the_owner_with_mfa_on(self):
        self.sign_in(self.bob, password_age=1)
        answer = self.press("res.users", "action_mfa_recovery_codes", [self.bob.id])
        self.assertIn("Enable two-factor authentication first", self.message_of(answer))
        answer = self.press("res.users", "action_mfa_recovery_codes", [self.ann.id])
        self.assertIn("Only the owner", self.message_of(answer))
        self.assertEqual(self.left(), 10)

    def test_button_asks_for_the_second_factor(self):
        self.sign_in(self.ann, password_age=1)
        answer = self.press("res.users", "action_mfa_recovery_codes", [self.ann.id])
        self.assertTrue(self.is_identity_check(answer))
        answer = self.identify(answer, self.ann, code_of(SECRET, 5))
        self.assertIn("Verification failed", self.message_of(answer))
        self.assertEqual(self.left(), 10)
        self.use_code(self.codes[0])
        self.assertLoggedIn(self.ann)

    def test_codes_made_elsewhere_meanwhile_are_not_replaced(self):
        self.log_in()
        self.put_in_session(mfa_first_codes=True)
        page = self.url_open(PAGES + "codes")
        self.assertPage(page, "codes")
        self.assertEqual(self.codes_on(page), [])
        self.use_code(self.codes[0])
        self.assertLoggedIn(self.ann)

    def test_page_asks_for_a_code_unless_one_was_just_given(self):
        self.log_in()
        page = self.url_open(PAGES + "codes")
        self.assertPage(page, "codes")
        self.assertNotIn('name="code"', page.text)
        self.assertEqual(self.codes_on(page), [])
        self.put_in_session(mfa_proof={"uid": self.ann.id, "at": time.time() - 601})
        page = self.url_open(PAGES + "codes")
        self.assertIn('name="code"', page.text)
        for typed in ("", "no code", code_of(SECRET, 7), "9999-9999-9999-9999", "x" * 100_000):
            with self.subTest(typed=typed[:20]):
                answer = self.post(PAGES + "codes", page, code=typed)
                self.assertPage(answer, "codes")
                self.assertIn("alert-danger", answer.text)
                self.assertEqual(self.codes_on(answer), [])
        self.assertEqual(self.left(), 10)
        codes = self.codes_on(self.post(PAGES + "codes", page, code=self.codes[0]))
        self.assertEqual(len(codes), 10)
        self.new_browser()
        self.use_code(codes[0])
        self.assertLoggedIn(self.ann)

    def test_reload_makes_no_new_codes(self):
        self.log_in()
        page = self.url_open(PAGES + "codes")
        codes = self.codes_on(self.post(PAGES + "codes", page))
        self.assertEqual(self.codes_on(self.post(PAGES + "codes", page)), [], "the form sent again")
        self.url_open(PAGES + "codes")
        self.new_browser()
        self.use_code(codes[0])
        self.assertLoggedIn(self.ann)

    def test_page_is_for_accounts_with_mfa_on(self):
        self.post_password(self.bob)
        self.assertNotIn(PAGES, self.url_open(PAGES + "codes").url)
        self.assertEqual(self.left(self.bob), 0)


@tagged("post_install", "-at_install")
class TestRecoveryAttacks(RecoveryCase):
    def test_pages_are_for_who_is_logged_in(self):
        for _half_open in range(2):
            for page in ("lost", "setup", "codes"):
                with self.subTest(page=page):
                    answer = self.url_open(PAGES + page, allow_redirects=False)
                    self.assertEqual(answer.status_code, 303)
                    self.assertIn("/web/login", answer.headers["Location"])
                    self.assertNotIn(PAGES, answer.headers["Location"].split("?")[0])
            self.post_password(self.ann)

    def test_setup_without_fresh_proof(self):
        for proof in (None, {"uid": self.ann.id, "at": time.time() - 601}):
            self.sign_in(self.ann, password_age=1)
            self.put_in_session(mfa_recovered="recovery", mfa_proof=proof)
            page = self.url_open("/my/security")
            for answer in (
                self.url_open(PAGES + "setup"),
                self.post(PAGES + "setup", page, name="Thief", code="123456"),
            ):
                self.assertNotIn(PAGES, answer.url)
                self.assertNotIn("otpauth", answer.text)
        self.env.cr.execute("SELECT count(*) FROM res_users_authenticator_create")
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_lost_page_without_a_recovery_code(self):
        self.log_in()
        for answer in (
            self.url_open(PAGES + "lost"),
            self.post(PAGES + "lost", self.url_open(PAGES + "codes"), answer="lost"),
        ):
            self.assertNotIn(PAGES, answer.url)

    def test_mark_of_a_recovery_login_ends_with_it(self):
        self.use_code(self.codes[0])
        self.assertEqual(self.in_session("mfa_recovered"), "recovery")
        self.url_open("/web/session/logout")
        self.log_in()
        self.assertIsNone(self.in_session("mfa_recovered"))

    def test_redirects_stay_on_the_site(self):
        self.log_in()
        page = self.url_open(PAGES + "codes")
        for target in (*ELSEWHERE, "/my\r\nX-Evil: 1", "x" * 5000):
            for path, values in (
                ("lost", {"answer": "kept"}),
                ("setup", {"skip": "1"}),
                ("codes", {"done": "1"}),
            ):
                if path == "lost":
                    self.put_in_session(mfa_recovered="recovery")
                with self.subTest(target=target[:30], path=path):
                    values = {"csrf_token": self.csrf_of(page), "redirect": target, **values}
                    answer = self.url_open(PAGES + path, data=values, allow_redirects=False)
                    self.assertOnSite(answer)
                    self.assertNotIn("X-Evil", answer.headers)

    def test_enrolment_of_somebody_else(self):
        """A screen of another user, or one that is no more, gives nothing away."""
        other = self.env["res.users.authenticator.create"].with_user(self.bob)._start()
        secret = other._get_secret()
        self.env.flush_all()
        self.use_code(self.codes[0])
        for screen in (other.id, 2_000_000_000, 0):
            with self.subTest(screen=screen):
                self.put_in_session(mfa_setup=screen)
                page = self.url_open(PAGES + "setup")
                self.assertPage(page, "setup")
                self.assertNotIn(secret, page.text.replace(" ", ""))
                self.put_in_session(mfa_setup=screen)
                answer = self.set_up(page, secret)
                self.assertIn("This page has expired", answer.text)
                self.assertEqual(len(self.apps_of(self.ann)), 1)
        self.assertTrue(other.exists())

    def test_apps_of_somebody_else_stay(self):
        theirs = self.enrol(self.bob, OTHER_SECRET)
        self.use_code(self.codes[0])
        self.set_up(self.url_open(PAGES + "setup"), lost=theirs.id)
        self.assertTrue(theirs.exists())
        self.assertEqual(len(self.apps_of(self.ann)), 2)

    def test_garbage(self):
        self.use_code(self.codes[0])
        page = self.url_open(PAGES + "setup")
        for values in (
            {"lost": "garbage"},
            {"lost": "9" * 400},
            {"lost": "-1"},
            {"lost": "²"},
            {"name": "x" * 100_000},
            {"name": "\x00"},
            {"code": "x" * 100_000},
            {"code": ""},
            {"name": ""},
        ):
            with self.subTest(values=str(values)[:40]):
                answer = self.set_up(page, **{"code": "000000", **values})
                self.assertPage(answer, "setup")
                self.assertIn("alert-danger", answer.text)
        self.assertEqual(len(self.apps_of(self.ann)), 1)

    def test_csrf(self):
        self.use_code(self.codes[0])
        for page in ("lost", "setup", "codes"):
            with self.subTest(page=page), mute_logger("odoo.http"):
                answer = self.url_open(PAGES + page, data={"answer": "kept"})
                self.assertEqual(answer.status_code, 400)
        self.assertEqual(self.left(), 9)

    def test_pages_are_shown_in_no_frame(self):
        page = self.use_code(self.codes[0])
        for answer in (page, self.url_open(PAGES + "setup"), self.url_open(PAGES + "codes")):
            self.assertEqual(answer.headers["X-Frame-Options"], "DENY")
