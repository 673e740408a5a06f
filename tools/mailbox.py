"""What is shown of an email address to somebody who may not be its owner."""


def masked(address):
    """Return ``j•••@example.com`` of ``jane@example.com``; of several, of the first.

    :param str address: with or without a name, or empty
    """
    first = (address or "").split(",")[0].rpartition("<")[2].strip(" >")
    local, at, domain = first.rpartition("@")
    return f"{local[:1]}•••@{domain}" if at else ""
