"""The example of docs/developers.rst is an addon: it is installed, and its own tests run."""

import re
import unittest
from pathlib import Path

from odoo_process import ScratchOdoo, free_port, needs_odoo

FOLDER = Path(__file__).parents[2] / "docs" / "example"
EXAMPLE = "auth_totp_mfa_example"
LIMIT = 300  # seconds
SUMMARY = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests when loading")


@needs_odoo
class ExtendingTheAddon(unittest.TestCase):
    def setUp(self):
        self.odoo = ScratchOdoo(addons=FOLDER)
        self.addCleanup(self.odoo.close)

    def test_example_does_what_its_tests_say(self):
        options = (f"--init={EXAMPLE}", f"--test-tags=/{EXAMPLE}", f"--http-port={free_port()}")
        self.odoo.run(*options, http=True, limit=LIMIT)
        self.assertEqual(self.odoo.bad_lines(), [])
        failed, errors, ran = SUMMARY.search(self.odoo.log.read_text()).groups()
        self.assertEqual((failed, errors), ("0", "0"))
        written = [path.read_text().count("def test_") for path in FOLDER.rglob("test_*.py")]
        self.assertEqual(int(ran), sum(written))
