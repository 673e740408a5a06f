from odoo import http
from odoo.http import request


class Recovery(http.Controller):
    @http.route("/mfa/recovery/dismiss", type="jsonrpc", auth="user")
    def dismiss_notice(self):
        """Say no more in this session that few recovery codes are left."""
        request.session.pop("mfa_codes_left", None)
