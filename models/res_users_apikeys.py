import contextlib

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import SQL, ormcache

from odoo.addons.base.models.res_users import INDEX_SIZE, KEY_CRYPT_CONTEXT, check_identity

from .calling_address import calling_address, note_api_key_call
from .own_transaction import in_own_transaction


def start_of_hour(moment):
    """Return when the hour of the clock began in which ``moment``, in UTC, is."""
    return moment.replace(minute=0, second=0, microsecond=0)


class ResUsersApikeys(models.Model):
    """Keys of the API: from where they are used, and when they were last.

    ``auth_totp.device``, core's trusted devices, inherits from this model.
    """

    _inherit = "res.users.apikeys"

    mfa_last_used = fields.Datetime("Last used", readonly=True, help="To the hour.")
    mfa_last_address = fields.Char("Last address", readonly=True)
    mfa_before_policy = fields.Boolean(
        "Made before the policy",
        compute="_compute_mfa_before_policy",
        search="_search_mfa_before_policy",
        help="Older than the last change that made the policy or the networks of its owner "
        "stricter, or made in the days of grace without a second factor.",
    )

    def init(self):
        """Add what core, which makes this table by hand, does not add."""
        super().init()
        self.env.cr.execute(
            SQL(
                """ALTER TABLE %s ADD COLUMN IF NOT EXISTS mfa_last_used timestamp,
                                  ADD COLUMN IF NOT EXISTS mfa_last_address varchar""",
                SQL.identifier(self._table),
            )
        )

    # -- made before the policy ----------------------------------------------------

    def _compute_mfa_before_policy(self):
        old = self.sudo().search([("id", "in", self.ids), ("mfa_before_policy", "=", True)])
        for key in self:
            key.mfa_before_policy = key in old

    def _search_mfa_before_policy(self, operator, value):
        if operator != "in":
            return NotImplemented
        if False in value:  # and True: Odoo asks for the others by "not in"
            return Domain.TRUE
        old = SQL(
            """(SELECT made.id FROM %s AS made
                  JOIN res_users AS owner ON owner.id = made.user_id
                 WHERE made.create_date < GREATEST(
                           owner.mfa_tightened,
                           (SELECT max(CASE
                                       WHEN made.create_date < COALESCE(owner.mfa_since, 'infinity')
                                        AND 'app' IN (company.mfa_policy_sensitive,
                                                      company.mfa_policy_internal,
                                                      company.mfa_policy_portal)
                                       THEN GREATEST(company.mfa_tightened, owner.create_date)
                                          + make_interval(
                                                days => COALESCE(company.mfa_grace_days, 0))
                                       ELSE company.mfa_tightened END)
                              FROM res_company AS company
                              JOIN res_company_users_rel AS rel ON rel.cid = company.id
                             WHERE rel.user_id = owner.id)))""",
            SQL.identifier(self._table),
        )
        return Domain("id", "in", old)

    # -- in use --------------------------------------------------------------------

    def _check_credentials(self, *, scope, key):
        """Refuse a key of any scope that is used from elsewhere, as if it were wrong."""
        uid = super()._check_credentials(scope=scope, key=key)
        if not self._mfa_is_api_key():
            return uid
        if not uid:
            KEY_CRYPT_CONTEXT.hash(key)  # as slow as a right key that is refused
            return None
        # As that user: before a request knows who calls, no environment could compute groups.
        user = self.env["res.users"].with_user(uid).browse(uid)
        if not user._mfa_may_call_api():
            user._mfa_record_address("API call")
            return None
        self._mfa_note_use(self._mfa_find(uid, key), start_of_hour(fields.Datetime.now()))
        if request:  # else ``_check_uid_passwd`` notes it, of the calls that it lets pass
            note_api_key_call(True)
        return uid

    @api.model
    @ormcache("uid", "key")
    def _mfa_find(self, uid, key):
        """Return the id of the API key ``key`` of a user, or ``None``: it is a password.

        The key may have expired or been removed since: :meth:`_mfa_use_if_good` tells.
        """
        self.env.cr.execute(
            SQL(
                "SELECT id, key FROM res_users_apikeys WHERE user_id = %s AND index = %s",
                uid,
                key[:INDEX_SIZE],
            )
        )
        rows = self.env.cr.fetchall()
        return next((row for row, hashed in rows if KEY_CRYPT_CONTEXT.verify(key, hashed)), None)

    @api.model
    def _mfa_use_if_good(self, key):
        """Tell whether the key with the id ``key`` is still good; note its use.

        At most once an hour of the clock, in a transaction of its own: the call's may be
        read-only.
        """
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """SELECT mfa_last_used FROM res_users_apikeys
                    WHERE id = %s AND (expiration_date IS NULL OR expiration_date >= %s)""",
                key,
                now,
            )
        )
        row = self.env.cr.fetchone()
        hour = start_of_hour(now)
        if row and (row[0] is None or row[0] < hour):
            # Judged once more: what a read-only transaction read may be old.
            query = SQL(
                """UPDATE res_users_apikeys SET mfa_last_used = %s, mfa_last_address = %s
                    WHERE id = %s AND (mfa_last_used IS NULL OR mfa_last_used < %s)""",
                now,
                calling_address(),
                key,
                hour,
            )
            with contextlib.suppress(SerializationFailure):
                in_own_transaction(self.env, lambda cr: cr.execute(query))
        return bool(row)

    @api.model
    @ormcache("key", "hour")
    def _mfa_note_use(self, key, hour):
        """Note the use of the key with the id ``key``, which core has just found good.

        Asks the database once in ``hour`` in each process, not at each call.
        """
        self._mfa_use_if_good(key)

    # -- made and removed ----------------------------------------------------------

    def _generate(self, scope, name, expiration_date):
        self.env["res.users"]._mfa_refuse_api_key()
        if self._mfa_is_api_key():
            self.env["res.users"]._mfa_refuse_missing()
        key = super()._generate(scope, name, expiration_date)
        if self._mfa_is_api_key():
            self.env["res.users.mfa.event"]._record("api_key_made", self.env.user, name, scope)
        return key

    def unlink(self):
        self.env["res.users"]._mfa_refuse_api_key()
        if self._mfa_is_api_key():
            self.env["res.users.mfa.event"]._record_owned("api_key_removed", self)
        return super().unlink()

    @check_identity
    def action_mfa_revoke(self):
        """Remove these keys, one's own or within one's rank, and tell their owners."""
        owners = self.user_id
        owners._mfa_check_rank()
        names = {
            owner: ", ".join(keys.mapped("name")) for owner, keys in self.grouped("user_id").items()
        }
        self.sudo().unlink()
        owners._mfa_notify(
            lambda user: user.env._("Security Update: API Key Removed"),
            lambda user: user.env._(
                "API keys of your account were removed: %(names)s. Programs that used them "
                "cannot log in any more.",
                names=names[user],
            ),
        )
        return self.env.user._mfa_action_notify(
            self.env._("API keys removed: %(names)s", names=", ".join(names.values())),
            {"type": "ir.actions.client", "tag": "soft_reload"},
        )

    def _mfa_is_api_key(self):
        """Core's trusted devices inherit from this model, and are no API keys."""
        return self._name == "res.users.apikeys"
