import json
from datetime import timedelta
from xmlrpc.client import Fault, dumps, loads

from freezegun import freeze_time

from odoo import fields
from odoo.tests import get_db_name, tagged
from odoo.tools import mute_logger

from ..models.res_users_mfa_guarded import open_door
from .common import MfaCase
from .test_enrolment import Buttons

HERE = "127.0.0.0/8"
ELSEWHERE = "10.0.0.0/8"
KEYS = "res.users.apikeys"
WAYS = ("xmlrpc_1", "xmlrpc_2", "jsonrpc", "json2", "authenticate")
"""Every way to call the API with a key."""
PASSWORD_WAYS = ("xmlrpc_1", "xmlrpc_2", "jsonrpc", "authenticate")
REFUSED = "refused"
QUIET = (
    "odoo.http",
    "odoo.addons.rpc.controllers.jsonrpc",
    "odoo.addons.rpc.controllers.xmlrpc",
    "odoo.addons.auth_totp_mfa.models.res_users_mfa_event",
    "odoo.addons.auth_totp_mfa.models.res_users_api",
)


class ApiCase(Buttons, MfaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The trail is written in a second transaction, which a test cursor that is
        # read-only does not allow; PostgreSQL does.
        cls.set_registry_readonly_mode(False)
        cls.company = cls.env.company

    def make_key(self, user, scope="rpc", days=30, name="Script"):
        until = fields.Datetime.add(fields.Datetime.now(), days=days)
        key = self.env[KEYS].with_user(user).sudo()._generate(scope, name, until)
        # PostgreSQL's clock stands still in a test, which is one transaction.
        self.env.cr.execute(
            "UPDATE res_users_apikeys SET create_date = %s WHERE user_id = %s AND name = %s",
            [fields.Datetime.now(), user.id, name],
        )
        self.env.flush_all()
        return key

    def key_of(self, user):
        self.env.invalidate_all()
        return self.env[KEYS].search([("user_id", "=", user.id)])

    def allow(self, user, company="", own="", exempt=""):
        """Set the networks of the company and of ``user``."""
        self.company.mfa_api_networks = company
        open_door(user).write({"mfa_api_networks": own, "mfa_exempt_networks": exempt})
        self.env.flush_all()

    # -- the ways in ---------------------------------------------------------------

    def ask(self, way, user, secret):
        """Return the login that ``user`` reads over ``way``, or ``REFUSED``."""
        with mute_logger(*QUIET):
            return getattr(self, f"ask_{way}")(user, secret)

    def assertAsked(self, expected, user, secret, ways=WAYS):
        for way in ways:
            with self.subTest(way=way):
                self.assertEqual(self.ask(way, user, secret), expected)

    def ask_json2(self, user, secret):
        answer = self.json2(secret, "res.users/read", {"ids": user.ids, "fields": ["login"]})
        return REFUSED if answer.status_code == 401 else answer.json()[0]["login"]

    def json2(self, secret, method, body):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        return self.url_open(f"/json/2/{method}", data=json.dumps(body), headers=headers)

    def ask_jsonrpc(self, user, secret):
        answer = self.jsonrpc(user, secret, "res.users", "read", user.ids, ["login"])
        if "error" in answer:
            self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.AccessDenied")
            return REFUSED
        return answer["result"][0]["login"]

    def jsonrpc(self, user, secret, model, method, *args):
        call = [get_db_name(), user.id, secret, model, method, args]
        return self.rpc("/jsonrpc", service="object", method="execute_kw", args=call)

    def ask_xmlrpc_1(self, user, secret):
        return self.read_by_xml("/xmlrpc/object", user, secret)

    def ask_xmlrpc_2(self, user, secret):
        return self.read_by_xml("/xmlrpc/2/object", user, secret)

    def read_by_xml(self, path, user, secret):
        try:
            return self.by_xml(path, user, secret, "res.users", "read", user.ids, ["login"])[0][
                "login"
            ]
        except Fault as fault:
            self.assertIn("Access Denied", fault.faultString)
            return REFUSED

    def by_xml(self, path, user, secret, model, method, *args):
        params = (get_db_name(), user.id, secret, model, method, args)
        return self.xml(path, "execute_kw", params)

    def xml(self, path, method, params):
        body = dumps(params, method, allow_none=True)
        answer = self.url_open(path, data=body, headers={"Content-Type": "text/xml"})
        return loads(answer.content)[0][0]

    def ask_authenticate(self, user, secret):
        uid = self.xml("/xmlrpc/2/common", "authenticate", (get_db_name(), user.login, secret, {}))
        return user.login if uid == user.id else REFUSED

    # -- the trail -----------------------------------------------------------------

    def refusals(self, user):
        self.env.cr.execute(
            "SELECT address, note, actor_login FROM res_users_mfa_event"
            " WHERE kind = 'network_refused' AND user_id = %s ORDER BY id",
            [user.id],
        )
        return self.env.cr.fetchall()


@tagged("post_install", "-at_install")
class TestApiNetworks(ApiCase):
    """From where the API may be called."""

    NETWORKS = (
        # of the company, of the user, may call from 127.0.0.1
        ("", "", True),
        (HERE, "", True),
        (ELSEWHERE, "", False),
        ("", HERE, True),
        ("", ELSEWHERE, False),
        (HERE, HERE, True),
        (HERE, ELSEWHERE, False),
        (ELSEWHERE, HERE, False),
        (f"{ELSEWHERE} {HERE}", HERE, True),
        ("::ffff:127.0.0.0/104", "", True),
        ("2001:db8::/32", "", False),
    )

    def test_each_list_holds(self):
        key = self.make_key(self.ann)
        for company, own, allowed in self.NETWORKS:
            with self.subTest(company=company, own=own):
                self.allow(self.ann, company, own)
                self.assertAsked("mfa_ann" if allowed else REFUSED, self.ann, key)

    def test_password_too(self):
        for company, own, allowed in self.NETWORKS:
            with self.subTest(company=company, own=own):
                self.bob._mfa_set_enabled(False)
                self.allow(self.bob, company, own)
                expected = "mfa_bob" if allowed else REFUSED
                self.assertAsked(expected, self.bob, "mfa_bob_password", PASSWORD_WAYS)

    def test_all_companies_of_a_user_hold(self):
        other = self.env["res.company"].create({"name": "Other", "mfa_api_networks": ELSEWHERE})
        key = self.make_key(self.ann)
        self.assertAsked("mfa_ann", self.ann, key)
        self.ann.company_ids += other
        self.env.flush_all()
        self.assertAsked(REFUSED, self.ann, key)

    def test_tightening_holds_with_warm_caches(self):
        key = self.make_key(self.ann)
        self.assertAsked("mfa_ann", self.ann, key)
        self.assertAsked("mfa_bob", self.bob, "mfa_bob_password", PASSWORD_WAYS)
        self.allow(self.ann, ELSEWHERE)
        self.assertAsked(REFUSED, self.ann, key)
        self.assertAsked(REFUSED, self.bob, "mfa_bob_password", PASSWORD_WAYS)
        self.allow(self.ann)
        self.assertAsked("mfa_ann", self.ann, key)

    def test_every_scope(self):
        for scope in ("odoo.plugin.outlook", "rpc"):
            key = self.make_key(self.ann, scope)
            self.allow(self.ann)
            accepts = self.env[KEYS]._check_credentials
            self.assertEqual(accepts(scope=scope, key=key), self.ann.id)
            self.allow(self.ann, own=HERE)
            with mute_logger(*QUIET):
                self.assertIsNone(accepts(scope=scope, key=key), "no address, no network")

    def test_core_s_trusted_devices_are_no_keys(self):
        devices = self.env["auth_totp.device"].with_user(self.ann).sudo()
        key = devices._generate("browser", "Chrome", fields.Datetime.now() + timedelta(days=1))
        self.allow(self.ann, ELSEWHERE)
        self.assertEqual(devices._check_credentials(scope="browser", key=key), self.ann.id)

    def test_network_of_the_api_leaves_the_browser_alone(self):
        self.allow(self.ann, ELSEWHERE, ELSEWHERE)
        self.log_in()
        self.assertLoggedIn(self.ann)

    # -- the answer ----------------------------------------------------------------

    def answers_to(self, secret, user):
        """Return all that the API answers, byte by byte."""
        call = [get_db_name(), user.id, secret, "res.users", "read", [user.ids, ["login"]]]
        login = [get_db_name(), user.login, secret, {}]
        answers = {"json2": self.json2(secret, "res.users/read", {"ids": user.ids})}
        for path in ("/xmlrpc/object", "/xmlrpc/2/object"):
            answers[path] = self.url_open(path, data=dumps(tuple(call), "execute_kw"))
        answers["common"] = self.url_open(
            "/xmlrpc/2/common", data=dumps(tuple(login), "authenticate")
        )
        texts = {way: (one.status_code, one.text) for way, one in answers.items()}
        error = self.rpc("/jsonrpc", service="object", method="execute_kw", args=call)["error"]
        error["data"].pop("debug")
        return texts | {"jsonrpc": error}

    def test_the_answer_does_not_tell_that_the_key_was_right(self):
        key = self.make_key(self.ann)
        for networks in ({"company": ELSEWHERE}, {"own": ELSEWHERE}, {"exempt": ELSEWHERE}):
            with self.subTest(networks=networks), mute_logger(*QUIET):
                self.allow(self.ann)
                self.assertAsked("mfa_ann", self.ann, key)
                self.allow(self.ann, **networks)
                warm = self.answers_to(key, self.ann)
                self.env.registry.clear_cache()
                cold = self.answers_to(key, self.ann)
                wrong = self.answers_to(key[::-1], self.ann)
                self.assertEqual(cold, wrong)
                self.assertEqual(warm, wrong)

    def test_the_answer_does_not_tell_that_the_password_was_right(self):
        for networks in ({"company": ELSEWHERE}, {"exempt": ELSEWHERE}):
            with self.subTest(networks=networks), mute_logger(*QUIET):
                self.allow(self.bob, **networks)
                right = self.answers_to("mfa_bob_password", self.bob)
                self.assertEqual(right, self.answers_to("mfa_bob_wrong", self.bob))

    def test_one_line_an_hour_in_the_trail(self):
        """The live tests do this for all ways: a test rolls back what a refusal writes."""
        key = self.make_key(self.ann)
        self.allow(self.ann, ELSEWHERE)
        expected = [("127.0.0.1", "API call from 127.0.0.1", "mfa_ann")]
        for _again in range(2):
            self.assertAsked(REFUSED, self.ann, key, ["authenticate"])
        self.assertEqual(self.refusals(self.ann), expected)
        with freeze_time(fields.Datetime.now() + timedelta(hours=2)):
            self.assertAsked(REFUSED, self.ann, key, ["authenticate"])
        self.assertEqual(self.refusals(self.ann), expected * 2)

    def test_wrong_keys_leave_no_line(self):
        self.allow(self.ann, ELSEWHERE)
        self.assertAsked(REFUSED, self.ann, "0" * 40)
        self.assertAsked(REFUSED, self.bob, "wrong", PASSWORD_WAYS)
        self.assertFalse(self.refusals(self.ann) + self.refusals(self.bob))

    # -- the address ---------------------------------------------------------------

    def test_forged_address_changes_nothing_without_proxy_mode(self):
        key = self.make_key(self.ann)
        with self.coming_from("10.1.2.3", proxy_mode=False):
            self.allow(self.ann, ELSEWHERE)
            self.assertAsked(REFUSED, self.ann, key)
            self.allow(self.ann, HERE)
            self.assertAsked("mfa_ann", self.ann, key)

    def test_address_that_the_proxy_tells(self):
        key = self.make_key(self.ann)
        self.allow(self.ann, ELSEWHERE)
        for address, expected in (
            ("10.1.2.3", "mfa_ann"),
            ("::ffff:10.1.2.3", "mfa_ann"),
            ("192.0.2.1", REFUSED),
            ("10.1.2.3, 192.0.2.1", REFUSED),  # the proxy adds its own to what it was told
            ("nonsense", REFUSED),
        ):
            with self.subTest(address=address), self.coming_from(address):
                self.assertAsked(expected, self.ann, key)
        self.assertAsked(REFUSED, self.ann, key)

    def test_ipv6(self):
        key = self.make_key(self.ann)
        self.allow(self.ann, "2001:db8:1::/48")
        with self.coming_from("2001:db8:1::7"):
            self.assertAsked("mfa_ann", self.ann, key)
        with self.coming_from("2001:db8:2::7"):
            self.assertAsked(REFUSED, self.ann, key)

    # -- service accounts ----------------------------------------------------------

    def test_exempt_account_uses_its_password_from_its_networks_only(self):
        self.company.mfa_policy_internal = "app"
        key = self.make_key(self.bob)
        self.allow(self.bob, exempt=HERE)
        self.assertAsked("mfa_bob", self.bob, "mfa_bob_password", PASSWORD_WAYS)
        self.assertAsked("mfa_bob", self.bob, key)
        with self.coming_from("10.1.2.3"):
            self.assertAsked(REFUSED, self.bob, "mfa_bob_password", PASSWORD_WAYS)
            self.assertAsked(REFUSED, self.bob, key)
        self.allow(self.bob)
        self.assertAsked(REFUSED, self.bob, "mfa_bob_password", PASSWORD_WAYS)
        self.assertAsked("mfa_bob", self.bob, key)

    def test_exempt_account_falls_under_the_api_networks_too(self):
        self.allow(self.bob, company=ELSEWHERE, exempt=HERE)
        self.assertAsked(REFUSED, self.bob, "mfa_bob_password", PASSWORD_WAYS)
        self.assertAsked(REFUSED, self.bob, self.make_key(self.bob))


@tagged("post_install", "-at_install")
class TestApiPolicy(ApiCase):
    """Passwords stop with a policy, keys go on until they end."""

    def test_password_is_refused_at_once(self):
        key = self.make_key(self.bob)
        for level in ("mail", "app"):
            with self.subTest(level=level):
                self.company.mfa_policy_internal = "optional"
                self.assertAsked("mfa_bob", self.bob, "mfa_bob_password", PASSWORD_WAYS)
                self.company.mfa_policy_internal = level
                self.env.flush_all()
                self.assertAsked(REFUSED, self.bob, "mfa_bob_password", PASSWORD_WAYS)
                self.assertAsked("mfa_bob", self.bob, key)

    def test_password_is_refused_when_grace_ends(self):
        self.company.write({"mfa_policy_internal": "app", "mfa_grace_days": 3})
        self.env.flush_all()
        self.assertAsked("mfa_bob", self.bob, "mfa_bob_password", PASSWORD_WAYS)
        now = fields.Datetime.now()
        with freeze_time(now + timedelta(days=2, hours=23)):
            self.assertAsked("mfa_bob", self.bob, "mfa_bob_password", PASSWORD_WAYS)
        with freeze_time(now + timedelta(days=3, minutes=1)):
            self.assertAsked(REFUSED, self.bob, "mfa_bob_password", PASSWORD_WAYS)

    def test_expired_key_is_refused_though_cached(self):
        key = self.make_key(self.bob, days=1)
        self.assertAsked("mfa_bob", self.bob, key)
        with freeze_time(fields.Datetime.now() + timedelta(days=1, minutes=1)):
            # The other ways ask PostgreSQL for the time each time.
            self.assertAsked(REFUSED, self.bob, key, ("xmlrpc_1", "xmlrpc_2", "jsonrpc"))

    def test_removed_key_is_refused_though_cached(self):
        """Core keeps a right key in its cache when the key is removed."""
        key = self.make_key(self.bob)
        self.assertAsked("mfa_bob", self.bob, key)
        self.key_of(self.bob).unlink()
        self.env.flush_all()
        self.assertAsked(REFUSED, self.bob, key)

    def test_key_of_another_user_is_refused(self):
        key = self.make_key(self.bob)
        self.assertAsked("mfa_bob", self.bob, key)
        self.assertAsked(REFUSED, self.ann, key, PASSWORD_WAYS)

    # -- last use ------------------------------------------------------------------

    def test_last_use_is_noted_to_the_hour(self):
        for way in WAYS:
            user = self.new_person(f"mfa_{way.replace('_', '')}")
            key, start = self.make_key(user), fields.Datetime.now().replace(minute=20, second=0)
            with self.subTest(way=way):
                with freeze_time(start):
                    self.ask(way, user, key)
                self.assertEqual(self.key_of(user).mfa_last_used, start)
                self.assertEqual(self.key_of(user).mfa_last_address, "127.0.0.1")
                with freeze_time(start + timedelta(minutes=39)), self.coming_from("10.9.9.9"):
                    self.ask(way, user, key)
                self.assertEqual(self.key_of(user).mfa_last_used, start)
                self.assertEqual(self.key_of(user).mfa_last_address, "127.0.0.1")
                with freeze_time(start + timedelta(minutes=40)), self.coming_from("10.9.9.9"):
                    self.ask(way, user, key)
                self.assertEqual(self.key_of(user).mfa_last_used, start + timedelta(minutes=40))
                self.assertEqual(self.key_of(user).mfa_last_address, "10.9.9.9")

    def test_refused_calls_are_no_use(self):
        key = self.make_key(self.ann)
        self.allow(self.ann, ELSEWHERE)
        self.assertAsked(REFUSED, self.ann, key)
        self.assertFalse(self.key_of(self.ann).mfa_last_used)


@tagged("post_install", "-at_install")
class TestApiKeyList(ApiCase):
    """What an administrator sees and does about keys that are older than a policy."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.new_person("mfa_admin", "base.group_user,base.group_system")

    def is_old(self, user):
        return self.key_of(user).mfa_before_policy

    def test_what_makes_a_key_old(self):
        """A policy or network that became stricter after it was made, and nothing else."""
        for old, new, stricter in (
            ({}, {"mfa_policy_internal": "mail"}, True),
            ({}, {"mfa_policy_sensitive": "app"}, True),
            ({"mfa_policy_internal": "app"}, {"mfa_policy_internal": "mail"}, False),
            ({"mfa_policy_internal": "app"}, {"mfa_policy_internal": "app"}, False),
            ({"mfa_grace_days": 9}, {"mfa_grace_days": 0}, True),
            ({"mfa_grace_days": 0}, {"mfa_grace_days": 9}, False),
            ({}, {"mfa_api_networks": HERE}, True),
            ({"mfa_api_networks": "10.0.0.0/8"}, {"mfa_api_networks": "10.1.0.0/16"}, True),
            ({"mfa_api_networks": "10.1.0.0/16"}, {"mfa_api_networks": "10.0.0.0/8"}, False),
            ({"mfa_api_networks": HERE}, {"mfa_api_networks": f"{HERE} {ELSEWHERE}"}, False),
            ({"mfa_api_networks": HERE}, {"mfa_api_networks": "::1"}, True),
            ({"mfa_api_networks": HERE}, {"mfa_api_networks": ""}, False),
            ({}, {"mfa_trusted_devices": False}, False),
        ):
            with self.subTest(old=old, new=new):
                company = self.env["res.company"].create({"name": f"C {old} {new}", **old})
                user = self.new_person(f"mfa_c{company.id}")
                user.write({"company_ids": [(6, 0, company.ids)], "company_id": company.id})
                self.make_key(user)
                with freeze_time(fields.Datetime.now() + timedelta(minutes=1)):
                    company.write(new)
                self.assertEqual(self.is_old(user), stricter)
                self.assertFalse(self.is_old(self.bob), "another company's")

    def test_made_in_the_days_of_grace(self):
        """By password alone, as before the policy; not by who had an app by then."""
        self.company.write({"mfa_policy_internal": "app", "mfa_grace_days": 9})
        for days, old in ((1, True), (8, True), (10, False)):
            with freeze_time(fields.Datetime.now() + timedelta(days=days)):
                for user in (self.ann, self.bob):
                    self.make_key(user, name=f"Day {days}")
            keys = self.key_of(self.bob).filtered(lambda key, name=f"Day {days}": key.name == name)
            self.assertEqual(keys.mfa_before_policy, old, days)
        self.assertNotIn(True, self.key_of(self.ann).mapped("mfa_before_policy"))

    def test_exemption_ended(self):
        """A key that was made at a terminal, by whoever knew its password, goes on elsewhere."""
        self.allow(self.bob, exempt=HERE)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=1)):
            self.make_key(self.bob)
        self.assertFalse(self.is_old(self.bob))
        with freeze_time(fields.Datetime.now() + timedelta(minutes=2)):
            self.allow(self.bob)
        self.assertTrue(self.is_old(self.bob))

    def test_networks_of_the_owner(self):
        self.make_key(self.bob)
        self.make_key(self.ann)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=1)):
            self.allow(self.bob, own=HERE)
        self.assertTrue(self.is_old(self.bob))
        self.assertFalse(self.is_old(self.ann))
        found = self.env[KEYS].search([("mfa_before_policy", "=", True)])
        self.assertEqual(found.user_id, self.bob)
        self.assertNotIn(found, self.env[KEYS].search([("mfa_before_policy", "=", False)]))

    def test_saving_a_stricter_policy_shows_the_keys(self):
        self.enrol(self.admin)
        self.sign_in(self.admin, 0, 0)
        action = self.save_settings(mfa_login_timeout=16)
        self.assertEqual(action["tag"], "reload")
        self.make_key(self.bob)
        self.assertEqual(self.save_settings(mfa_login_timeout=17)["tag"], "reload")
        with freeze_time(fields.Datetime.now() + timedelta(minutes=1)):
            self.sign_in(self.admin, 0, 0)
            said = self.save_settings(mfa_api_networks=HERE)["params"]
            self.assertIn("saved", said["message"])
            action = said["next"]
            self.assertEqual(action["res_model"], KEYS)
            self.assertEqual(action["context"], {"search_default_before_policy": True})
            self.assertEqual(self.save_settings(mfa_login_timeout=18)["tag"], "reload")

    def save_settings(self, **values):
        settings = self.env["res.config.settings"].with_user(self.admin).create(values)
        self.env.flush_all()
        return self.call("res.config.settings", "execute", [settings.id])["result"]

    def test_settings_count_old_keys(self):
        self.make_key(self.bob)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=1)):
            self.company.mfa_policy_internal = "mail"
        settings = self.env["res.config.settings"].with_user(self.admin).create({})
        self.assertEqual(settings.mfa_old_api_keys, 1)

    # -- revoking ------------------------------------------------------------------

    def test_administrator_revokes_several(self):
        keys = [self.make_key(self.bob, name="One"), self.make_key(self.bob, name="Two")]
        keys.append(self.make_key(self.ann, name="Three"))
        for key in keys[:2]:
            self.assertAsked("mfa_bob", self.bob, key)
        self.enrol(self.admin)
        self.sign_in(self.admin, 0, 0)
        mails = self.env["mail.mail"].sudo()
        before = mails.search([])
        ids = (self.key_of(self.bob) | self.key_of(self.ann)).ids
        answer = self.call(KEYS, "action_mfa_revoke", ids)
        self.assertNotIn("error", answer)
        for key in keys[:2]:
            self.assertAsked(REFUSED, self.bob, key)
        self.assertAsked(REFUSED, self.ann, keys[2])
        self.env.invalidate_all()
        sent = mails.search([]) - before
        self.assertEqual(
            {(mail.email_to, "One" in mail.body_html, "Three" in mail.body_html) for mail in sent},
            {(self.bob.email_formatted, True, False), (self.ann.email_formatted, False, True)},
        )
        lines = self.env["res.users.mfa.event"].search([("kind", "=", "api_key_removed")])
        self.assertEqual(
            sorted((line.login, line.subject, line.actor_login) for line in lines),
            [("mfa_ann", "Three", "mfa_admin"), ("mfa_bob", "One, Two", "mfa_admin")],
        )

    def test_revoking_asks_who_it_is(self):
        self.make_key(self.bob)
        self.enrol(self.admin)
        self.sign_in(self.admin)
        answer = self.call(KEYS, "action_mfa_revoke", self.key_of(self.bob).ids)
        self.assertTrue(self.is_identity_check(answer))
        self.assertTrue(self.key_of(self.bob))

    def test_employees_see_and_revoke_their_own_only(self):
        self.make_key(self.bob)
        self.make_key(self.ann)
        self.sign_in(self.ann, 0, 0)
        rows = self.call(KEYS, "search_read", [], ["user_id", "mfa_last_used"])["result"]
        self.assertEqual([row["user_id"][0] for row in rows], self.ann.ids)
        with mute_logger("odoo.http", "odoo.addons.base.models.ir_rule"):
            answer = self.call(KEYS, "action_mfa_revoke", self.key_of(self.bob).ids)
        self.assertIn("error", answer)
        self.assertTrue(self.key_of(self.bob))
        self.assertNotIn("error", self.call(KEYS, "action_mfa_revoke", self.key_of(self.ann).ids))
        self.assertFalse(self.key_of(self.ann))
