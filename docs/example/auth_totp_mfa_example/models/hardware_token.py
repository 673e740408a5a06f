"""A second-factor method: the eight digits of a hardware token (HOTP, RFC 4226)."""

import pyotp

from odoo import fields, models
from odoo.tools import SQL

from odoo.addons.auth_totp_mfa.exceptions import WrongCode

DIGITS = 8
LOOK_AHEAD = 10  # presses of the button that nobody logged in with


class ResUsers(models.Model):
    _inherit = "res.users"

    token_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    token_counter = fields.Integer(groups=fields.NO_ACCESS, copy=False)

    def _token_assign(self, secret):
        """Give this user a token; whoever calls this has checked who may."""
        self.sudo().write({"token_secret": secret, "token_counter": 0})
        self._mfa_set_enabled(True)
        self._mfa_notify_enabled()

    def _token_digits(self, code):
        digits = "".join(code.split()) if isinstance(code, str) else ""
        return digits if len(digits) == DIGITS and digits.isascii() and digits.isdigit() else None

    def _mfa_is_own_code(self, code):
        return bool(self._token_digits(code)) or super()._mfa_is_own_code(code)

    def _mfa_read_code(self, code):
        if self.sudo().token_secret and (digits := self._token_digits(code)):
            return "app", digits
        return super()._mfa_read_code(code)

    def _mfa_accept_code(self, kind, code):
        if kind != "app" or len(code) != DIGITS:
            return super()._mfa_accept_code(kind, code)
        user = self.sudo()
        token = pyotp.HOTP(user.token_secret, digits=DIGITS)
        first = user.token_counter
        found = [n for n in range(first, first + LOOK_AHEAD) if token.verify(code, n)]
        if not found or not user._token_use_up(found[0]):
            raise WrongCode(self.env._("This is not the next code of your token."))
        return "Hardware token"

    def _token_use_up(self, counter):
        """Tell whether this request is the first to use the code: SQL decides, once."""
        self.env.cr.execute(
            SQL(
                """UPDATE res_users SET token_counter = %s
                    WHERE id = %s AND token_counter <= %s RETURNING id""",
                counter + 1,
                self.id,
                counter,
            )
        )
        self.invalidate_recordset(["token_counter"], flush=False)
        return bool(self.env.cr.fetchone())

    def _mfa_reset(self, *args, **kwargs):
        self.sudo().write({"token_secret": False})
        return super()._mfa_reset(*args, **kwargs)
