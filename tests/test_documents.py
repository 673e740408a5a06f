"""The documents speak the truth: what they name is there, with the value that they say."""

import ast
import html
import re
from datetime import timedelta
from pathlib import Path

from odoo.modules.module import Manifest
from odoo.tests import TransactionCase, tagged

from ..models.ir_config_parameter import DURATIONS, FLAGS, POLICY, TRACKED
from ..models.res_users_core_bridge import OF_ONE_LOGIN

ADDON = Path(__file__).parents[1]
PAGES = [ADDON / "README.rst", *sorted((ADDON / "docs").glob("*.rst"))]
EXAMPLE = ADDON / "docs" / "example"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def text_of(*pages):
    """Return the pages as one text with single spaces, so that lines may break anywhere."""
    return " ".join(" ".join(page.read_text().split()) for page in pages)


def tests_written():
    """Return the names of all test classes, and of their tests as ``Class.test``."""
    names = set()
    for path in [*(ADDON / "tests").rglob("*.py"), *EXAMPLE.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                tests = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
                names |= {node.name} | {f"{node.name}.{name}" for name in tests}
    return names


@tagged("post_install", "-at_install")
class TestDocuments(TransactionCase):
    def test_parameters_and_their_defaults(self):
        readme = (ADDON / "README.rst").read_text()
        said = dict(re.findall(r"\* - ``(auth_totp\.\w+)``\n +- (.+)\n", readme))
        flags = {key: f"``{int(value)}``" for key, value in FLAGS.items()}
        days = {key: f"``{age // DAY}`` days" for key, age in DURATIONS.items() if age >= DAY}
        minutes = {
            key: f"``{age // MINUTE}`` minutes" for key, age in DURATIONS.items() if age < DAY
        }
        self.assertEqual(said, flags | days | minutes)

    def test_other_parameters_exist(self):
        named = set(re.findall(r"``(auth_totp\.\w+)``", text_of(*PAGES)))
        self.assertEqual(named - TRACKED - {POLICY}, set())

    def test_tests_exist(self):
        named = set(re.findall(r"``([A-Z]\w+\.test_\w+|Test\w+)``", text_of(*PAGES)))
        self.assertGreater(len(named), 30)
        self.assertEqual(named - tests_written(), set())

    def test_methods_exist(self):
        named = set(re.findall(r"``(?:res\.users\.)?(_mfa_\w+|_totp_\w+)[`(]", text_of(*PAGES)))
        known = "".join(path.read_text() for path in EXAMPLE.rglob("*.py"))
        missing = {name for name in named if not hasattr(self.env["res.users"], name)}
        self.assertEqual({name for name in missing if f"def {name}(" not in known}, set())

    def test_files_exist(self):
        named = set(re.findall(r"``((?:\w+/)+(?:\w+\.py)?|\w+\.py)``", text_of(*PAGES)))
        self.assertIn("models/res_users_policy.py", named)
        self.assertEqual({name for name in named if not (ADDON / name).exists()}, set())

    def test_session_keys_are_all_of_them(self):
        page = (ADDON / "docs" / "developers.rst").read_text()
        table = page.split("\nSession keys\n")[1].split("\nHow to extend it\n")[0]
        named = set(re.findall(r"``(mfa_\w+)``", table))
        self.assertEqual(named, {*OF_ONE_LOGIN, "mfa_notice"})

    def test_code_is_that_of_the_example(self):
        page = (ADDON / "docs" / "developers.rst").read_text()
        blocks = re.findall(r"\.\. code:: python\n\n((?: +.*\n|\n)+)", page)
        self.assertEqual(len(blocks), 2)
        files = ["\n" + path.read_text() for path in EXAMPLE.rglob("models/*.py")]
        for block in blocks:
            self.assertTrue(any(block.rstrip() + "\n" in text for text in files), block)

    def test_menus_and_actions_exist(self):
        paths = set(re.findall(r"\*([^*]+ ▸ [^*]+)\*", text_of(*PAGES)))
        self.assertGreater(len(paths), 5)
        for path in sorted(paths):
            with self.subTest(path):
                self.assertTrue(self.leads_somewhere(*path.split(" ▸ ")))

    def leads_somewhere(self, root, *rest):
        name = rest[-1]
        if root == "Actions":
            users = self.env["ir.model"]._get("res.users")
            actions = self.env["ir.actions.actions"].search([("binding_model_id", "=", users.id)])
            return name in actions.mapped("name")
        if root == "My Preferences":
            return f'string="{rest[0]}"' in self.arch("base.view_users_form_simple_modif")
        if root == "My Account":
            pages = self.env["ir.ui.view"].search([("type", "=", "qweb")])
            return any(html.escape(name) in page.arch_db for page in pages if page.arch_db)
        if rest[0] == "General Settings":
            return not rest[1:] or rest[1] in self.arch("base.res_config_settings_view_form")
        menus = self.env["ir.ui.menu"].with_context(**{"ir.ui.menu.full_list": True})
        found = menus.search([("name", "=", name)])
        return any(menu.complete_name == "/".join((root, *rest)) for menu in found)

    def arch(self, view):
        view = self.env.ref(view)
        return self.env[view.model].get_view(view.id, "form")["arch"]

    def test_newest_version_is_told_of(self):
        version = Manifest.for_addon("auth_totp_mfa").raw_value("version")
        for name in ("README.rst", "CHANGELOG.rst"):
            told = re.findall(r"^(\d+\.0(?:\.\d+){3})$", (ADDON / name).read_text(), re.MULTILINE)
            self.assertEqual(told[0], version, name)
