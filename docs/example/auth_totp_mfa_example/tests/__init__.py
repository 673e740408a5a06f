from . import test_hardware_token
from . import test_office
