from . import home, identity, portal
