import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from freezegun import freeze_time

from odoo import SUPERUSER_ID, fields
from odoo.http import root
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.res_users_mfa_guarded import open_door
from .common import SECRET, code_of
from .test_policy_table import HERE, WaysInCase

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
"""What a browser sends when a person opens a page."""
SETUP = "/web/login/totp/setup"
REMINDER = "/web/login/totp/reminder"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class OpenSessionCase(WaysInCase):
    """Somebody is logged in by password, and then the policy changes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The trail is written in a second transaction, which a test cursor that is
        # read-only does not allow; PostgreSQL does.
        cls.set_registry_readonly_mode(False)
        cls.begin = fields.Datetime.now() + MINUTE
        cls.admin = cls.new_person("mfa_admin", "base.group_user,base.group_system")

    def setUp(self):
        super().setUp()
        self.startClock(self.begin)

    def startClock(self, moment):
        clock = freeze_time(moment, tick=True)
        clock.start()
        self.addCleanup(clock.stop)

    def open_by_password(self, user):
        self.post_password(user)
        self.assertLoggedIn(user)

    def load(self, path="/my", **headers):
        """Open a page; return the path where it leads, ``None`` when it is shown."""
        answer = self.url_open(path, headers=PAGE | headers, allow_redirects=False)
        return urlsplit(answer.headers["Location"]).path if "Location" in answer.headers else None

    def works(self):
        """Tell whether the web client still reads what it asks for."""
        with mute_logger("odoo.http"):
            return "error" not in self.call("res.users", "context_get")

    def assertGoesOn(self):
        self.assertTrue(self.works())
        self.assertIsNone(self.load())

    def assertOver(self, notice):
        """Expect the end at the next request, for good, and the login page to say why."""
        before = self.opener.cookies["session_id"]
        self.assertFalse(self.works())
        self.assertFalse(root.session_store.get(before).get("uid"), "its websockets go on")
        self.assertEqual(self.stored_session()["mfa_notice"], notice)
        self.assertEqual(self.load(), "/web/login")
        self.assertEqual(self.stored_session()["mfa_notice"], notice)


@tagged("post_install", "-at_install")
class TestPageLoads(OpenSessionCase):
    """The next page leads to the set-up, and nothing else does."""

    def setUp(self):
        super().setUp()
        self.open_by_password(self.bob)
        self.set_policy(self.company, employee="app")

    def test_each_page_in_each_tab(self):
        for path in (
            "/odoo",
            "/odoo/contacts",
            "/web",
            "/my",
            "/my/security",
            "/web/become",
            "/none",
        ):
            for _tab in range(2):
                self.assertEqual(self.load(path), SETUP, path)

    def test_way_back_is_kept(self):
        for path in (
            "/odoo/res.users/5?debug=1&a=%26b",
            "/my",
            "/web/content/1/caf%C3%A9%3F%23.txt",
        ):
            answer = self.url_open(path, headers=PAGE, allow_redirects=False)
            way = parse_qs(urlsplit(answer.headers["Location"]).query)["redirect"][0]
            self.assertEqual(way, path)

    def test_way_back_is_never_another_site(self):
        for path in ("//evil.example/odoo", "/%2F/evil.example", "/odoo/%0d%0aSet-Cookie:a=b"):
            answer = self.url_open(self.base_url() + path, headers=PAGE, allow_redirects=False)
            self.assertNotIn("Set-Cookie:a", str(answer.headers).replace(" ", ""))
            way = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get(
                "redirect", ["/"]
            )
            self.assertNotEqual(way[0][:2], "//")

    def test_login_pages_are_shown(self):
        self.assertIsNone(self.load("/web/login"))
        self.assertNotEqual(self.load("/web/login/totp"), SETUP)
        self.assertEqual(self.load("/web/session/logout"), "/odoo")
        self.assertLoggedOut()

    def test_what_no_person_opens(self):
        for accept in ("*/*", "image/avif,image/webp,*/*;q=0.8", "application/json", ""):
            for path in ("/odoo", "/web/image/res.users/1/avatar_128", "/web/manifest.webmanifest"):
                with self.subTest(accept=accept, path=path):
                    self.assertNotEqual(self.load(path, Accept=accept), SETUP)
        for path in ("/web/webclient/load_menus", "/bus/websocket_worker_bundle?v=1"):
            self.assertNotEqual(self.load(path, Accept="*/*"), SETUP)

    def test_other_methods(self):
        for method in ("HEAD", "POST"):
            answer = self.url_open("/my", headers=PAGE, method=method, allow_redirects=False)
            self.assertNotIn(SETUP, answer.headers.get("Location", ""))
        self.assertTrue(self.works())

    def test_nobody_and_half_open(self):
        self.new_browser()
        self.assertIsNone(self.load("/web/login"))
        self.assertEqual(self.load("/odoo"), "/web/login")
        self.post_password(self.ann)
        self.assertEqual(self.load("/odoo"), "/web/login")
        self.assertEqual(self.load("/my"), "/web/login")

    def test_lock_screen_of_auth_timeout(self):
        """It comes first, and does not lead round in circles."""
        if "auth_timeout" not in self.env.registry._init_modules:
            self.skipTest("auth_timeout is not installed")
        self.assertIsNone(self.load("/auth-timeout/check-identity?redirect=%2Fmy"))

    def test_core_policy_leaves_open_sessions(self):
        """As core does; only companies' policies reach into them."""
        self.set_policy(self.company)
        self.env["ir.config_parameter"].set_param("auth_totp.policy", "all_required")
        self.startClock(self.begin + 2 * HOUR)
        self.assertGoesOn()


@tagged("post_install", "-at_install")
class TestLastHour(OpenSessionCase):
    """What a session that misses the policy may still do, and until when."""

    def assertEndsAfter(self, moment, page=SETUP):
        """Expect an hour in which work can be saved, counted from ``moment``."""
        self.startClock(moment + HOUR - MINUTE)
        self.assertTrue(self.works())
        if page == SETUP:
            self.assertEqual(self.load(), SETUP)
            self.assertTrue(self.works())
        self.startClock(moment + HOUR + MINUTE)
        self.assertOver("policy")

    def test_policy_tightened(self):
        for user, level in ((self.bob, "app"), (self.bob, "mail")):
            with self.subTest(level=level):
                self.new_browser()
                self.startClock(self.begin)
                self.set_policy(self.company)
                self.open_by_password(user)
                self.set_policy(self.company, employee=level)
                self.assertEndsAfter(self.begin, SETUP if level == "app" else None)

    def test_code_by_mail_starts_again_at_the_password(self):
        self.open_by_password(self.bob)
        self.set_policy(self.company, employee="mail")
        self.assertTrue(self.works())
        answer = self.url_open("/my?a=1", headers=PAGE, allow_redirects=False)
        place = urlsplit(answer.headers["Location"])
        self.assertEqual(
            (place.path, parse_qs(place.query)), ("/web/login", {"redirect": ["/my?a=1"]})
        )
        self.assertEqual(self.stored_session()["mfa_notice"], "policy")
        self.assertFalse(self.works())

    def test_grace_ends(self):
        self.set_policy(self.company, grace=30, employee="app")
        end = self.bob._mfa_grace_end()
        self.startClock(end - MINUTE)
        self.open_by_password(self.bob)
        self.assertEqual(self.load(), REMINDER)
        self.startClock(end + MINUTE)
        self.assertEqual(self.load(), SETUP)
        self.assertEndsAfter(end)

    def test_grace_is_shortened(self):
        """The policy is old then, and the hour begins with the change."""
        self.set_policy(self.company, grace=30, employee="app")
        later = self.begin + 20 * DAY
        self.startClock(later)
        self.open_by_password(self.bob)
        self.company.mfa_grace_days = 10
        self.assertEndsAfter(later)

    def test_code_by_mail_is_not_enough_for_an_app(self):
        self.set_policy(self.company, employee="mail")
        self.post_password(self.bob)
        session = self.stored_session()
        session.update(uid=self.bob.id, login=self.bob.login, mfa_since=time.time())
        session.session_token = self.bob._compute_session_token(session.sid)
        root.session_store.save(session)
        self.assertGoesOn()
        later = self.begin + 2 * HOUR
        self.startClock(later)
        self.assertGoesOn()
        self.set_policy(self.company, employee="app")
        self.assertEndsAfter(later)

    def test_another_company_gives_no_second_hour(self):
        there = self.env["res.company"].create({"name": "There"})
        self.bob.company_ids |= there
        self.open_by_password(self.bob)
        self.set_policy(self.company, employee="app")
        self.startClock(self.begin + HOUR - MINUTE)
        self.set_policy(there, employee="app")
        self.assertTrue(self.works())
        self.startClock(self.begin + HOUR + MINUTE)
        self.assertOver("policy")

    def test_what_does_not_tighten_gives_no_second_hour(self):
        self.open_by_password(self.bob)
        self.set_policy(self.company, employee="app")
        self.startClock(self.begin + HOUR - MINUTE)
        self.company.write({"mfa_api_networks": HERE, "mfa_setup_by_mail": False})
        self.company.write({"mfa_policy_portal": "app", "mfa_policy_internal": "app"})
        self.company.mfa_trusted_devices = False
        self.assertTrue(self.works())
        self.startClock(self.begin + HOUR + MINUTE)
        self.assertOver("policy")

    def test_companies_that_do_not_ask(self):
        there = self.env["res.company"].create({"name": "There"})
        self.open_by_password(self.bob)
        self.set_policy(there, sensitive="app", employee="app", portal="app")
        self.set_policy(self.company, sensitive="app", portal="app")
        self.startClock(self.begin + 2 * HOUR)
        self.assertGoesOn()
        self.bob.company_ids |= there
        self.assertOver("policy")

    def test_sessions_that_meet_the_policy(self):
        self.log_in(self.ann)
        self.set_policy(self.company, employee="app", sensitive="app")
        self.startClock(self.begin + 2 * HOUR)
        self.assertGoesOn()

    def test_session_of_the_former_version(self):
        """It says when its code was given, and not what of."""
        self.log_in(self.ann)
        session = self.stored_session()
        session.pop("mfa_factor")
        root.session_store.save(session)
        self.set_policy(self.company, employee="app")
        self.assertGoesOn()
        self.assertEqual(self.stored_session()["mfa_factor"], "app")

    def test_set_up_in_the_session(self):
        self.open_by_password(self.bob)
        self.set_policy(self.company, employee="app")
        self.assertEqual(self.load(), SETUP)
        self.enrol(self.bob)
        self.new_browser()
        self.post_code(self.post_password(self.bob), code_of(SECRET))
        self.startClock(self.begin + 2 * HOUR)
        self.assertGoesOn()

    def test_deleted_account(self):
        person = self.new_person("mfa_gone")
        self.set_policy(self.company, employee="app")
        self.set_policy(self.company)
        self.open_by_password(person)
        self.set_policy(self.company, employee="app")
        person.unlink()
        self.assertFalse(self.works())
        self.assertIsNone(self.load("/web/login"))


@tagged("post_install", "-at_install")
class TestOneReminder(OpenSessionCase):
    def test_once_for_a_login(self):
        self.set_policy(self.company, grace=30, employee="app")
        for _login in range(2):
            self.new_browser()
            self.open_by_password(self.bob)
            self.assertTrue(self.works())
            self.assertEqual(self.load("/my?a=1"), REMINDER)
            page = self.url_open(f"{REMINDER}?redirect=%2Fmy%3Fa%3D1", headers=PAGE)
            self.url_open(REMINDER, data={"csrf_token": self.csrf_of(page), "redirect": "/my?a=1"})
            self.assertGoesOn()

    def test_not_for_who_has_an_app(self):
        self.set_policy(self.company, grace=30, employee="app")
        self.log_in(self.ann)
        self.assertGoesOn()

    def test_not_before_the_policy_nor_after_it(self):
        self.open_by_password(self.bob)
        self.set_policy(self.company, grace=30, employee="app")
        self.assertGoesOn()
        self.new_browser()
        self.open_by_password(self.bob)
        self.set_policy(self.company)
        self.assertGoesOn()


@tagged("post_install", "-at_install")
class TestSuperuserSessions(OpenSessionCase):
    """Judged by who became the superuser (``/web/become``)."""

    def become(self):
        self.url_open("/web/become", headers={"Accept": "*/*"}, allow_redirects=False)
        self.assertEqual(self.stored_session().uid, SUPERUSER_ID)

    def test_cannot_become_instead_of_the_set_up(self):
        self.open_by_password(self.admin)
        self.set_policy(self.company, sensitive="app")
        self.assertEqual(self.load("/web/become"), SETUP)
        self.become()
        self.assertEqual(self.load(), SETUP)
        self.startClock(self.begin + HOUR + MINUTE)
        self.assertOver("policy")

    def test_gets_no_factor_of_its_own(self):
        """The superuser is nobody: an app of its own would be that of all who become it."""
        self.open_by_password(self.admin)
        self.become()
        self.put_in_session(**{"identity-check-last": time.time()})
        for method in ("action_totp_enable_wizard", "revoke_all_devices"):
            with self.subTest(method=method), mute_logger("odoo.http"):
                answer = self.call("res.users", method, [SUPERUSER_ID])
                self.assertIn("Log in as yourself", answer["error"]["data"]["message"])

    def test_opened_before(self):
        self.open_by_password(self.admin)
        self.become()
        self.assertTrue(self.works())
        self.set_policy(self.company, sensitive="app")
        self.assertEqual(self.load(), SETUP)
        self.startClock(self.begin + HOUR + MINUTE)
        self.assertOver("policy")

    def test_of_who_meets_the_policy(self):
        self.enrol(self.admin)
        self.log_in(self.admin)
        self.become()
        self.set_policy(self.company, sensitive="app", employee="app")
        self.startClock(self.begin + HOUR + MINUTE)
        self.assertTrue(self.works())

    def test_of_who_was_deleted(self):
        self.open_by_password(self.admin)
        self.become()
        self.set_policy(self.company, employee="app")
        self.admin.unlink()
        self.assertFalse(self.works())
        self.assertIsNone(self.load("/web/login"))

    def test_of_who_may_come_from_some_networks_only(self):
        self.open_by_password(self.admin)
        self.become()
        open_door(self.admin).write({"mfa_exempt_networks": "192.0.2.0/24"})
        self.env["res.users"]._mfa_forget_rules()
        self.assertOver("network")


@tagged("post_install", "-at_install")
class TestExemptSessions(OpenSessionCase):
    """An account that is exempt is used from its networks, at every request."""

    def setUp(self):
        super().setUp()
        self.set_policy(self.company, sensitive="app", employee="app", portal="app")
        self.exempt(self.bob, HERE)
        self.open_by_password(self.bob)

    def exempt(self, user, networks):
        open_door(user).write({"mfa_exempt_networks": networks, "mfa_exempt_reason": "Terminal"})
        self.env["res.users"]._mfa_forget_rules()

    def test_at_home(self):
        self.startClock(self.begin + 2 * DAY)
        self.assertGoesOn()
        self.assertTrue(self.works())

    def load_without_controller(self):
        """Ask for what no controller serves: a file by its own address, a page of a website."""
        self.load("/no/such/page")

    def test_elsewhere(self):
        for request in (self.works, self.load, self.load_without_controller):
            with self.subTest(request=request.__name__):
                self.new_browser()
                self.open_by_password(self.bob)
                with self.coming_from("203.0.113.9"), mute_logger("odoo.http"):
                    request()
                self.assertOver("network")
        line = self.env["res.users.mfa.event"].search([("kind", "=", "network_refused")])
        self.assertEqual(line.mapped("user_id"), self.bob)
        self.assertIn("203.0.113.9", line[0].note)

    def test_forged_header_without_a_proxy(self):
        self.opener.headers["X-Forwarded-For"] = "203.0.113.9"
        self.opener.headers["X-Forwarded-Host"] = "odoo.example.com"
        self.assertGoesOn()
        self.exempt(self.bob, "203.0.113.0/24")
        self.assertOver("network")

    def test_networks_tightened(self):
        self.exempt(self.bob, "192.0.2.0/24")
        self.assertOver("network")

    def test_page_of_the_login_says_it(self):
        self.exempt(self.bob, "192.0.2.0/24")
        page = self.url_open("/web/login", headers=PAGE)
        self.assertIn("networks", page.text)
        self.assertNotIn("totp", page.url)

    def test_exemption_ended(self):
        """The policy is old: there is no hour."""
        self.startClock(self.begin + DAY)
        self.assertGoesOn()
        self.exempt(self.bob, False)
        self.assertOver("policy")

    def test_sensitive_group_joined(self):
        self.bob.group_ids |= self.env.ref("base.group_erp_manager")
        self.assertEqual(self.load(), SETUP)
        with self.coming_from("203.0.113.9"):
            self.assertFalse(self.works())
        self.assertOver("network")
