from . import home, identity, recovery
