from odoo import api, fields, models
from odoo.tools import SQL

from ..exceptions import WrongCode
from ..tools import tokens


class MfaOneTimeCode(models.AbstractModel):
    """Codes that open an account once. Only their SHA-256 is stored.

    80 or 60 random bits need no slow hash and no salt.
    """

    _name = "mfa.one.time.code"
    _inherit = "res.users.mfa.guarded"
    _description = "Codes that work once"
    _code_length = None

    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, index=True, ondelete="cascade"
    )
    code_hash = fields.Char(required=True, readonly=True, copy=False, groups=fields.NO_ACCESS)

    @api.model
    def _make(self, user, number, **values):
        """Void the codes that ``user`` has, and return ``number`` new ones in plain text.

        The user's row is written, so that of two requests at once the second is tried
        again, and voids the codes of the first.
        """
        self.env.cr.execute("UPDATE res_users SET mfa_epoch = mfa_epoch WHERE id = %s", [user.id])
        self._void(user)
        codes = [tokens.one_time_code(self._code_length) for _ in range(number)]
        self._mfa_open_door().create(
            [
                {
                    "user_id": user.id,
                    "code_hash": tokens.fingerprint(tokens.normalise_one_time_code(code)),
                    **values,
                }
                for code in codes
            ]
        ).flush_recordset()
        return codes

    @api.model
    def _void(self, users):
        self._mfa_open_door().search([("user_id", "in", users.ids)]).unlink()

    @api.model
    def _accept(self, user, code):
        """Use up the code of ``user`` that ``code`` is.

        One ``DELETE`` decides, so that of two requests with one code exactly one gets it.

        :param str code: as ``tools.tokens.normalise_one_time_code`` returns it
        :raise WrongCode: when the user has no such code, or had it
        """
        self.env.cr.execute(
            SQL(
                "DELETE FROM %s WHERE user_id = %s AND code_hash = %s AND %s RETURNING id",
                SQL.identifier(self._table),
                user.id,
                tokens.fingerprint(code),
                self._still_valid(),
            )
        )
        if not self.env.cr.fetchone():
            raise WrongCode(
                self.env._(
                    "This code is not valid. Each code works once, and new codes replace old ones. "
                    "Try another one."
                )
            )
        self.env.invalidate_all(flush=False)

    @api.model
    def _still_valid(self):
        """Return the condition under which a stored code is accepted."""
        return SQL("TRUE")
