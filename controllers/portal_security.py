import json

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from .pages import make_private

EVENTS = 10
"""Lines of the trail on one page."""
BUTTONS = {
    "add": (None, "action_mfa_add_app"),
    "replace": (None, "action_mfa_replace_app"),
    "enable": (None, "action_mfa_enable"),
    "disable": (None, "action_totp_disable"),
    "revoke_all": (None, "revoke_all_devices"),
    "log_out_all": (None, "action_revoke_all_devices"),
    "rename": ("authenticator_ids", "action_rename"),
    "remove": ("authenticator_ids", "action_remove"),
    "revoke": ("trusted_device_ids", "action_revoke"),
}
"""The buttons of the page: on which records of the user, and their method."""
DIALOGS = {
    "confirm": ("res.users.identitycheck", ("run_check",)),
    "app": ("res.users.authenticator.create", ("action_create",)),
    "rename": ("res.users.authenticator.rename", ("action_rename",)),
    "enable": ("res.users.mfa.enable", ("action_enable",)),
    "logout": ("res.users.mfa.logout", ("action_log_out", "action_log_out_and_forget")),
}
"""The pages in the place of the web client's dialogs: their model and its buttons."""
PAGE_OF = {model: page for page, (model, _buttons) in DIALOGS.items()}
PAGE = {"type": "http", "auth": "user", "website": True, "sitemap": False}


class PortalSecurity(CustomerPortal):
    """``/my/security``: the buttons of Preferences ▸ Security on plain pages.

    A button is the same method that the web client calls, with its rules. What it
    returns is followed as the web client does: the identity check and the dialogs are
    pages of their own, a message stands above the next page.
    """

    @http.route()
    def security(self, page=None, **post):
        response = super().security(**post)
        number = int(page) if page and page.isdecimal() and len(page) < 6 else 1
        lines = request.env["res.users.mfa.event"].search(
            [("user_id", "=", request.env.uid)],
            offset=EVENTS * max(number - 1, 0),
            limit=EVENTS + 1,
        )
        response.qcontext.update(
            mfa_said=request.session.pop("mfa_said", None),
            mfa_events=lines[:EVENTS],
            mfa_events_newer=number - 1,
            mfa_events_older=number + 1 if len(lines) > EVENTS else 0,
        )
        return response

    @http.route("/my/security/press", methods=["POST"], **PAGE)
    def mfa_press(self, button=None, record=None, **form):
        """Press a button of the page, on one of the user's own records."""
        if button not in BUTTONS:
            return self._mfa_leave(request.env._("This page has changed. Please try again."))
        field, method = BUTTONS[button]
        records = request.env.user.sudo(False)
        if field:
            records = records[field].filtered(lambda own: str(own.id) == record)
        if not records:
            return self._mfa_leave(
                request.env._("It is no longer there: it was removed or revoked before.")
            )
        return self._mfa_follow_button(getattr(records, method), self._mfa_leave)

    @http.route(
        f"/my/security/<any({','.join(DIALOGS)}):page>/<int:dialog_id>",
        methods=["GET", "POST"],
        **PAGE,
    )
    def mfa_dialog(self, page, dialog_id, button=None, **form):
        model, buttons = DIALOGS[page]
        dialog = request.env[model].search([("id", "=", dialog_id)])
        if not dialog:
            return self._mfa_leave(request.env._("This dialog has expired. Please open it again."))
        if request.httprequest.method != "POST":
            return self._mfa_show(page, dialog=dialog)
        if page == "confirm":
            return self._mfa_confirm(dialog, form)
        method = button if button in buttons else buttons[0]

        def press():
            dialog.write({name: form.get(name, "") for name in dialog._typed_fields})
            return getattr(dialog, method)()

        return self._mfa_follow_button(
            press, lambda refusal: self._mfa_show(page, dialog=dialog, error=refusal, typed=form)
        )

    def _mfa_confirm(self, check, form):
        """Check the identity, and go on with the button that asked for it.

        Core does both in one: the mark in the session tells which of them refused.
        """
        mark = "identity-check-last"
        passkey = request.env.user._mfa_has_passkey() and form.get("passkey")
        check.auth_method = "webauthn" if passkey else "password"
        given = passkey or form.get("password")
        check = check.with_context(password=given, mfa_code=form.get("mfa_code"))
        model, ids = json.loads(check.sudo().request)[1:3]

        def again(refusal):
            if mark not in request.session:
                return self._mfa_show("confirm", dialog=check, error=refusal)
            return self._mfa_leave(refusal, model, ids)

        return self._mfa_follow_button(check.run_check, again)

    # -- where to --------------------------------------------------------------------

    def _mfa_follow_button(self, press, again):
        """Press a button, and answer with the page of what it returns.

        :param press: function to an action, as buttons return it
        :param again: function of the refusal, a sentence, to the page that shows it
        """
        try:
            action = press()
        except UserError as refusal:
            request.env.cr.rollback()
            return again(str(refusal))
        return self._mfa_follow(action)

    def _mfa_follow(self, action):
        """Return the page that shows ``action``, as the web client would."""
        action = action or {}
        params = action.get("params") or {}
        if action.get("tag") == "display_notification":
            request.session["mfa_said"] = {"text": params["message"], "kind": params["type"]}
            return self._mfa_follow(params.get("next"))
        if action.get("tag") == "mfa_recovery_codes":
            return self._mfa_show("codes", sheet=params)
        address = self._mfa_address(action.get("res_model"), [action.get("res_id")])
        if address == "/my/security":
            done = {"text": request.env._("Done."), "kind": "success"}
            request.session.setdefault("mfa_said", done)
        return request.redirect(address)

    def _mfa_leave(self, refusal, model=None, ids=()):
        """Go back to the page of a button, which says why it was refused."""
        request.session["mfa_said"] = {"text": refusal, "kind": "danger"}
        return request.redirect(self._mfa_address(model, ids))

    def _mfa_address(self, model, ids):
        return f"/my/security/{PAGE_OF[model]}/{ids[0]}" if model in PAGE_OF else "/my/security"

    def _mfa_show(self, page, **values):
        """Return a page that nobody keeps and no other site shows."""
        values = {
            **self._prepare_portal_layout_values(),
            "mfa_said": request.session.pop("mfa_said", None),
            "error": None,
            "typed": {},
            "can_reset": self._mfa_can_reset_password(),
            **values,
        }
        return make_private(request.render(f"auth_totp_mfa.portal_{page}", values))

    def _mfa_can_reset_password(self):
        settings = request.env["ir.config_parameter"].sudo()
        return settings.get_param("auth_signup.reset_password") == "True"
