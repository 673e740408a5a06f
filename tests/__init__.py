from . import test_attacks, test_auth_timeout, test_devices_list, test_encryption, test_enrolment
from . import test_guessing
from . import test_help, test_hooks, test_identity, test_login, test_mails, test_query_count
from . import test_portal, test_rank, test_recovery, test_rpc, test_settings, test_tools, test_tours
from . import test_trail, test_trail_kept
from . import test_exemption, test_policy
