from . import test_attacks, test_auth_timeout, test_encryption, test_enrolment, test_guessing
from . import test_help, test_hooks, test_identity, test_login, test_mails, test_query_count
from . import test_rank, test_recovery, test_rpc, test_settings, test_tools, test_tours
from . import test_open_sessions, test_policy_table, test_trail, test_trail_kept
