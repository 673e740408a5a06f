"""From where the present call comes and what opened it, also where Odoo hides the request."""

from contextlib import contextmanager
from contextvars import ContextVar

from odoo.http import request
from odoo.tools import config

from ..tools import networks

_address = ContextVar("auth_totp_mfa_calling_address", default=None)
_by_api_key = ContextVar("auth_totp_mfa_by_api_key", default=None)
PROOFS = ("identity-check-last", "mfa_proof")
"""What a session has proven: it proves nothing of who calls with a key beside its cookie."""


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
    address, by_key = _address.set(request.httprequest.remote_addr), _by_api_key.set(False)
    try:
        yield
    finally:
        _address.reset(address)
        _by_api_key.reset(by_key)


def describe_address(env):
    """Return, for who writes lists of networks, from where Odoo sees this request.

    Where that may be the address of a proxy, also what to do: a header that proxies add,
    which anybody could forge, only changes the advice.
    """
    address = networks.read_address(calling_address())
    if address is None:
        return env._("Odoo does not know your address now.")
    seen = env._("Odoo sees you at %(address)s now.", address=str(address))
    advice = _proxy_advice(env, address)
    return f"{seen} {advice}" if advice else seen


def _proxy_advice(env, address):
    """Return what to do where ``address`` may be that of a proxy, or ``None``."""
    forwarded = request and request.httprequest.headers.get("X-Forwarded-For")
    if forwarded and not config["proxy_mode"]:
        return env._(
            "This is the address of a proxy in front of Odoo: set “proxy_mode = True” in "
            "odoo.conf, so that Odoo knows people's own addresses, before you enter networks."
        )
    if address.is_global:
        return None
    if config["proxy_mode"]:
        return env._(
            "This is an address of a local network. If you are elsewhere, it is a proxy's: let "
            "the proxy send X-Forwarded-Host and X-Forwarded-For before you enter networks."
        )
    return env._(
        "This is an address of a local network. If you are elsewhere, it is a proxy's: set "
        "“proxy_mode = True” in odoo.conf before you enter networks."
    )


def is_api_key_call():
    """Tell whether an API key, rather than a person's login, opened the present call."""
    return getattr(request, "mfa_by_api_key", False) if request else bool(_by_api_key.get())


def is_hidden_call():
    """Tell whether XML-RPC or JSON-RPC calls, rather than the server works by itself."""
    return not request and _by_api_key.get() is not None


def is_call():
    """Tell whether somebody calls, rather than the server works by itself."""
    return bool(request) or is_hidden_call()


def note_api_key_call(by_key):
    """Note for :func:`is_api_key_call` what opened the present call.

    XML-RPC and JSON-RPC note it of each call, so that none is taken for the one before.
    """
    if not request:
        _by_api_key.set(by_key)
        return
    request.mfa_by_api_key = by_key
    for proof in PROOFS:
        request.session.pop(proof, None)
