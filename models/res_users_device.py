from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.base.models.res_users import check_identity

from ..tools import browser, tokens
from .mfa_policy import BY_APP
from .res_users_mfa_event import MAX_TEXT


class ResUsersDevice(models.Model):
    """A browser in which its user need not give a code again.

    The browser keeps a random token in a cookie, the server only its SHA-256.
    The token is bound to browser family and platform.
    """

    _name = "res.users.device"
    _inherit = "res.users.mfa.guarded"
    _description = "Trusted device"
    _order = "id desc"

    name = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, index=True, ondelete="cascade"
    )
    token_hash = fields.Char(required=True, readonly=True, copy=False, groups=fields.NO_ACCESS)
    fingerprint = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    added_from = fields.Char(
        string="Added from", readonly=True, help="Address, and place where it is known."
    )
    last_ip = fields.Char(string="Last address", readonly=True)
    last_used = fields.Datetime(string="Last used", readonly=True)
    expires_at = fields.Datetime(required=True, readonly=True, groups=fields.NO_ACCESS)
    expiration_date = fields.Datetime(string="Expires", compute="_compute_expiration_date")

    _token_hash_uniq = models.Constraint("UNIQUE (token_hash)")

    @api.depends("expires_at", "create_date", "user_id")
    def _compute_expiration_date(self):
        for user, devices in self._mfa_open_door().grouped("user_id").items():
            age = self._get_age(user)
            for device in devices:
                self.browse(device.id).expiration_date = min(
                    device.expires_at, device.create_date + age
                )

    @api.model
    def _get_age(self, user):
        """Return for how long a device of ``user`` is trusted, as a ``timedelta``.

        Core's method decides, as ``auth_timeout`` shortens it for the groups of
        ``env.user``. Where the system parameter is not set, this addon's default
        is shorter than core's 90 days.
        """
        core = self.env["auth_totp.device"].with_user(user).sudo()._get_trusted_device_age()
        ours = self.env["ir.config_parameter"]._mfa_duration("auth_totp.trusted_device_age")
        # As numbers: core's may be longer than any timedelta.
        return timedelta(seconds=min(core, ours.total_seconds()))

    @api.model
    def _issue(self, user, user_agent, address, place=None):
        """Trust the browser that asks, and return ``(device, token, age in seconds)``.

        :param user_agent: ``request.httprequest.user_agent``
        :param str address: the IP address it asks from
        :param str place: where that address is, if known
        """
        token = tokens.device_token()
        age = self._get_age(user)
        now = fields.Datetime.now()
        device = self._mfa_open_door().create(
            {
                "name": self._describe(user_agent),
                "user_id": user.id,
                "token_hash": tokens.fingerprint(token),
                "fingerprint": browser.binding(user_agent),
                "added_from": f"{place} ({address})" if place else address,
                "last_ip": address,
                "last_used": now,
                "expires_at": now + age,
            }
        )
        self.env["res.users.mfa.event"]._record("device_trusted", user, device.name)
        return device, token, int(age.total_seconds())

    @api.model
    def _describe(self, user_agent):
        family, platform = browser.browser_and_platform(user_agent)
        return self.env._(
            "%(browser)s on %(platform)s",
            browser=family.capitalize() or self.env._("Unknown browser"),
            platform=platform.capitalize() or self.env._("unknown platform"),
        )

    @api.model
    def _find(self, user, token, user_agent):
        """Return the trusted device of ``user`` that ``token`` proves, or none.

        None where the policy of a company of ``user`` does not allow any.

        A token that another browser family or platform presents is refused, and
        the refusal noted: the cookie has been copied. Nor is a device that was trusted
        after a code by email an app, where a policy asks for one by now.
        """
        if not token or not user._mfa_rules().trusted_devices:
            return self.browse()
        self.env.cr.execute(
            SQL(
                """SELECT id, name, fingerprint, create_date, expires_at FROM %s
                    WHERE token_hash = %s AND user_id = %s AND (%s OR EXISTS (
                          SELECT 1 FROM res_users WHERE id = user_id AND mfa_since IS NOT NULL))""",
                SQL.identifier(self._table),
                tokens.fingerprint(token),
                user.id,
                user._mfa_demand().level != BY_APP,
            )
        )
        row = self.env.cr.fetchone()
        if not row:
            return self.browse()
        device_id, name, fingerprint, created, expires = row
        if fingerprint != browser.binding(user_agent):
            self.env["res.users.mfa.event"]._record_apart(
                "device_refused",
                user,
                name,
                f"presented by {browser.binding(user_agent)}",
                once_in=timedelta(hours=1),
            )
            return self.browse()
        if fields.Datetime.now() >= min(expires, created + self._get_age(user)):
            return self.browse()
        return self.browse(device_id)

    def _touch(self, user, address):
        """Note that ``user`` has just used this device from ``address``."""
        update = SQL(
            "UPDATE %s SET last_used = %s, last_ip = %s WHERE id = %s",
            SQL.identifier(self._table),
            fields.Datetime.now(),
            address,
            self.id,
        )
        name = SQL("(SELECT name FROM %s WHERE id = %s)", SQL.identifier(self._table), self.id)
        self.env["res.users.mfa.event"]._record("device_used", user, name, after=update)
        self.invalidate_recordset(["last_used", "last_ip"], flush=False)

    @check_identity
    def action_revoke(self):
        """Trust these devices no longer.

        :raise AccessError: when they are neither one's own nor within one's rank
        """
        owners = self.sudo().user_id.with_env(self.env)
        owners._mfa_check_rank()
        self._revoke()
        return self.env.user._mfa_action_after(owners)

    def _void(self, reason=None):
        """Delete these devices and record it, a line for each owner, in one query for all.

        :param str reason: why, where nobody revoked them on purpose
        """
        if not self:
            return
        names = SQL(
            """(SELECT left(string_agg(name, ', ' ORDER BY id), %s)
                  FROM %s WHERE user_id = owner.id AND id = ANY(%s))""",
            MAX_TEXT,
            SQL.identifier(self._table),
            list(self.ids),
        )
        self.env["res.users.mfa.event"]._record(
            "device_revoked", self.sudo().user_id, names, reason
        )
        self._mfa_open_door().unlink()

    def _revoke(self):
        """Void these devices, and tell their owners."""
        for user, devices in self.sudo().grouped("user_id").items():
            names = ", ".join(devices.mapped("name"))
            devices._void()
            user._mfa_notify(
                lambda user: user.env._("Security Update: Trusted Device Removed"),
                lambda user, names=names: user.env._(
                    "These devices are no longer trusted, and a code is asked there at the "
                    "next login: %(names)s.",
                    names=names,
                ),
            )

    @api.autovacuum
    def _gc_expired(self):
        self._mfa_open_door().search([("expires_at", "<", fields.Datetime.now())]).unlink()
