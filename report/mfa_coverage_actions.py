"""What an administrator does with a selection of the coverage list."""

from odoo import models

from odoo.addons.base.models.res_users import check_identity


class MfaCoverage(models.Model):
    _inherit = "mfa.coverage"

    def action_invite(self):
        """Mail these users core's invitation to set up an app, each in their language.

        Left out, and counted in the notification: who has an app, is exempt, or has no
        address.

        :raise AccessError: for users whose coverage one must not see
        """
        rows = self._selected()
        enrolled = rows.filtered(lambda row: row.state == "app")
        exempt = rows.filtered(lambda row: row.state == "exempt")
        without = (rows - enrolled - exempt).filtered("no_email")
        invited = rows - enrolled - exempt - without
        invited.user_id._mfa_invite()
        done = self._say(
            invited,
            self.env._("%(count)d person was invited by email."),
            self.env._("%(count)d people were invited by email."),
        )
        skipped = (
            self._say(
                enrolled,
                self.env._("%(count)d person has an authenticator app already."),
                self.env._("%(count)d people have an authenticator app already."),
            ),
            self._say(
                exempt,
                self.env._("%(count)d account is exempt from two-factor authentication."),
                self.env._("%(count)d accounts are exempt from two-factor authentication."),
            ),
            self._say_without_address(without),
        )
        return self._say_outcome(done or self.env._("Nobody was invited."), skipped)

    def action_remind(self):
        """Mail those of these users who are in grace until when they need an app.

        Left out, and counted in the notification: who is not in grace, or has no address.

        :raise AccessError: for users whose coverage one must not see
        """
        rows = self._selected()
        in_grace = rows.filtered(lambda row: row.state == "grace")
        without = in_grace.filtered("no_email")
        reminded = in_grace - without
        reminded.user_id._mfa_remind_in_grace()
        done = self._say(
            reminded,
            self.env._("%(count)d person was reminded by email."),
            self.env._("%(count)d people were reminded by email."),
        )
        skipped = (
            self._say(
                rows - in_grace,
                self.env._("%(count)d person is not in grace."),
                self.env._("%(count)d people are not in grace."),
            ),
            self._say_without_address(without),
        )
        return self._say_outcome(done or self.env._("Nobody was reminded."), skipped)

    @check_identity
    def action_reset(self):
        """Open the dialog that resets two-factor authentication of these users.

        :raise AccessError, UserError: as ``ResUsers.action_mfa_help``
        """
        return self._selected().user_id._mfa_help_dialog("reset")

    def _selected(self):
        """Return the rows of this selection, each once.

        :raise AccessError: for users whose coverage one must not see
        """
        self.check_access("read")
        return self.browse(dict.fromkeys(self.ids))

    # -- in words ----------------------------------------------------------------------

    def _say(self, rows, one, several):
        """Return the text of the two that fits the number of ``rows``, empty for none."""
        return rows and (several if len(rows) > 1 else one) % {"count": len(rows)}

    def _say_without_address(self, rows):
        return self._say(
            rows,
            self.env._("%(count)d person has no email address."),
            self.env._("%(count)d people have no email address."),
        )

    def _say_outcome(self, done, skipped):
        """Return the notification of what was done; it stays where somebody was left out.

        :param skipped: sentences, or empty ones
        """
        left_out = list(filter(None, skipped))
        action = self.env["res.users"]._mfa_action_notify(
            " ".join([done, *left_out]),
            {"type": "ir.actions.act_window_close"},
            "warning" if left_out else "success",
        )
        action["params"]["sticky"] = bool(left_out)
        return action
