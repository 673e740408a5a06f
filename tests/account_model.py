"""A model of one account in plain Python: what must be true after each thing that is done.

It is written from the design and knows nothing of the addon's code. Times are Unix seconds.
"""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field

from .common import code_of

STEP, MINUTE, HOUR, DAY = 30, 60, 3600, 86400
MOST_APPS = 10
RECOVERY_CODES = 10


@dataclass
class App:
    name: str
    secret: str
    last_step: int = 0

    def step_of(self, code, now):
        """Return the newest step of those around ``now`` whose code it is, or ``None``."""
        steps = (now // STEP + offset for offset in (1, 0, -1))
        return next((step for step in steps if code_of(self.secret, 0, step * STEP) == code), None)


@dataclass
class Browser:
    """A browser with the session and the trusted device that it believes to have."""

    uid: str = ""
    """``""``, ``half`` or ``open``."""
    state: object = None
    """State of the account when the session began."""
    since: float = 0
    """When the password was given or, of an open session, the second factor; 0: never."""
    proof: float = -DAY
    device: object = None


@dataclass
class Device:
    until: float


@dataclass
class Account:
    apps: list = field(default_factory=list)
    on: bool = False
    epoch: int = 0
    password: str = "mfa_ann_password"
    passwords: int = 0
    """How often it was set."""
    active: bool = True
    recovery: list = field(default_factory=list)
    help: str = ""
    help_until: float = 0
    devices: list = field(default_factory=list)
    failures: Counter = field(default_factory=Counter)
    """By kind of code: ``app``, ``recovery``, ``help``."""
    last_try: dict = field(default_factory=dict)
    said_used: float = -DAY
    lines: Counter = field(default_factory=Counter)
    """Lines of the audit trail by kind."""

    @property
    def state(self):
        """Return what a session depends on."""
        return self.passwords, self.epoch, self.active

    def clone(self):
        return deepcopy(self)

    # -- changes -----------------------------------------------------------------------

    def void_devices(self):
        self.lines["device_revoked"] += bool(self.devices)
        self.devices = []

    def factor_changed(self):
        self.void_devices()
        self.epoch += 1

    def set_on(self, on):
        if self.on != on:
            self.lines["enabled" if on else "disabled"] += 1
        self.on = on
        self.factor_changed()

    def add(self, app):
        self.apps.append(app)
        self.lines["enrolled"] += 1

    def enrol(self, app):
        """Add an app that was proven by a code."""
        self.add(app)
        self.failures.clear()
        if self.on:
            self.factor_changed()
        else:
            self.set_on(True)

    def reset(self):
        self.apps, self.recovery, self.help = [], [], ""
        self.set_on(False)
        self.failures.clear()
        self.lines["reset"] += 1

    def knows_name(self, name, but=None):
        return any(app is not but and app.name.casefold() == name.casefold() for app in self.apps)

    # -- codes -------------------------------------------------------------------------

    def wait(self, kind, now):
        """Return the seconds until the next try is compared."""
        failures = self.failures[kind]
        if kind == "app" and failures >= 100:
            return HOUR
        if failures < 5:
            return 0
        return self.last_try[kind] + min(MINUTE * 2 ** (failures - 5), HOUR) - now

    def try_code(self, kind, code, now):
        """Return whether ``code`` is accepted, and count it."""
        if self.wait(kind, now) > 0:
            return False
        self.failures[kind] += 1
        self.last_try[kind] = now
        verdict = getattr(self, f"_accept_{kind}")(code, now)
        if verdict == "accepted":
            self.failures.clear()
            self.lines["code_accepted" if kind == "app" else f"{kind}_used"] += 1
        elif verdict == "used":
            self.failures[kind] -= 1
            self.lines["code_refused"] += now - self.said_used >= MINUTE
            self.said_used = now if now - self.said_used >= MINUTE else self.said_used
        else:
            self.lines["code_refused"] += 1
            self.lines["locked"] += self.failures[kind] in (5, 100)
        return verdict == "accepted"

    def _accept_app(self, code, now):
        matches = [(app, app.step_of(code, now)) for app in self.apps]
        matches = [(app, step) for app, step in matches if step is not None]
        for app, step in matches:
            if step > app.last_step:
                app.last_step = step
                return "accepted"
        return "used" if matches else "wrong"

    def _accept_recovery(self, code, now):
        if code not in self.recovery:
            return "wrong"
        self.recovery.remove(code)
        return "accepted"

    def _accept_help(self, code, now):
        if code != self.help or now >= self.help_until:
            return "wrong"
        self.help = ""
        return "accepted"

    # -- sessions ----------------------------------------------------------------------

    def is_pending(self, browser, now):
        """Tell whether the password that ``browser`` gave still counts."""
        recent = now - browser.since < 15 * MINUTE
        return browser.uid == "half" and recent and browser.state == self.state

    def is_open(self, browser, now):
        too_old = browser.since and now - browser.since >= 30 * DAY
        return browser.uid == "open" and browser.state == self.state and not too_old

    def trusts(self, browser, now):
        device = browser.device
        return any(one is device for one in self.devices) and now < device.until
