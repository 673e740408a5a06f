"""The set-up page of an app: who may go on there, with what, and why it is asked for."""

import logging
import smtplib
import time

from odoo import api, models
from odoo.exceptions import AccessDenied, UserError
from odoo.http import request
from odoo.tools import format_date, format_time

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ..exceptions import NoCode
from ..tools import mailbox, tokens, totp
from .mfa_policy import BY_APP

_logger = logging.getLogger(__name__)

MAIL_CODE_AGE = 3600
"""Seconds for which the code of an email is good, at least (``auth_totp_mail``)."""
OF_THE_SETUP = (
    "mfa_setup",
    "mfa_setup_mailed",
    "mfa_setup_confirmed",
    "mfa_recovered",
    "mfa_remind",
)
"""Session keys that an enrolment ends."""


class ResUsers(models.Model):
    _inherit = "res.users"

    # -- which step is next ----------------------------------------------------------

    def _mfa_setup_step(self):
        """Return what this user has to give next before an app is enrolled.

        To be asked of the user whom this session belongs to, or whose password it has
        passed.

        :return: ``app``: the code of the new app; ``confirm``: a code sent by email or a
            help code; ``password``: once more, since it was given too long ago; ``None``:
            no policy leads this user here, and no second factor was just proven
        """
        if self._mfa_proof_is_fresh():
            return "app"
        if not self._mfa_setup_demand():
            return None
        session = request.session
        confirmed = session.get("mfa_setup_confirmed") or {}
        if confirmed.get("uid") == self.id and self._mfa_is_recent(confirmed["at"]):
            return "app"
        if self._mfa_rules().setup_by_mail:
            return "confirm"
        password = session.get("mfa_pending") or {}
        return "app" if self._mfa_is_recent(password.get("since", 0)) else "password"

    def _mfa_setup_demand(self):
        """Return the :class:`Demand` for which this user needs an app, or ``None``.

        In a session that is open it may be one to come.
        """
        if self.mfa_enabled:
            return None
        demand = self._mfa_demand()
        if demand.level == BY_APP:
            return demand
        return self._mfa_coming_demand() if request.session.uid == self.id else None

    def _mfa_setup_is_forced(self):
        """Tell whether nothing else is open to this user before an app is set up."""
        return self._mfa_must_enrol() and request.session.get("mfa_factor") != "skip"

    def _mfa_check_setup(self):
        """Refuse the app that a policy requires where its confirmation was not given.

        :raise UserError: on every road but the set-up page, a call over RPC too
        """
        if request and self._mfa_must_enrol() and self._mfa_setup_step() != "app":
            raise UserError(
                self.env._(
                    "A policy requires this app, so your identity is confirmed first. Open this "
                    "page: %(page)s",
                    page=f"{self.get_base_url()}/web/login/totp/setup",
                )
            )

    def _mfa_has_no_mailbox(self):
        """Tell whether a code is to be sent to this user, and there is no address for it."""
        return self._mfa_type() == "totp_mail" and not self.sudo().email

    @api.model
    def _mfa_end_setup(self):
        for key in OF_THE_SETUP:
            request.session.pop(key, None)

    # -- the confirmation ------------------------------------------------------------

    def _mfa_send_setup_code(self, again=False):
        """Send the code of the confirmation, once for a session unless ``again``.

        :return: ``None``, or a sentence for the person that says why none could be sent
        """
        session = request.session
        if time.time() - session.get("mfa_setup_mailed", 0) < MAIL_CODE_AGE and not again:
            return None
        if not self.email:
            return self.env._("No email address is known for your account, so no code can be sent.")
        try:
            with self.env.cr.savepoint():
                self._send_totp_mail_code()
        except AccessDenied:
            return self.env._(
                "Five codes were sent within an hour: no more are sent for now. Use the last one."
            )
        except (UserError, MailDeliveryException, smtplib.SMTPException, OSError):
            _logger.warning("The code to set up an app could not be sent", exc_info=True)
            return self.env._("The code could not be sent by email.")
        session["mfa_setup_mailed"] = time.time()
        return None

    def _mfa_confirm_setup(self, code):
        """Take the code sent by email, or a help code.

        :raise AccessDenied: with a sentence for the person
        """
        digits = totp.normalise_code(code)
        is_help = len(tokens.normalise_one_time_code(code) or "") == tokens.HELP_LENGTH
        if not digits and not is_help:
            raise NoCode(
                self.env._(
                    "Enter the six digits of the email, or the help code (12 letters and digits) "
                    "that your administrator told you."
                )
            )
        with self._assert_can_auth(user=self.id):
            if digits:
                credential = {"type": "totp_mail", "token": int(digits)}
                self._check_credentials(credential, {"interactive": True})
            else:
                self._mfa_check_code(code)
                self._mfa_note_confirmed()

    def _mfa_note_confirmed(self):
        """Note in the session that this user gave a code sent by email, or a help code."""
        if request:
            request.session["mfa_setup_confirmed"] = {"uid": self.id, "at": time.time()}

    # -- what the pages say ----------------------------------------------------------

    def _mfa_setup_reason(self):
        """Return in a sentence which company asks this user for an app, or ``None``."""
        demand = self._mfa_setup_demand()
        if not demand:
            return None
        company = demand.company
        if demand.population == "sensitive":
            return self.env._(
                "%(company)s requires an authenticator app for accounts with far-reaching access "
                "rights, such as yours.",
                company=company,
            )
        if demand.population == "portal":
            return self.env._(
                "%(company)s requires an authenticator app for the accounts of its customers and "
                "partners.",
                company=company,
            )
        return self.env._(
            "%(company)s requires an authenticator app for the accounts of its employees.",
            company=company,
        )

    def _mfa_reminder(self):
        """Return until when, in this user's own time and format, there is no need of an app.

        ``None`` where there is nothing to remind of.
        """
        end = self._mfa_grace_end()
        if self.mfa_enabled or not end:
            return None
        timezone = self.tz or "UTC"
        day = format_date(self.with_context(tz=timezone).env, end, date_format="long")
        return f"{day}, {format_time(self.env, end, tz=timezone, time_format='short')}"

    def _mfa_masked_email(self):
        """Return enough of this user's address to know it by, and no more."""
        return mailbox.masked(self.email)
