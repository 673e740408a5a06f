"""Texts that Odoo evaluates: mail templates, server actions, filters, exports."""

import json

from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_rpc import APP, DEVICE, THIEF_SECRET, VICTIM, RpcCase

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
"""What an employee would have evaluated."""
PAST = "record._mfa_disable()"
"""Code of an action may call what RPC may not."""
BUTTONS = (
    "record.sudo().action_totp_disable()",
    "record.action_totp_disable()",
    "record.revoke_all_devices()",
)
"""These answer with the identity check, which code throws away."""


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
            self.assertFalse(self.secrets_in(answers))
            mails = self.env["mail.mail"].sudo().search([], order="id desc", limit=3)
            sent = [(mail.subject, str(mail.body_html)) for mail in mails]
            self.assertFalse(self.secrets_in(sent), sent)
            for answer in answers:
                self.assertNotIn("SELECT", json.dumps(answer))

    def test_portal_user(self):
        self.check_templates_by("mfa_portal")

    def test_employee(self):
        self.check_templates_by("mfa_ann")

    def test_access_rights_manager(self):
        self.check_templates_by("mfa_manager")


@tagged("post_install", "-at_install")
class TestServerActions(RpcCase):
    """What an administrator makes Odoo do without a second factor of their own.

    The boundary: who may write code, a Settings administrator, runs what the server itself
    can, SQL included. That leaves the trail, and the mails of what goes through Odoo.
    """

    def action(self, **values):
        model = self.env["ir.model"]._get_id("res.users")
        return self.env["ir.actions.server"].create({"name": "Attack", "model_id": model, **values})

    def run_on(self, action, user):
        context = {"active_model": "res.users", "active_id": user.id, "active_ids": user.ids}
        with QUIET:
            return self.call("ir.actions.server", "run", [action.id], context=context)

    def act_without_proof(self, actor="mfa_admin"):
        self.sign_in(self.people[actor], password_age=5, proof_age=601)
        self.before = self.snapshot()

    def test_writing_a_field(self):
        for name, value in (
            ("totp_secret", THIEF_SECRET),
            ("totp_secret", ""),
            ("mfa_enabled", "false"),
            ("mfa_since", ""),
            ("mfa_epoch", "0"),
            ("mfa_exempt_networks", "0.0.0.0/0"),
            ("mfa_api_networks", ""),
        ):
            field = self.env["ir.model.fields"]._get("res.users", name)
            values = {"update_path": name, "update_field_id": field.id, "value": value}
            if field.ttype == "boolean":
                values["update_boolean_value"] = value
            with self.subTest(name=name, value=value):
                try:
                    action = self.action(state="object_write", **values)
                except Exception as refusal:
                    self.assertIn(type(refusal).__name__, ("ValidationError", "AccessError"))
                    continue
                for victim in (self.people[VICTIM], self.people["mfa_admin"]):
                    self.act_without_proof()
                    self.assertIn("error", self.run_on(action, victim))
                    self.assertUnchanged()

    def test_making_records(self):
        for model in (
            APP,
            DEVICE,
            "res.users.recovery.code",
            "res.users.help.code",
            "mfa.coverage",
        ):
            target = self.env["ir.model"]._get_id(model)
            action = self.action(state="object_create", crud_model_id=target, value="Thief")
            with self.subTest(model=model):
                self.act_without_proof()
                self.assertIn("error", self.run_on(action, self.people[VICTIM]))
                self.assertUnchanged()

    def test_copying_records(self):
        for model in (APP, DEVICE):
            record = self.records[VICTIM][model]
            target = self.env["ir.model"]._get_id(model)
            action = self.action(
                state="object_copy", crud_model_id=target, resource_ref=f"{model},{record}"
            )
            with self.subTest(model=model):
                self.act_without_proof()
                self.assertIn("error", self.run_on(action, self.people[VICTIM]))
                self.assertUnchanged()

    def test_code_by_the_names_of_odoo(self):
        """Public methods and superuser mode go no further in an action than over RPC."""
        victim = self.people[VICTIM].id
        for code in (
            "record.write({'mfa_enabled': False})",
            "record.sudo().write({'mfa_since': False})",
            "record.sudo().with_context(mfa_door=True).write({'mfa_since': False})",
            "record.with_user(1).write({'authenticator_ids': [(5,)]})",
            "record.sudo().authenticator_ids.unlink()",
            "record.sudo().trusted_device_ids.write({'expires_at': '2099-01-01'})",
            "record.sudo().write({'totp_secret': False})",
            *BUTTONS,
            f"env['{APP}'].sudo().create({{'name': 'x', 'user_id': {victim}}})",
            f"env['{DEVICE}'].sudo().create({{'name': 'x', 'user_id': {victim}}})",
            "env['res.users.recovery.code'].sudo().search([]).unlink()",
            "env['res.users.mfa.attempt'].sudo().search([]).unlink()",
            "env['res.users.help.code'].sudo().create({'user_id': record.id})",
        ):
            action = self.code_action(code)
            with self.subTest(code=code):
                self.act_without_proof()
                answer = self.run_on(action, self.people[VICTIM])
                self.assertTrue("error" in answer or code in BUTTONS, answer)
                self.assertUnchanged()

    def test_code_past_them_leaves_a_trace(self):
        """What nothing can keep from who may write code is told to the person, with a name."""
        self.act_without_proof()
        victim = self.people[VICTIM]
        mails = self.env["mail.mail"].sudo().search([])
        self.assertNotIn("error", self.run_on(self.code_action(PAST), victim))
        self.env.invalidate_all()
        line = self.env["res.users.mfa.event"].search([("kind", "=", "disabled")], limit=1)
        self.assertEqual((line.login, line.actor_login), (VICTIM, "mfa_admin"))
        told = self.env["mail.mail"].sudo().search([]) - mails
        self.assertIn(victim.email, told.email_to)

    def test_others_make_no_action(self):
        for actor in ("mfa_portal", "mfa_ann", "mfa_manager"):
            self.act_as(actor)
            model = self.env["ir.model"]._get_id("res.users")
            fields = {"name": "x_robbed", "model_id": model, "ttype": "char"}
            for target, vals in (
                ("ir.actions.server", {"name": "x", "model_id": model, "state": "code"}),
                ("ir.cron", {"name": "x", "model_id": model, "state": "code", "code": PAST}),
                # Core lets who holds Access Rights make custom fields, with code.
                *([("ir.model.fields", fields)] if actor != "mfa_manager" else []),
                ("ir.config_parameter", {"key": "auth_totp.policy", "value": ""}),
            ):
                with self.subTest(actor=actor, model=target), QUIET:
                    self.assertRefused(self.attack(target, "create", [vals]))

    def test_job_of_an_administrator(self):
        """A scheduled action runs as whoever it names, and has no more rights for that."""
        code = "env['res.users'].search([('login', '=', 'mfa_bob')]).write({'mfa_since': False})"
        model = self.env["ir.model"]._get_id("res.users")
        cron = self.env["ir.cron"].create(
            {"name": "Attack", "model_id": model, "state": "code", "code": code, "user_id": 1}
        )
        self.act_without_proof()
        with QUIET:
            self.call("ir.cron", "method_direct_trigger", [cron.id])
        self.assertUnchanged()


@tagged("post_install", "-at_install")
class TestExports(RpcCase):
    """Files of ``/web/export``, with columns that no screen offers, by stored template too."""

    COLUMNS = (
        ("res.users", "totp_secret"),
        ("res.users", "authenticator_ids/secret_key"),
        ("res.users", "trusted_device_ids/token_hash"),
        ("res.users", "trusted_device_ids/fingerprint"),
        ("res.users", "mfa_epoch"),
        ("res.partner", "user_ids/totp_secret"),
        ("res.users.mfa.event", "user_id/totp_secret"),
        (APP, "secret_key"),
        (DEVICE, "token_hash"),
    )

    def export(self, kind, model, column, groupby):
        data = {
            "model": model,
            "fields": [{"name": column, "label": "Column", "type": "char"}],
            "ids": False,
            "domain": [],
            "groupby": groupby,
            "import_compat": False,
        }
        form = {"data": json.dumps(data), "csrf_token": self.csrf}
        return self.url_open(f"/web/export/{kind}", data=form)

    def test_columns(self):
        for actor in ("mfa_ann", "mfa_manager", "mfa_admin"):
            self.act_as(actor)
            self.csrf = self.csrf_of(self.url_open("/web/login/totp/codes"))
            for model, column in self.COLUMNS:
                for kind in ("csv", "xlsx"):
                    with self.subTest(actor=actor, model=model, column=column, kind=kind), QUIET:
                        answer = self.export(kind, model, column, [])
                        self.assertFalse(answer.ok and kind == "csv" and self.is_told(answer.text))
                        self.assertNotEqual(answer.ok and column, "totp_secret")
            self.assertUnchanged()

    def is_told(self, text):
        return bool(self.secrets_in(text)) or "mfa_epoch" in text

    def test_stored_templates(self):
        self.act_as("mfa_admin")
        for model, column in self.COLUMNS:
            lines = [[0, 0, {"name": column}]]
            vals = {"name": "Theft", "resource": model, "export_fields": lines}
            with self.subTest(model=model, column=column), QUIET:
                template = self.call("ir.exports", "create", vals)["result"]
                answer = self.rpc("/web/export/namelist", model=model, export_id=template)
                self.assertFalse(self.secrets_in(answer))
