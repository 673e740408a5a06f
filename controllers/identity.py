from odoo import http
from odoo.exceptions import AccessDenied
from odoo.http import request


class Identity(http.Controller):
    @http.route("/mfa/identity", type="jsonrpc", auth="user", readonly=False)
    def identity(self, code=None, passkey=None):
        """Tell whether this session needs to prove the second factor, and take a proof.

        A refusal is an answer, not an error, so that the dialog can show it.

        :param code: a code of an app, or a recovery code
        :param passkey: the answer of a passkey to ``/auth/passkey/start-auth``, as JSON
        :return: ``{"needs_code": bool, "has_passkey": bool, "error": text or False}``
        """
        user = request.env.user
        error = False
        if user._mfa_needs_proof():
            try:
                if passkey is not None:
                    user._mfa_prove_by_passkey(passkey)
                elif code is not None:
                    user._mfa_prove(code)
            except AccessDenied as refusal:
                error = str(refusal)
        return {
            "needs_code": user._mfa_needs_proof(),
            "has_passkey": user._mfa_has_passkey(),
            "error": error,
        }
