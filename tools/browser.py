"""What a browser says of itself, and what it does with a cookie."""

import ipaddress
from urllib.parse import quote, urlsplit

from werkzeug.urls import url_parse

LONGEST_ADDRESS = 2000
"""Characters, percent-encoded as in a header."""


def browser_and_platform(user_agent):
    """Return ``(browser, platform)`` in lower case, empty where unknown.

    :param user_agent: an object with ``browser`` and ``platform``, such as
        ``request.httprequest.user_agent``
    """
    return (user_agent.browser or "").lower(), (user_agent.platform or "").lower()


def binding(user_agent):
    """Return the text that a device token is bound to; no version is part of it."""
    return "/".join(browser_and_platform(user_agent))


def network_of(address):
    """Return whose ``address`` is, as text: of IPv6 the /64, which one host has to itself."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address or ""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ipaddress.ip_network((ip, 64), strict=False) if ip.version == 6 else ip)


def is_localhost(host):
    """Tell whether ``host`` (with or without port) is this very machine.

    Browsers trust it without TLS: W3C Secure Contexts §3.1.
    """
    name = host.rsplit("]", 1)[0].lstrip("[") if host.startswith("[") else host.split(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def keeps_cookie(secure, scheme, host):
    """Tell whether a browser keeps a cookie sent over ``scheme`` by ``host``.

    :param bool secure: the cookie carries the Secure attribute (RFC 6265bis §5.7)
    """
    return not secure or scheme == "https" or is_localhost(host)


def is_address(text):
    """Tell whether a browser could be led to ``text``: an address that a header can carry.

    Proxies refuse an answer whose header is too long (nginx: 4 KiB by default).
    """
    if not isinstance(text, str) or not text.isprintable() or len(quote(text)) > LONGEST_ADDRESS:
        return False
    try:
        urlsplit(text)
        url_parse(text)  # Odoo leads by this one
    except ValueError:
        return False
    return True
