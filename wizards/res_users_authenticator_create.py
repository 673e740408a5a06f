import base64
import time
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import sql

from odoo.addons.base.models.res_users import check_identity

from ..models.secret_store import read_secrets, write_secret
from ..tools import qr, totp
from .mfa_dialog import MfaDialog


class ResUsersAuthenticatorCreate(MfaDialog, models.TransientModel):
    """The enrolment screen: the only place where a secret leaves the server.

    The secret stands in the column ``secret``, which the ORM does not know, so that
    no client can set it. It goes with the row when the app is enrolled.
    """

    _name = "res.users.authenticator.create"
    _description = "Enrolment of an authenticator app"
    _typed_fields = frozenset({"name", "confirmation_code"})

    name = fields.Char(required=True)
    qr_code = fields.Binary(string="QR code", compute="_compute_secret_key")
    secret_key = fields.Char(string="Key", compute="_compute_secret_key")
    otpauth_uri = fields.Char(string="Link to the app", compute="_compute_secret_key")
    confirmation_code = fields.Char(string="Authentication code")
    replace = fields.Boolean(readonly=True)
    """Remove the apps that there are until now."""

    def init(self):
        super().init()
        if not sql.column_exists(self.env.cr, self._table, "secret"):
            sql.create_column(self.env.cr, self._table, "secret", "varchar")

    @api.model
    def _start(self, **vals):
        name = self.env["res.users.authenticator"]._propose_name(self.env.user)
        wizard = super()._start(name=name, **vals)
        wizard.flush_recordset()
        write_secret(wizard, "secret", totp.generate_secret())
        return wizard

    def _get_secret(self):
        """Return the secret of this enrolment in Base32, to its owner only.

        :raise UserError: when no key opens it
        """
        self._mfa_check_owner()
        secret = read_secrets(self, "secret").get(self.id)
        if not secret:
            raise UserError(self.env._("This dialog has expired. Please open it again."))
        return secret

    def _compute_secret_key(self):
        for wizard in self:
            secret = wizard._get_secret()
            uri = totp.provisioning_uri(secret, self.env.user.login, self._get_issuer())
            wizard.otpauth_uri = uri
            wizard.qr_code = base64.b64encode(qr.png(uri))
            wizard.secret_key = totp.group_by_four(secret)

    def web_read(self, specification):
        """Hand the QR picture out with the form's own data.

        The web client otherwise asks for the size of a picture only, and loads it from
        ``/web/image``, whose answers browsers and proxies keep.
        """
        return super(ResUsersAuthenticatorCreate, self.with_context(bin_size=False)).web_read(
            specification
        )

    @api.model
    def _get_issuer(self):
        """Return company and host, so that two Odoos in one app can be told apart.

        The host is that of ``web.base.url``: a request's own could be forged.
        """
        host = urlsplit(self.get_base_url()).hostname
        return f"{self.env.company.name} ({host})" if host else self.env.company.name

    @api.model
    def _resume(self, screen_id):
        """Return the current user's enrolment ``screen_id``, or a new one where it is gone."""
        screen = self.browse(screen_id or ()).exists()
        own = screen and screen.sudo().create_uid == self.env.user
        return screen if own else self._start()

    def _enrol(self, name, code, lost_ids=()):
        """Enrol the app if ``code`` proves that it knows the key; return the app.

        All is checked before anything is changed.

        :param lost_ids: apps of the same user that the new one takes the place of
        :raise UserError: when the code is wrong; the same key stays
        :raise ValidationError: when the name is taken or empty
        """
        self._mfa_check_owner()
        user = self.env.user
        lost = user.sudo().authenticator_ids.filtered(lambda app: app.id in lost_ids)
        lost = lost.with_env(self.env)
        name = lost._check_new_name(user, name)
        lost._check_room_for(user)
        secret = self._get_secret()
        step = totp.matching_step(secret, code or "", time.time())
        if step is None:
            raise UserError(
                self.env._(
                    "This code is not right. Enter the six digits that your app shows now, and "
                    "check that the clock of your phone is set automatically."
                )
            )
        if lost:
            lost._remove(user)
        return user._mfa_enrol(name, secret, step)

    @check_identity
    def action_create(self):
        """Enrol the app, and show the first recovery codes. Errors as :meth:`_enrol`."""
        user = self.env.user
        lost = user.sudo().authenticator_ids if self.replace else ()
        app = self._enrol(self.name, self.confirmation_code, {app.id for app in lost})
        return self._mfa_done(
            self.env._(
                "“%(name)s” is ready. You will be asked for its code at login.", name=app.name
            ),
            then=None if user.recovery_codes_left else user._mfa_action_recovery_codes(),
        )
