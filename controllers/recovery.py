from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from ..exceptions import SecondFactorRefused
from .home import Home

PAGE = {
    "type": "http",
    "auth": "user",
    "methods": ["GET", "POST"],
    "website": True,
    "multilang": False,
    "sitemap": False,
}


class RecoveryPages(Home):
    """What follows a login by recovery or help code: plain pages, the same for all users."""

    @http.route("/web/login/totp/lost", **PAGE)
    def mfa_lost(self, redirect=None, answer=None, **form):
        """Ask who has just used a recovery code whether the phone is lost."""
        if request.session.get("mfa_recovered") != "recovery":
            return self._mfa_go_on(redirect)
        if request.httprequest.method == "GET":
            return self._mfa_page("lost", redirect)
        if answer == "lost":
            return self._mfa_go_to("setup", redirect)
        del request.session["mfa_recovered"]
        if answer == "codes":
            return self._mfa_go_to("codes", redirect)
        return self._mfa_go_on(redirect)

    @http.route("/web/login/totp/setup", **PAGE)
    def mfa_setup(self, redirect=None, **form):
        """Enrol an app, and remove the lost ones, right after the second step."""
        session = request.session
        if not request.env.user._mfa_proof_is_fresh():
            return self._mfa_go_to_settings()
        if request.httprequest.method == "POST" and "skip" in form:
            session.pop("mfa_recovered", None)
            return self._mfa_go_on(redirect)
        shown = session.get("mfa_setup")
        screen = request.env["res.users.authenticator.create"]._resume(shown)
        session["mfa_setup"] = screen.id
        if request.httprequest.method == "GET":
            return self._mfa_setup_page(screen, redirect)
        if screen.id != shown:
            expired = request.env._("This page has expired. Use the new key that it shows now.")
            return self._mfa_setup_page(screen, redirect, error=expired)
        return self._mfa_take_setup(screen, redirect)

    def _mfa_take_setup(self, screen, redirect):
        """Finish the enrolment with what was typed, or show the page again."""
        form = request.httprequest.form
        lost_ids = {int(app) for app in form.getlist("lost") if app.isdecimal() and len(app) < 10}
        name, code = form.get("name", ""), form.get("code", "")
        try:
            with request.env.cr.savepoint():
                screen._enrol(name, code, lost_ids)
        except UserError as refusal:
            return self._mfa_setup_page(screen, redirect, str(refusal), name[:64], lost_ids)
        screen._mfa_forget()
        for key in ("mfa_setup", "mfa_recovered"):
            request.session.pop(key, None)
        if sheet := request.env.user._mfa_first_recovery_sheet():
            return self._mfa_page("sheet", redirect, sheet=sheet)
        return self._mfa_go_on(redirect)

    def _mfa_setup_page(self, screen, redirect, error=None, name=None, lost_ids=None):
        apps = request.env.user.sudo().authenticator_ids
        if lost_ids is None:
            lost_ids = apps.ids if request.session.get("mfa_recovered") else ()
        return self._mfa_page(
            "setup",
            redirect,
            screen=screen.sudo(),
            name=screen.sudo().name if name is None else name,
            apps=apps,
            lost_ids=lost_ids,
            error=error,
        )

    @http.route("/web/login/totp/codes", **PAGE)
    def mfa_codes(self, redirect=None, **form):
        """Make recovery codes, for who has proven the second factor or proves it here.

        The form names the codes that it voids, so that sending it twice, as a reload
        does, does not void those that have just been kept.
        """
        user = request.env.user
        if not user.mfa_enabled:
            return self._mfa_go_to_settings()
        if "done" in form:
            return self._mfa_go_on(redirect)
        if form.get("voids") != user._mfa_newest_recovery_code():
            return self._mfa_page("codes", redirect)
        user._mfa_check_self()
        if not user._mfa_proof_is_fresh():
            try:
                user._mfa_prove(form.get("code"))
            except SecondFactorRefused as refusal:
                return self._mfa_page("codes", redirect, error=str(refusal))
        sheet = user._mfa_recovery_sheet(user._mfa_make_recovery_codes())
        return self._mfa_page("sheet", redirect, sheet=sheet)

    @http.route("/mfa/recovery/dismiss", type="jsonrpc", auth="user")
    def mfa_dismiss_notice(self):
        """Say no more in this session that few recovery codes are left."""
        request.session.pop("mfa_codes_left", None)

    # -- where to --------------------------------------------------------------------

    def _mfa_page(self, template, redirect, **values):
        """Return a page that nobody keeps and no other site shows, in the user's language."""
        user = request.env.user
        request.update_context(lang=user.lang)
        page = request.render(
            f"auth_totp_mfa.login_{template}",
            {
                "redirect": redirect,
                "left": user.recovery_codes_left,
                "few": user.recovery_codes_few,
                "voids": user._mfa_newest_recovery_code(),
                "needs_code": not user._mfa_proof_is_fresh(),
                **values,
            },
        )
        page.headers["Cache-Control"] = "no-store"
        page.headers["X-Frame-Options"] = "DENY"
        return page

    def _mfa_go_to(self, page, redirect):
        query = {"redirect": redirect} if redirect else None
        return request.redirect_query(f"/web/login/totp/{page}", query)

    def _mfa_go_on(self, redirect):
        """Lead to where the person was going; never to another site."""
        if redirect and not redirect.isprintable():
            redirect = None
        return request.redirect(self._login_redirect(request.session.uid, redirect=redirect))

    def _mfa_go_to_settings(self):
        """Lead to where one changes one's second factor, behind an identity check."""
        if request.env.user._is_internal():
            return request.redirect(
                "/odoo/action-auth_totp_mail.action_activate_two_factor_authentication"
            )
        return request.redirect("/my/security")
