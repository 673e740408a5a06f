"""Lists of networks as an administrator writes them, on top of ``ipaddress``."""

import contextlib
import ipaddress
import re

_BETWEEN = re.compile(r"(?<![\s,;-])[\s,;]+(?![\s,;-])")
"""What separates networks; no hyphen, so that a range is named as a whole."""


class BadNetwork(ValueError):
    """A line that is no network.

    :ivar int line: its number, from 1
    :ivar str text: what stands there
    :ivar str|None meant: the network that it may mean, where there is one
    """

    def __init__(self, line, text, meant=None):
        super().__init__(f"line {line}: {text}")
        self.line, self.text, self.meant = line, text, meant


def parse(text):
    """Return the networks that ``text`` lists in CIDR form, one or more on a line.

    A plain address is a network of its own. IPv4 in the form of IPv6
    (``::ffff:192.0.2.1``, RFC 4291 §2.5.5.2) is taken for IPv4.

    :return: tuple of ``ipaddress`` networks
    :raise BadNetwork: for the first that is none
    """
    found = []
    for number, line in enumerate((text or "").splitlines(), start=1):
        found += [_parse_one(number, word) for word in _BETWEEN.split(line) if word]
    return tuple(found)


def _parse_one(line, word):
    with contextlib.suppress(ValueError):
        return _unmap(ipaddress.ip_network(word))
    try:
        meant = str(ipaddress.ip_network(word, strict=False))
    except ValueError:
        meant = None
    raise BadNetwork(line, word, meant)


def _unmap(network):
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped and network.prefixlen >= 96:
        return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network


def normalise(text):
    """Return ``text`` with each network on a line of its own.

    :raise BadNetwork: as :func:`parse`
    """
    return "\n".join(map(str, parse(text)))


def is_everywhere(networks):
    """Tell whether ``networks`` together hold all addresses of IPv4 or of IPv6."""
    for version in (4, 6):
        same = (network for network in networks if network.version == version)
        if any(network.prefixlen == 0 for network in ipaddress.collapse_addresses(same)):
            return True
    return False


def overlap(networks, others):
    """Tell whether an address is in one of ``networks`` and in one of ``others``."""
    return any(
        one.version == other.version and one.overlaps(other) for one in networks for other in others
    )


def are_within(inner, outer):
    """Tell whether every address of the networks ``inner`` is in one of ``outer``."""
    wide = [
        network
        for version in (4, 6)
        for network in ipaddress.collapse_addresses(one for one in outer if one.version == version)
    ]
    return all(
        any(one.version == other.version and one.subnet_of(other) for other in wide)
        for one in inner
    )


def holds(networks, address):
    """Tell whether one of ``networks`` holds ``address``; an unknown address is in none.

    :param address: text as a server sees it, or ``None``
    """
    ip = read_address(address)
    return ip is not None and any(ip in network for network in networks)


def read_address(text):
    """Return the address that ``text`` is, or ``None``; IPv4 in the form of IPv6 is IPv4."""
    try:
        ip = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
