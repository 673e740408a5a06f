from odoo.tests import BaseCase, tagged

from ..tools import networks


@tagged("post_install", "-at_install")
class TestNetworks(BaseCase):
    def test_text_becomes_networks(self):
        for text, expected in (
            (None, ""),
            ("", ""),
            (" \n\n", ""),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("192.0.2.0/24, 198.51.100.0/24;2001:db8::1", None),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ):
            with self.subTest(text=text):
                found = networks.normalise(text)
                if expected is None:
                    expected = "192.0.2.0/24\n198.51.100.0/24\n2001:db8::1/128"
                self.assertEqual(found, expected)
                self.assertEqual(networks.normalise(found), expected)

    def test_bad_text_names_its_line(self):
        for text, line, word, meant in (
            ("office", 1, "office", None),
            ("10.0.0.0/8\n\n192.0.2.1/24", 3, "192.0.2.1/24", "192.0.2.0/24"),
            ("10.0.0.0/33", 1, "10.0.0.0/33", None),
            ("10.0.0.0/8 and more", 1, "and", None),
            ("10.0.0.0/8\n2001:db8::1/32", 2, "2001:db8::1/32", "2001:db8::/32"),
            ("10.0.0.1 - 10.0.0.9", 1, "10.0.0.1 - 10.0.0.9", None),
            ("256.1.1.1", 1, "256.1.1.1", None),
            ("167772160", 1, "167772160", None),
            ("010.0.0.1", 1, "010.0.0.1", None),
        ):
            with self.subTest(text=text):
                with self.assertRaises(networks.BadNetwork) as raised:
                    networks.parse(text)
                bad = raised.exception
                self.assertEqual((bad.line, bad.text, bad.meant), (line, word, meant))

    def test_everywhere(self):
        for text, everywhere in (
            ("0.0.0.0/0", True),
            ("::/0", True),
            ("0.0.0.0/1\n128.0.0.0/1", True),
            ("10.0.0.0/8\n0.0.0.0/2\n64.0.0.0/2\n128.0.0.0/1", True),
            ("::/1\n8000::/1", True),
            ("::ffff:0:0/96", True),
            ("::ffff:0:0/97\n::ffff:128.0.0.0/97", True),
            ("0.0.0.0/1", False),
            ("10.0.0.0/8\n2001:db8::/32", False),
            ("", False),
        ):
            with self.subTest(text=text):
                self.assertIs(networks.is_everywhere(networks.parse(text)), everywhere)

    def test_what_a_list_holds(self):
        office = networks.parse("192.0.2.0/24\n2001:db8:1::/48")
        for address, held in (
            ("192.0.2.1", True),
            ("192.0.3.1", False),
            ("::ffff:192.0.2.1", True),
            ("::ffff:192.0.3.1", False),
            ("2001:db8:1::7", True),
            ("2001:db8:2::7", False),
            ("", False),
            (None, False),
            ("localhost", False),
            ("192.0.2.1:80", False),
        ):
            with self.subTest(address=address):
                self.assertIs(networks.holds(office, address), held)
        self.assertFalse(networks.holds((), "192.0.2.1"))

    def test_a_mapped_network_holds_the_plain_address(self):
        self.assertTrue(networks.holds(networks.parse("::ffff:192.0.2.0/120"), "192.0.2.9"))

    def test_overlap(self):
        for one, other, expected in (
            ("10.0.0.0/8", "10.1.0.0/16", True),
            ("10.1.0.0/16", "10.0.0.0/8", True),
            ("10.0.0.0/16", "10.1.0.0/16", False),
            ("192.0.2.1\n10.0.0.1", "10.0.0.1\n198.51.100.1", True),
            ("0.0.0.0/0", "::/0", False),
            ("::/0", "2001:db8::1", True),
            ("", "10.0.0.0/8", False),
            ("10.0.0.0/8", "", False),
        ):
            with self.subTest(one=one, other=other):
                found = networks.overlap(networks.parse(one), networks.parse(other))
                self.assertIs(found, expected)

    def test_within(self):
        for inner, outer, expected in (
            ("10.1.0.0/16", "10.0.0.0/8", True),
            ("10.0.0.0/8", "10.1.0.0/16", False),
            ("10.0.0.0/8", "10.0.0.0/9\n10.128.0.0/9", True),
            ("10.1.0.1\n2001:db8::1", "10.0.0.0/8\n2001:db8::/32", True),
            ("10.1.0.1\n2001:db8::1", "10.0.0.0/8", False),
            ("10.1.0.1\n192.0.2.1", "10.0.0.0/8", False),
            ("::1", "0.0.0.0/0", False),
            ("10.0.0.1", "::/0", False),
            ("10.0.0.1", "", False),
            ("", "10.0.0.0/8", True),
            ("", "", True),
        ):
            with self.subTest(inner=inner, outer=outer):
                found = networks.are_within(networks.parse(inner), networks.parse(outer))
                self.assertIs(found, expected)
