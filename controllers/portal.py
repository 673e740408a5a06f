from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal


class Portal(CustomerPortal):
    """The forms of core that change how a portal user logs in."""

    def _update_password(self, old, new1, new2):
        """Take the code of the form, where the account asks for one."""
        if refusal := request.env.user._mfa_refusal_of(request.params.get("mfa_code")):
            return {"errors": {"password": {"mfa_code": refusal}}}
        with request.env.cr.savepoint() as before:
            result = super()._update_password(old, new1, new2)
            if "errors" in result:  # core voids the devices before it looks at the old password
                before.rollback()
        return result

    def _validate_address_values(self, address_values, partner_sudo, *args, **kwargs):
        """Take the code of the form before one's own email address changes."""
        invalid, missing, errors = super()._validate_address_values(
            address_values, partner_sudo, *args, **kwargs
        )
        own = partner_sudo and partner_sudo == request.env.user.partner_id
        email = address_values.get("email", partner_sudo.email)
        code = kwargs.get("mfa_code")
        changes = own and (email or "") != (partner_sudo.email or "")
        if changes and not errors and (refusal := request.env.user._mfa_refusal_of(code)):
            invalid.add("mfa_code")
            errors.append(refusal)
        return invalid, missing, errors
