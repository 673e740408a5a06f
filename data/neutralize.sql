-- A copy trusts no browser: the production's cookies open nothing here.
-- Two-factor authentication stays on, with apps, recovery codes, policies and networks.
WITH gone AS (DELETE FROM res_users_device RETURNING user_id, name)
INSERT INTO res_users_mfa_event (date, kind, user_id, login, subject, note)
SELECT date_trunc('second', now() AT TIME ZONE 'UTC'), 'device_revoked', owner.id, owner.login,
       left(string_agg(gone.name, ', '), 256), 'database neutralized'
  FROM gone
  JOIN res_users AS owner ON owner.id = gone.user_id
 GROUP BY owner.id;

-- Told or shown for the production: codes of administrators, keys of apps not yet added.
DELETE FROM res_users_help_code;
DELETE FROM res_users_authenticator_create;
DELETE FROM auth_totp_wizard;

-- From this secret follow sessions, codes by email and links to set a password: who runs the
-- copy must not make the production's, nor the other way round.
UPDATE ir_config_parameter SET value = gen_random_uuid() WHERE key = 'database.secret';
