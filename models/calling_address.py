"""From where the present call comes, also where Odoo hides the request."""

from contextlib import contextmanager
from contextvars import ContextVar

from odoo.http import request

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
