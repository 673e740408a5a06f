from . import test_attacks, test_auth_timeout, test_login, test_query_count, test_tours
from . import test_enrolment, test_help, test_hooks, test_rank, test_rpc, test_settings, test_tools
