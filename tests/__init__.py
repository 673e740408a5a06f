from . import test_attacks, test_auth_timeout, test_encryption, test_enrolment, test_guessing
from . import test_help, test_hooks, test_identity, test_login, test_mails, test_oauth
from . import (
    test_query_count,
    test_rank,
    test_recovery,
    test_rpc,
    test_settings,
    test_setup,
    test_tools,
)
from . import test_tours, test_trail, test_trail_kept
