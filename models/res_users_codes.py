"""How a code is checked, whatever it is a code of, and what makes it a proof."""

from datetime import timedelta

from odoo import SUPERUSER_ID, api, models
from odoo.exceptions import AccessDenied
from odoo.http import request

from ..exceptions import NoCode, SecretUnreadable, UsedCode, WrongCode
from ..tools import tokens, totp
from .own_transaction import in_own_transaction
from .res_users_mfa_attempt import CLOSED_AFTER, FREE_FAILURES


class ResUsers(models.Model):
    _inherit = "res.users"

    def _mfa_check_code(self, code):
        """Use up ``code``, whatever it is a code of, and return what that was.

        The try is counted before anything is compared; what is no code at all is
        neither counted nor compared. A help code opens a login, or the set-up of a first
        app, and proves nothing later; a recovery code is good while MFA is on.

        :param code: text as a person types it, or an ``int`` whose leading zeros are gone
        :return: ``app``, ``recovery`` or ``help``
        :raise SecondFactorRefused: with a sentence for the person
        """
        self.ensure_one()
        kind, code = self._mfa_read_code(code)
        attempts = self.env["res.users.mfa.attempt"]
        failures = attempts._reserve(self, kind)
        try:
            subject = self._mfa_accept_code(kind, code)
        except WrongCode:
            self._mfa_record_refusal(f"wrong {kind} code")
            self._mfa_tell_locked(kind, failures)
            raise
        except UsedCode:
            attempts._take_back(self, kind)
            self._mfa_record_refusal("used before", once_in=timedelta(minutes=1))
            raise
        except SecretUnreadable:
            attempts._take_back(self, kind)
            names = ", ".join(self.sudo().authenticator_ids.mapped("name"))
            self._mfa_record_refusal("secrets cannot be decrypted", names, timedelta(hours=1))
            raise
        attempts._clear(self)
        accepted = "code_accepted" if kind == "app" else f"{kind}_used"
        self.env["res.users.mfa.event"]._record(accepted, self, subject)
        return kind

    def _mfa_record_refusal(self, note, subject=None, once_in=None):
        self.env["res.users.mfa.event"]._record_apart(
            "code_refused", self, subject, note, once_in=once_in
        )

    def _mfa_is_own_code(self, code):
        """Tell whether ``code`` has the form of one that core's login page cannot read.

        Core takes six digits, as a number. Who adds a method extends this, for codes of
        another form, with :meth:`_mfa_read_code` and :meth:`_mfa_accept_code`.
        """
        return bool(tokens.normalise_one_time_code(code))

    def _mfa_read_code(self, code):
        """Return of which kind ``code`` is, by its form, and its characters.

        Kind ``app`` is a short code, which could be guessed: all such share one counter.

        :raise NoCode: when it is nothing that could open this account
        """
        login = not (request and request.session.uid) or not self.mfa_enabled
        if digits := totp.normalise_code(code):
            return "app", digits
        one_time = tokens.normalise_one_time_code(code) or ""
        if self.mfa_enabled and len(one_time) == tokens.RECOVERY_LENGTH:
            return "recovery", one_time
        if login and len(one_time) == tokens.HELP_LENGTH:
            return "help", one_time
        raise NoCode(
            self.env._(
                "Enter the six digits that your authenticator app shows, or a recovery code."
            )
        )

    def _mfa_accept_code(self, kind, code):
        """Return the name of the app whose code this is, or ``None`` for another code.

        :raise WrongCode, UsedCode: see there
        """
        if kind == "app":
            return self.sudo().authenticator_ids._accept(code).name
        self.env[f"res.users.{kind}.code"]._accept(self, code)
        if kind == "recovery":
            self._mfa_tell_recovery_used()
        else:
            self._mfa_tell_help_used()
        return None

    def _mfa_tell_locked(self, kind, failures):
        """Note and mail, once for a row of failures, that codes are locked or closed.

        In a transaction of its own, since the request may be rolled back.
        """
        if failures not in (FREE_FAILURES, CLOSED_AFTER):
            return
        closed = kind == "app" and failures == CLOSED_AFTER
        note = f"{failures} wrong codes ({kind})"
        self.env["res.users.mfa.event"]._record_apart("locked", self, note=note)
        in_own_transaction(
            self.env,
            lambda cr: self.with_env(api.Environment(cr, SUPERUSER_ID, {}))._mfa_tell_wrong_codes(
                failures, closed
            ),
        )

    def _mfa_tell_wrong_codes(self, failures, closed):
        """Mail that somebody, who knows the password, gave so many wrong codes."""
        if closed:
            self._mfa_notify(
                lambda user: user.env._("Security Update: App Codes Locked"),
                lambda user: user.env._(
                    "%(failures)d wrong codes in a row were given for your account. Codes of apps "
                    "are locked until you log in with a recovery code or a passkey, or an "
                    "administrator helps you. Whoever gave them knows your password.",
                    failures=failures,
                ),
            )
        else:
            self._mfa_notify(
                lambda user: user.env._("Security Update: Wrong Codes"),
                lambda user: user.env._(
                    "%(failures)d wrong codes in a row were given for your account, by somebody "
                    "who knows your password. The next code is accepted after a wait.",
                    failures=failures,
                ),
            )

    def _mfa_prove(self, code):
        """Take ``code`` as the proof of this session's user's second factor.

        :raise SecondFactorRefused: as :meth:`_mfa_check_code`
        """
        self._mfa_check_code(code)
        self._mfa_set_proof()

    def _mfa_prove_by_passkey(self, answer):
        """Take a passkey as the proof of this session's user's second factor.

        :param str answer: to ``/auth/passkey/start-auth``, as JSON
        :raise AccessDenied: when it is refused
        """
        if not self._mfa_has_passkey():
            raise AccessDenied()
        credential = {"type": "webauthn", "webauthn_response": answer}
        self._check_credentials(credential, {"interactive": True})

    def _mfa_has_passkey(self):
        return "auth_passkey_key_ids" in self._fields and bool(self.auth_passkey_key_ids)
