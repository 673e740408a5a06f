from odoo import SUPERUSER_ID, http
from odoo.exceptions import AccessDenied, UserError
from odoo.http import request

from .pages import PAGE, Pages

SETUP = "/web/login/totp/setup"


class SetupPages(Pages):
    """The set-up of an app: before the session where a policy asks for it, or in one."""

    @http.route(SETUP, **PAGE | {"auth": "public"})
    def mfa_setup(self, redirect=None, **form):
        """Show the step that comes next, or take what was typed on its form."""
        user, elsewhere = self._mfa_setup_user(redirect)
        if elsewhere:
            return elsewhere
        typed = form if request.httprequest.method == "POST" else {}
        if "skip" in typed and not user._mfa_setup_is_forced():
            user._mfa_end_setup()
            return self._mfa_go_on(redirect)
        match user._mfa_setup_step():
            case "app":
                return self._mfa_setup_app(user, redirect, typed)
            case "confirm":
                return self._mfa_setup_confirm(user, redirect, typed)
            case "password":
                return self._mfa_start_again(redirect, notice="password")
        return self._mfa_go_to_settings()

    def _mfa_setup_user(self, redirect):
        """Return who sets up an app, in their own environment, or the way to another page.

        :return: ``(user, None)`` or ``(None, response)``
        """
        session = request.session
        if session.uid == SUPERUSER_ID:
            return None, self._mfa_start_again(redirect, notice="policy")
        if session.uid:
            return request.env.user, None
        if not session.get("pre_uid"):
            return None, self._mfa_lead("/web/login", redirect)
        user = request.env["res.users"]._mfa_get_pending()
        if elsewhere := self._mfa_elsewhere(user, SETUP, redirect):
            return None, elsewhere
        request.update_context(lang=user.sudo().lang)
        return request.env(user=user.id).user, None

    # -- the confirmation --------------------------------------------------------------

    def _mfa_setup_confirm(self, user, redirect, typed):
        """Ask for the code sent by email, or a help code."""
        error = None
        again = "again" in typed
        if "confirmation" in typed and not again:
            try:
                user._mfa_confirm_setup(typed["confirmation"])
            except AccessDenied as refusal:
                error = str(refusal)
            else:
                return self._mfa_go_to("setup", redirect)
        unsent = user._mfa_send_setup_code(again)
        return self._mfa_page(
            "confirm",
            redirect,
            user,
            error=error,
            unsent=unsent,
            sent_again=again and not unsent,
            address=user._mfa_masked_email(),
            **self._mfa_setup_frame(user),
        )

    def _mfa_setup_frame(self, user):
        """Return what each step says: why it is asked for, and how to leave."""
        return {
            "reason": user._mfa_setup_reason(),
            "forced": user._mfa_setup_is_forced(),
            "half_open": not request.session.uid,
        }

    # -- the app -----------------------------------------------------------------------

    def _mfa_setup_app(self, user, redirect, typed):
        """Show the key of the new app and ask for its code."""
        session = request.session
        shown = session.get("mfa_setup")
        screen = user.env["res.users.authenticator.create"]._resume(shown)
        session["mfa_setup"] = screen.id
        if "code" not in typed:
            return self._mfa_setup_page(user, screen, redirect)
        if screen.id != shown:
            expired = user.env._("This page has expired. Use the new key that it shows now.")
            return self._mfa_setup_page(user, screen, redirect, error=expired)
        return self._mfa_take_setup(user, screen, redirect)

    def _mfa_take_setup(self, user, screen, redirect):
        """Finish the enrolment with what was typed, or show the page again."""
        form = request.httprequest.form
        lost_ids = {int(app) for app in form.getlist("lost") if app.isdecimal() and len(app) < 10}
        name, code = form.get("name", ""), form.get("code", "")
        try:
            with request.env.cr.savepoint():
                screen._enrol(name, code, lost_ids)
        except UserError as refusal:
            return self._mfa_setup_page(user, screen, redirect, str(refusal), name[:64], lost_ids)
        screen._mfa_forget()
        user._mfa_end_setup()
        if not request.session.uid:
            self._mfa_finish(None, proven=True)
        if request.env.user._mfa_plan_first_codes():
            return self._mfa_go_to("codes", redirect)
        return self._mfa_go_on(redirect)

    def _mfa_setup_page(self, user, screen, redirect, error=None, name=None, lost_ids=None):
        apps = user.sudo().authenticator_ids
        if lost_ids is None:
            lost_ids = apps.ids if request.session.get("mfa_recovered") else ()
        return self._mfa_page(
            "setup",
            redirect,
            user,
            screen=screen.sudo(),
            name=screen.sudo().name if name is None else name,
            apps=apps,
            lost_ids=lost_ids,
            error=error,
            **self._mfa_setup_frame(user),
        )

    # -- the reminder ------------------------------------------------------------------

    @http.route("/web/login/totp/reminder", **PAGE)
    def mfa_reminder(self, redirect=None, answer=None, **form):
        """Say, once for a login, until when an app has to be set up."""
        user = request.env.user
        until = user._mfa_reminder()
        if request.httprequest.method != "POST" and until and request.session.get("mfa_remind"):
            reason = user._mfa_setup_reason()
            return self._mfa_page("reminder", redirect, until=until, reason=reason)
        request.session.pop("mfa_remind", None)
        return (
            self._mfa_go_to("setup", redirect) if answer == "setup" else self._mfa_go_on(redirect)
        )
