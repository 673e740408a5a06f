"""What is shown of an email address to somebody who may not be its owner."""

import re

QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
"""A name in which commas separate nothing (RFC 5322 §3.2.4)."""


def masked(address):
    """Return ``j•••@example.com`` of ``jane@example.com``; of several, of the first.

    :param str address: with or without a name, or empty
    """
    first = QUOTED.sub("", address or "").split(",")[0].rpartition("<")[2].strip(" >")
    local, at, domain = first.rpartition("@")
    return f"{local[:1]}•••@{domain}" if at else ""
