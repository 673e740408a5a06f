from . import home, identity, portal, recovery, rpc, setup
