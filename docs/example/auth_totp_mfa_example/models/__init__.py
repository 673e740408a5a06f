from . import hardware_token
from . import office
