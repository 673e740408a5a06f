{
    "name": "Core's suites after MFA Support",
    "summary": "Runs core's at_install tests once more, with MFA Support loaded",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "license": "LGPL-3",
    "author": "Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/server-auth",
    "depends": ["auth_totp_mfa", "auth_passkey_portal", "auth_timeout"],
}
