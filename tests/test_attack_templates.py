"""Texts that Odoo evaluates: mail templates, server actions, filters, exports."""

import json

from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_rpc import VICTIM, RpcCase

TEMPLATE = "mail.template"
PREVIEW = "mail.template.preview"
QUIET = mute_logger("odoo.http", "odoo.sql_db", "odoo.addons.base.models.ir_actions")
ROBBERIES = (
    "object.totp_secret",
    "object.sudo().totp_secret",
    "object.sudo().authenticator_ids.mapped('secret_key')",
    "object.sudo().trusted_device_ids.mapped('token_hash')",
    "object.sudo().trusted_device_ids.mapped('fingerprint')",
    "object.sudo().read(['totp_secret'])",
    "object.sudo().export_data(['totp_secret'])",
    "object.with_user(1).totp_secret",
    "object.env['res.users.authenticator'].sudo().search([]).mapped('secret_key')",
    "object.env['res.users'].sudo().search([]).mapped('totp_secret')",
    "object.env['auth_totp.wizard'].sudo().search([]).mapped('secret')",
    "object.env['res.users.authenticator.create'].sudo().search([]).mapped('secret_key')",
    "object.env['res.users.authenticator.create'].sudo().search([]).mapped('otpauth_uri')",
)
"""What an employee who may write templates, as all may by default, would have evaluated."""


@tagged("post_install", "-at_install")
class TestTemplates(RpcCase):
    def check_templates_by(self, actor):
        """Preview and send templates about oneself and the victim."""
        self.act_as(actor)
        me = self.user_of(actor)
        model = self.env["ir.model"]._get_id("res.users")
        for robbery in ROBBERIES:
            vals = {
                "name": "Theft",
                "model_id": model,
                "subject": f"{{{{ {robbery} }}}}",
                "email_to": "thief@example.com",
                "body_html": f'<p t-out="{robbery}"/>',
            }
            with self.subTest(actor=actor, robbery=robbery), QUIET:
                template = self.call(TEMPLATE, "create", vals).get("result")
                if template:
                    self.render(template, me)

    def render(self, template, me):
        for user in (me, self.people[VICTIM]):
            preview = {"mail_template_id": template, "resource_ref": f"res.users,{user.id}"}
            spec = {"subject": {}, "body_html": {}, "error_msg": {}}
            answers = [
                self.call(PREVIEW, "web_save", [], preview, spec),
                self.call(TEMPLATE, "send_mail", template, user.id),
            ]
            self.assertFalse(self.secrets_in(answers, self.thefts(me)))
            mails = self.env["mail.mail"].sudo().search([], order="id desc", limit=3)
            sent = [(mail.subject, str(mail.body_html)) for mail in mails]
            self.assertFalse(self.secrets_in(sent, self.thefts(me)), sent)
            for answer in answers:
                self.assertNotIn("SELECT", json.dumps(answer))

    def thefts(self, me):
        return [login for login in self.people]

    def test_portal_user(self):
        self.check_templates_by("mfa_portal")

    def test_employee(self):
        self.check_templates_by("mfa_ann")

    def test_access_rights_manager(self):
        self.check_templates_by("mfa_manager")
