from urllib.parse import urlencode

from werkzeug.datastructures import ImmutableMultiDict

from odoo import http
from odoo.exceptions import AccessDenied
from odoo.http import request

from odoo.addons.auth_totp.controllers.home import TRUSTED_DEVICE_COOKIE
from odoo.addons.auth_totp_mail.controllers.home import Home as AuthTotpMailHome

from ..tools import browser, totp


class Home(AuthTotpMailHome):
    """The second step of the login, at core's address and with core's form fields."""

    @http.route()
    def web_login(self, redirect=None, **kw):
        """Say why the person is here again, where a login or a session was ended."""
        response = super().web_login(redirect=redirect, **kw)
        notice = request.session.pop("mfa_notice", None)
        if notice and getattr(response, "qcontext", None) is not None:
            response.qcontext.setdefault("message", self._mfa_notice_text(notice))
        return response

    def _mfa_notice_text(self, notice):
        if notice == "session":
            return request.env._(
                "You were logged out, as set for accounts with two-factor authentication. "
                "Please log in again."
            )
        if notice == "network":
            return request.env._(
                "You were logged out: this account can be used only from the networks that your "
                "administrator has set. Connect from one of them."
            )
        if notice == "policy":
            return request.env._(
                "Your account now needs two-factor authentication. Please log in again: you will "
                "be led through it."
            )
        if notice == "password":
            return request.env._(
                "Please log in again before you set up an app: your password was given too long "
                "ago."
            )
        return request.env._(
            "The login took too long, or your account changed meanwhile. Please start again."
        )

    @http.route()
    def switch_to_admin(self):
        """Remember who became the superuser, for the audit trail."""
        uid = request.session.uid
        response = super().switch_to_admin()
        if request.session.uid != uid:
            request.session["mfa_become"] = uid
        return response

    @http.route()
    def web_totp(self, redirect=None, **kwargs):
        """Ask for the code, unless this browser is trusted.

        Core's controllers verify, finish the session and render; this one judges the
        half-open session and the trusted device, and hands on what is a code, in ASCII
        digits: core reads it with ``int()``.
        """
        if request.session.uid or not request.session.get("pre_uid"):
            return super().web_totp(redirect=redirect, **kwargs)
        user = request.env["res.users"]._mfa_get_pending()
        posted = request.httprequest.method == "POST"
        if user and not posted and (device := user._mfa_find_device()):
            device._touch(user, request.httprequest.remote_addr)
            response = self._mfa_finish(redirect)
            request.session["mfa_device"] = device.id
            return response
        user._mfa_read_for_page()
        if elsewhere := self._mfa_elsewhere(user, "/web/login/totp", redirect):
            return elsewhere
        remember = kwargs.pop("remember", None) and self._mfa_can_remember(user)
        kind = user._mfa_type()
        recovery = bool(kwargs.get("recovery")) or user._mfa_has_no_mailbox()
        given = kwargs.pop("totp_token", None)
        typed = given if posted else None
        if user._mfa_is_own_code(typed):
            error, response = self._mfa_take_own_code(user, typed, redirect, remember)
            if response:
                return response
        else:
            kwargs["totp_token"], error = self._mfa_read_digits(typed, recovery)
        self._mfa_hide_core_cookie()
        # Past ``auth_totp_mail``, which mails a code each time that the form is shown.
        core = super(AuthTotpMailHome, self) if recovery else super()
        response = core.web_totp(redirect=redirect, **kwargs)
        if not request.session.uid:
            response.qcontext["mfa_type"] = kind
            return self._mfa_fill_form(response, user, redirect, recovery, error)
        request.env.user._mfa_start_session(proven=kind == "totp")
        if remember:
            self._mfa_remember(response)
        return response

    def _mfa_read_digits(self, typed, recovery):
        """Return what core's controller reads of ``typed``, and why that is no code."""
        digits = totp.normalise_code(typed)
        if digits or typed is None:
            return digits, None
        if recovery:
            return None, request.env._(
                "This is not a recovery code (16 letters and digits) or a help code (12). "
                "Check what you typed."
            )
        return None, request.env._("This is not a code. Enter the six digits that you see now.")

    def _mfa_fill_form(self, response, user, redirect, recovery, error):
        """Give core's form of the second step what this addon's template needs.

        :param bool recovery: it asks for a recovery or help code
        """
        other_form = {} if recovery else {"recovery": "1"}
        if redirect:
            other_form["redirect"] = redirect
        response.qcontext.update(
            mfa_devices_allowed=user._mfa_rules().trusted_devices,
            mfa_can_remember=self._mfa_can_remember(user),
            mfa_recovery=recovery,
            mfa_no_mailbox=user._mfa_has_no_mailbox(),
            mfa_other_form=f"/web/login/totp?{urlencode(other_form)}",
            error=error or response.qcontext.get("error"),
        )
        return response

    def _mfa_take_own_code(self, user, code, redirect, remember):
        """Finish the login of who gives a code that core does not know.

        :param remember: trust this browser, unless the code is a recovery or help code
        :return: ``(error text, None)`` or ``(None, response)``
        """
        try:
            with user._assert_can_auth(user=user.id):
                kind = user._mfa_check_code(code)
        except AccessDenied as refusal:
            return str(refusal), None
        response = self._mfa_finish(redirect, proven=True)
        if kind == "app":
            if remember:
                self._mfa_remember(response)
            return None, response
        request.session["mfa_recovered"] = kind
        page = "/web/login/totp/lost" if kind == "recovery" else "/web/login/totp/setup"
        return None, self._mfa_lead(page, redirect)

    def _mfa_hide_core_cookie(self):
        """Hide the cookie of core's trusted devices from core: none is honoured."""
        if TRUSTED_DEVICE_COOKIE not in request.cookies:
            return
        request.cookies = ImmutableMultiDict(
            (name, value)
            for name, value in request.cookies.items(multi=True)
            if name != TRUSTED_DEVICE_COOKIE
        )

    def _mfa_elsewhere(self, user, page, redirect):
        """Return the way to the page that the verdict on a half-open session asks for now.

        :param user: as ``_mfa_get_pending`` returns it
        :return: ``None`` where that is ``page`` itself
        """
        verdict = user._mfa_url() if user else None
        if verdict == page:
            return None
        if not verdict:
            return self._mfa_start_again(redirect)
        return self._mfa_lead(verdict, redirect)

    def _mfa_start_again(self, redirect, notice="login"):
        """Void the session and lead back to the password.

        :param str notice: what the login page says, see :meth:`_mfa_notice_text`
        """
        request.session.logout(keep_db=True)
        request.session["mfa_notice"] = notice
        return self._mfa_lead("/web/login", redirect)

    def _mfa_lead(self, page, redirect):
        """Lead to ``page``, and from there on to ``redirect``."""
        known = redirect and browser.is_address(redirect)
        return request.redirect_query(page, {"redirect": redirect} if known else None)

    def _mfa_finish(self, redirect, proven=False):
        """Finish the login without core's check of a code, as core's controller does after it.

        :param bool proven: a second factor was given now, not by a trusted device before
        """
        request.session.finalize(request.env)
        request.update_env(user=request.session.uid)
        request.update_context(**request.session.context)
        request.env.user._mfa_start_session(proven)
        return request.redirect(self._login_redirect(request.session.uid, redirect=redirect))

    def _login_redirect(self, uid, redirect=None):
        """Forget a target that is no address: it would be an error of the server."""
        if redirect and not browser.is_address(redirect):
            redirect = None
        return super()._login_redirect(uid, redirect=redirect)

    def _mfa_can_remember(self, user):
        """Tell whether this device may be trusted, and its browser would keep the cookie."""
        return user._mfa_rules().trusted_devices and self._mfa_browser_keeps_cookie()

    def _mfa_browser_keeps_cookie(self):
        """Tell whether this browser would keep the cookie of a trusted device."""
        secure = request.env["ir.config_parameter"]._mfa_flag("auth_totp.secure_cookie")
        return browser.keeps_cookie(secure, request.httprequest.scheme, request.httprequest.host)

    def _mfa_remember(self, response):
        """Trust this browser from now on, by a cookie of this user's own."""
        name, token, age = request.env.user._mfa_issue_device()
        response.set_cookie(
            name,
            token,
            max_age=age,
            httponly=True,
            samesite="Lax",
            secure=request.env["ir.config_parameter"]._mfa_flag("auth_totp.secure_cookie"),
        )
