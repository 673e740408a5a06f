from odoo import api, models

from .res_groups import SENSITIVE


class IrModelData(models.Model):
    _inherit = "ir.model.data"

    @api.model
    def _update_xmlids(self, data_list, update=False):
        """Mark the group of an app's managers as sensitive when its app is installed.

        Nothing tells an addon that another was installed later. Only the first time:
        who unticks the box finds it unticked after an upgrade.
        """
        groups = [data for data in data_list if data["xml_id"] in SENSITIVE]
        new = [data["record"] for data in groups if not self._xmlid_exists(data["xml_id"])]
        super()._update_xmlids(data_list, update)
        for group in new:
            group.sudo().mfa_sensitive = True

    @api.model
    def _xmlid_exists(self, xmlid):
        module, name = xmlid.split(".", 1)
        return bool(self.sudo().search_count([("module", "=", module), ("name", "=", name)]))
