"""The mails of the coverage page: invitation, reminder in grace, weekly figures.

All are queued, not sent: a selection may hold hundreds of users.
"""

import logging

from odoo import api, fields, models
from odoo.tools import groupby

_logger = logging.getLogger(__name__)


class ResUsers(models.Model):
    _inherit = "res.users"

    mfa_weekly_report = fields.Boolean(copy=False, groups=fields.NO_ACCESS)
    """Gets the figures every week, while it may see them. Switched by the person alone."""

    def _mfa_invite(self):
        """Mail these users, who have an address, core's invitation, each in their language.

        The mail names no record: employees may read what was sent about any user, and who is
        invited has no second factor.
        """
        template = self.env.ref("auth_totp_mail.mail_template_totp_invite")
        sender = self.env.user
        for lang, users in groupby(self.sudo(), lambda user: user.lang):
            template.with_context(lang=lang).send_mail_batch(
                [user.id for user in users],
                email_values={
                    "email_from": sender.email_formatted,
                    "author_id": sender.partner_id.id,
                    "model": False,
                    "res_id": False,
                },
                email_layout_xmlid="mail.mail_notification_light",
            )
        self._mfa_send_queue()

    def _mfa_remind_in_grace(self):
        """Mail these users, who have an address, until when an app is to be set up."""
        mails = []
        for user in self.sudo():
            user = user.with_context(lang=user.lang)
            until = user._mfa_reminder()
            mails.append(
                user._mfa_mail(
                    user.env._("Set up your authenticator app by %(date)s", date=until),
                    "auth_totp_mfa.mfa_mail_reminder",
                    {"company": user._mfa_coming_demand().company, "until": until},
                )
            )
        self.env["mail.mail"].sudo().create(mails)
        self._mfa_send_queue()

    @api.model
    def _mfa_cron_weekly_report(self):
        """Mail the figures to whoever asked for them and may still see them.

        A mail that cannot be made is logged, and keeps nobody else's back.
        """
        asked = self.search([("mfa_weekly_report", "=", True), ("email", "!=", False)])
        users = asked.filtered(lambda user: user.has_group("base.group_erp_manager"))
        for user in users:
            try:
                with self.env.cr.savepoint():
                    self.env["mail.mail"].create(user._mfa_weekly_mail())
            except Exception:
                _logger.exception("No weekly mail of MFA Coverage for user #%s", user.id)
        self._mfa_send_queue()

    def _mfa_weekly_mail(self):
        """Return the values of a mail with the figures of this user's companies.

        No names: a list of unprotected people is a list of targets.
        """
        context = {"lang": self.lang, "tz": self.tz, "allowed_company_ids": self.company_ids.ids}
        headline = self.env["mfa.coverage"].with_user(self).with_context(**context).get_headline()
        user = self.with_context(**context)
        percent = headline["shares"][0]["percent_text"]
        return user._mfa_mail(
            user.env._("MFA Coverage: %(percent)s protected", percent=percent),
            "auth_totp_mfa.mfa_mail_weekly_report",
            headline,
        )

    def _mfa_mail(self, subject, template, values):
        """Return the values of a mail to this user, who is in superuser mode and own language.

        :param str template: XML id of the page that is the body; it gets ``values``
        """
        render = self.env["mail.render.mixin"]
        body = render._render_template(
            template,
            model="res.users",
            res_ids=self.ids,
            engine="qweb_view",
            options={"post_process": True},
            add_context=values,
        )[self.id]
        return {
            "subject": subject,
            "body_html": render._render_encapsulate(
                "mail.mail_notification_light",
                body,
                add_context={"model_description": self.env._("Account")},
                context_record=self,
            ),
            "email_to": self.email_formatted,
            "email_from": self.company_id.email_formatted or self.env.user.email_formatted,
            "author_id": self.env.user.partner_id.id,
            "auto_delete": True,
        }

    @api.model
    def _mfa_send_queue(self):
        """Let the queue of mails be sent once this transaction is done, not within the hour."""
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
