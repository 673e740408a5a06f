"""What goes by itself: when it is over, or when its user goes."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools._vendor.useragents import UserAgent

from .common import CHROME, MfaCase


@tagged("post_install", "-at_install")
class TestCleanUp(MfaCase):
    def let_expire(self, records, **ages):
        for record, age in zip(records, ages.values(), strict=True):
            record._mfa_open_door().expires_at = fields.Datetime.now() - age
        self.env.flush_all()

    def test_devices(self):
        agent = UserAgent(CHROME % 140)
        issue = self.env["res.users.device"]._issue
        over, good = (issue(self.ann, agent, "192.0.2.1")[0] for _number in range(2))
        self.let_expire(over + good, over=timedelta(seconds=1), good=timedelta(minutes=-1))
        self.env["res.users.device"]._gc_expired()
        self.assertEqual(self.ann.trusted_device_ids, good)

    def test_help_codes(self):
        codes = self.env["res.users.help.code"]
        for user in (self.ann, self.bob):
            codes._make(user)
        over, good = (codes.search([("user_id", "=", user.id)]) for user in (self.ann, self.bob))
        self.let_expire(over + good, over=timedelta(seconds=1), good=timedelta(minutes=-1))
        codes._gc_expired()
        self.assertEqual(codes.search([]), good)

    def test_line_of_a_login_at_the_moment_of_the_deletion(self):
        """It is written apart, by a request that still knew the user."""
        carl = self.new_person("mfa_carl")
        events = self.env["res.users.mfa.event"]
        gone = carl.id
        carl.unlink()
        self.env.cr.execute(
            "INSERT INTO res_users_mfa_event (date, kind, user_id, login, actor_id)"
            " VALUES (now(), 'code_refused', %s, 'mfa_carl', %s)",
            [gone, gone],
        )
        self.env.cr.postcommit.run()
        self.env.invalidate_all()
        line = events.search([("kind", "=", "code_refused"), ("login", "=", "mfa_carl")])
        self.assertEqual(len(line), 1)
        self.assertFalse(line.user_id or line.actor_id)
