from . import test_attacks, test_auth_timeout, test_encryption, test_enrolment, test_help
from . import test_hooks, test_login, test_mails, test_query_count, test_rank, test_recovery
from . import test_rpc, test_settings, test_tools, test_tours, test_trail, test_trail_kept
