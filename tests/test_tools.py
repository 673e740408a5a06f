import base64
import hashlib
import hmac
import random
import shutil
import struct
import subprocess
import tempfile
import unicodedata
from types import SimpleNamespace
from unittest import skipUnless

import pyotp
from cryptography.fernet import Fernet

from odoo.tests import BaseCase, tagged
from odoo.tools._vendor.useragents import UserAgent

from ..tools import browser, cipher, mailbox, qr, tokens, totp
from .common import CHROME, CHROME_ON_WINDOWS, FIREFOX, SECRET, code_of

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_VECTORS = (
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
)
"""RFC 6238, Appendix B, SHA-1: time and the eight digits that it prints."""
NOW = 1111111109
NO_BASE32 = ("", " ", "foo", "test", "0189", "!!!!", "JBSWY3DP1", "é" * 32, "\x00" * 8)


@tagged("post_install", "-at_install")
class TestTotp(BaseCase):
    def test_vectors_of_rfc_6238(self):
        for now, eight_digits in RFC_VECTORS:
            with self.subTest(now=now):
                step = totp.matching_step(RFC_SECRET, eight_digits[-6:], now)
                self.assertEqual(step, now // 30)

    @skipUnless(shutil.which("oathtool"), "oathtool is not on this machine")
    def test_codes_of_oathtool(self):
        for now, eight_digits in RFC_VECTORS[:5]:
            code = subprocess.check_output(
                ["oathtool", "--totp", "--base32", f"--now=@{now}", RFC_SECRET], text=True
            ).strip()
            with self.subTest(now=now):
                self.assertEqual(code, eight_digits[-6:])
                self.assertEqual(totp.matching_step(RFC_SECRET, code, now), now // 30)

    def test_drift_of_one_step_and_no_more(self):
        step = NOW // 30
        for offset in range(-4, 5):
            code = code_of(SECRET, offset, NOW)
            expected = step + offset if abs(offset) <= 1 else None
            with self.subTest(offset=offset):
                self.assertEqual(totp.matching_step(SECRET, code, NOW), expected)

    def test_drift_at_the_edges_of_a_step(self):
        code = code_of(SECRET, 0, 3000)
        for now, accepted in ((2969, False), (2970, True), (3059, True), (3060, False)):
            with self.subTest(now=now):
                self.assertEqual(totp.matching_step(SECRET, code, now), 100 if accepted else None)

    def test_first_step_of_all(self):
        self.assertEqual(totp.matching_step(SECRET, code_of(SECRET, 0, 5), 5), 0)

    def test_what_is_no_code(self):
        for garbage in (
            None,
            True,
            False,
            "",
            " ",
            "-",
            "12345",
            "1234567",
            "abcdef",
            "12345a",
            "1e5",
            "+12345",
            "12.345",
            "0x1234",
            "12345²",
            "Ⅻ23456",
            -1,
            -123456,
            10**6,
            10**400,
            123456.0,
            b"123456",
            ["123456"],
        ):
            with self.subTest(garbage=garbage):
                self.assertIsNone(totp.normalise_code(garbage))
                self.assertIsNone(totp.matching_step(SECRET, garbage, NOW))

    def test_what_people_type(self):
        for typed in (
            "123456",
            "123 456",
            " 123456\n",
            "123-456",
            "123\u00a0456",
            "123\u202f456",
            "123\u2011456",
            "123–456",
            "123—456",
            "1-2-3-4-5-6",
            "١٢٣٤٥٦",
            "۱۲۳۴۵۶",
            "१२३४५६",
            "１２３４５６",
            "١23４5६",
            123456,
        ):
            with self.subTest(typed=typed):
                self.assertEqual(totp.normalise_code(typed), "123456")

    def test_int_that_lost_its_zeros(self):
        for number, code in ((0, "000000"), (7, "000007"), (12345, "012345"), (999999, "999999")):
            self.assertEqual(totp.normalise_code(number), code)
        now = next(now for now in range(NOW, NOW + 3000, 30) if code_of(SECRET, 0, now)[0] == "0")
        number = int(code_of(SECRET, 0, now))
        self.assertEqual(totp.matching_step(SECRET, number, now), now // 30)

    def test_text_that_lost_its_zeros_is_no_code(self):
        self.assertIsNone(totp.normalise_code("12345"))

    def test_code_before_something_else_is_no_code(self):
        code = code_of(SECRET, 0, NOW)
        for length in (1, 50, 58, 63, 64, 65, 200):
            with self.subTest(length=length):
                self.assertIsNone(totp.matching_step(SECRET, f"{code}{' ' * length}x", NOW))

    def test_longest_text_that_is_a_code(self):
        for length, meant in ((64, "123456"), (65, None)):
            with self.subTest(length=length):
                self.assertEqual(totp.normalise_code("123456".ljust(length)), meant)

    def test_keys_of_any_length_from_80_bits(self):
        """An app that was enrolled elsewhere may have a secret that Base32 does not fill."""
        for length in (9, 10, 11, 13, 16, 20, 21, 32, 64):
            key = bytes(range(100, 100 + length))
            secret = base64.b32encode(key).decode().rstrip("=")
            step = totp.matching_step(secret, self._hotp(key, NOW // 30), NOW)
            with self.subTest(length=length):
                self.assertEqual(step, NOW // 30 if length >= 10 else None)

    def test_garbage_never_raises_nor_matches(self):
        """Ten thousand texts of all of Unicode, and of characters that look like codes."""
        chance = random.Random(6238)
        right = {code_of(SECRET, offset, NOW) for offset in (-1, 0, 1)}
        for _number in range(10_000):
            text = self._garbage(chance)
            digits = [unicodedata.decimal(c, None) for c in text]
            meant = "".join(str(digit) for digit in digits if digit is not None)
            if totp.matching_step(SECRET, text, NOW) is not None:
                self.assertIn(meant, right)

    def _garbage(self, chance):
        kind = chance.randrange(4)
        if kind == 0:
            return "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randrange(20)))
        if kind == 1:
            return "".join(chance.choices("0123456789", k=chance.randrange(9)))
        if kind == 2:
            marks = "0123456789 -–\u00a0\x00\n\ud800\udfff٠９²½e+."
            return "".join(chance.choices(marks, k=chance.randrange(4, 12)))
        return chance.choice("0٣\x00\ud800𝟘-") * chance.choice((6, 64, 10_000))

    def test_secret_that_is_no_base32_matches_nothing(self):
        """Not even the codes that a lenient reading of such a secret would give."""
        for secret in NO_BASE32:
            for code in (*self._codes_read_leniently(secret), "000000", "123456", 0):
                with self.subTest(secret=secret, code=code):
                    self.assertIsNone(totp.matching_step(secret, code, NOW))
                    self.assertFalse(totp.is_readable(secret))

    def _codes_read_leniently(self, secret):
        try:
            key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
        except ValueError:
            return []
        return [self._hotp(key, NOW // 30 + offset) for offset in (-1, 0, 1)]

    def _hotp(self, key, counter):
        """RFC 4226 §5.3, for keys that no library takes."""
        digest = hmac.digest(key, struct.pack(">Q", counter), "sha1")
        offset = digest[-1] & 15
        number = struct.unpack(">L", digest[offset : offset + 4])[0] & 0x7FFFFFFF
        return f"{number % 10**6:06d}"

    def test_secret_as_people_write_it(self):
        code = code_of(SECRET, 0, NOW)
        for secret in (SECRET.lower(), totp.group_by_four(SECRET), SECRET[:8] + "-" + SECRET[8:]):
            with self.subTest(secret=secret):
                self.assertEqual(totp.matching_step(secret, code, NOW), NOW // 30)
                self.assertTrue(totp.is_readable(secret))

    def test_new_secrets(self):
        secrets = {totp.generate_secret() for _number in range(500)}
        self.assertEqual(len(secrets), 500)
        for secret in secrets:
            self.assertEqual(len(base64.b32decode(secret)), 20, "160 bits, RFC 4226 §4")


@tagged("post_install", "-at_install")
class TestProvisioning(BaseCase):
    ACCOUNTS = (
        ("mfa_ann", "My Company (erp.example.com)"),
        ("ann@example.com", "Übung & Söhne (erp.example.com)"),
        ("ann:smith", "A:B (erp.example.com)"),
        ("ann smith/?#%&=", "50% + more? #1"),
        ("آن", "会社"),
    )

    def test_uri_is_read_back(self):
        for account, issuer in self.ACCOUNTS:
            with self.subTest(account=account, issuer=issuer):
                uri = totp.provisioning_uri(SECRET, account, issuer)
                otp = pyotp.parse_uri(uri)
                self.assertEqual(otp.secret, SECRET)
                self.assertEqual(otp.name, account.replace(":", " "))
                self.assertEqual(otp.issuer, issuer.replace(":", " "))
                self.assertEqual((otp.digits, otp.interval), (6, 30))
                self.assertTrue(uri.startswith("otpauth://totp/"))
                self.assertTrue(uri.isascii(), "phones read ASCII")

    @skipUnless(shutil.which("zbarimg"), "zbarimg is not on this machine")
    def test_picture_is_read_back(self):
        for account, issuer in self.ACCOUNTS:
            uri = totp.provisioning_uri(SECRET, account, issuer)
            with self.subTest(uri=uri), tempfile.NamedTemporaryFile(suffix=".png") as picture:
                picture.write(qr.png(uri))
                picture.flush()
                text = subprocess.check_output(["zbarimg", "-q", "--raw", picture.name], text=True)
                self.assertEqual(text.strip(), uri)


@tagged("post_install", "-at_install")
class TestDeviceToken(BaseCase):
    def test_token_has_256_bits(self):
        token = tokens.device_token()
        self.assertEqual(len(base64.urlsafe_b64decode(token + "=")), 32)

    def test_tokens_differ(self):
        self.assertEqual(len({tokens.device_token() for _number in range(1000)}), 1000)

    def test_fingerprint_is_sha_256(self):
        token = tokens.device_token()
        expected = hashlib.sha256(token.encode()).hexdigest()
        self.assertEqual(tokens.fingerprint(token), expected)

    def test_any_cookie_has_a_fingerprint(self):
        for token in ("", "é", "\x00", "\ud800", "x" * 100_000):
            self.assertEqual(len(tokens.fingerprint(token)), 64)


@tagged("post_install", "-at_install")
class TestOneTimeCode(BaseCase):
    def test_strength(self):
        self.assertEqual(len(set(tokens.ALPHABET)), 32, "5 bits a character")
        self.assertEqual(tokens.RECOVERY_LENGTH * 5, 80)
        self.assertEqual(tokens.HELP_LENGTH * 5, 60)

    def test_what_is_a_code(self):
        for typed, meant in (
            ("0123456789ab", "0123456789ab"),
            ("0123-4567-89AB-CDEF", "0123456789abcdef"),
            (" 0123 4567 89ab ", "0123456789ab"),
            ("oO1i-lLI1-2222", "001111112222"),
            ("0-a-1-b-2-c-3-d-4-e-5-f-6-g-7-h", "0a1b2c3d4e5f6g7h"),
            ("0123456789ab".ljust(64), "0123456789ab"),
            ("0123456789ab".ljust(65), None),
            ("0123456789a", None),
            ("0123456789abc", None),
            ("0123456789abcde", None),
            ("0123456789abcdefg", None),
            ("0123456789au", None),
            ("0123456789aé", None),
            ("x" * 5000, None),
            ("", None),
            (123456789012, None),
            (None, None),
        ):
            with self.subTest(typed=typed):
                self.assertEqual(tokens.normalise_one_time_code(typed), meant)


@tagged("post_install", "-at_install")
class TestMailbox(BaseCase):
    def test_little_is_shown_of_an_address(self):
        for address, shown in (
            ("jane@example.com", "j•••@example.com"),
            ("Jane <jane@example.com>", "j•••@example.com"),
            ("jane@example.com, joe@example.org", "j•••@example.com"),
            ('"odd@name"@example.com', "•••@example.com"),
            ("@example.com", "•••@example.com"),
            ("j@example.com", "j•••@example.com"),
            ("no address", ""),
            ("", ""),
            (False, ""),
            (None, ""),
        ):
            with self.subTest(address=address):
                self.assertEqual(mailbox.masked(address), shown)


@tagged("post_install", "-at_install")
class TestBrowser(BaseCase):
    LOCAL = (
        "localhost",
        "localhost:8069",
        "127.0.0.1",
        "127.0.0.1:8069",
        "127.1.2.3:80",
        "[::1]",
        "[::1]:8069",
        "app.localhost",
        "app.localhost:8069",
    )
    REMOTE = (
        "",
        "erp.example.com",
        "erp.example.com:443",
        "localhost.evil.com",
        "evil-localhost",
        "127.0.0.1.evil.com",
        "10.0.0.1",
        "10.0.0.1:8069",
        "128.0.0.1",
        "0.0.0.0",
        "[::2]:8069",
        "[fe80::1]",
        "[2001:db8::1]:443",
        "[broken",
        "[::1]]",
    )

    def test_localhost(self):
        for host in self.LOCAL:
            with self.subTest(host=host):
                self.assertIs(browser.is_localhost(host), True)
        for host in self.REMOTE:
            with self.subTest(host=host):
                self.assertIs(browser.is_localhost(host), False)

    def test_networks(self):
        for address, network in (
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::/64"),
            ("2001:db8::ffff:7", "2001:db8::/64"),
            ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("unix:", "unix:"),
            (None, ""),
        ):
            with self.subTest(address=address):
                self.assertEqual(browser.network_of(address), network)

    def test_addresses(self):
        for text in (
            "/odoo",
            "/odoo?a=1#b",
            "https://odoo.example.com/x",
            "//x",
            "",
            "é",
            "x" * 2000,
        ):
            with self.subTest(text=text):
                self.assertTrue(browser.is_address(text))
        for text in (
            "//[",
            "https://[::1",
            "/a\r\nb",
            "\x00",
            "\ud800",
            ["/odoo"],
            b"/odoo",
            5,
            "x" * 2001,
        ):
            with self.subTest(text=text):
                self.assertFalse(browser.is_address(text))

    def test_which_cookies_are_kept(self):
        for secure, scheme, host, kept in (
            (True, "https", "erp.example.com", True),
            (True, "http", "erp.example.com", False),
            (True, "http", "localhost:8069", True),
            (True, "http", "localhost.evil.com", False),
            (True, "https", "localhost", True),
            (False, "http", "erp.example.com", True),
            (False, "https", "erp.example.com", True),
        ):
            with self.subTest(secure=secure, scheme=scheme, host=host):
                self.assertIs(browser.keeps_cookie(secure, scheme, host), kept)

    def test_family_and_binding(self):
        for text, family in (
            (CHROME % 140, ("chrome", "linux")),
            (CHROME % 155, ("chrome", "linux")),
            (CHROME_ON_WINDOWS, ("chrome", "windows")),
            (FIREFOX, ("firefox", "linux")),
            ("curl/8.5", ("", "")),
            ("", ("", "")),
        ):
            with self.subTest(text=text):
                self.assertEqual(browser.browser_and_platform(UserAgent(text)), family)
                self.assertEqual(browser.binding(UserAgent(text)), "/".join(family))

    def test_upper_case_is_the_same_browser(self):
        agent = SimpleNamespace(browser="Chrome", platform="Linux")
        self.assertEqual(browser.binding(agent), "chrome/linux")


@tagged("post_install", "-at_install")
class TestCipher(BaseCase):
    def new_key(self):
        return Fernet.generate_key().decode()

    def test_what_is_sealed_is_unsealed(self):
        """A thousand secrets of all of Unicode, under one to four keys."""
        chance = random.Random(4226)
        for _number in range(1000):
            keys = cipher.read_keys(
                ",".join(self.new_key() for _key in range(chance.randint(1, 4)))
            )
            text = (chr(chance.randrange(0xD800)) for _character in range(chance.randrange(40)))
            secret = "".join(text)
            stored = cipher.seal(keys, secret)
            self.assertTrue(cipher.is_sealed(stored))
            self.assertTrue(stored.startswith(cipher.newest_mark(keys)))
            self.assertEqual(cipher.unseal(keys, stored), secret)

    def test_token_is_of_fernet(self):
        """Without this addon, ``cryptography`` alone opens what is stored."""
        key = self.new_key()
        stored = cipher.seal(cipher.read_keys(key), SECRET)
        self.assertEqual(Fernet(key).decrypt(stored.split(":")[2]).decode(), SECRET)

    def test_two_of_one_secret_differ(self):
        keys = cipher.read_keys(self.new_key())
        self.assertEqual(len({cipher.seal(keys, SECRET) for _number in range(100)}), 100)

    def test_plain_without_keys(self):
        self.assertEqual(cipher.read_keys(""), {})
        self.assertEqual(cipher.seal({}, SECRET), SECRET)
        for keys in ({}, cipher.read_keys(self.new_key())):
            for plain in (SECRET, "foo", "", "FERNET:X", "fernet"):
                self.assertFalse(cipher.is_sealed(plain))
                self.assertIsNone(cipher.key_id_of(plain))
                self.assertEqual(cipher.unseal(keys, plain), plain)

    def test_nothing_is_sealed_twice(self):
        keys = cipher.read_keys(self.new_key())
        stored = cipher.seal(keys, SECRET)
        for used in (keys, {}):
            with self.assertRaises(ValueError):
                cipher.seal(used, stored)

    def test_rotation(self):
        old, new = self.new_key(), self.new_key()
        stored = cipher.seal(cipher.read_keys(old), SECRET)
        both = cipher.read_keys(f"{new} {old}")
        self.assertEqual(cipher.unseal(both, stored), SECRET)
        self.assertFalse(stored.startswith(cipher.newest_mark(both)))
        again = cipher.seal(both, cipher.unseal(both, stored))
        self.assertEqual(cipher.unseal(cipher.read_keys(new), again), SECRET)
        self.assertEqual([cipher.key_id_of(stored)], list(cipher.read_keys(old)))
        self.assertEqual([cipher.key_id_of(again)], list(cipher.read_keys(new)))

    def test_other_key_opens_nothing(self):
        stored = cipher.seal(cipher.read_keys(self.new_key()), SECRET)
        for keys in ({}, cipher.read_keys(self.new_key())):
            with self.assertRaises(cipher.CannotUnseal):
                cipher.unseal(keys, stored)

    def test_damaged_texts_open_nothing(self):
        """Each character changed, each beginning, and what nobody sealed."""
        keys = cipher.read_keys(self.new_key())
        stored = cipher.seal(keys, SECRET)
        mark = cipher.newest_mark(keys)
        changed = [
            stored[:place] + ("A" if stored[place] != "A" else "B") + stored[place + 1 :]
            for place in range(len(cipher.MARKER), len(stored) - 1)
            if stored[place] != "="
        ]
        cut = [stored[:length] for length in range(len(cipher.MARKER), len(stored) - 1)]
        odd = [f"{mark}{text}" for text in ("", "é", "\x00", "💥", "=" * 9, "a:b")]
        for text in (*changed, *cut, *odd, "fernet:", "fernet::", "fernet:é:é"):
            with self.subTest(text=text), self.assertRaises(cipher.CannotUnseal):
                cipher.unseal(keys, text)

    def test_how_keys_are_written(self):
        raw = base64.b64encode(bytes(range(190, 222))).decode()
        safe = raw.translate(str.maketrans("+/", "-_"))
        self.assertNotEqual(raw, safe)
        self.assertEqual(list(cipher.read_keys(raw)), list(cipher.read_keys(safe)))
        first, second = self.new_key(), self.new_key()
        expected = [*cipher.read_keys(first), *cipher.read_keys(second)]
        for mark in (",", " ", ", ", "\n", "\n    ", " ,\t", ",,"):
            with self.subTest(mark=mark):
                text = f" {first}{mark}{second}\n"
                self.assertEqual(list(cipher.read_keys(text)), expected)
        self.assertEqual(list(cipher.read_keys(f"{first},{second},{first}")), expected)

    def test_malformed_keys(self):
        key = self.new_key()
        for number, text in (
            (1, "x"),
            (1, key[:-1]),
            (1, f"{key}="),
            (1, f"={key[:-1]}"),
            (1, f"{key[:-2]}!="),
            (1, f"é{key[1:]}"),
            (1, f'"{key}"'),
            (1, base64.b64encode(bytes(16)).decode()),
            (2, f"{key},{key[:20]}"),
            (3, f"{key} {self.new_key()} False"),
        ):
            with self.subTest(text=text), self.assertRaises(cipher.MalformedKey) as caught:
                cipher.read_keys(text)
            self.assertEqual(caught.exception.number, number)
            self.assertNotIn(text, str(caught.exception))

    def test_name_of_a_key_gives_nothing_away(self):
        key = self.new_key()
        [key_id] = cipher.read_keys(key)
        self.assertRegex(key_id, r"^[0-9a-f]{12}$")
        self.assertNotIn(key_id, base64.urlsafe_b64decode(key).hex())
