from . import home, identity, portal, recovery
