from odoo import models


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    def _generate(self, scope, name, expiration_date):
        key = super()._generate(scope, name, expiration_date)
        if self._mfa_is_api_key():
            self.env["res.users.mfa.event"]._record("api_key_made", self.env.user, name, scope)
        return key

    def unlink(self):
        if self._mfa_is_api_key():
            self.env["res.users.mfa.event"]._record_owned("api_key_removed", self)
        return super().unlink()

    def _mfa_is_api_key(self):
        """Core's trusted devices inherit from this model, and are no API keys."""
        return self._name == "res.users.apikeys"
