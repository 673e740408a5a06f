"""The words in which a policy is spoken of."""

from datetime import datetime, timedelta
from typing import NamedTuple

OPTIONAL, BY_MAIL, BY_APP = LEVELS = ("optional", "mail", "app")
"""What a policy asks for, from the weakest to the strictest."""
POPULATIONS = ("sensitive", "internal", "portal")
SAVING_TIME = timedelta(hours=1)
"""For how long a session that does not meet the policy goes on, so that work can be saved."""


class Demand(NamedTuple):
    """One choice of one company's policy that concerns a user."""

    level: str
    """One of :data:`LEVELS`."""
    since: datetime
    """From when on it is asked for, in UTC without time zone."""
    over: datetime | None
    """When a session that does not meet it is over; ``None``: never."""
    company: str
    """Name of the company; empty for the policy of core's own key."""
    population: str


NO_DEMAND = Demand(OPTIONAL, datetime.min, None, "", "")


class Rules(NamedTuple):
    """All that the companies of a user have set for it; independent of time and place."""

    demands: tuple[Demand, ...]
    sensitive: bool
    trusted_devices: bool
    setup_by_mail: bool
    exempt_networks: tuple | None
    """Networks from where alone this account may be used; ``None`` when it is not exempt."""
    api_networks: tuple[tuple, ...]
    """Lists of networks; a call of the API must come from a network of each list."""
