"""The headline of the coverage page: shares, and findings in words."""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

SHARES = {
    "all": Domain.TRUE,
    "internal": Domain("population", "=", "internal"),
    "portal": Domain("population", "=", "portal"),
    "sensitive": Domain("sensitive", "=", True),
}
FINDINGS = {
    "sensitive_bare": Domain("sensitive", "=", True) & Domain("protected", "=", False),
    "missing": Domain("state", "=", "missing"),
    "not_asked": Domain("state", "=", "unprotected"),
    "grace_ending": Domain("state", "=", "grace") & Domain("grace_until", "<=", "now +7d"),
    "few_codes": Domain("few_codes", "=", True),
    "api_unlimited": Domain("api_key_count", ">", 0) & Domain("api_limited", "=", False),
    "exempt": Domain("state", "=", "exempt"),
    "never_logged_in": Domain("last_login", "=", False),
}
"""The most urgent first. Each has a filter of the same name and domain in the search view."""
SENTENCES = {
    "sensitive_bare": (
        _lt("%(count)d person in a sensitive group has no second factor"),
        _lt("%(count)d people in sensitive groups have no second factor"),
    ),
    "missing": (
        _lt("%(count)d person is required to have an authenticator app and has none"),
        _lt("%(count)d people are required to have an authenticator app and have none"),
    ),
    "not_asked": (
        _lt("%(count)d account is opened by its password alone, and no policy asks for more"),
        _lt("%(count)d accounts are opened by a password alone, and no policy asks for more"),
    ),
    "grace_ending": (
        _lt("The days of grace of %(count)d person end within a week"),
        _lt("The days of grace of %(count)d people end within a week"),
    ),
    "few_codes": (
        _lt("%(count)d person has few recovery codes left"),
        _lt("%(count)d people have few recovery codes left"),
    ),
    "api_unlimited": (
        _lt("%(count)d API key is not limited to networks"),
        _lt("%(count)d API keys are not limited to networks"),
    ),
    "exempt": (
        _lt("%(count)d account is exempt from two-factor authentication"),
        _lt("%(count)d accounts are exempt from two-factor authentication"),
    ),
    "never_logged_in": (
        _lt("%(count)d person has never logged in"),
        _lt("%(count)d people have never logged in"),
    ),
}
"""What is said of one, and of several."""
COUNTED = (
    "population",
    "sensitive",
    "state",
    "protected",
    "grace_until",
    "few_codes",
    "api_key_count",
    "api_limited",
    "last_login",
)
"""The columns that shares and findings are counted from."""
URGENT = ("sensitive_bare", "missing")


class MfaCoverage(models.Model):
    _inherit = "mfa.coverage"

    @api.model
    def get_headline(self):
        """Return what stands above the list, in words and figures, for whom the user sees.

        :return: ``shares`` and ``findings`` in the order of the screen, ``weekly``: whether
            the user gets the weekly mail
        :raise AccessError: without the right to read the coverage
        """
        figures = self._count_headline()
        return {
            "shares": self._describe_shares(figures),
            "findings": self._describe_findings(figures),
            "weekly": self.env.user.sudo().mfa_weekly_report,
        }

    @api.model
    def set_weekly_report(self, wanted):
        """Send oneself the weekly mail, or no more.

        :raise AccessError: without the right to read the coverage
        :raise UserError: without an address of one's own
        """
        self.browse().check_access("read")
        user = self.env.user
        if wanted and not user.email:
            raise UserError(
                self.env._(
                    "Your account has no email address to send the figures to. Enter one in your "
                    "preferences first."
                )
            )
        user.sudo().mfa_weekly_report = bool(wanted)
        return True

    # -- the figures -----------------------------------------------------------------

    def _count_headline(self):
        """Return each figure by name, counted by one statement under the record rules.

        People are counted, and of API keys without networks the keys. ``OFFSET 0`` keeps
        PostgreSQL from working out a column anew for each figure.
        """
        counted = {
            f"{name}_{part}": domain & wanted
            for name, domain in SHARES.items()
            for part, wanted in (
                ("total", Domain.TRUE),
                ("protected", Domain("protected", "=", True)),
                ("exempt", Domain("state", "=", "exempt")),
            )
        } | {name: domain for name, domain in FINDINGS.items() if name != "api_unlimited"}
        query = self._search([])
        figures = [
            SQL("COUNT(*) FILTER (WHERE %s)", self._condition(domain, query))
            for domain in counted.values()
        ]
        keys = SQL("COALESCE(SUM(api_key_count) FILTER (WHERE NOT api_limited), 0)")
        columns = (self._field_to_sql(self._table, name, query) for name in COUNTED)
        [row] = self.env.execute_query(
            SQL(
                "SELECT %s, %s FROM (%s OFFSET 0) AS %s",
                SQL(", ").join(figures),
                keys,
                query.select(*columns),
                SQL.identifier(self._table),
            )
        )
        return dict(zip([*counted, "api_unlimited"], row, strict=True))

    def _condition(self, domain, query):
        return domain.optimize_full(self)._to_sql(self, self._table, query)

    # -- in words ----------------------------------------------------------------------

    def _describe_shares(self, figures):
        """Return the shares of those groups that have somebody."""
        labels = {
            "all": self.env._("Everybody"),
            "internal": self.env._("Employees"),
            "portal": self.env._("Portal users"),
            "sensitive": self.env._("Sensitive groups"),
        }
        parts = ("total", "protected", "exempt")
        return [
            self._describe_share(name, label, *(figures[f"{name}_{part}"] for part in parts))
            for name, label in labels.items()
            if figures[f"{name}_total"]
        ]

    def _describe_share(self, name, label, total, protected, exempt):
        """Return one share; the percentage is rounded down: 100 means all."""
        counts = {"protected": protected, "total": total, "exempt": exempt}
        if exempt:
            text = self.env._("%(protected)d of %(total)d protected, %(exempt)d exempt", **counts)
        else:
            text = self.env._("%(protected)d of %(total)d protected", **counts)
        return {
            "name": name,
            "label": label,
            "text": text,
            "percent": protected * 100 // total,
            "percent_text": self.env._("%(percent)d%%", percent=protected * 100 // total),
            "percent_exempt": exempt * 100 // total,
        }

    def _describe_findings(self, figures):
        """Return a sentence for each finding that there is."""
        return [self._describe_finding(name, figures[name]) for name in FINDINGS if figures[name]]

    def _describe_finding(self, name, count):
        sentence = self.env._(SENTENCES[name][count > 1])
        return {"name": name, "urgent": name in URGENT, "text": sentence % {"count": count}}
