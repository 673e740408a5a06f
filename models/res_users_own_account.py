"""What opens one's own account: changed only after a second factor, wherever from."""

from odoo import SUPERUSER_ID, api, models
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.base.models.res_users import check_identity

from ..exceptions import SecondFactorRefused
from .calling_address import is_api_key_call, is_call
from .leading_refusal import leading_refusal
from .res_users_mfa_guarded import DOOR

ADDRESSES = {"login", "email", "partner_id"}
"""``partner_id`` too: the email address is that of the contact."""
KEYS = {"password", "new_password", "auth_passkey_key_ids"}


class ResUsers(models.Model):
    _inherit = "res.users"

    def write(self, vals):
        if (ADDRESSES | KEYS) & vals.keys():
            alone = self == self.env.user and not KEYS & vals.keys()
            self._mfa_check_own_change(vals, then=vals if alone else None)
        if "auth_passkey_key_ids" not in vals:
            return super().write(vals)
        before = self.sudo().auth_passkey_key_ids
        result = super().write(vals)
        made = self.sudo().auth_passkey_key_ids - before
        made.create_uid._mfa_check_not_exempt()
        self.env["res.users.mfa.event"]._record_owned("passkey_made", made, owner="create_uid")
        return result

    def _mfa_check_own_change(self, vals, then=None):
        """Refuse to change how the acting user logs in, without a fresh proof.

        Core asks for the old password at most, and for nothing before a new email
        address. Holds for accounts with MFA on, for all calls by an API key, which proves
        nothing, and for sessions that miss the policy, where the address gets the code of
        the confirmation. Code in superuser mode outside of any call passes, and so does a save
        that leaves login and address as they are.

        :param dict then: what to write to one's own user after the identity check
        :raise RedirectWarning: leading to the identity check
        :raise AccessError: in a session that became the superuser or misses the policy, and
            with an API key
        """
        user = self._mfa_acting()
        by_server = self.env.su and not is_call()
        if by_server or user not in self:
            return
        by_link = self.env.context.get("mfa_reset_link") is DOOR
        misses = not by_link and self._mfa_session_misses()
        if not (misses or is_api_key_call() or user._mfa_needs_proof()):
            return
        now = user._convert_to_write({name: user[name] for name in ADDRESSES & vals.keys()})
        addresses = any((vals[name] or "") != (now[name] or "") for name in now)
        keys = "password" in vals or any(vals[name] for name in KEYS & vals.keys())
        if not addresses and not keys:
            return
        self._mfa_refuse_superuser()
        self._mfa_refuse_missing(misses)
        raise leading_refusal(
            self.env._(
                "To change your password, passkeys, login or email address, confirm first that "
                "it is you, with a code of your authenticator app or a recovery code."
            ),
            self.env.ref("auth_totp_mfa.action_confirm_identity").id,
            self.env._("Confirm it is me"),
            {"mfa_own_change": then} if then else None,
        )

    @api.model
    def _mfa_acting(self):
        """Return the user of this session: who became the superuser (``/web/become``), if so."""
        uid = request and self.env.uid == SUPERUSER_ID and request.session.get("mfa_become")
        return self.sudo().browse(uid or self.env.uid)

    def _mfa_needs_proof(self):
        """Tell whether this user, who acts, must prove a second factor first.

        The superuser could not: whoever became it has to, as themselves.
        """
        if self != self.env.user:
            return self.mfa_enabled
        reset = self.env.context.get("mfa_reset_link") is DOOR
        return not reset and self.env["res.users.identitycheck"]._needs_code()

    def _mfa_refusal_of(self, code):
        """Take ``code`` as the proof that this user needs; return why it is refused.

        :return: a sentence, or ``None`` when it is accepted or nothing needs proof
        """
        if self._mfa_needs_proof():
            try:
                self._mfa_prove(code)
            except SecondFactorRefused as refusal:
                return str(refusal)
        return None

    @check_identity
    def action_mfa_confirm(self):
        """Check the identity, and save what was refused for want of it.

        The dialog takes the place of Preferences, so the values come along, through the
        client: they are written with the rights that it has anyway. A password stays
        behind, since the dialog is stored.
        """
        values = self.env.context.get("mfa_own_change")
        if values and isinstance(values, dict):
            self.sudo(False).browse(self.env.uid).write(values)
            message = self.env._("Thank you. Your change is saved.")
            after = {"type": "ir.actions.client", "tag": "soft_reload"}
        else:
            message = self.env._("Thank you. You can make your change now.")
            after = {"type": "ir.actions.act_window_close"}
        return self._mfa_action_notify(message, after)

    @api.model
    def change_password(self, old_passwd, new_passwd):
        """Refuse before other modules revoke devices or write to a directory.

        ``auth_ldap`` stores no password here: its users' trusted devices end all the same.
        """
        user = self.browse(self.env.uid)
        user._mfa_check_own_change({"password": new_passwd})
        result = super().change_password(old_passwd, new_passwd)
        user.sudo().trusted_device_ids._void("password changed")
        return result

    @api.model
    def signup(self, values, token=None):
        """Let a link from a mail set a new password in a browser that is logged in.

        The identity check itself leads there: "Forgot password?". What is logged in
        proves nothing by it, and the next login asks for a code.
        """
        by_link = self.with_context(mfa_reset_link=DOOR)
        return super(ResUsers, by_link).signup(values, token=token)

    def _deactivate_portal_user(self, **post):
        """Ask for a code before an account deletes itself.

        :raise UserError: when ``post["mfa_code"]`` is refused
        """
        user = self.env.user
        own = request and user in self
        if own and (refusal := user._mfa_refusal_of(post.get("mfa_code"))):
            raise UserError(refusal)
        return super()._deactivate_portal_user(**post)
