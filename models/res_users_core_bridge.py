"""What core's modules and third parties call, answered by this addon.

To be read again with each new Odoo version, beside ``auth_totp``,
``auth_totp_mail`` and ``odoo.service.security``.
"""

import hmac
import json
import logging
import re
import time
from hashlib import sha256

import psycopg2

from odoo import api, models
from odoo.exceptions import AccessDenied, AccessError, UserError
from odoo.http import request

from odoo.addons.base.models.res_users import check_identity

from ..exceptions import WrongCode
from ..tools import totp
from .calling_address import is_hidden_call
from .res_users_mfa_guarded import is_superuser_client
from .secret_store import OPTION

_logger = logging.getLogger(__name__)

OF_ONE_LOGIN = (
    "mfa_pending",
    "mfa_since",
    "mfa_proof",
    "mfa_become",
    "mfa_recovered",
    "mfa_codes_left",
    "mfa_setup",
    "mfa_setup_mailed",
    "mfa_setup_confirmed",
    "mfa_first_codes",
    "mfa_said",
    "mfa_device",
    "mfa_factor",
    "mfa_remind",
)
"""Session keys that a new login starts without."""
PASSKEY_ID = re.compile(r"[A-Za-z0-9_-]+")
"""Base64url, as WebAuthn writes it."""


class ResUsers(models.Model):
    _inherit = "res.users"

    # -- core's fields -------------------------------------------------------------

    @api.depends("mfa_since")
    def _compute_totp_enabled(self):
        for user in self:
            user.totp_enabled = user.mfa_enabled

    def _totp_enable_search(self, operator, value):
        """Core's own search answers ``= False`` with the users who have 2FA."""
        return self._search_mfa_enabled(operator, value)

    def _compute_totp_secret(self):
        """Answer code in superuser mode with the secret of the app used last.

        The column ``res_users.totp_secret``, which core reads here, is empty while
        this addon is installed. Sessions that became the superuser are clients.

        :raise AccessError: when no key opens it, since reading as empty would switch
            protection off; the ORM then asks user by user
        """
        client = is_superuser_client(self.env)
        secrets = {} if client else self._origin.sudo().authenticator_ids._read_secrets()
        for user in self:
            apps = user._origin.sudo().authenticator_ids if user._origin.mfa_enabled else ()
            last = max(
                apps, key=lambda app: (app.last_used or app.create_date, app.id), default=None
            )
            if last and not client and last.id not in secrets:
                raise AccessError(
                    self.env._(
                        "The secret of an authenticator app cannot be decrypted. Set %(option)s "
                        "in odoo.conf to the key that encrypted it.",
                        option=OPTION,
                    )
                )
            user.totp_secret = last and secrets.get(last.id)

    def _inverse_token(self):
        """Enrol the app whose secret is written; switch MFA off where none is.

        The notice to the user is core's, sent by ``auth_totp_mail``'s ``write``.
        Core lets any text pass for a secret, and so does this. One that an app has already
        makes no second one: with two, each code would be good twice. What the server does by
        itself passes, whoever it does it as.
        """
        self._mfa_refuse_api_key()
        if request.session.uid if request else is_hidden_call():
            self._mfa_check_rank()
            if self.env.user in self and self.env["res.users.identitycheck"]._needs_code():
                raise AccessError(self.env._("Confirm your identity with a code first."))
            self.filtered(lambda user: not user.totp_secret)._mfa_check_may_disable()
        apps = self.env["res.users.authenticator"]
        for user in self:
            secret = user.totp_secret
            if secret and not user.sudo().authenticator_ids._has_secret(secret):
                apps._enrol(user, apps._propose_name(user), secret)
            user._mfa_set_enabled(bool(secret))

    # -- the session token ---------------------------------------------------------

    def _get_session_token_fields(self):
        return super()._get_session_token_fields() | {"mfa_epoch"}

    def _legacy_session_token_hash_compute(self, sid):
        """Accept a session that core started before it handed its secret over.

        Relies on ``service/security.py``: a session whose token is not the present
        one may still carry the "legacy" one, and is given the present one then.
        Core's token covered the secret in ``res_users.totp_secret``. It is put back
        here for a user whose factors have not changed since this addon was installed:
        the first change sets ``mfa_epoch``, and the old token is void. So is one whose
        secret cannot be decrypted.
        """
        values = dict(self._session_token_get_values() or ())
        adopted = self.sudo().authenticator_ids[:1]
        if not values or not adopted or values["mfa_epoch"] is not None:
            return super()._legacy_session_token_hash_compute(sid)
        values["totp_secret"] = adopted._read_secrets().get(adopted.id)
        if values["totp_secret"] is None:
            return super()._legacy_session_token_hash_compute(sid)
        key = str(tuple(item for item in values.items() if item[1] is not None))
        return hmac.new(key.encode(), sid.encode(), sha256).hexdigest()

    # -- the login -----------------------------------------------------------------

    def _login(self, credential, user_agent_env):
        """Refuse a code in the place of a password: it is a second factor only.

        And what is no answer of a passkey, which core would end in an error of the server.
        """
        if credential.get("type") in ("totp", "totp_mail"):
            raise AccessDenied()
        if credential.get("type") == "webauthn":
            self._mfa_check_passkey_form(credential.get("webauthn_response"))
        return super()._login(credential, user_agent_env)

    @api.private
    def authenticate(self, credential, user_agent_env):
        """Stamp the half-open session where the password was accepted.

        Core asks ``_mfa_url`` many times, and this method once. A login that core
        marks ``mfa: skip`` (a passkey) needs no second step, hence no stamp. What a
        session proved before, perhaps as somebody else, is forgotten: core goes on with
        the same session when a person logs in without having logged out.
        """
        # Core would believe the Host header: see ``_mfa_note_base_url``.
        told = {k: v for k, v in (user_agent_env or {}).items() if k != "base_location"}
        auth_info = super().authenticate(credential, told)
        if request and told.get("interactive"):
            session = request.session
            for key in OF_ONE_LOGIN:
                session.pop(key, None)
            user = self.browse(auth_info["uid"])
            if auth_info.get("mfa") == "skip" or not user._mfa_url():
                user._mfa_note_base_url()
            if auth_info.get("mfa") == "skip":
                session["mfa_factor"] = "skip"
            else:
                user._mfa_stamp_pending()
                if not user.mfa_enabled and user._mfa_grace_end() is not None:
                    session["mfa_remind"] = True
        return auth_info

    def _mfa_note_base_url(self):
        """Take the address of this login for the site's own, where an administrator logs in.

        Core does so after the password alone. Links in mails begin with this address: who
        has no more than an administrator's password would have new passwords sent through
        a site of their own, by a Host header.
        """
        parameters = self.with_user(self).env["ir.config_parameter"].sudo()
        here = request.httprequest.url_root.rstrip("/")
        if parameters.get_param("web.base.url") == here or not self._is_system():
            return
        if not parameters.get_param("web.base.url.freeze"):
            try:
                parameters.set_param("web.base.url", here)
            except psycopg2.Error:  # which a second try may mend
                raise
            except Exception:  # of another module's: as in core, no reason to refuse a login
                _logger.exception("The address of this login could not be noted as the site's")

    def _notify_security_new_connection(self, auth_info):
        """Core looks for its own trusted devices only, and mails without one."""
        user = self.browse(auth_info["uid"])
        if request and user._mfa_find_device():
            return
        super()._notify_security_new_connection(auth_info)

    def _check_credentials(self, credential, env):
        """Verify a code against all apps of the user.

        Core verifies ``totp`` against its single secret and its own counter, so it is
        not asked. ``token`` is an ``int`` without leading zeros, or a text.
        """
        if credential["type"] == "totp_mail":
            return self._mfa_check_mail_code(credential, env, super()._check_credentials)
        if credential["type"] != "totp":
            if credential["type"] != "webauthn":
                return super()._check_credentials(credential, env)
            self._mfa_check_passkey_form(credential.get("webauthn_response"))
            try:
                auth_info = super()._check_credentials(credential, env)
            except (AccessDenied, psycopg2.Error):
                raise
            except Exception as error:  # core's library has no base class for its own
                raise AccessDenied() from error
            self._mfa_passkey_accepted()
            return auth_info
        if request and self.id not in (request.session.uid, request.session.get("pre_uid")):
            raise AccessDenied()
        if not self.mfa_enabled:
            raise WrongCode(self.env._("Two-factor authentication is not enabled."))
        if request and request.session.uid == self.id:
            self._mfa_prove(credential.get("token"))
        else:
            self._mfa_check_code(credential.get("token"))
        return {"uid": self.id, "auth_method": "totp", "mfa": "default"}

    def _mfa_check_passkey_form(self, answer):
        """Core takes for granted that this is the answer of a passkey.

        :raise AccessDenied: when it is not
        """
        try:
            known = PASSKEY_ID.fullmatch(json.loads(answer)["id"])
        except (KeyError, TypeError, ValueError):
            known = False
        if not known:
            raise AccessDenied()

    def _mfa_passkey_accepted(self):
        """Clear the failures of who gave a passkey; in a session it is a proof."""
        user = self.env.user
        self.env["res.users.mfa.attempt"]._clear(user)
        self.env["res.users.mfa.event"]._record("passkey_used", user)
        if request and request.session.uid == user.id:
            user._mfa_set_proof()
            request.session.setdefault("mfa_factor", "skip")

    def _mfa_check_mail_code(self, credential, env, check):
        """Let core verify a code that it sent by email, counted as codes of apps are.

        :raise WrongCode: for an account with MFA on, whose second factor is an app
        """
        if self.mfa_enabled:
            raise WrongCode(self.env._("Enter a code of your authenticator app."))
        self.env["res.users.mfa.attempt"]._reserve(self)
        try:
            result = check(credential, env)
        except AccessDenied:
            self._mfa_record_refusal("wrong code by email")
            raise
        self._mfa_use_up_mail_codes()
        self.env["res.users.mfa.attempt"]._clear(self)
        self.env["res.users.mfa.event"]._record("code_accepted", self, note="code by email")
        self._mfa_note_confirmed()
        return result

    def _mfa_use_up_mail_codes(self):
        """Void the codes sent by email so far: one was accepted, or a new login has begun.

        Of this account's half-open sessions only this one stays good. Of two requests with
        one code the second is tried again, and finds another key.
        """
        self.env.cr.execute(
            """UPDATE res_users SET mfa_mail_uses = COALESCE(mfa_mail_uses, 0) + 1
                WHERE id = %s RETURNING mfa_mail_uses""",
            [self.id],
        )
        [uses] = self.env.cr.fetchone()
        self.invalidate_recordset(["mfa_mail_uses"], flush=False)
        if pending := request and request.session.get("mfa_pending"):
            request.session["mfa_pending"] = {**pending, "mail_uses": uses}

    def _get_totp_mail_key(self):
        """Return another key than core's, once codes of that were used up."""
        key, uses = super()._get_totp_mail_key(), self.sudo().mfa_mail_uses
        return hmac.new(key, str(uses).encode(), sha256).digest() if uses else key

    def _send_totp_mail_code(self):
        """:raise WrongCode: for an account with MFA on, whose second factor is an app"""
        if self.mfa_enabled:
            raise WrongCode(self.env._("Enter a code of your authenticator app."))
        return super()._send_totp_mail_code()

    # -- enrolment and its end -----------------------------------------------------

    @check_identity
    def action_totp_enable_wizard(self):
        """Open the enrolment screen: ours, or core's for who scripts core's portal page."""
        self.ensure_one()
        self._mfa_check_self()
        self._mfa_check_not_exempt()
        if self._mfa_must_enrol() and self._mfa_setup_step() != "app":
            return {"type": "ir.actions.act_url", "url": "/web/login/totp/setup", "target": "self"}
        if self._is_internal():
            return self.action_mfa_add_app()
        wizard = self.env["auth_totp.wizard"]._mfa_start(
            self, totp.group_by_four(totp.generate_secret())
        )
        return {"type": "ir.actions.act_window", "res_model": wizard._name, "res_id": wizard.id}

    @check_identity
    def action_mfa_replace_app(self):
        """Open the enrolment screen for an app that takes the place of all that there are."""
        self.ensure_one()
        self._mfa_check_self()
        self._mfa_check_not_exempt()
        wizard = self.env["res.users.authenticator.create"]._start(replace=True)
        return wizard._mfa_dialog(self.env._("Replace the authenticator app"))

    def _totp_try_setting(self, secret, code):
        """Enrol an app for the current user if ``code`` proves it, as core does.

        As in core it takes the place of an earlier one.

        :return: whether it was enrolled
        """
        if self.mfa_enabled or self != self.env.user:
            return False
        secret = totp.normalise_secret(secret)
        step = totp.matching_step(secret, code, time.time())
        if step is None:
            return False
        self.sudo().authenticator_ids._mfa_open_door().unlink()
        self._mfa_enrol(self.env["res.users.authenticator"]._propose_name(self), secret, step)
        return True

    @check_identity
    def action_totp_disable(self):
        """Switch MFA off for oneself, or within one's rank for others."""
        self._mfa_check_rank()
        users = self.filtered("mfa_enabled")
        if not users:
            raise UserError(self.env._("Two-factor authentication is not enabled."))
        users._mfa_check_may_disable()
        users._mfa_disable()
        message = self.env._(
            "Two-factor authentication is disabled now: %(names)s",
            names=", ".join(users.mapped("name")),
        )
        after = self.env.user._mfa_action_after(users)
        return self._mfa_action_notify(message, after, kind="warning")

    @check_identity
    def revoke_all_devices(self):
        self._mfa_check_rank()
        super().revoke_all_devices()
        return self.env.user._mfa_action_after(self)

    def _revoke_all_devices(self):
        super()._revoke_all_devices()
        self.sudo().trusted_device_ids.with_env(self.env)._revoke()

    def action_open_my_account_settings(self):
        """Open the two-factor screen where core's invitation by mail leads to."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Two-factor authentication"),
            "res_model": "res.users",
            "res_id": self.id,
            "views": [(self.env.ref("auth_totp_mfa.view_res_users_mfa_form").id, "form")],
        }
