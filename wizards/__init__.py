from . import (
    res_users_authenticator_create,
    res_users_authenticator_rename,
    res_users_mfa_enable,
    res_users_mfa_exemption,
    res_users_mfa_help,
)
