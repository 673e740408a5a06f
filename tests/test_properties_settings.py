"""Properties of what an administrator writes, and of what a browser sends, whatever it is."""

from datetime import timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from odoo.exceptions import ValidationError
from odoo.sql_db import Savepoint
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger
from odoo.tools._vendor.useragents import UserAgent

from ..models.ir_config_parameter import DURATIONS, FLAGS, LONGEST, SHORTEST, UNITS
from .common import CHROME, CHROME_ON_WINDOWS, FIREFOX, SECRET, MfaCase, code_of
from .properties import search

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=80)
"""What PostgreSQL keeps."""
NUMBERS = st.integers(-(10**4), 10**5) | st.integers()
TYPED = st.one_of(
    TEXT,
    NUMBERS.map(str),
    st.text("0123456789+-._ e\u0661\uff12\u00b2", max_size=30),
    st.sampled_from(("True", "False", "None", "inf", "nan", "1e3", "0x10", "1_000")),
)


class Examples:
    """What one example did is undone before the next."""

    def setup_example(self):
        self.undo = Savepoint(self.cr)

    def teardown_example(self, _example):
        self.undo.close()
        self.cr.clear()
        self.registry.clear_all_caches()


@tagged("post_install", "-at_install")
class TestSettingProperties(Examples, TransactionCase):
    def put(self, key, text):
        self.env["ir.config_parameter"].set_param(key, text)

    @mute_logger(
        "odoo.addons.auth_totp_mfa.models.ir_config_parameter",
        "odoo.addons.auth_totp.models.auth_totp",
    )
    def assertDuration(self, key, text, units):
        """Expect ``units``, or the default where they are out of range or ``None``."""
        self.put(key, text)
        parameters = self.env["ir.config_parameter"]
        found = parameters._mfa_duration(key)
        in_range = units is not None and SHORTEST.get(key, 1) <= units <= LONGEST[key]
        self.assertEqual(found, units * UNITS[key] if in_range else DURATIONS[key])
        age = self.env["res.users.device"]._get_age(self.env.user)
        self.assertTrue(timedelta() < age <= timedelta(days=3650), age)

    @search(100)
    @given(st.sampled_from(sorted(DURATIONS)), NUMBERS)
    @example("auth_totp.trusted_device_age", 10**12)
    def test_number_in_its_range_holds(self, key, number):
        self.assertDuration(key, str(number), number)

    @search(150)
    @given(st.sampled_from(sorted(DURATIONS)), TYPED)
    def test_no_text_makes_anything_unlimited(self, key, text):
        digits = text.strip()
        number = int(digits) if digits.isdecimal() and len(digits) < 20 else None
        self.assertDuration(key, text, number)

    @search(100)
    @given(st.sampled_from(sorted(FLAGS)), TYPED | st.sampled_from(("0", "1", " 1", "00")))
    def test_flag_is_0_or_1_or_its_default(self, key, text):
        self.put(key, text)
        expected = bool(int(text)) if text in ("0", "1") else FLAGS[key]
        self.assertIs(self.env["ir.config_parameter"]._mfa_flag(key), expected)

    @search(100)
    @given(st.text("0123456789abcdef.:/% ,;-\n", max_size=40) | TEXT)
    def test_networks_of_a_company_are_kept_clean_or_refused(self, text):
        company = self.env.company
        try:
            company.mfa_api_networks = text
        except ValidationError as refusal:
            self.assertIn("is not a network", str(refusal))
            return
        kept = company.mfa_api_networks
        company.mfa_api_networks = kept
        self.assertEqual(company.mfa_api_networks, kept)
        self.assertEqual(bool(kept), bool(self.env.user._mfa_rules().api_networks))


AGENTS = (CHROME % 140, CHROME_ON_WINDOWS, FIREFOX)


@tagged("post_install", "-at_install")
class TestDeviceProperties(Examples, MfaCase):
    """Only the very token, in the browser and for the user that it was given to, is trusted."""

    def issue(self, agent):
        devices = self.env["res.users.device"]
        return devices._issue(self.ann, UserAgent(agent), "192.0.2.1")

    def find(self, token, agent, user=None):
        return self.env["res.users.device"]._find(user or self.ann, token, UserAgent(agent))

    @search(150)
    @given(st.text(st.characters(), max_size=200), st.integers(0, 42), st.sampled_from(AGENTS))
    def test_only_the_token_is_recognised(self, text, place, agent):
        device, token, _age = self.issue(agent)
        swapped = token[:place] + token[place].swapcase() + token[place + 1 :]
        for other in (text, token + text, text + token, token[:place], swapped, f" {token}", None):
            self.assertEqual(self.find(other, agent), device if other == token else device.browse())
        self.assertEqual(self.find(token, agent), device)
        self.assertFalse(self.find(token, agent, self.bob))

    @mute_logger("odoo.addons.auth_totp_mfa.models.res_users_mfa_event")
    @search(60)
    @given(st.sampled_from(AGENTS), st.sampled_from(AGENTS) | st.text(max_size=60))
    def test_only_in_the_browser_that_it_was_given_to(self, agent, other):
        device, token, _age = self.issue(agent)
        self.assertEqual(bool(self.find(token, other)), other == agent)
        self.assertEqual(self.find(token, agent), device, "it is still good where it belongs")


@tagged("post_install", "-at_install")
class TestRequestProperties(Examples, MfaCase):
    """What a browser sends to the second step opens nothing, and is no error of the server."""

    def setup_example(self):
        super().setup_example()
        self.new_browser()

    @search(20)
    @given(st.one_of(st.text(st.characters(codec="utf-8"), max_size=100), TYPED))
    @example("12345\x006")
    def test_any_code(self, text):
        near = {code_of(SECRET, offset) for offset in range(-3, 4)}
        assume("".join(text.split()) not in near)
        answer = self.post_code(self.post_password(self.ann), text)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("totp_token", answer.text)
        self.assertLoggedOut()
        self.assertLessEqual(
            sum(self.env["res.users.mfa.attempt"].search([]).mapped("failures")), 1
        )

    @search(20)
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=120))
    def test_any_cookie(self, text):
        name = f"trusted_devices_{self.ann.id}"
        self.set_cookie(name, "".join(c for c in text if c.isprintable() and c != ";"))
        self.assertIn("totp_token", self.post_password(self.ann).text)
        self.assertLoggedOut()

    @search(10)
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
    def test_any_user_agent(self, agent):
        self.opener.headers["User-Agent"] = agent.strip() or "x"
        self.assertEqual(self.log_in(code=self.new_code()).status_code, 200)
        self.assertLoggedIn(self.ann)
