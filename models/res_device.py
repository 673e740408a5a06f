import glob
import os

from odoo import models
from odoo.http import root

from odoo.addons.base.models.res_users import check_identity


class ResDevice(models.Model):
    """Core's Devices list: sessions by browser, each of which may be trusted."""

    _inherit = "res.device"

    @check_identity
    def revoke(self):
        """Log these sessions out; ask first where one's own browser is trusted."""
        trusted = self._mfa_trusted_devices()
        if trusted:
            return self.env["res.users.mfa.logout"]._open(trusted, self)
        return super().revoke()

    def _mfa_trusted_devices(self):
        """Return the trusted devices of the acting user that these sessions belong to.

        A session notes in its data by which trusted device it was opened, or which one it
        made. The data is read where core deletes it: in the store that all workers share,
        by the part of the session id that the list keeps. A column beside the device could
        not tell: the id of a session changes after the request that logs in.
        """
        store = root.session_store
        noted = set()
        for identifier in set(self.mapped("session_identifier")):
            path = os.path.join(store.path, identifier[:2], glob.escape(identifier))
            for name in map(os.path.basename, glob.glob(f"{path}*")):
                if store.is_valid_key(name):
                    noted.add(store.get(name).get("mfa_device"))
        own = self.env.user.sudo(False).trusted_device_ids
        return own.filtered(lambda device: device.id in noted)
