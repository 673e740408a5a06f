from . import test_guessing, test_identity
from . import test_attacks, test_auth_timeout, test_login, test_query_count, test_tours
from . import test_enrolment, test_hooks, test_rank, test_rpc, test_settings, test_tools
