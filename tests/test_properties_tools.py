"""Properties of ``tools/``, whatever text comes in.

Each oracle is another program (``passlib``, ``ipaddress`` by brute force, ``email``,
``urllib``, ``zbarimg``), or is built so that the answer is known before.
"""

import base64
import ipaddress
import re
import shutil
import subprocess
import tempfile
from unittest import skipUnless
from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import assume, example, given
from hypothesis import strategies as st
from passlib.totp import TOTP

from odoo.tests import BaseCase, tagged
from odoo.tools._vendor.useragents import UserAgent

from ..tools import browser, cipher, mailbox, networks, qr, tokens, totp
from .common import CHROME, CHROME_ON_WINDOWS, FIREFOX, SECRET, code_of
from .properties import search

ANYTHING = st.one_of(
    st.text(st.characters(), max_size=80),
    st.text("0123456789 -\u2013\u0661\uff12\u00b2\x00+_.eE", max_size=12),
    st.text("0123456789\u00b2\u2460\u216b", min_size=6, max_size=6),
    st.text(max_size=2000),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(),
    st.binary(max_size=8),
    st.lists(st.integers(0, 9), max_size=6),
)
"""What a client may send, lone surrogates and NUL included."""
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)
"""What PostgreSQL keeps."""
DIGITS = st.text("0123456789", min_size=6, max_size=6)
ZEROS = [chr(point) for point in range(0x1FFFF) if chr(point).isdecimal() and int(chr(point)) == 0]
"""The zero of every script."""
BETWEEN = st.text(" \t\n\u00a0\u2009\u202f-\u2010\u2011\u2013\u2014", max_size=12)
SECRETS = st.binary(min_size=10, max_size=40).map(lambda key: base64.b32encode(key).decode())
TIMES = st.floats(0, 4_000_000_000)


@st.composite
def typed(draw, codes=DIGITS):
    """Return ``(code, the same as a person may type it)``: any script, spaces, hyphens."""
    code = draw(codes)
    parts = [draw(BETWEEN)]
    for digit in code:
        parts += [chr(ord(draw(st.sampled_from(ZEROS))) + int(digit)), draw(BETWEEN)]
    return code, "".join(parts)


@tagged("post_install", "-at_install")
class TestCodeProperties(BaseCase):
    @search(300)
    @given(typed())
    def test_what_a_person_means_is_read(self, pair):
        code, text = pair
        expected = code if len(text) <= totp.MAX_TYPED else None
        self.assertEqual(totp.normalise_code(text), expected)

    @search(500)
    @given(ANYTHING)
    @example("12345\x00" + "6")
    @example("\ud800" + "123456")
    def test_anything_is_six_digits_or_none(self, value):
        read = totp.normalise_code(value)
        if read is None:
            return
        self.assertRegex(read, r"\A[0-9]{6}\Z")
        self.assertEqual(totp.normalise_code(read), read)
        self.assertEqual(int(read), int("".join(c for c in str(value) if c.isdecimal())))

    @search(200)
    @given(st.integers(-(10**7), 10**7) | st.integers())
    def test_numbers_have_lost_their_zeros_only(self, number):
        expected = str(number).zfill(6) if 0 <= number <= 999_999 else None
        self.assertEqual(totp.normalise_code(number), expected)

    def test_of_two_steps_with_one_code_the_newest_is_found(self):
        """So that the code is not good once more for the other."""
        first = 473597  # found by trying
        code = code_of(SECRET, 0, first * 30)
        self.assertEqual(code_of(SECRET, 1, first * 30), code)
        self.assertEqual(totp.matching_step(SECRET, code, first * 30), first + 1)

    @search(200)
    @given(SECRETS, TIMES, st.integers(-4, 4), st.data())
    def test_accepted_steps_are_those_of_passlib(self, secret, now, offset, data):
        """The newest step of those within 30 seconds whose code it is."""
        other = TOTP(secret, digits=6)
        at = max(int(now) + 30 * offset, 0)
        code, text = data.draw(typed(st.just(other.generate(at).token)))
        assume(len(text) <= totp.MAX_TYPED)
        current = int(now) // 30
        near = [step for step in (current - 1, current, current + 1) if step >= 0]
        expected = [step for step in near if other.generate(step * 30).token == code]
        found = totp.matching_step(secret, text, now)
        self.assertEqual(found, max(expected, default=None))

    @search(200)
    @given(ANYTHING, TIMES)
    def test_no_secret_and_no_code_crashes(self, value, now):
        if isinstance(value, str):
            totp.matching_step(value, "123456", now)
        step = totp.matching_step(SECRET, value, now)
        self.assertIn(step, (None, *range(int(now) // 30 - 1, int(now) // 30 + 2)))


LOOKS_LIKE = {"0": "0oO", "1": "1iIlL"}


@st.composite
def copied(draw, length):
    """Return ``(characters, the same as a person may copy them)``."""
    kept = draw(st.text(tokens.ALPHABET, min_size=length, max_size=length))
    parts = []
    for char in kept:
        parts.append(draw(st.sampled_from(LOOKS_LIKE.get(char, char + char.upper()))))
        parts.append(draw(st.sampled_from(("", "", "-", " "))))
    return kept, "".join(parts)


@tagged("post_install", "-at_install")
class TestTokenProperties(BaseCase):
    @search(300)
    @given(copied(tokens.RECOVERY_LENGTH) | copied(tokens.HELP_LENGTH))
    def test_what_a_person_copies_is_read(self, pair):
        self.assertEqual(tokens.normalise_one_time_code(pair[1]), pair[0])

    @search(400)
    @given(ANYTHING | st.text(tokens.ALPHABET + "ILOUilou- ", max_size=20))
    def test_anything_is_one_code_or_none(self, value):
        read = tokens.normalise_one_time_code(value)
        if read is None:
            return
        self.assertRegex(read, r"\A[0-9a-hjkmnp-tv-z]{12}([0-9a-hjkmnp-tv-z]{4})?\Z")
        self.assertEqual(tokens.normalise_one_time_code(read), read)
        self.assertIsNone(totp.normalise_code(value), "never two kinds of code")

    @search(100)
    @given(st.sampled_from((tokens.RECOVERY_LENGTH, tokens.HELP_LENGTH)), st.data())
    def test_one_other_character_is_another_code(self, length, data):
        code = tokens.normalise_one_time_code(tokens.one_time_code(length))
        place = data.draw(st.integers(0, length - 1))
        char = data.draw(st.sampled_from(tokens.ALPHABET.replace(code[place], "")))
        other = code[:place] + char + code[place + 1 :]
        self.assertNotEqual(tokens.fingerprint(other), tokens.fingerprint(code))

    @search(300)
    @given(st.text(st.characters(), max_size=100))
    @example("\ud800")
    def test_only_the_token_has_its_fingerprint(self, text):
        token = tokens.device_token()
        for other in (text, token + text, text + token, token[: len(text)], token.swapcase()):
            same = tokens.fingerprint(other) == tokens.fingerprint(token)
            self.assertEqual(same, other == token)


VERSIONED = (
    CHROME.replace("%d", "140"),
    CHROME_ON_WINDOWS,
    FIREFOX,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36",
)


@tagged("post_install", "-at_install")
class TestBrowserProperties(BaseCase):
    def binding(self, text):
        return browser.binding(UserAgent(text))

    @search(300)
    @given(st.text(st.characters(max_codepoint=255), max_size=300))
    def test_anything_binds(self, text):
        family, platform = self.binding(text).split("/")
        self.assertRegex(family, r"\A[a-z]*\Z")
        self.assertRegex(platform, r"\A[a-z]*\Z")

    @search(100)
    @given(st.sampled_from(VERSIONED), st.integers(60, 999))
    def test_a_new_version_binds_as_the_old_one(self, text, number):
        newer = re.sub(r"(Chrome|Firefox|Version|rv:)([/:]?)\d+", rf"\g<1>\g<2>{number}", text)
        self.assertEqual(self.binding(newer), self.binding(text))

    def test_another_browser_or_platform_binds_otherwise(self):
        bindings = {self.binding(text) for text in VERSIONED}
        self.assertEqual(len(bindings), len(VERSIONED))

    @search(200)
    @given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1), st.integers(0, 127))
    def test_networks_of_ipv6_are_those_of_64_bits(self, address, host, bit):
        same = ipaddress.IPv6Address(int(address) >> 64 << 64 | host)
        other = ipaddress.IPv6Address(int(address) ^ 1 << bit)
        assume(not any(one.ipv4_mapped for one in (address, same, other)))
        network = browser.network_of(str(address))
        self.assertEqual(browser.network_of(str(same)), network)
        self.assertEqual(browser.network_of(str(other)) == network, bit < 64)

    @search(100)
    @given(st.ip_addresses(v=4))
    def test_ipv4_is_the_same_in_the_form_of_ipv6(self, address):
        self.assertEqual(browser.network_of(str(address)), str(address))
        self.assertEqual(browser.network_of(f"::ffff:{address}"), str(address))
        self.assertEqual(networks.read_address(f"::ffff:{address}"), address)

    @search(300)
    @given(st.text(max_size=60) | st.text("0123456789abcdef.:/%[]", max_size=24))
    def test_any_host_and_address_is_answered(self, text):
        self.assertIsInstance(browser.network_of(text), str)
        self.assertIsInstance(browser.is_localhost(text), bool)

    @search(200)
    @given(st.ip_addresses(), st.integers(1, 65535))
    def test_localhost_is_the_loopback_with_any_port(self, address, port):
        host = f"[{address}]" if address.version == 6 else str(address)
        expected = address.packed[0] == 127 if address.version == 4 else int(address) == 1
        assume(address.version == 4 or not address.ipv4_mapped)
        self.assertEqual(browser.is_localhost(host), expected)
        self.assertEqual(browser.is_localhost(f"{host}:{port}"), expected)


BLOCKS = 16
"""Parts of all addresses, by their first four bits: enough to try them all."""


@st.composite
def coarse_networks(draw):
    """Return a list of ``(version, first block, number of blocks)``."""
    versions, found = st.sampled_from((4, 6)), []
    for _number in range(draw(st.integers(0, 8))):
        length = draw(st.integers(0, 4))
        size = BLOCKS >> length
        found.append((draw(versions), draw(st.integers(0, 2**length - 1)) * size, size))
    return found


def written(network):
    """Return ``(version, first block, number of blocks)`` in CIDR form."""
    version, first, size = network
    bits = {4: 32, 6: 128}[version]
    address = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}[version](first << bits - 4)
    return f"{address}/{4 - (size.bit_length() - 1)}"


def blocks(listed):
    return {(version, first + n) for version, first, size in listed for n in range(size)}


@tagged("post_install", "-at_install")
class TestNetworkProperties(BaseCase):
    """Sets of networks against sets of the blocks that they are made of."""

    def parse(self, listed):
        return networks.parse("\n".join(map(written, listed)))

    @search(300)
    @given(coarse_networks(), coarse_networks())
    def test_sets_by_brute_force(self, listed, others):
        one, two = self.parse(listed), self.parse(others)
        held, other = blocks(listed), blocks(others)
        self.assertEqual(networks.overlap(one, two), bool(held & other))
        self.assertEqual(networks.are_within(one, two), held <= other)
        whole = any({(version, n) for n in range(BLOCKS)} <= held for version in (4, 6))
        self.assertEqual(networks.is_everywhere(one), whole)

    @search(200)
    @given(coarse_networks(), st.ip_addresses())
    def test_addresses_by_brute_force(self, listed, address):
        assume(address.version == 4 or not address.ipv4_mapped)
        block = (address.version, address.packed[0] >> 4)
        self.assertEqual(networks.holds(self.parse(listed), str(address)), block in blocks(listed))

    @search(200)
    @given(st.ip_addresses(v=4), st.integers(24, 32))
    def test_small_networks_by_brute_force(self, address, length):
        listed = networks.parse(f"{ipaddress.ip_network((address, length), strict=False)}")
        size = 2 ** (32 - length)
        first = int(address) // size * size
        for number in range(max(first - 2, 0), min(first + size + 2, 2**32)):
            plain = str(ipaddress.IPv4Address(number))
            for text in (plain, f"::ffff:{plain}"):
                self.assertEqual(networks.holds(listed, text), first <= number < first + size)

    @search(200)
    @given(coarse_networks(), st.data())
    def test_any_separators(self, listed, data):
        separators = st.sampled_from((" ", ",", ";", "\n", "\r\n", ", ", " ;\t", "\n\n", "\u2028"))
        text = "".join(written(network) + data.draw(separators) for network in listed)
        expected = [ipaddress.ip_network(written(network)) for network in listed]
        self.assertEqual(list(networks.parse(text)), expected)

    @search(500)
    @given(st.text("0123456789abcdefx.:/% ,;-\n", max_size=60) | st.text(max_size=60))
    def test_any_text_is_read_or_its_line_is_named(self, text):
        try:
            normal = networks.normalise(text)
        except networks.BadNetwork as bad:
            self.assertIn(bad.text, text.splitlines()[bad.line - 1])
            self.assertTrue(bad.text.strip())
            if bad.meant:
                self.assertEqual(len(networks.parse(bad.meant)), 1)
            return
        self.assertEqual(networks.normalise(normal), normal)
        self.assertEqual(networks.parse(normal), networks.parse(text))

    @search(300)
    @given(st.text(max_size=60) | st.text("0123456789abcdef.:/%", max_size=40) | st.none())
    def test_any_address_is_answered(self, text):
        everywhere = networks.parse("0.0.0.0/0 ::/0")
        known = networks.read_address(text) is not None
        self.assertEqual(networks.holds(everywhere, text), known)


KEYS = st.binary(min_size=32, max_size=32).map(lambda key: base64.urlsafe_b64encode(key).decode())
NEARLY_KEYS = st.builds(
    lambda key, place, text: key[:place] + text + key[place:],
    KEYS,
    st.integers(0, 44),
    st.text("Aa0=!\u00e9 ,", max_size=2),
)


@tagged("post_install", "-at_install")
class TestCipherProperties(BaseCase):
    @search(100)
    @given(TEXT, st.lists(KEYS, min_size=1, max_size=3, unique=True), st.data())
    def test_round_trip_under_any_of_the_keys(self, secret, texts, data):
        assume(not cipher.is_sealed(secret))
        keys = cipher.read_keys(", ".join(texts))
        sealed = cipher.seal(keys, secret)
        self.assertTrue(cipher.is_sealed(sealed))
        self.assertFalse(secret and len(secret) > 3 and secret in sealed)
        later = cipher.read_keys("\n".join(data.draw(st.permutations(texts))))
        self.assertEqual(cipher.unseal(later, sealed), secret)
        without = cipher.read_keys(" ".join(texts[1:]))
        with self.assertRaises(cipher.CannotUnseal):
            cipher.unseal(without, sealed)

    @search(300)
    @given(st.data(), st.characters(), st.sampled_from(("replace", "insert", "cut")))
    def test_tampering_yields_no_other_secret(self, data, char, how):
        keys = cipher.read_keys(base64.urlsafe_b64encode(bytes(range(32))).decode())
        sealed = cipher.seal(keys, SECRET)
        place = data.draw(st.integers(len(cipher.MARKER), len(sealed) - 1))
        rest = {"replace": sealed[place + 1 :], "insert": sealed[place:], "cut": ""}[how]
        tampered = sealed[:place] + (char if how != "cut" else "") + rest
        try:
            self.assertEqual(cipher.unseal(keys, tampered), SECRET)
        except cipher.CannotUnseal:
            return
        self.assertTrue(how != "cut", "a part of it is not enough")

    @search(300)
    @given(st.text(st.characters(), max_size=200))
    def test_anything_stored_is_refused_in_one_way(self, text):
        keys = cipher.read_keys(base64.urlsafe_b64encode(bytes(32)).decode())
        for stored in (cipher.MARKER + text, cipher.newest_mark(keys) + text):
            with self.assertRaises(cipher.CannotUnseal):
                cipher.unseal(keys, stored)

    @search(300)
    @given(NEARLY_KEYS | st.text(max_size=100) | st.text("ABCabc019+/-_= ,", max_size=60))
    def test_anything_is_keys_or_malformed(self, text):
        try:
            keys = cipher.read_keys(text)
        except cipher.MalformedKey as error:
            words = re.split(r"[\s,]+", text)
            self.assertIn(error.number, range(1, len(words) + 1))
            self.assertFalse([word for word in words if len(word) > 8 and word in str(error)])
        else:
            words = [word for word in re.split(r"[\s,]+", text) if word]
            raw = [
                base64.b64decode(word, b"-_" if set("-_") & set(word) else None) for word in words
            ]
            self.assertEqual([len(key) for key in raw], [32] * len(words))
            self.assertEqual(len(keys), len(set(raw)))


ATOM = st.from_regex(r"\A[a-z0-9.+_-]{1,30}\Z")
DOMAIN = st.from_regex(r"\A[a-z0-9-]{1,20}(\.[a-z]{2,10}){1,2}\Z")


@tagged("post_install", "-at_install")
class TestMailboxProperties(BaseCase):
    @search(200)
    @given(ATOM, DOMAIN, st.text("ab,@. 'é", max_size=10))
    @example("jane", "example.com", "Doe, Jane")
    def test_what_is_shown_of_an_address(self, local, domain, name):
        expected = f"{local[0]}•••@{domain}"
        self.assertEqual(mailbox.masked(f"{local}@{domain}"), expected)
        self.assertEqual(mailbox.masked(f" {local}@{domain} "), expected)
        self.assertEqual(mailbox.masked(f"{local}@{domain}, other@example.com"), expected)
        self.assertEqual(mailbox.masked(f'"{name}" <{local}@{domain}>'), expected)

    @search(300)
    @given(st.none() | st.text(max_size=60) | st.text("ab@.,<> \"'", max_size=20))
    def test_any_text_shows_one_letter_of_a_mailbox_at_most(self, text):
        shown = mailbox.masked(text)
        self.assertRegex(shown, r"(?s)\A(.?•••@.*)?\Z")


NAME = TEXT.filter(bool)


@tagged("post_install", "-at_install")
class TestUriProperties(BaseCase):
    def check(self, uri, account, issuer):
        account, issuer = (
            text.replace(":", " ")[: totp.LONGEST_NAME] for text in (account, issuer)
        )
        parts = urlsplit(uri)
        query = parse_qs(parts.query, strict_parsing=True, keep_blank_values=True)
        self.assertEqual((parts.scheme, parts.netloc, parts.fragment), ("otpauth", "totp", ""))
        label_issuer, colon, label = unquote(parts.path)[1:].partition(":")
        self.assertEqual((label_issuer, label), (issuer, account) if colon else ("", account))
        self.assertEqual(query.get("issuer", [""]), [issuer])
        self.assertEqual(query["secret"], [SECRET])
        self.assertLessEqual(query.keys(), {"secret", "issuer"}, "all else is what apps assume")

    @search(300)
    @given(NAME, NAME)
    @example("a:b?c#d/e+f&g=h", "A%3AB ©+&=#?/:")
    def test_uri_says_account_and_issuer(self, account, issuer):
        self.check(totp.provisioning_uri(SECRET, account, issuer), account, issuer)

    @skipUnless(shutil.which("zbarimg"), "zbarimg is not on this machine")
    @search(10)
    @given(NAME, NAME)
    @example("\U0001f600" * 300, "\U0001f600" * 300)
    def test_picture_is_read_by_a_scanner(self, account, issuer):
        uri = totp.provisioning_uri(SECRET, account, issuer)
        with tempfile.NamedTemporaryFile(suffix=".png") as picture:
            picture.write(qr.png(uri))
            picture.flush()
            read = subprocess.check_output(
                ["zbarimg", "-q", "--raw", picture.name], text=True, stderr=subprocess.DEVNULL
            )
        self.assertEqual(read.strip(), uri)
