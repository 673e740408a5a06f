from . import home, identity
