from odoo import http
from odoo.http import request

from ..exceptions import SecondFactorRefused


class Identity(http.Controller):
    @http.route("/mfa/identity", type="jsonrpc", auth="user", readonly=False)
    def identity(self, code=None):
        """Tell whether this session needs to prove the second factor, and take a proof.

        A refusal is an answer, not an error, so that the dialog can show it.

        :param code: the code of an app, as text
        :return: ``{"needs_code": bool, "error": text or False}``
        """
        needs_code = request.env["res.users.identitycheck"]._needs_code()
        error = False
        if needs_code and code is not None:
            try:
                request.env.user._mfa_prove(code)
                needs_code = False
            except SecondFactorRefused as refusal:
                error = str(refusal)
        return {"needs_code": needs_code, "error": error}
