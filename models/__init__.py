from . import (
    auth_totp_wizard,
    ir_config_parameter,
    ir_http,
    res_config_settings,
    res_users,
    res_users_authenticator,
    res_users_core_bridge,
    res_users_device,
    res_users_identitycheck,
    res_users_mfa_attempt,
    res_users_mfa_guarded,
)
