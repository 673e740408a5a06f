from odoo.http import request

from .home import Home

PAGE = {
    "type": "http",
    "auth": "user",
    "methods": ["GET", "POST"],
    "website": True,
    "multilang": False,
    "sitemap": False,
}


def make_private(page):
    """Let nobody keep ``page`` and no other site show it; return it."""
    page.headers["Cache-Control"] = "no-store"
    page.headers["X-Frame-Options"] = "DENY"
    return page


class Pages(Home):
    """What the pages around the login share: plain pages, the same for all users."""

    def _mfa_page(self, template, redirect, user=None, **values):
        """Return a page that nobody keeps and no other site shows, in the user's language.

        :param user: whose page it is, where that is not the one logged in
        """
        request.update_context(lang=(user or request.env.user).lang)
        values["redirect"] = redirect
        return make_private(request.render(f"auth_totp_mfa.login_{template}", values))

    def _mfa_go_to(self, page, redirect):
        return self._mfa_lead(f"/web/login/totp/{page}", redirect)

    def _mfa_go_on(self, redirect):
        """Lead to where the person was going; never to another site."""
        return request.redirect(self._login_redirect(request.session.uid, redirect=redirect))

    def _mfa_go_to_settings(self):
        """Lead to where one changes one's second factor, behind an identity check."""
        if request.env.user._is_internal():
            return request.redirect(
                "/odoo/action-auth_totp_mail.action_activate_two_factor_authentication"
            )
        return request.redirect("/my/security")
