"""Calls without a session: from where, with what, and what they may not do."""

import contextlib
import functools
import logging

from odoo import api, fields, models
from odoo.exceptions import AccessDenied, AccessError

from ..tools import networks
from .calling_address import calling_address, is_api_key_call, note_api_key_call

_logger = logging.getLogger(__name__)

NETWORK_FIELDS = {"mfa_api_networks", "mfa_exempt_networks"}


@functools.cache
def _warn_unknown_address():
    """Say once a process why calls are refused that come from the right network."""
    _logger.warning(
        "API calls are refused because their address is not known: this server has several "
        "databases, so XML-RPC and JSON-RPC run without the addons of one. Add auth_totp_mfa to "
        "server_wide_modules in odoo.conf, or set a dbfilter that leaves one database."
    )


class ResUsers(models.Model):
    _inherit = "res.users"

    mfa_tightened = fields.Datetime(
        copy=False,
        readonly=True,
        groups=fields.NO_ACCESS,
        help="When the networks of this very user were last set, or its exemption ended.",
    )

    def write(self, vals):
        if vals.get("mfa_api_networks") or "mfa_exempt_networks" in vals:
            vals = vals | {"mfa_tightened": fields.Datetime.now()}
        result = super().write(vals)
        if NETWORK_FIELDS & vals.keys():
            self._mfa_forget_rules()
        return result

    # -- from where ----------------------------------------------------------------

    def _mfa_may_call_api(self):
        """Tell whether the present call comes from where this user may call the API.

        Costs no query on warm caches.
        """
        rules = self._mfa_rules()
        if not rules.api_networks and rules.exempt_networks is None:
            return True
        if calling_address() is None:
            _warn_unknown_address()
        return self._mfa_address_is_allowed() and self._mfa_api_networks_hold()

    def _mfa_api_networks_hold(self):
        """Tell whether each list of networks for the API holds the present address."""
        lists = self._mfa_rules().api_networks
        return all(networks.holds(listed, calling_address()) for listed in lists)

    def _mfa_check_call(self):
        """:raise AccessDenied: as for a wrong password, unless this user may call from here"""
        if not self._mfa_may_call_api():
            self._mfa_record_address("API call")
            raise AccessDenied()

    # -- with what -----------------------------------------------------------------

    @api.model
    def _check_uid_passwd(self, uid, passwd):
        """Judge at each call what core's cache of right passwords and keys leaves out.

        That is the address, the policy, and whether the key is still there.
        """
        super()._check_uid_passwd(uid, passwd)
        user = self.with_user(uid).env.user
        if not user._mfa_may_call_api():
            # Not out of the cache: how fast it is would tell that the password is right.
            credential = {"login": user.login, "password": passwd, "type": "password"}
            with contextlib.suppress(AccessDenied):
                user._check_credentials(credential, {"interactive": False})
            raise AccessDenied()
        keys = self.env["res.users.apikeys"]
        key = keys._mfa_find(uid, passwd)
        refused = not keys._mfa_use_if_good(key) if key else user._rpc_api_keys_only()
        if refused:
            raise AccessDenied()
        note_api_key_call(bool(key))

    # -- what not ------------------------------------------------------------------

    @api.model
    def _mfa_refuse_api_key(self):
        """:raise AccessError: in a call that an API key opened

        Who has a key, perhaps a stolen one, must not make it more than that.
        """
        if is_api_key_call():
            raise AccessError(
                self.env._("This cannot be done with an API key. Log in to Odoo to do it.")
            )

    @api.model
    def _mfa_refuse_superuser(self):
        self._mfa_refuse_api_key()
        super()._mfa_refuse_superuser()
