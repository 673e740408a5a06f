from odoo import models

from .res_users_identitycheck import check_second_factor


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    @check_second_factor
    def remove(self):
        return super().remove()


class ResUsersApikeysDescription(models.TransientModel):
    _inherit = "res.users.apikeys.description"

    @check_second_factor
    def make_key(self):
        return super().make_key()
