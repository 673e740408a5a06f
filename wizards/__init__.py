from . import (
    mfa_dialog_mixin,
    res_users_authenticator_create,
    res_users_authenticator_rename,
    res_users_mfa_enable,
)
