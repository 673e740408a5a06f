import re
import time
from urllib.parse import quote

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessDenied, MissingError
from odoo.http import (
    STORED_SESSION_BYTES,
    SessionExpiredException,
    get_session_max_inactivity,
    request,
    root,
)

from ..exceptions import NoCode
from ..tools import totp
from ..tools.browser import is_address
from .calling_address import PROOFS
from .mfa_policy import BY_APP, BY_MAIL, OPTIONAL

DAY = 24 * 60 * 60
LOCK_SCREEN = "/auth-timeout/session/check-identity"
SHOWN_ALWAYS = ("/web/login", "/web/session/logout", "/auth-timeout/")
"""Pages that no other takes the place of: those of the login, and of core's lock screen."""
REAL_USE = re.compile(
    r"/web$|/odoo(/|$)|/my(/|$)|/web/action/load$|/web/dataset/call_button(/|$)"
    r"|/mail/message/(post|update_content)$"
    r"|/web/dataset/call_kw/[^/]+/"
    r"(web_save|web_read|web_search_read|web_read_group|create|write|unlink)$"
)
"""Paths that only a person asks for. What a page asks for by itself, again and
again (presence, notifications, session checks, counters), is not among them."""


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _authenticate_explicit(cls, auth):
        """End an MFA session that is past its age, and void marks of a password alone.

        Relies on core checking ``session.uid`` after this: without one, the request
        goes on as nobody's. Costs no query, since the settings are in the ORM cache; one
        within ten minutes of an identity check.
        """
        session = request.session
        if session.uid is not None:
            if notice := cls._mfa_age_verdict(session) or cls._mfa_policy_verdict(session):
                cls._mfa_log_out(notice)
            elif session.get("identity-check-last"):
                request.env["res.users.identitycheck"]._drop_password_mark(session)
        super()._authenticate_explicit(auth)
        if session.should_rotate and session.uid is None and session.can_save:
            # It ended just now: the forms of this page need the token of its new id.
            root.session_store.rotate(session, request.env)

    @classmethod
    def _mfa_policy_verdict(cls, session):
        """Return why ``session`` ends, or ``None``: the notice that the login page shows.

        Its account is gone, or out of its networks, which is recorded, or it misses a policy.
        Costs no query while the policy is met, or optional.
        """
        user = cls._mfa_session_user(session)
        try:
            allowed, demand = user._mfa_address_is_allowed(), user._mfa_demand()
        except MissingError:  # deleted meanwhile: core would notice later
            return "login"
        if not allowed:
            user._mfa_record_address("session")
            return "network"
        if cls._mfa_session_meets(session, user, demand):
            return None
        return "policy" if demand.over and demand.over <= fields.Datetime.now() else None

    @classmethod
    def _mfa_session_user(cls, session):
        """Return whose session this is: who became the superuser, if so."""
        uid = session.uid
        if uid == SUPERUSER_ID:
            uid = session.get("mfa_become") or uid
        return request.env["res.users"].browse(uid)

    @classmethod
    def _mfa_session_meets(cls, session, user, demand):
        """Tell whether ``session`` was opened with the factor that ``demand`` asks for.

        ``mfa_factor`` is ``app`` or ``skip``, a login that core exempts from a second step
        (a passkey). It saves the question whether the account has MFA on: each change of
        its factors ends its sessions.
        """
        if demand.level == OPTIONAL or session.get("mfa_factor"):
            return True
        if demand.level == BY_MAIL and session.get("mfa_since"):
            return True
        if user.sudo().mfa_enabled:
            session["mfa_factor"] = "app"
            return True
        return False

    @classmethod
    def _mfa_log_out(cls, notice):
        request.session.logout(keep_db=True)
        request.session["mfa_notice"] = notice
        request.env = api.Environment(request.env.cr, None, request.session.context)

    @classmethod
    def _handle_error(cls, exception):
        """Let a session that was ended here stay so, and a request that failed give it nothing.

        Core forgets the session of a request that failed, but ``http_routing`` saves it with
        its error page. Of an ended one the open websockets end too, and the login page says
        why.
        """
        session = request.session
        if getattr(request, "mfa_saved", False):
            cls._mfa_take_back_session(session)
        elif session.can_save and (session.uid is not None or session.get("pre_uid")):
            cls._mfa_restore_session()
            session = request.session
        notice = session.should_rotate and session.get("mfa_notice")
        response = super()._handle_error(exception)
        if notice and isinstance(exception, SessionExpiredException):
            session["mfa_notice"] = notice
            root.session_store.rotate(session, request.env)
            age = get_session_max_inactivity(request.env)
            response.set_cookie("session_id", session.sid, max_age=age, httponly=True)
        return response

    @classmethod
    def _post_dispatch(cls, response):
        """Submit what waits to be written before core saves a changed session, not after.

        Core tries a request again whose writing conflicts with another's, and would leave
        the session that the first try had opened, with a code that it did not use up.
        """
        session = request.session
        if (session.is_dirty or session.should_rotate) and not request.env.cr._closed:
            request.env.cr.flush()
        super()._post_dispatch(response)
        request.mfa_saved = True

    @classmethod
    def _mfa_restore_session(cls):
        """Have the session as it was before this request: nothing in the database is of it.

        As core does where it tries a request again.
        """
        request.session = request._get_session_and_dbname()[0]
        env = request.env
        request.env = api.Environment(env.cr, request.session.uid, request.session.context)

    @classmethod
    def _mfa_take_back_session(cls, session):
        """Take back what a request gave its session, where the database keeps nothing of it.

        Core saves the session before the commit. Where that fails, as when PostgreSQL goes
        away, the code is not used up and no line tells of it: so it opens nothing, and the
        person starts again. A proof from before goes too, since none can be told from it, as
        does what this worker has cached of the change.
        """
        request.env.registry.clear_cache()
        known = request.cookies.get("session_id", "")[:STORED_SESSION_BYTES]
        if session.uid is not None and session.sid[:STORED_SESSION_BYTES] != known:
            session.logout(keep_db=True)
            root.session_store.rotate(session, request.env)
            return
        for key in (*PROOFS, "mfa_factor"):
            session.pop(key, None)
        root.session_store.save(session)

    @classmethod
    def _dispatch(cls, endpoint):
        """Lead a page load to the enrolment or its reminder, where a policy asks for it.

        Also read what is given to the lock screen of ``auth_timeout`` as our own pages do:
        that module may be loaded after this one, so its methods cannot be overridden.
        """
        if endpoint.routing["type"] != "jsonrpc":
            return cls._mfa_lead_elsewhere() or super()._dispatch(endpoint)
        if LOCK_SCREEN in endpoint.routing["routes"]:
            cls._mfa_read_lock_screen(request.params)
        return super()._dispatch(endpoint)

    @classmethod
    def _serve_fallback(cls):
        """Judge the session here too: core asks nobody before files and pages of websites."""
        if request.session.uid is not None:
            cls._authenticate_explicit("public")
        return cls._mfa_lead_elsewhere() or super()._serve_fallback()

    @classmethod
    def _mfa_lead_elsewhere(cls):
        """Return the way to the page to show before this one, or ``None``."""
        page = cls._mfa_is_page_load() and cls._mfa_page_instead()
        if not page:
            return None
        here = cls._mfa_here()
        return request.redirect_query(page, {"redirect": here} if is_address(here) else None)

    @classmethod
    def _mfa_is_page_load(cls):
        """Tell whether a person logged in opens a page, other than those of the login."""
        asked = request.httprequest
        return (
            asked.method == "GET"
            and request.session.uid is not None
            and "text/html" in asked.headers.get("Accept", "")
            and not asked.path.startswith(SHOWN_ALWAYS)
        )

    @classmethod
    def _mfa_here(cls):
        """Return the address of this page, without the site, as a browser writes it."""
        asked = request.httprequest
        query = asked.query_string.decode("latin-1")
        return quote(asked.path) + (f"?{query}" if query else "")

    @classmethod
    def _mfa_page_instead(cls):
        """Return the page to show before any other, or ``None``.

        A session that lacks a code by email starts again at the password.
        """
        session = request.session
        user = cls._mfa_session_user(session)
        demand = user._mfa_demand()
        if cls._mfa_session_meets(session, user, demand):
            if session.get("mfa_remind") and user._mfa_grace_end():
                return "/web/login/totp/reminder"
            return None
        if demand.over is None:
            return None
        if demand.level == BY_APP:
            return "/web/login/totp/setup"
        cls._mfa_log_out("policy")
        return "/web/login"

    @classmethod
    def _mfa_read_lock_screen(cls, credential):
        """Refuse what the account does not have, and put codes into ASCII digits.

        :raise AccessDenied: with a sentence for the person, before anything is compared
        """
        if not credential:
            return
        env = request.env
        if credential.get("type") not in env.user._get_auth_methods():
            raise AccessDenied(
                env._("This account has no such way to confirm who you are. Choose another one.")
            )
        if not all(isinstance(value, str) for value in credential.values()):
            raise NoCode(env._("Enter what is asked as text."))
        if "token" in credential or credential["type"].startswith("totp"):
            code = totp.normalise_code(credential.get("token"))
            if code is None:
                raise NoCode(env._("Enter the six digits of the code."))
            credential["token"] = code

    @classmethod
    def _mfa_age_verdict(cls, session):
        """Return ``"session"`` if the second factor was given too long ago, or ``None``.

        Real use begins the age anew, where that is set.

        The shortest age that can be set is a day.
        """
        since = session.get("mfa_since")
        if since is None or (elapsed := time.time() - since) < DAY:
            return None
        parameters = request.env["ir.config_parameter"]
        if elapsed >= parameters._mfa_duration("auth_totp.session_age").total_seconds():
            return "session"
        if REAL_USE.match(request.httprequest.path) and parameters._mfa_flag(
            "auth_totp.session_extend"
        ):
            session["mfa_since"] = time.time()
        return None

    @api.model
    def _mfa_session_end(self):
        """Return when this session ends by its age, in Unix seconds, or ``None``."""
        since = request.session.get("mfa_since")
        if since is None:
            return None
        parameters = self.env["ir.config_parameter"]
        return since + parameters._mfa_duration("auth_totp.session_age").total_seconds()

    def session_info(self):
        info = super().session_info()
        if end := self._mfa_session_end():
            info["mfa_session_end"] = end
        if "mfa_codes_left" in request.session:
            info["mfa_codes_left"] = request.session["mfa_codes_left"]
        return info

    @classmethod
    def _get_translation_frontend_modules_name(cls):
        """Have the portal's scripts speak the person's language, as core's modules do."""
        return [*super()._get_translation_frontend_modules_name(), "auth_totp_mfa"]
