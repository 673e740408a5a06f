"""How far the property-based tests search, and that they leave nothing in the working tree."""

import os
from pathlib import Path

from hypothesis import HealthCheck, configuration, settings

from odoo.tools import config

LONG = os.environ.get("MFA_HYPOTHESIS_PROFILE") == "long"
LONGER = 30
"""How many times as many examples a long run tries."""

configuration.set_hypothesis_home_dir(Path(config["data_dir"], "hypothesis"))


def search(examples, steps=50):
    """Return the settings of a test that tries ``examples``, of at most ``steps`` each.

    They are the same in each run, unless ``MFA_HYPOTHESIS_PROFILE=long`` asks for many
    random ones.
    """
    return settings(
        max_examples=examples * (LONGER if LONG else 1),
        stateful_step_count=steps,
        derandomize=not LONG,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
