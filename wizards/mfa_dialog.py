from odoo import api
from odoo.exceptions import AccessError, UserError

from ..models.calling_address import is_api_key_call
from ..models.res_users_mfa_guarded import check_door, open_door

LONGEST_LINE = 256
LONGEST_TEXT = 4096


class MfaDialog:
    """A dialog that its user opens by a button of this addon, and only so.

    The web client saves a dialog before it calls its button: what a person types
    may be written by the owner, all else and creation are refused.

    A plain class, put before ``TransientModel``: an abstract model would come after
    it, and core's clean-up before ours.
    """

    _allow_sudo_commands = False
    _transient_max_hours = 0.5
    _typed_fields = frozenset()
    _typed_texts = frozenset()
    """Those of them that may have several lines."""

    def _has_field_access(self, field, operation):
        """Keep dialogs from an API key: one may hold the secret of a new app."""
        return not is_api_key_call() and super()._has_field_access(field, operation)

    @api.model
    def _start(self, **vals):
        """Return a new dialog of the current user."""
        return open_door(self).create(vals).with_env(self.env)

    def _mfa_dialog(self, title):
        """Return the action that shows this dialog under ``title``."""
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "medium"},
        }

    def _mfa_check_owner(self):
        """:raise UserError: when the dialog is gone; AccessError: when it is another's"""
        if not self.exists():
            raise UserError(self.env._("This dialog has expired. Please open it again."))
        self.ensure_one()
        if self.sudo().create_uid != self.env.user:
            raise AccessError(self.env._("This dialog belongs to somebody else. Open your own."))

    def _mfa_forget(self):
        open_door(self).unlink()

    def _mfa_done(self, message, then=None):
        """Delete the dialog and return the action that says ``message``.

        :param dict then: the action that follows, instead of one's own settings
        """
        self._mfa_forget()
        user = self.env.user
        return user._mfa_action_notify(message, then or user._mfa_action_security())

    @api.model_create_multi
    def create(self, vals_list):
        check_door(self.env)
        return super().create(vals_list)

    def write(self, vals):
        if vals.keys() - self._typed_fields or self.sudo().create_uid != self.env.user:
            check_door(self.env)
        for name, value in vals.items():
            if name in self._typed_texts:
                self._mfa_check_typed_text(value)
            else:
                self._mfa_check_typed(value)
        return super().write(vals)

    def _mfa_check_typed_text(self, value):
        """:raise UserError: when ``value`` is too long, or a line of it is none"""
        if value and not (isinstance(value, str) and len(value) <= LONGEST_TEXT):
            raise UserError(self.env._("Enter at most %(length)d characters.", length=LONGEST_TEXT))
        for line in (value or "").splitlines():
            self._mfa_check_typed(line.replace("\t", " "))

    def _mfa_check_typed(self, value):
        """:raise UserError: when ``value`` is neither a tick nor what a person types into a line"""
        if isinstance(value, bool):
            return
        if value and not (
            isinstance(value, str) and len(value) <= LONGEST_LINE and value.isprintable()
        ):
            raise UserError(
                self.env._("Enter one line of at most %(length)d characters.", length=LONGEST_LINE)
            )

    def unlink(self):
        check_door(self.env)
        return super().unlink()

    @api.autovacuum
    def _transient_vacuum(self):
        """Let core's clean-up delete what was left behind, secrets included."""
        return super(MfaDialog, open_door(self))._transient_vacuum()
