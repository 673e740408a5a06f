"""From where the present call comes, also where Odoo hides the request."""

import ipaddress
from contextlib import contextmanager
from contextvars import ContextVar

from odoo.http import request
from odoo.tools import config

_address = ContextVar("auth_totp_mfa_calling_address", default=None)


def calling_address():
    """Return the address of the client as text, or ``None`` where it is not known.

    Behind a proxy it is what Odoo's ``proxy_mode`` yields.
    """
    return request.httprequest.remote_addr if request else _address.get()


@contextmanager
def remembered_address():
    """Keep the address of this request for the calls under it.

    XML-RPC and JSON-RPC hide the request (``odoo.http.dispatch_rpc``).
    """
    token = _address.set(request.httprequest.remote_addr)
    try:
        yield
    finally:
        _address.reset(token)


def describe_address(env):
    """Return, for who writes lists of networks, from where Odoo sees this request.

    Where that may be the address of a proxy, also what to do: a header that proxies add,
    which anybody could forge, only changes the advice.
    """
    address = calling_address()
    if not address:
        return env._("Odoo does not know your address now.")
    seen = env._("Odoo sees you at %(address)s now.", address=address)
    forwarded = request and request.httprequest.headers.get("X-Forwarded-For")
    if forwarded and not config["proxy_mode"]:
        return (
            seen
            + " "
            + env._(
                "This is the address of a proxy in front of Odoo: set “proxy_mode = True” in "
                "odoo.conf, so that Odoo knows people's own addresses, before you enter networks."
            )
        )
    if not ipaddress.ip_address(address).is_global:
        return (
            seen
            + " "
            + env._(
                "This is an address of a local network. If you are not in one with the server, it is "
                "a proxy's: set “proxy_mode = True” in odoo.conf before you enter networks."
            )
        )
    return seen
