from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import tokens


class ResUsersHelpCode(models.Model):
    """The code that an administrator told somebody who is locked out."""

    _name = "res.users.help.code"
    _inherit = "mfa.one.time.code"
    _description = "Help code"
    _code_length = tokens.HELP_LENGTH

    expires_at = fields.Datetime(required=True, readonly=True, groups=fields.NO_ACCESS)

    @api.model
    def _make(self, user, number=1, **values):
        age = self.env["ir.config_parameter"]._mfa_duration("auth_totp.help_code_age")
        return super()._make(user, number, expires_at=fields.Datetime.now() + age, **values)

    @api.model
    def _still_valid(self):
        return SQL("expires_at > %s", fields.Datetime.now())

    @api.autovacuum
    def _gc_expired(self):
        self._mfa_open_door().search([("expires_at", "<", fields.Datetime.now())]).unlink()
