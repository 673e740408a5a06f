-- What months of use leave behind, counted back from now: through Odoo all would be of today.

CREATE TEMPORARY TABLE mfa_demo AS
SELECT xmlid.res_id AS user_id, history.*,
       date_trunc('second', now() AT TIME ZONE 'UTC') - days * interval '1 day' AS made_on,
       date_trunc('second', now() AT TIME ZONE 'UTC') - hours * interval '1 hour' AS logged_in
  FROM (VALUES -- account made (days ago), last login (hours ago), recovery codes left
       ('director', 400, 30, 10),
       ('sysadmin', 400, 3, 10),
       ('deputy', 300, 500, 0),
       ('personnel', 250, 28, 0),
       ('sales', 380, 2, 9),
       ('purchasing', 360, 26, 2),
       ('store', 390, 50, 0),
       ('payroll', 200, 75, 0),
       ('technician', 150, 8, 0),
       ('trainee', 5, 20, 0),
       ('newcomer', 12, NULL, 0),
       ('terminal', 320, 1, 0),
       ('connector', 310, NULL, 0),
       ('reporting', 220, 720, 0),
       ('helpdesk', 180, 4, 10),
       ('consultant', 170, 340, 0),
       ('controller', 160, 22, 10),
       ('customer', 140, 100, 8),
       ('supplier', 130, NULL, 0),
       ('carrier', 120, 900, 0),
       ('subscriber', 100, 60, 0)
       ) AS history (name, days, hours, codes)
  JOIN ir_model_data AS xmlid
    ON xmlid.module = 'auth_totp_mfa' AND xmlid.name = 'demo_user_' || history.name
 -- An update reads this file again, with nothing left to do.
 WHERE NOT EXISTS (SELECT FROM res_users_mfa_event WHERE note = 'login from 203.0.113.99');

UPDATE res_users SET create_date = made_on FROM mfa_demo WHERE user_id = id;

INSERT INTO res_users_log (create_uid, write_uid, create_date, write_date)
SELECT user_id, user_id, logged_in, logged_in FROM mfa_demo WHERE hours IS NOT NULL;

-- The first app is the one in use, a second one was tried once.
UPDATE res_users_authenticator AS app
   SET create_date = made_on + interval '2 days',
       last_used = CASE WHEN EXISTS (SELECT FROM res_users_authenticator AS older
                                      WHERE older.user_id = app.user_id AND older.id < app.id)
                        THEN made_on + interval '2 days' ELSE logged_in END
  FROM mfa_demo
 WHERE app.user_id = mfa_demo.user_id;

-- Recovery codes that were used since.
DELETE FROM res_users_recovery_code AS code
 USING mfa_demo
 WHERE code.user_id = mfa_demo.user_id
       AND codes < (SELECT count(*) FROM res_users_recovery_code AS older
                     WHERE older.user_id = code.user_id AND older.id <= code.id);

-- Trusted devices: no browser holds their tokens.
INSERT INTO res_users_device (
       user_id, name, token_hash, fingerprint, added_from, last_ip, last_used, expires_at,
       create_uid, write_uid, create_date, write_date)
SELECT user_id, device, encode(sha256(gen_random_uuid()::text::bytea), 'hex'), lower(browser),
       address, address, logged_in, logged_in + interval '25 days',
       user_id, user_id, logged_in - interval '5 days', logged_in
  FROM mfa_demo
  JOIN (VALUES
       ('director', 'Safari on Macos', 'safari/macos', '203.0.113.14'),
       ('director', 'Safari on Iphone', 'safari/iphone', '198.51.100.77'),
       ('sysadmin', 'Firefox on Linux', 'firefox/linux', '203.0.113.8'),
       ('sales', 'Chrome on Windows', 'chrome/windows', '203.0.113.21'),
       ('sales', 'Chrome on Android', 'chrome/android', '198.51.100.90'),
       ('helpdesk', 'Chrome on Linux', 'chrome/linux', '203.0.113.33'),
       ('customer', 'Firefox on Windows', 'firefox/windows', '192.0.2.200')
       ) AS trusted (name, device, browser, address) USING (name);

-- A passkey, where Odoo has passkeys. Its public key fits to none.
DO $$
BEGIN
    IF to_regclass('auth_passkey_key') IS NOT NULL THEN
        INSERT INTO auth_passkey_key (name, credential_identifier, public_key, sign_count,
                                      create_uid, write_uid, create_date, write_date)
        SELECT 'Security key', 'demo-' || gen_random_uuid(), 'none', 12,
               user_id, user_id, made_on, logged_in
          FROM mfa_demo WHERE name = 'technician';
    END IF;
END $$;

INSERT INTO res_users_mfa_event (
       date, kind, user_id, login, actor_id, actor_login, address, browser, subject, note)
SELECT concerned.logged_in - ago * interval '1 hour', kind, concerned.user_id, concerned.name,
       actor.user_id, actor.name, address, browser, subject, note
  FROM (VALUES
       ('sales', 'device_used', 0, 'sales', '203.0.113.21', 'Chrome / Windows',
        'Chrome on Windows', NULL),
       ('sales', 'device_trusted', 120, 'sales', '203.0.113.21', 'Chrome / Windows',
        'Chrome on Windows', NULL),
       ('sales', 'code_accepted', 120, 'sales', '203.0.113.21', 'Chrome / Windows',
        'Phone', NULL),
       ('director', 'code_accepted', 120, 'director', '203.0.113.14', 'Safari / Macos',
        'Phone', NULL),
       ('sysadmin', 'code_accepted', 0, 'sysadmin', '203.0.113.8', 'Firefox / Linux',
        'Phone', NULL),
       ('helpdesk', 'code_accepted', 0, 'helpdesk', '203.0.113.33', 'Chrome / Linux',
        'Phone', NULL),
       ('controller', 'code_accepted', 0, 'controller', '203.0.113.40', 'Firefox / Windows',
        'Phone', NULL),
       ('controller', 'code_refused', 0, 'controller', '203.0.113.40', 'Firefox / Windows',
        NULL, 'wrong app code'),
       ('purchasing', 'recovery_used', 0, 'purchasing', '198.51.100.61', 'Chrome / Android',
        NULL, NULL),
       ('store', 'help_made', 1, 'sysadmin', '203.0.113.8', 'Firefox / Linux',
        NULL, 'Left the phone at home'),
       ('store', 'help_used', 0, 'store', '203.0.113.52', 'Chrome / Windows', NULL, NULL),
       ('terminal', 'network_refused', 30, 'terminal', '203.0.113.99', 'Chrome / Android',
        NULL, 'login from 203.0.113.99'),
       ('technician', 'passkey_used', 0, 'technician', '203.0.113.47', 'Firefox / Linux',
        'Security key', NULL),
       ('customer', 'code_accepted', 0, 'customer', '192.0.2.200', 'Firefox / Windows',
        'Phone', NULL),
       ('customer', 'device_trusted', 0, 'customer', '192.0.2.200', 'Firefox / Windows',
        'Firefox on Windows', NULL)
       ) AS line (name, kind, ago, actor, address, browser, subject, note)
  JOIN mfa_demo AS concerned USING (name)
  JOIN mfa_demo AS actor ON actor.name = line.actor;

DROP TABLE mfa_demo;

-- The password is the login, as with Odoo's own demo users; hashed, since auth_password_policy
-- may ask for longer ones. Odoo hashes them better at the first login.
UPDATE res_users SET password = demo.hash
  FROM ir_model_data AS xmlid,
       (VALUES
       ('demo_user_sales',
        '$pbkdf2-sha512$1000$YXV0aF90b3RwX21mYQ$QuENKqm1uJGwzMWKkTiHF3oxv6S.Ps85boqronsz9gvfCAU4NJk0EPJ/a.tHwqIPi601c/lWbeT4sookv9Uj7A'),
       ('demo_user_payroll',
        '$pbkdf2-sha512$1000$YXV0aF90b3RwX21mYQ$nRugrYwv9X4g2ucC9z9JJL7KL2LOCfu0nFhalLe5xYyEooNIINUgmK61YOeSEI6cLG.jW11ogKlzM9QVlwTIAg'),
       ('demo_user_trainee',
        '$pbkdf2-sha512$1000$YXV0aF90b3RwX21mYQ$aYuhNyhfHa.zI7s9HC49xIZvTQFBEbm7Ja.W393y3AXWjKYXGu5.d/hnXIeM4z8kYCSWSZ9o1O/J7nprhhLA/w'),
       ('demo_user_terminal',
        '$pbkdf2-sha512$1000$YXV0aF90b3RwX21mYQ$W/3lte84uQjkMP5pZPiolLk9LhcmHY4EXLuFdIZKISXlp016yrpeXcYfkcueHmzlJlRLSjniYPQRCg5Q77uhPw'),
       ('demo_user_customer',
        '$pbkdf2-sha512$1000$YXV0aF90b3RwX21mYQ$BOsMZVHFfYG3XonJXU3Jg4E5628JlzLOW0YNVfKFbqpoTGQeuLUHNjoMR.gtNGEDhVIKUCDYVlieTS1YUfRytw')
       ) AS demo (name, hash)
 WHERE xmlid.module = 'auth_totp_mfa' AND xmlid.name = demo.name AND xmlid.res_id = res_users.id;
