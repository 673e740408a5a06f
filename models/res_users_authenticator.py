import time

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, sql

from odoo.addons.base.models.res_users import check_identity

from ..exceptions import SecretUnreadable, UsedCode, WrongCode
from ..tools import totp
from .secret_store import encrypt_all, read_secrets, write_secret

MAX_PER_USER = 10
MAX_NAME_LENGTH = 64


class ResUsersAuthenticator(models.Model):
    """An authenticator app of a user.

    The secret stands in the column ``secret_key``, which the ORM does not know:
    the field of that name is always empty, so that no API reads, searches, groups or
    exports it.
    """

    _name = "res.users.authenticator"
    _inherit = "res.users.mfa.guarded"
    _description = "Authenticator app"
    _order = "id"

    name = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, index=True, ondelete="cascade"
    )
    secret_key = fields.Char(
        compute="_compute_secret_key",
        groups=fields.NO_ACCESS,
        copy=False,
        export_string_translation=False,
    )
    last_step = fields.Integer(
        string="Last accepted time step", readonly=True, groups=fields.NO_ACCESS, copy=False
    )
    last_used = fields.Datetime(readonly=True, copy=False)

    _name_uniq = models.Constraint(
        "UNIQUE (user_id, name)", "You already have an app of this name. Choose another name."
    )

    def init(self):
        super().init()
        if not sql.column_exists(self.env.cr, self._table, "secret_key"):
            sql.create_column(self.env.cr, self._table, "secret_key", "varchar")

    def _compute_secret_key(self):
        self.secret_key = False

    def _read_secrets(self):
        """Return ``{id: secret}`` of these apps, in Base32, the one used last first.

        Apps whose secret cannot be decrypted are left out, and the log says so.
        """
        return read_secrets(self, "secret_key", "last_step DESC NULLS LAST, id")

    def _has_secret(self, secret):
        """Tell whether one of these apps makes the codes of ``secret``."""
        known = {totp.normalise_secret(text or "") for text in self._read_secrets().values()}
        return totp.normalise_secret(secret) in known

    @api.model
    def _encrypt_secrets(self, progress=None):
        """Bring the secrets of all apps and unfinished enrolments under the newest key.

        A thousand at a time, each in a transaction of its own: who interrupts it, and
        runs it again, goes on where it was. Secrets that no key opens stay as they are.

        :param progress: function of the numbers (done, total), called after each thousand
        :return: the numbers (encrypted, unreadable)
        :raise UserError: when no key is set, or when it is malformed
        """
        return encrypt_all(self.env, progress)

    # -- enrolment -----------------------------------------------------------------

    @api.model
    def _check_new_name(self, user, name):
        """Return ``name`` as it is stored.

        :raise ValidationError: when it is empty, too long, unprintable, or used by
            another app of ``user``; upper and lower case count as the same
        """
        name = " ".join((name or "").split())
        if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
            raise ValidationError(
                self.env._(
                    "Give the app a name of 1 to %(length)d printable characters.",
                    length=MAX_NAME_LENGTH,
                )
            )
        others = user.sudo().authenticator_ids - self
        if name.casefold() in [other.name.casefold() for other in others]:
            raise ValidationError(
                self.env._(
                    "You already have an app named “%(name)s”. Choose another name.", name=name
                )
            )
        return name

    @api.model
    def _propose_name(self, user):
        """Return a name that no app of ``user`` has yet."""
        taken = {name.casefold() for name in user.sudo().authenticator_ids.mapped("name")}
        proposal = base = self.env._("Authenticator app")
        number = 1
        while proposal.casefold() in taken:
            number += 1
            proposal = f"{base} {number}"
        return proposal

    @api.model
    def _check_room_for(self, user):
        """:raise UserError: when ``user`` has as many other apps as one may have"""
        if len(user.sudo().authenticator_ids - self) >= MAX_PER_USER:
            raise UserError(
                self.env._(
                    "You have %(count)d apps, which is the most. Remove one that you do not use.",
                    count=MAX_PER_USER,
                )
            )

    @api.model
    def _enrol(self, user, name, secret, last_step=None):
        """Store a new app of ``user`` and return it.

        The secret is written by a query that is never logged, on a row whose
        constraints have been met already.

        :param str secret: Base32; kept as it is, since core lets any text pass
        :param int last_step: the time step whose code proved the app
        :raise UserError: for an exempt account
        """
        user._mfa_check_not_exempt()
        self._check_room_for(user)
        app = self._mfa_open_door().create(
            {
                "name": self._check_new_name(user, name),
                "user_id": user.id,
                "last_step": last_step,
                "last_used": last_step and fields.Datetime.now(),
            }
        )
        app.flush_recordset()
        write_secret(app, "secret_key", secret)
        self.env["res.users.mfa.event"]._record("enrolled", user, app.name)
        return app

    # -- verification --------------------------------------------------------------

    def _accept(self, code):
        """Return the app whose code this is, and use up the code's time step.

        A wrong code is compared with every app, a right one until it is found. The step is
        used up by one conditional update, so that of two requests with one code exactly one
        gets it.

        Apps whose secret cannot be decrypted are passed over.

        :raise SecretUnreadable: when that is all of them, so that nothing was compared
        :raise WrongCode: when no app has this code now
        :raise UsedCode: when one has, and its time step was accepted before
        """
        now = time.time()
        secrets = self._read_secrets()
        if self and not secrets:
            raise SecretUnreadable(
                self.env._(
                    "Codes of apps cannot be checked now: the server cannot read the keys of "
                    "your apps. Use a recovery code, or ask your administrator for help."
                )
            )
        used = False
        for app in self.browse(secrets):
            step = totp.matching_step(secrets[app.id] or "", code, now)
            if step is not None:
                if app._use_up(step):
                    return app
                used = True
        if not used:
            raise WrongCode(self._explain_wrong_code(unreadable=self - self.browse(secrets)))
        raise UsedCode(
            self.env._("This code was used already. Wait for the next one, then enter that.")
        )

    @api.model
    def _explain_wrong_code(self, unreadable):
        if not unreadable:
            return self.env._("Verification failed, please double-check the 6-digit code")
        return self.env._(
            "Verification failed. The server cannot read the keys of these apps now: %(names)s. "
            "Use another app or a recovery code, or ask your administrator for help.",
            names=", ".join(unreadable.mapped("name")),
        )

    def _use_up(self, step):
        """Mark ``step`` as the last accepted one; false if it or a later one was before."""
        self.env.cr.execute(
            SQL(
                """UPDATE %s SET last_step = %s, last_used = %s
                    WHERE id = %s AND COALESCE(last_step, -1) < %s""",
                SQL.identifier(self._table),
                step,
                fields.Datetime.now(),
                self.id,
                step,
            )
        )
        self.invalidate_recordset(["last_step", "last_used"], flush=False)
        return bool(self.env.cr.rowcount)

    # -- buttons -------------------------------------------------------------------

    @check_identity
    def action_rename(self):
        self.ensure_one()
        self.user_id._mfa_check_self()
        wizard = self.env["res.users.authenticator.rename"]._start(self)
        return wizard._mfa_dialog(self.env._("Rename the app"))

    @check_identity
    def action_remove(self):
        """Remove these apps; the last one of an account with MFA on stays.

        :raise UserError: when it is the last one, saying what to do instead
        :raise AccessError: when they are neither one's own nor within one's rank
        """
        owners = self.sudo().user_id.with_env(self.env)
        for user, apps in self.sudo().grouped("user_id").items():
            user = user.with_env(self.env)
            user._mfa_check_rank()
            if user.mfa_enabled and not user.sudo().authenticator_ids - apps:
                raise UserError(
                    self.env._(
                        "This is the last app. Add another one first, or disable two-factor "
                        "authentication."
                    )
                )
            apps._remove(user)
        return self.env.user._mfa_action_after(owners)

    def _remove(self, user):
        """Remove these apps of ``user``; the caller has checked that it may."""
        names = ", ".join(self.mapped("name"))
        self._mfa_open_door().unlink()
        user._mfa_factor_changed()
        user._mfa_notify(
            lambda user: user.env._("Security Update: Authenticator App Removed"),
            lambda user: user.env._(
                "An authenticator app was removed from your account: %(names)s.", names=names
            ),
        )
        self.env["res.users.mfa.event"]._record("removed", user, names)
