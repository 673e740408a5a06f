"""What `dev/bench` asks the servers, as a browser or a program would: one step after another."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import struct
import time
import xml.etree.ElementTree as ElementTree
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from .console import Failure

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
TIMEOUT = 60.0  # seconds
STEP = 30  # seconds for which a code is shown
REQUESTS = 10  # authenticated requests in a session
PASSWORD = "a password of the bench"
API_KEY = "0123456789abcdef0123456789abcdef01234567"
CSRF = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


@dataclass
class Cost:
    """What a step took: seconds by the clock, of the server's processor, SQL queries."""

    seconds: float = 0.0
    cpu: float = 0.0
    queries: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.seconds + other.seconds, self.cpu + other.cpu, self.queries + other.queries
        )


@dataclass
class Answer:
    status: int
    text: str
    cost: Cost

    def value(self):
        """What a JSON-RPC call returned; Failure where it raised."""
        result = json.loads(self.text)
        if "error" in result:
            raise Failure(f"Odoo refused a call: {result['error']['data']['message']}")
        return result["result"]


@dataclass
class Site:
    """A server, and whom it knows: accounts ``bench_0`` to ``bench_<users - 1>``."""

    port: int
    database: str
    users: int
    keeper: int
    """Id of the account with the API key."""
    worker: int = 0
    """Process that gave the last answer."""
    given: dict[int, int] = field(default_factory=dict)
    """The last time step whose code was given, by number of the account."""

    def new_code(self, number: int, app: int = 0) -> str:
        """A code of an account that was not given before; waits for one where need be."""
        while time.time() // STEP <= self.given.get(number, 0):
            time.sleep(0.1)
        now = time.time()
        self.given[number] = int(now // STEP)
        return code_of(secret_of(number, app), now)

    def memory(self) -> int:
        """The bytes of memory that the worker holds (resident set)."""
        pages = Path(f"/proc/{self.worker}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Browser:
    site: Site
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, body: bytes | None = None, kind: str = "", **headers: str) -> Answer:
        """Send a request, of a POST where there is a ``body`` of a ``kind``; follow nothing."""
        headers["User-Agent"] = AGENT
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = kind
        begin = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=TIMEOUT)
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        seconds = time.perf_counter() - begin
        connection.close()
        self._keep_cookies(answer.headers.get_all("Set-Cookie") or [])
        cost = Cost(
            seconds,
            float(answer.headers["X-Meter-Cpu"]),
            int(answer.headers["X-Meter-Queries"]),
        )
        self.site.worker = int(answer.headers["X-Meter-Process"])
        return Answer(answer.status, text, cost)

    def _keep_cookies(self, lines: list[str]) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value

    def send(self, path: str, **values: str) -> Answer:
        return self.ask(path, urlencode(values).encode(), "application/x-www-form-urlencoded")

    def call(self, model: str, method: str, *args, **kwargs) -> Answer:
        """Call a method as the web client does."""
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 0, "params": params})
        path = f"/web/dataset/call_kw/{model}/{method}"
        return self.ask(path, body.encode(), "application/json")


def secret_of(number: int, app: int = 0) -> str:
    """The secret of an app of an account; ``bench_shell`` makes the same."""
    text = f"bench {number}" + (f" {app}" if app else "")
    return base64.b32encode(hashlib.sha1(text.encode()).digest()).decode()


def code_of(secret: str, now: float) -> str:
    """The code of a secret in Base32 (RFC 6238 with the defaults of authenticator apps)."""
    counter = struct.pack(">Q", int(now // STEP))
    mac = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    (number,) = struct.unpack_from(">I", mac, mac[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 10**6:06d}"


# -- steps -------------------------------------------------------------------------

Steps = Iterator[tuple[str, Cost]]


def login(browser: Browser, number: int, remember: bool = False, app: int = 0) -> Steps:
    """Log in with password and code."""
    yield "password", _password(browser, number)
    page = browser.ask("/web/login/totp")
    _expect(page, 200, "the page that asks for a code")
    yield "code page", page.cost
    values = {"csrf_token": _token(page), "totp_token": browser.site.new_code(number, app)}
    if remember:
        values["remember"] = "1"
    answer = browser.send("/web/login/totp", **values)
    _expect(answer, 303, "a code that is accepted")
    yield "code" + (", remember" if remember else ""), answer.cost


def trusted_login(browser: Browser, number: int) -> Steps:
    """Log in on a browser that is trusted."""
    yield "password, trusted", _password(browser, number)
    answer = browser.ask("/web/login/totp")
    _expect(answer, 303, "a trusted device")
    yield "trusted device", answer.cost


def work(browser: Browser) -> Steps:
    """Read one's name several times, as somebody who is logged in."""
    uid = browser.call("res.users", "context_get").value()["uid"]
    for _time in range(REQUESTS):
        answer = browser.call("res.users", "read", [uid], ["name"])
        answer.value()
        yield "request", answer.cost


def call_api(browser: Browser) -> Steps:
    """Read a name by XML-RPC and by JSON-2, with an API key."""
    site = browser.site
    arguments = (
        site.database,
        site.keeper,
        API_KEY,
        "res.users",
        "read",
        [[site.keeper], ["name"]],
    )
    body = xmlrpc.client.dumps(arguments, "execute_kw").encode()
    answer = browser.ask("/xmlrpc/2/object", body, "text/xml")
    xmlrpc.client.loads(answer.text)
    yield "XML-RPC", answer.cost
    body = json.dumps({"ids": [site.keeper], "fields": ["name"]}).encode()
    bearer = {"Authorization": f"bearer {API_KEY}"}
    answer = browser.ask("/json/2/res.users/read", body, "application/json", **bearer)
    _expect(answer, 200, "a call of JSON-2")
    yield "JSON-2", answer.cost


def enrol(browser: Browser) -> Steps:
    """Open the enrolment screen of somebody without an app; the browser keeps its session."""
    if "session_id" not in browser.cookies:
        _password(browser, -1)
    uid = browser.call("res.users", "context_get").value()["uid"]
    opened = browser.call("res.users", "action_totp_enable_wizard", [uid])
    action = opened.value()
    if action["res_model"] == "res.users.identitycheck":
        context = {"password": PASSWORD}
        browser.call(action["res_model"], "run_check", [action["res_id"]], context=context).value()
        opened = browser.call("res.users", "action_totp_enable_wizard", [uid])
        action = opened.value()
    model = action["res_model"]
    views = browser.call(model, "get_views", views=[[False, "form"]]).value()
    screen = browser.call(
        model, "web_read", [action["res_id"]], specification=_specification(views, model)
    )
    values = screen.value()[0]
    if not (values.get("qrcode") or values.get("qr_code")):
        raise Failure("The enrolment screen came without its picture.")
    yield "enrolment", opened.cost + screen.cost


def _password(browser: Browser, number: int) -> Cost:
    page = browser.ask("/web/login")
    login = f"bench_{number}" if number >= 0 else "bench_none"
    values = {"login": login, "password": PASSWORD, "csrf_token": _token(page)}
    answer = browser.send("/web/login", **values)
    _expect(answer, 303, f"the password of {login}")
    return answer.cost


def open_preferences(browser: Browser) -> Steps:
    """Open one's preferences as the web client does; the browser keeps its session."""
    if "session_id" not in browser.cookies:
        for _step in login(browser, 0):
            pass
    opened = browser.call("res.users", "action_get")
    action = opened.value()
    views = browser.call("res.users", "get_views", views=action["views"])
    screen = browser.call(
        "res.users",
        "web_read",
        [action["res_id"]],
        specification=_specification(views.value(), "res.users"),
    )
    screen.value()
    yield "preferences", opened.cost + views.cost + screen.cost


def _specification(views: dict, model: str) -> dict:
    """What the web client reads to show a form, as ``get_views`` describes it."""
    form = ElementTree.fromstring(views["views"]["form"]["arch"])
    return _fields_of(form, views["models"], model)


def _fields_of(view: ElementTree.Element, models: dict, model: str) -> dict:
    described = models[model]["fields"]
    found = {}
    for element in _own_fields(view):
        name = element.get("name")
        kind = described[name]
        if kind["type"] == "many2one":
            found[name] = {"fields": {"display_name": {}}}
        elif kind["type"] in ("one2many", "many2many") and len(element):
            found[name] = {"fields": _fields_of(element[0], models, kind["relation"])}
        else:
            found[name] = {}
    return found


def _own_fields(view: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The fields of a view, not those of the lists inside of them."""
    for element in view:
        if element.tag == "field":
            yield element
        else:
            yield from _own_fields(element)


def _token(page: Answer) -> str:
    found = CSRF.search(page.text)
    if not found:
        raise Failure(f"Odoo answered {page.status} where a form was expected.")
    return found[1]


def _expect(answer: Answer, status: int, what: str) -> None:
    if answer.status != status:
        raise Failure(f"Odoo answered {answer.status} where {what} was expected.")
