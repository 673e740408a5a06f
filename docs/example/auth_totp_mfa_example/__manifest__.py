{
    "name": "MFA Support: an example of extending it",
    "summary": "A second-factor method and a policy verdict of one's own",
    "version": "19.0.1.0.0",
    "category": "Extra Tools",
    "license": "LGPL-3",
    "author": "Odoo Community Association (OCA)",
    "depends": ["auth_totp_mfa"],
}
