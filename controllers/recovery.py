from odoo import http
from odoo.http import request

from ..exceptions import SecondFactorRefused
from .pages import PAGE, Pages


class RecoveryPages(Pages):
    """What follows a login by recovery code, and where recovery codes are made."""

    @http.route("/web/login/totp/lost", **PAGE)
    def mfa_lost(self, redirect=None, answer=None, **form):
        """Ask who has just used a recovery code whether the phone is lost."""
        if request.session.get("mfa_recovered") != "recovery":
            return self._mfa_go_on(redirect)
        if request.httprequest.method != "POST":
            return self._mfa_recovery_page("lost", redirect)
        if answer == "lost":
            return self._mfa_go_to("setup", redirect)
        del request.session["mfa_recovered"]
        if answer == "codes":
            return self._mfa_go_to("codes", redirect)
        return self._mfa_go_on(redirect)

    @http.route("/web/login/totp/codes", **PAGE)
    def mfa_codes(self, redirect=None, **form):
        """Make recovery codes, for who has proven the second factor or proves it here.

        The form names the codes that it voids, so that sending it twice, as a reload
        does, does not void those that have just been kept.
        """
        user = request.env.user
        if not user.mfa_enabled:
            return self._mfa_go_to_settings()
        typed = form if request.httprequest.method == "POST" else {}
        if "done" in typed:
            return self._mfa_go_on(redirect)
        first = request.session.pop("mfa_first_codes", None) and user._mfa_proof_is_fresh()
        if first and (sheet := user._mfa_first_recovery_sheet()):
            return self._mfa_page("sheet", redirect, sheet=sheet)
        if typed.get("voids") != user._mfa_newest_recovery_code():
            return self._mfa_recovery_page("codes", redirect)
        user._mfa_check_self()
        if not user._mfa_proof_is_fresh():
            try:
                user._mfa_prove(typed.get("code"))
            except SecondFactorRefused as refusal:
                return self._mfa_recovery_page("codes", redirect, error=str(refusal))
        sheet = user._mfa_recovery_sheet(user._mfa_make_recovery_codes())
        return self._mfa_page("sheet", redirect, sheet=sheet)

    @http.route("/mfa/recovery/dismiss", type="jsonrpc", auth="user")
    def mfa_dismiss_notice(self):
        """Say no more in this session that few recovery codes are left."""
        request.session.pop("mfa_codes_left", None)

    def _mfa_recovery_page(self, template, redirect, **values):
        user = request.env.user
        return self._mfa_page(
            template,
            redirect,
            left=user.recovery_codes_left,
            few=user.recovery_codes_few,
            voids=user._mfa_newest_recovery_code(),
            needs_code=not user._mfa_proof_is_fresh(),
            **values,
        )
