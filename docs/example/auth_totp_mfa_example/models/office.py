"""A policy verdict: outside of the office, everybody needs an authenticator app."""

from datetime import datetime

from odoo import models

from odoo.addons.auth_totp_mfa.models.calling_address import calling_address
from odoo.addons.auth_totp_mfa.models.mfa_policy import BY_APP, Demand
from odoo.addons.auth_totp_mfa.tools import networks

OFFICE = "auth_totp_mfa_example.office"  # networks in CIDR form; empty: no such rule


class ResUsers(models.Model):
    _inherit = "res.users"

    def _mfa_demand(self):
        demand = super()._mfa_demand()
        office = self.env["ir.config_parameter"].sudo().get_param(OFFICE)
        address = calling_address()
        if not office or not address or self._mfa_is_exempt() or demand.level == BY_APP:
            return demand
        if networks.holds(networks.parse(office), address):
            return demand
        # Since ever, and a session that does not meet it is over at its next request.
        return Demand(BY_APP, datetime.min, datetime.min, "", "")
