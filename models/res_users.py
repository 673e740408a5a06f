import time

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.http import request, root
from odoo.tools import SQL
from odoo.tools.misc import consteq

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG
from odoo.addons.base.models.res_users import check_identity

from .res_users_identitycheck import PROOF_AGE
from .res_users_mfa_guarded import check_door

GUARDED_FIELDS = {
    "mfa_enabled",
    "mfa_since",
    "mfa_epoch",
    "mfa_mail_uses",
    "authenticator_ids",
    "trusted_device_ids",
    "mfa_exempt_networks",
    "mfa_exempt_reason",
    "mfa_api_networks",
    "mfa_tightened",
}
DEVICE_COOKIE = "trusted_devices_%d"
"""Name of the cookie of one user, as the OCA module called it."""


class ResUsers(models.Model):
    _inherit = "res.users"

    mfa_since = fields.Datetime(
        copy=False,
        readonly=True,
        groups=fields.NO_ACCESS,
    )
    """When two-factor authentication was enabled; empty while it is off."""
    mfa_epoch = fields.Integer(
        copy=False,
        readonly=True,
        groups=fields.NO_ACCESS,
    )
    """Part of the session token: each change of a factor raises it, which ends the sessions.

    NULL until the first change, so that installing ends none.
    """
    mfa_mail_uses = fields.Integer(
        copy=False,
        readonly=True,
        groups=fields.NO_ACCESS,
        export_string_translation=False,
    )
    """Part of the key of codes sent by email: each accepted one, and each new login, raises it."""
    mfa_enabled = fields.Boolean(
        string="Two-factor enabled",
        compute="_compute_mfa_enabled",
        search="_search_mfa_enabled",
    )
    authenticator_ids = fields.One2many(
        "res.users.authenticator", "user_id", string="Authenticator apps", copy=False, readonly=True
    )
    trusted_device_ids = fields.One2many(
        "res.users.device", "user_id", string="Trusted devices", copy=False, readonly=True
    )

    @property
    def SELF_READABLE_FIELDS(self):
        ours = ["mfa_enabled", "authenticator_ids", "trusted_device_ids"]
        return [*super().SELF_READABLE_FIELDS, *ours]

    @api.depends("mfa_since")
    def _compute_mfa_enabled(self):
        for user, user_sudo in zip(self, self.sudo(), strict=True):
            user.mfa_enabled = bool(user_sudo.mfa_since)

    def _search_mfa_enabled(self, operator, value):
        if operator != "in":
            return NotImplemented
        if False in value:  # and True: Odoo asks for the others by "not in"
            return Domain.TRUE
        return Domain("id", "in", SQL("(SELECT id FROM res_users WHERE mfa_since IS NOT NULL)"))

    @api.model_create_multi
    def create(self, vals_list):
        if any(GUARDED_FIELDS & vals.keys() for vals in vals_list):
            check_door(self.env)
        return super().create(vals_list)

    def write(self, vals):
        """Refuse to change factors directly.

        A new password voids the trusted devices. So does archiving, which ends all sessions
        too: none goes on when the account is active again.
        """
        if GUARDED_FIELDS & vals.keys():
            check_door(self.env)
        result = super().write(vals)
        if "password" in vals or not vals.get("active", True):
            reason = "password changed" if "password" in vals else "account archived"
            self.sudo().trusted_device_ids._void(reason)
        if not vals.get("active", True):
            self._mfa_end_sessions()
        return result

    def unlink(self):
        """Keep the trail of who is deleted, and of a login at that very moment.

        Of users who go with a module, that of such a login waits for the daily clean-up: by
        then this addon may be gone too.
        """
        result = super().unlink()
        self.env["res.users.mfa.event"]._gc_missing_users()
        if self.env.context.get(MODULE_UNINSTALL_FLAG):
            return result
        registry = self.env.registry

        @self.env.cr.postcommit.add
        def forget_once_more():
            with registry.cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, {})["res.users.mfa.event"]._gc_missing_users()

        return result

    # -- who may do what -----------------------------------------------------------

    def _mfa_check_self(self):
        """:raise AccessError: unless this is the user who acts"""
        self._mfa_refuse_superuser()
        if self != self.env.user:
            raise AccessError(
                self.env._("Only the owner of an account can do this. Ask them to do it.")
            )

    @api.model
    def _mfa_refuse_superuser(self):
        """:raise AccessError: in a session that became the superuser (``/web/become``)

        The superuser has no second factor, and nobody to answer for what it does.
        """
        if request and self.env.uid == SUPERUSER_ID:
            raise AccessError(self.env._("Log in as yourself to do this."))

    def _mfa_check_rank(self):
        """Refuse to act on somebody else's account without the rank to do so.

        An actor needs the access rights of an administrator, the right to write the
        account, no fewer groups than it (which a system administrator need not have),
        and a second factor, which the identity check has asked for.

        :raise AccessError: saying what is missing
        """
        self._mfa_refuse_superuser()
        actor = self.env.user
        if self <= actor:
            return
        if not actor._is_admin():
            raise AccessError(
                self.env._("Only an administrator can do this for somebody else. Ask yours.")
            )
        self.check_access("write")
        # What every portal user has is no right that an employee lacks: ``website`` gives them
        # groups of its own.
        of_portal = self.sudo().env.ref("base.group_portal").all_implied_ids
        for user in self.sudo():
            rights = user.all_group_ids - of_portal
            within_rank = actor._is_system() or rights <= actor.all_group_ids
            if user._is_superuser() or not within_rank:
                raise AccessError(
                    self.env._(
                        "%(user)s has more access rights than you. Ask an administrator who "
                        "has at least the same.",
                        user=user.name,
                    )
                )
        if not actor._mfa_proof_is_fresh():
            raise AccessError(
                self.env._(
                    "Enable two-factor authentication on your own account first, in My "
                    "Preferences ▸ Security: it proves that it is you who helps a colleague."
                )
            )

    @api.model
    def _mfa_proof_is_fresh(self):
        """Tell whether this session's user proved a second factor in the last ten minutes."""
        proof = (request and request.session.get("mfa_proof")) or {}
        return proof.get("uid") == self.env.uid and abs(time.time() - proof["at"]) < PROOF_AGE

    @api.model
    def _mfa_set_proof(self):
        """Note that this session's user has just proven a second factor."""
        request.session["mfa_proof"] = {"uid": self.env.uid, "at": time.time()}
        if self.env.user.mfa_enabled:
            request.session["mfa_factor"] = "app"
        request.session.setdefault("mfa_since", time.time())

    @api.model
    def _mfa_start_session(self, proven):
        """Note in a session that has just been finished when its second step was passed.

        :param bool proven: a code was given now, not by a trusted device before
        """
        request.session["mfa_since"] = time.time()
        request.session.pop("mfa_pending", None)
        self._mfa_note_base_url()
        if proven:
            self._mfa_set_proof()
            self._mfa_note_few_codes()

    # -- the half-open session -----------------------------------------------------

    def _mfa_stamp_pending(self):
        """Note in the half-open session when and in which state its account passed.

        The session gets a new id, so that who planted the old one has no half-open session:
        at once, since the state is bound to the id. What waits to be written goes first, since
        a request that is tried again finds no session under the old id.

        A code sent by email belongs to the login that it was sent for (OWASP ASVS 6.6.2).
        """
        self.env.flush_all()
        session = request.session
        session.uid = None  # else core would compute the token of who was logged in before
        if session.can_save:
            root.session_store.rotate(session, self.env)
        session["mfa_pending"] = {
            "since": time.time(),
            "state": self._compute_session_token(session.sid) or "",
        }
        if not self.mfa_enabled and self._mfa_url():
            self._mfa_use_up_mail_codes()

    @api.model
    def _mfa_get_pending(self):
        """Return the user whose password this session has passed, or none.

        None also when that was longer ago than ``auth_totp.login_timeout`` minutes,
        or when password, factors or activity of the account changed since: the
        session token covers them all. Or when somebody who needs codes by email gave the
        password anew elsewhere. Nor may the browser have left the networks of an exempt account.
        """
        session = request.session
        user = self.browse(session.get("pre_uid") or ())
        pending = session.get("mfa_pending") or {}
        if not user or not self._mfa_is_recent(pending.get("since", 0)):
            return self.browse()
        state = user._compute_session_token(session.sid)
        valid = (
            state
            and consteq(pending["state"], state)
            and ("mail_uses" not in pending or pending["mail_uses"] == user.sudo().mfa_mail_uses)
            and user._mfa_address_is_allowed()
        )
        return user if valid else self.browse()

    def _mfa_read_for_page(self):
        """Read at once what a page of the login asks of its user and of the public one.

        The ORM otherwise reads all columns of each, one after the other.
        """
        (self + self.env.user).sudo().fetch(["mfa_since", "company_id"])

    @api.model
    def _mfa_is_recent(self, moment):
        """Tell whether what was given at ``moment`` (Unix seconds) still counts for a login."""
        timeout = self.env["ir.config_parameter"]._mfa_duration("auth_totp.login_timeout")
        # A time well in the future means that the clock was set back.
        return abs(time.time() - moment) < timeout.total_seconds()

    # -- trusted devices -----------------------------------------------------------

    def _mfa_find_device(self):
        """Return the trusted device of this user that the request comes from, or none."""
        self.ensure_one()
        return self.env["res.users.device"]._find(
            self,
            request.cookies.get(DEVICE_COOKIE % self.id),
            request.httprequest.user_agent,
        )

    def _mfa_issue_device(self):
        """Trust the browser of this request; return ``(cookie name, token, seconds)``.

        The session notes the device, for who later ends it from elsewhere.
        """
        self.ensure_one()
        city, country = request.geoip.city.name, request.geoip.country_name
        device, token, age = self.env["res.users.device"]._issue(
            self,
            request.httprequest.user_agent,
            request.httprequest.remote_addr,
            f"{city}, {country}" if city else country,
        )
        request.session["mfa_device"] = device.id
        return DEVICE_COOKIE % self.id, token, age

    # -- changes of factors --------------------------------------------------------

    def _mfa_set_enabled(self, enabled):
        """Switch MFA on or off, end sessions and void devices; no mail is sent."""
        changed = self.filtered(lambda user: user.mfa_enabled != enabled)
        self.env["res.users.mfa.event"]._record("enabled" if enabled else "disabled", changed)
        since = fields.Datetime.now() if enabled else None
        self.env.cr.execute(
            SQL("UPDATE res_users SET mfa_since = %s WHERE id = ANY(%s)", since, list(self.ids))
        )
        self.invalidate_recordset(
            ["mfa_since", "mfa_enabled", "totp_enabled", "totp_secret"], flush=False
        )
        self._mfa_factor_changed()

    def _mfa_factor_changed(self):
        """End the sessions of these users but the acting one, and void their devices."""
        self.sudo().trusted_device_ids._void("factors changed")
        self._mfa_end_sessions()

    def _mfa_end_sessions(self):
        """End the sessions of these users but the acting one."""
        self.env.cr.execute(
            SQL(
                "UPDATE res_users SET mfa_epoch = COALESCE(mfa_epoch, 0) + 1 WHERE id = ANY(%s)",
                list(self.ids),
            )
        )
        self.invalidate_recordset(["mfa_epoch"], flush=False)
        self._mfa_clear_caches()
        if request and request.session.uid in self.ids:
            self.env.flush_all()
            request.session.session_token = self.env.user._compute_session_token(
                request.session.sid
            )

    @api.model
    def _mfa_clear_caches(self):
        """Clear the ORM caches of every worker and server with this very transaction.

        Clearing the cache alone leaves a moment in which another thread caches what was
        true before, such as a session token (``odoo.orm.registry.signal_changes``): hence
        the row in core's signalling table. Where another server's row came between this one
        and its commit, the number would tell this process nothing: so it forgets its own.
        """
        registry = self.env.registry
        self.env.cr.execute("INSERT INTO orm_signaling_default DEFAULT VALUES")
        registry.clear_cache()
        self.env.cr.postcommit.add(lambda: registry.cache_sequences.update(default=-1))

    def _mfa_enrol(self, name, secret, step):
        """Add an app that has just been proven, and switch MFA on if it is off.

        :param int step: the time step whose code proved the app
        :raise UserError: as :meth:`_mfa_check_setup`
        """
        self.ensure_one()
        self._mfa_check_setup()
        app = self.env["res.users.authenticator"]._enrol(self, name, secret, step)
        self.env["res.users.mfa.attempt"]._clear(self)
        if self.mfa_enabled:
            self._mfa_factor_changed()
            self._mfa_notify(
                lambda user: user.env._("Security Update: Authenticator App Added"),
                lambda user: user.env._(
                    "An authenticator app was added to your account: %(name)s.", name=app.name
                ),
            )
        else:
            self._mfa_set_enabled(True)
            self._mfa_notify_enabled()
        if request and request.session.uid == self.id:
            self._mfa_set_proof()
        return app

    def _mfa_enable(self):
        """Switch MFA on again; a code of an enrolled app has just been checked."""
        self._mfa_check_not_exempt()
        self._mfa_set_enabled(True)
        self._mfa_notify_enabled()

    def _mfa_disable(self):
        """Switch MFA off. The apps stay; trusted devices and one's own proof go."""
        self._mfa_set_enabled(False)
        if request and request.session.uid in self.ids:
            request.session.pop("mfa_proof", None)
            if request.session.get("mfa_factor") == "app":
                del request.session["mfa_factor"]
        self._mfa_notify(
            lambda user: user.env._("Security Update: Two-factor Authentication Disabled"),
            lambda user: user.env._("Two-factor authentication has been disabled on your account."),
        )

    def _mfa_notify_enabled(self):
        self._mfa_notify(
            lambda user: user.env._("Security Update: Two-factor Authentication Enabled"),
            lambda user: user.env._("Two-factor authentication has been enabled on your account."),
        )

    def _mfa_notify(self, subject, content):
        """Mail each user, in their own language and core's security-notice layout.

        Who has no address gets none: core would keep a mail without recipient as failed.

        :param subject: function of the user in their language, to a text
        :param content: likewise
        """
        for user in self.sudo().filtered("email"):
            user = user.with_context(lang=user.lang)
            user._notify_security_setting_update(
                subject(user),
                content(user),
                suggest_2fa=False,
                suggest_mfa_steps=True,
            )

    def _notify_security_setting_update_prepare_values(
        self, content, *, suggest_mfa_steps=False, **kwargs
    ):
        """Core's template shows an address of its own making where none is known.

        :param bool suggest_mfa_steps: our advice, in the place of core's link
        """
        values = super()._notify_security_setting_update_prepare_values(content, **kwargs)
        can_reset = values["suggest_password_reset"]
        return values | {
            "ip_address": values["ip_address"] or self.env._("unknown"),
            "suggest_password_reset": can_reset and not suggest_mfa_steps,
            "suggest_mfa_steps": suggest_mfa_steps,
            "mfa_can_reset": can_reset,
        }

    # -- buttons -------------------------------------------------------------------

    @check_identity
    def action_mfa_add_app(self):
        """Open the enrolment screen."""
        self.ensure_one()
        self._mfa_check_self()
        self._mfa_check_not_exempt()
        self.env["res.users.authenticator"]._check_room_for(self)
        wizard = self.env["res.users.authenticator.create"]._start()
        return wizard._mfa_dialog(self.env._("Add an authenticator app"))

    @check_identity
    def action_mfa_enable(self):
        """Ask for a code of one of the apps, then switch MFA on again."""
        self.ensure_one()
        self._mfa_check_self()
        self._mfa_check_not_exempt()
        if not self.sudo().authenticator_ids:
            raise UserError(self.env._("Add an authenticator app first."))
        return (
            self.env["res.users.mfa.enable"]
            ._start()
            ._mfa_dialog(self.env._("Enable two-factor authentication"))
        )

    @check_identity
    def action_revoke_all_devices(self):
        """Log out from all devices; ask first where one's own browsers are trusted."""
        if self == self.env.user:
            sessions = self.env["res.device"].sudo().search([("user_id", "=", self.id)])
            others = sessions.filtered(lambda session: not session.is_current)
            if trusted := others._mfa_trusted_devices():
                return self.env["res.users.mfa.logout"]._open(trusted)
        return super().action_revoke_all_devices()

    def _mfa_action_security(self):
        """Return the action that shows one's own two-factor settings in a dialog."""
        return self.action_open_my_account_settings() | {
            "target": "new",
            "context": {"dialog_size": "large"},
        }

    @api.model
    def _mfa_action_notify(self, message, after, kind="success"):
        """Return the action that says ``message`` and goes on with the action ``after``."""
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": kind, "message": message, "next": after},
        }

    def _mfa_action_after(self, users):
        """Return what shows the outcome: one's own settings, or the page once more."""
        if users == self:
            return self._mfa_action_security()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
