"""Accounts that are archived, deleted, copied or merged, and what they leave behind."""

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .common import SECRET
from .test_api import KEYS, REFUSED, WAYS, ApiCase
from .test_recovery import RecoveryCase
from .test_rpc import APP, DEVICE, THIEF_SECRET

MERGE = "base.partner.merge.automatic.wizard"
OURS = "auth_totp_mfa"
THIEF = "thief@example.com"


class AccountCase(RecoveryCase, ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.new_person("mfa_admin", "base.group_user,base.group_system")
        cls.enrol(cls.admin)

    def session_of_ann(self):
        """Log Ann in, with this browser trusted; return the cookies of session and device."""
        self.new_browser()
        self.log_in(code=self.new_code(), remember="1")
        self.assertLoggedIn(self.ann)
        return self.opener.cookies["session_id"], self.cookie(self.ann).value

    def come_with(self, session, device):
        self.new_browser()
        self.opener.cookies.clear()
        self.set_cookie("session_id", session)
        self.set_cookie(f"trusted_devices_{self.ann.id}", device)


@tagged("post_install", "-at_install")
class TestArchived(AccountCase):
    def archive(self, active=False):
        self.ann.active = active
        self.env.flush_all()

    def test_nothing_opens_an_archived_account(self):
        cookies, key = self.session_of_ann(), self.make_key(self.ann)
        self.new_browser()
        page = self.post_password(self.ann)
        self.archive()
        for code in (self.new_code(), self.codes[0]):
            self.post_code(page, code)
            self.assertLoggedOut()
        self.come_with(*cookies)
        self.assertLoggedOut()
        self.new_browser()
        self.assertIn("Wrong login/password", self.post_password(self.ann).text)
        self.assertAsked(REFUSED, self.ann, key, WAYS)

    def test_unarchiving_revives_factors_and_no_trust(self):
        cookies = self.session_of_ann()
        self.archive()
        self.archive(active=True)
        self.come_with(*cookies)
        self.assertIn("totp_token", self.post_password(self.ann).text)
        self.assertLoggedOut()
        self.log_in(code=self.codes[0])
        self.assertLoggedIn(self.ann)
        self.new_browser()
        self.log_in(code=self.new_code())
        self.assertLoggedIn(self.ann)

    def test_help_code_made_before_opens_nothing_while_archived(self):
        code = self.ann._mfa_make_help_code("Lost")
        self.archive()
        self.assertIn("Wrong login/password", self.post_password(self.ann).text)
        self.assertLoggedOut()
        self.archive(active=True)
        self.log_in(code=code)
        self.assertLoggedIn(self.ann)


@tagged("post_install", "-at_install")
class TestDeleted(AccountCase):
    def rows_of(self, user_id):
        """Return the tables of this addon that name a user of this id."""
        found = set()
        for model in self.env.registry.values():
            if model._original_module != OURS or not model._auto or model._abstract:
                continue
            for name in {"user_id", "create_uid", "actor_id"} & model._fields.keys():
                if model._fields[name].store and model._fields[name].column_type:
                    self.env.cr.execute(
                        SQL(
                            "SELECT FROM %s WHERE %s = %s LIMIT 1",
                            SQL.identifier(model._table),
                            SQL.identifier(name),
                            user_id,
                        )
                    )
                    if self.env.cr.rowcount:
                        found.add(model._name)
        return found

    def test_nothing_of_the_account_is_left(self):
        """But the trail, which keeps the login; wrong codes go with the daily clean-up."""
        cookies, key = self.session_of_ann(), self.make_key(self.ann)
        self.ann._mfa_make_help_code("Lost")
        self.env["res.users.authenticator.create"].with_user(self.ann)._start()
        self.new_browser()
        page = self.post_password(self.ann)
        self.post_code(page, "000000")
        uid = self.ann.id
        self.assertIn(APP, self.rows_of(uid))
        self.env.invalidate_all()
        self.ann.unlink()
        self.env.flush_all()
        self.env["res.users.mfa.attempt"]._gc_missing_users()
        self.assertEqual(self.rows_of(uid), set())
        self.env.cr.execute("SELECT FROM res_users_mfa_event WHERE login = 'mfa_ann'")
        self.assertTrue(self.env.cr.rowcount)
        self.come_with(*cookies)
        with mute_logger("odoo.http"):
            answer = self.url_open("/web/login")
        # Website asks, before anybody checks the session, what its user may read.
        self.assertEqual(answer.status_code, 403 if "website" in self.env else 200)
        self.assertLoggedOut()
        with mute_logger("odoo.http"):
            self.post_code(page, self.codes[0])
        self.assertLoggedOut()
        with mute_logger("odoo.http"):
            answer = self.json2(key, "res.users/read", {"ids": [uid], "fields": ["login"]})
        self.assertEqual(answer.status_code, 401)


@tagged("post_install", "-at_install")
class TestCopied(AccountCase):
    """``copy()`` of a user, and of what is ours."""

    @mute_logger("odoo.http", "odoo.models")
    def test_no_factor_trust_or_exception_is_copied(self):
        self.session_of_ann()
        self.bob._mfa_exempt_from_now("Terminal", "192.0.2.0/24")
        self.sign_in(self.admin, password_age=0, proof_age=0)
        for user in (self.ann, self.bob):
            values = {"login": f"{user.login}_copy"}
            copy = self.env["res.users"].browse(
                self.call("res.users", "copy", user.ids, values)["result"]
            )
            with self.subTest(user=user.login):
                for name in ("authenticator_ids", "trusted_device_ids", "mfa_enabled"):
                    self.assertFalse(copy[name], name)
                for name in ("mfa_since", "mfa_epoch", "mfa_exempt_networks", "mfa_weekly_report"):
                    self.assertFalse(copy.sudo()[name], name)
                self.assertFalse(copy.sudo().recovery_codes_left)
                self.assertFalse(self.key_of(copy))

    def test_no_factor_is_made_with_an_account(self):
        """Not even in superuser mode, nor beside an account that has none."""
        plain, forged = ({"name": name, "login": f"mfa_{name}"} for name in ("Plain", "Forged"))
        for field, value in (("mfa_since", "2026-01-01 00:00:00"), ("mfa_exempt_networks", "::/0")):
            with self.subTest(field=field), self.assertRaises(AccessError):
                self.env["res.users"].create([plain, forged | {field: value}])

    @mute_logger("odoo.http", "odoo.models")
    def test_nothing_of_ours_is_copied(self):
        """Each model with a table, by whoever may read it, with all that a session proves."""
        self.session_of_ann()
        self.make_key(self.ann)
        self.sign_in(self.admin, password_age=0, proof_age=0)
        models = {
            name: model
            for name, model in self.env.registry.items()
            if model._original_module == OURS and not model._abstract
        }
        self.assertLess({APP, DEVICE, "res.users.mfa.event", "mfa.coverage"}, set(models))
        for name in [*models, KEYS]:
            ids = self.env[name].sudo().search([], limit=1).ids or [1]
            for values in ({}, {"user_id": self.admin.id}, {"secret_key": THIEF_SECRET}):
                with self.subTest(model=name, values=values):
                    before = self.env[name].sudo().search_count([])
                    self.assertIn("error", self.call(name, "copy", ids, values))
                    self.assertEqual(self.env[name].sudo().search_count([]), before)


@tagged("post_install", "-at_install")
class TestMerged(AccountCase):
    """Merging contacts hands a user over, by SQL, to a contact with another address."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.thief = cls.env["res.partner"].create({"name": "Ann", "email": THIEF})
        cls.twin = cls.env["res.partner"].create({"name": "Ann", "email": "ann@example.com"})
        groups = cls.env.ref("base.group_partner_manager")
        if "website" in cls.env:  # contacts have visitors, which a merge reads
            groups += cls.env.ref("website.group_website_designer")
        for user in (cls.ann, cls.bob):
            user.group_ids = [Command.link(group.id) for group in groups]

    def merge(self, into, user=None, others=None):
        partners = (user or self.ann).partner_id + (others or self.thief)
        vals = {"partner_ids": [(6, 0, partners.ids)], "dst_partner_id": into.id}
        vals["state"] = "selection"
        wizard = self.call(MERGE, "create", vals)["result"]
        with mute_logger("odoo.http"):
            answer = self.call(MERGE, "action_merge", [wizard])
        self.env.invalidate_all()
        return answer

    def test_own_address_changes_after_a_code_only(self):
        self.thief.email = self.ann.email
        for user in (self.ann, self.admin):
            self.sign_in(user, password_age=5)
            self.thief.email = THIEF
            answer = self.merge(self.thief, user)
            self.assertIn("confirm first that it is you", answer["error"]["data"]["message"])
            self.assertEqual(user.email, f"{user.login.removeprefix('mfa_')}@example.com")
            self.sign_in(user, password_age=5, proof_age=5)
            self.merge(user.partner_id, user)
            self.thief = self.env["res.partner"].create({"name": "Ann", "email": THIEF})

    def test_automatic_merge_asks_too(self):
        self.sign_in(self.admin, password_age=5)
        self.admin.partner_id.write({"name": "Same", "vat": "BE0477472701"})
        self.thief.write({"name": "Same", "vat": "BE0477472701"})
        self.env.flush_all()
        wizard = self.call(MERGE, "create", {"group_by_vat": True, "group_by_name": True})
        with mute_logger("odoo.http"):
            answer = self.call(MERGE, "action_start_automatic_process", [wizard["result"]])
        self.env.invalidate_all()
        self.assertIn("error", answer)
        self.assertEqual(self.admin.email, "admin@example.com")

    def test_merge_that_changes_no_address_asks_nothing(self):
        self.sign_in(self.ann, password_age=5)
        self.assertNotIn("error", self.merge(self.twin, others=self.twin))
        self.assertEqual(self.ann.partner_id, self.twin)
        self.assertEqual(self.ann.email, "ann@example.com")

    def test_factors_stay_with_their_user(self):
        session, device = self.session_of_ann()
        apps = self.apps_of(self.ann)
        self.sign_in(self.admin, password_age=5, proof_age=5)
        self.assertNotIn("error", self.merge(self.twin, others=self.twin))
        self.assertEqual(self.ann.partner_id, self.twin)
        self.assertEqual(self.apps_of(self.ann), apps)
        self.assertTrue(self.is_on(self.ann))
        self.come_with(session, device)
        self.assertLoggedIn(self.ann)

    def test_contacts_of_two_users_are_not_merged(self):
        self.bob.email = self.ann.email
        self.sign_in(self.admin, password_age=5, proof_age=5)
        answer = self.merge(self.ann.partner_id, others=self.bob.partner_id)
        self.assertIn("more than one user", answer["error"]["data"]["message"])
        self.assertEqual([secret for _name, secret in self.apps_of(self.ann)], [SECRET])
