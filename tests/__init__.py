from . import test_auth_timeout, test_login, test_query_count, test_tours
