from . import test_attacks, test_auth_timeout, test_login, test_query_count, test_tours
from . import test_enrolment, test_hooks, test_rank, test_recovery, test_rpc
from . import test_settings, test_tools
