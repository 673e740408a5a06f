"""Read the policy that core's key held until now into the companies."""

from odoo import SUPERUSER_ID, api

from odoo.addons.auth_totp_mfa.hooks import adopt_policy


def migrate(cr, version):
    adopt_policy(api.Environment(cr, SUPERUSER_ID, {}))
