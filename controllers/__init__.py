from . import home, identity, portal, portal_security, recovery, rpc, setup
