import logging

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError
from odoo.http import request
from odoo.tools import SQL

from ..tools import browser
from .calling_address import calling_address
from .ir_config_parameter import SHORTEST
from .own_transaction import in_own_transaction

_logger = logging.getLogger(__name__)

KINDS = [
    ("enrolled", "App added"),
    ("renamed", "App renamed"),
    ("removed", "App removed"),
    ("enabled", "Two-factor enabled"),
    ("disabled", "Two-factor disabled"),
    ("code_accepted", "Code accepted"),
    ("code_refused", "Code refused"),
    ("locked", "Locked"),
    ("recovery_used", "Recovery code used"),
    ("recovery_made", "New recovery codes"),
    ("help_made", "Help code made"),
    ("help_used", "Help code used"),
    ("reset", "Reset"),
    ("device_trusted", "Device trusted"),
    ("device_used", "Trusted device used"),
    ("device_refused", "Trusted device refused"),
    ("device_revoked", "Trusted device revoked"),
    ("passkey_made", "Passkey made"),
    ("passkey_used", "Passkey used"),
    ("passkey_removed", "Passkey removed"),
    ("api_key_made", "API key made"),
    ("api_key_removed", "API key removed"),
    ("network_refused", "Refused by network"),
    ("exempted", "Exempted"),
    ("exemption_removed", "Exemption removed"),
    ("setting", "Setting changed"),
]
ALARMING = {"locked", "device_refused", "network_refused"}
MAX_TEXT = 256
BATCH = 10_000
"""Lines that the daily clean-up deletes in one transaction."""


class UserReference(fields.Many2one):
    """A user, without a foreign key; empty once the user is deleted.

    The line outlives the user, and the transaction that writes it does not wait for
    one that holds the user's row.
    """

    def update_db_foreign_key(self, model, column):
        pass


class ResUsersMfaEvent(models.Model):
    """The audit trail: what happened to somebody's second factor.

    Lines are written by :meth:`_record` in SQL, and by nothing else: nobody makes,
    changes or deletes one through Odoo. PostgreSQL refuses it too, so that a slip
    such as a server action with a query of its own changes nothing.
    """

    _name = "res.users.mfa.event"
    _description = "Two-factor event"
    _order = "date desc, id desc"
    _log_access = False
    _allow_sudo_commands = False

    date = fields.Datetime(required=True, readonly=True)
    kind = fields.Selection(KINDS, string="Event", required=True, readonly=True)
    user_id = UserReference("res.users", string="User", readonly=True)
    login = fields.Char(string="Account", readonly=True, help="The user's login at that time.")
    actor_id = UserReference("res.users", string="Done by (user)", readonly=True)
    actor_login = fields.Char(string="Done by", readonly=True)
    address = fields.Char(string="IP address", readonly=True)
    browser = fields.Char(readonly=True)
    subject = fields.Char(
        string="Concerns", readonly=True, help="The app, device, key or setting concerned."
    )
    note = fields.Char(readonly=True, help="The reason given, or what was refused and why.")

    _date_index = models.Index("(date DESC, id DESC)")
    _user_index = models.Index("(user_id, date DESC, id DESC)")

    def init(self):
        """Let PostgreSQL keep the lines, for as long as the shortest retention at least."""
        self.env.cr.execute(
            SQL(
                """
                DROP FUNCTION IF EXISTS mfa_event_is_kept CASCADE;

                CREATE FUNCTION mfa_event_is_kept() RETURNS trigger
                LANGUAGE plpgsql AS
                $$ BEGIN RAISE 'The trail of two-factor events is kept as it is.'; END $$;

                CREATE TRIGGER mfa_event_no_update
                BEFORE UPDATE OF date, kind, login, actor_login, address, browser, subject, note
                ON %(table)s EXECUTE FUNCTION mfa_event_is_kept();

                CREATE TRIGGER mfa_event_no_truncate
                BEFORE TRUNCATE ON %(table)s EXECUTE FUNCTION mfa_event_is_kept();

                CREATE TRIGGER mfa_event_no_delete
                BEFORE DELETE ON %(table)s FOR EACH ROW
                WHEN (old.date > (now() AT TIME ZONE 'UTC') - %(kept)s * interval '1 day')
                EXECUTE FUNCTION mfa_event_is_kept()
                """,
                table=SQL.identifier(self._table),
                kept=SHORTEST["auth_totp.event_retention"] - 1,
            )
        )

    @api.depends("kind", "login", "subject")
    def _compute_display_name(self):
        for line in self:
            kind = line._fields["kind"].convert_to_export(line.kind, line)
            line.display_name = ": ".join(filter(None, (kind, line.login or line.subject)))

    # -- writing -------------------------------------------------------------------

    @api.model
    def _record(self, kind, users, subject=None, note=None, *, after=None):
        """Add a line for each of ``users``, in the transaction of what it tells of.

        A note of this addon's own is in English, as in the server's log: a line is stored
        once for readers of all languages. What happened, ``kind``, is translated.

        :param str kind: a key of :data:`KINDS`
        :param users: those concerned; no user where a setting was changed
        :param subject: the app, device, key or setting concerned: text, or ``SQL`` for one
        :param SQL after: a data-changing statement to run in the same query
        """
        users.flush_recordset(["login"])
        line = self._insert(kind, users, subject, note)
        self.env.cr.execute(SQL("WITH done AS (%s) %s", after, line) if after else line)
        self._log(kind, users, subject, note)

    @api.model
    def _record_owned(self, kind, records, note=None, *, owner="user_id"):
        """Add a line for each user who owns some of ``records``, with their names.

        :param str owner: the field of ``records`` that says whose they are
        """
        for user, owned in records.sudo().grouped(owner).items():
            self._record(kind, user, ", ".join(owned.mapped("name")), note)

    @api.model
    def _record_apart(self, kind, user, subject=None, note=None, *, once_in=None):
        """Add a line that stays when the request is rolled back: a refusal.

        :param timedelta once_in: not if there is the same one from that time already;
            other callers bound how many there can be by themselves
        """
        line = self._insert(kind, user, subject, note)
        if once_in:
            line = SQL(
                """%s WHERE NOT EXISTS (SELECT FROM %s WHERE user_id = %s AND kind = %s
                                           AND subject IS NOT DISTINCT FROM %s
                                           AND note IS NOT DISTINCT FROM %s AND date > %s)""",
                line,
                SQL.identifier(self._table),
                user.id,
                kind,
                self._clean(subject),
                self._clean(note),
                fields.Datetime.now() - once_in,
            )

        def add(cr):
            cr.execute(line)
            return cr.rowcount

        if in_own_transaction(self.env, add):
            self._log(kind, user, subject, note)

    @api.model
    def _insert(self, kind, users, subject, note):
        """Return the statement that adds the lines."""
        actor = self._get_actor(users)
        return SQL(
            """INSERT INTO %(table)s (date, kind, user_id, login, actor_id, actor_login,
                                      address, browser, subject, note)
                    SELECT %(date)s, %(kind)s, owner.id, owner.login, %(actor)s,
                           (SELECT login FROM res_users WHERE id = %(actor)s),
                           %(address)s, %(browser)s, %(subject)s, %(note)s
                      FROM unnest(%(ids)s::int[]) AS concerned
                 LEFT JOIN res_users AS owner ON owner.id = concerned""",
            table=SQL.identifier(self._table),
            date=fields.Datetime.now(),
            kind=kind,
            actor=actor.id or None,
            address=calling_address(),
            browser=self._describe_browser(),
            subject=self._clean(subject),
            note=self._clean(note),
            ids=[None] if kind == "setting" else list(users.ids),
        )

    @api.model
    def _get_actor(self, users):
        """Return the person who really acts.

        The user of the request, whatever user its code took on. During a login that is
        the one who logs in, and in a session that became the superuser
        (``/web/become``) the administrator who did. An RPC call has no session: its
        caller. Without a request, such as in a job, the user who runs it.
        """
        uid = (request and request.env.uid) or self.env.uid
        if request and uid == SUPERUSER_ID == request.session.uid:
            uid = request.session.get("mfa_become", uid)
        actor = self.env(user=uid).user if uid else users.browse()
        return actor if actor and not actor._is_public() else users[:1]

    @api.model
    def _describe_browser(self):
        if not request:
            return None
        family, platform = browser.browser_and_platform(request.httprequest.user_agent)
        names = (family.capitalize(), platform.capitalize())
        return self._clean(" / ".join(filter(None, names)))

    @api.model
    def _clean(self, text):
        """Return ``text`` as one line of at most 256 characters; ``SQL`` as it is."""
        if not text or isinstance(text, SQL):
            return text or None
        return "".join(c if c.isprintable() else " " for c in text)[:MAX_TEXT]

    @api.model
    def _log(self, kind, users, subject, note):
        _logger.log(
            logging.WARNING if kind in ALARMING else logging.INFO,
            "MFA event %s: users %s, by #%s from %s, %s, %s",
            kind,
            users.ids,
            self._get_actor(users).id,
            calling_address() or "n/a",
            None if isinstance(subject, SQL) else self._clean(subject),
            self._clean(note),
        )

    # -- the end of a line ---------------------------------------------------------

    @api.autovacuum
    def _gc_missing_users(self):
        """Keep the lines of deleted users with the login alone.

        Odoo shows no list with a line whose user is gone: one would hide the whole trail.
        """
        for column in ("user_id", "actor_id"):
            self.env.cr.execute(
                SQL(
                    """UPDATE %(table)s AS line SET %(column)s = NULL WHERE %(column)s IS NOT NULL
                          AND NOT EXISTS (SELECT FROM res_users WHERE id = line.%(column)s)""",
                    table=SQL.identifier(self._table),
                    column=SQL.identifier(column),
                )
            )
        self.invalidate_model(["user_id", "actor_id"], flush=False)

    @api.autovacuum
    def _gc_old_lines(self):
        """Delete lines older than ``auth_totp.event_retention`` days, daily with core's own.

        :return: how many went, and whether there are more: core commits and calls again
        """
        age = self.env["ir.config_parameter"]._mfa_duration("auth_totp.event_retention")
        self.env.cr.execute(
            SQL(
                """DELETE FROM %(table)s
                    WHERE id = ANY(ARRAY(SELECT id FROM %(table)s WHERE date < %(limit)s
                                          ORDER BY date LIMIT %(batch)s))""",
                table=SQL.identifier(self._table),
                limit=fields.Datetime.now() - age,
                batch=BATCH,
            )
        )
        number = self.env.cr.rowcount
        if number:
            _logger.info("%d MFA events older than %d days deleted", number, age.days)
            self.invalidate_model(flush=False)
        return number, int(number == BATCH)

    # -- nothing else writes -------------------------------------------------------

    @api.model
    def _refuse(self):
        raise AccessError(self.env._("Two-factor events are kept as they are: none can be edited."))

    # pylint: disable=method-required-super
    @api.model_create_multi
    def create(self, vals_list):
        self._refuse()

    def write(self, vals):
        self._refuse()

    def unlink(self):
        self._refuse()
