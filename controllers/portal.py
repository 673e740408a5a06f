from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..exceptions import SecondFactorRefused


class Portal(CustomerPortal):
    """The portal user's security page."""

    def _update_password(self, old, new1, new2):
        """Take the code of the form, where the account asks for one."""
        if request.env["res.users.identitycheck"]._needs_code():
            try:
                request.env.user._mfa_prove(request.params.get("mfa_code"))
            except SecondFactorRefused as refusal:
                return {"errors": {"password": {"mfa_code": str(refusal)}}}
        return super()._update_password(old, new1, new2)
