import logging
from datetime import timedelta

from odoo import api, models
from odoo.tools import ormcache

_logger = logging.getLogger(__name__)

DURATIONS = {
    "auth_totp.trusted_device_age": timedelta(days=30),
    "auth_totp.session_age": timedelta(days=30),
    "auth_totp.login_timeout": timedelta(minutes=15),
    "auth_totp.help_code_age": timedelta(minutes=60),
    "auth_totp.event_retention": timedelta(days=365),
}
"""Default of each duration."""
UNITS = {
    "auth_totp.trusted_device_age": timedelta(days=1),
    "auth_totp.session_age": timedelta(days=1),
    "auth_totp.login_timeout": timedelta(minutes=1),
    "auth_totp.help_code_age": timedelta(minutes=1),
    "auth_totp.event_retention": timedelta(days=1),
}
"""What one unit of the parameter's number stands for."""
FLAGS = {"auth_totp.secure_cookie": True, "auth_totp.session_extend": False}
"""Default of each switch."""
POLICY = "auth_totp.policy"
"""Core's key: who must have a second factor."""
TRACKED = {POLICY, *DURATIONS, *FLAGS}
SHORTEST = {"auth_totp.event_retention": 90}
"""Least number of units where that is more than one."""
LONGEST = {key: timedelta(days=3650) // unit for key, unit in UNITS.items()}


class IrConfigParameter(models.Model):
    _inherit = "ir.config_parameter"

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self._mfa_record_changes({}, records._mfa_tracked_values())
        return records

    def write(self, vals):
        before = self._mfa_tracked_values()
        result = super().write(vals)
        self._mfa_record_changes(before, self._mfa_tracked_values())
        return result

    def unlink(self):
        before = self._mfa_tracked_values()
        result = super().unlink()
        self._mfa_record_changes(before, {})
        return result

    def _mfa_tracked_values(self):
        return {param.key: param.value for param in self.sudo() if param.key in TRACKED}

    @api.model
    def _mfa_record_changes(self, before, after):
        """Add a line to the trail for each of this addon's settings that has changed."""
        nobody = self.env["res.users"]
        for key in sorted(before | after):
            old, new = before.get(key), after.get(key)
            if old != new:
                note = " → ".join("not set" if text is None else text for text in (old, new))
                self.env["res.users.mfa.event"]._record("setting", nobody, key, note)

    @api.model
    @ormcache("key", cache="stable")
    def _mfa_duration(self, key):
        """Return the duration that ``key`` sets, as a ``timedelta``.

        Anything but a whole number in its range is logged, and the default holds. Kept in
        the cache of parameters, since each request asks: so one line, not one per request.
        """
        default = DURATIONS[key]
        value = self.sudo().get_param(key)
        if not value:
            return default
        number = int(value) if value.strip().isdecimal() and len(value) < 20 else 0
        if not SHORTEST.get(key, 1) <= number <= LONGEST[key]:
            _logger.warning(
                "System parameter %s is %r, which is no whole number in its range: %s holds.",
                key,
                value,
                default,
            )
            return default
        return number * UNITS[key]

    @api.model
    @ormcache("key", cache="stable")
    def _mfa_flag(self, key):
        """Return the switch that ``key`` sets: ``0`` is off, ``1`` is on.

        Any other text leaves the default, which is the stricter choice.
        """
        return {"0": False, "1": True}.get(self.sudo().get_param(key), FLAGS[key])
