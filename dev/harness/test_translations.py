"""Each rule of the translation checks, and a file that is right.

Run by `dev/lint harness`, in the lint tools' Python.
"""

import tempfile
import unittest
from pathlib import Path

import polib

from . import catalogues, translations


class TranslationCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name, *entries, **metadata):
        """Write entries as ``(msgid, msgstr)`` or ``(msgid, msgstr, more of POEntry)``."""
        catalogue = polib.POFile()
        catalogue.metadata = {**metadata, "Content-Type": "text/plain; charset=UTF-8"}
        for msgid, msgstr, *more in entries:
            values = {"comment": "module: m", "occurrences": [("code:addons/m/a.py", "0")]}
            catalogue.append(polib.POEntry(msgid=msgid, msgstr=msgstr, **{**values, **dict(*more)}))
        catalogue.save(self.folder / name)
        return str(self.folder / name)


class TestCheck(TranslationCase):
    def problems(self, terms, *entries):
        """What is said of a file with ``entries``, where the .pot has the ``terms``."""
        template = polib.pofile(self.file("m.pot", *((term, "") for term in terms)))
        path = self.file("de.po", *entries)
        found = translations.problems_of(path, {entry.msgid: entry for entry in template})
        return [problem for _line, problem in found]

    def assertGood(self, source, text):
        self.assertEqual(self.problems([source], (source, text)), [])

    def assertBad(self, source, text, words):
        found = self.problems([source], (source, text))
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_right(self):
        for source, text in (
            ("Cancel", "Abbrechen"),
            ("%(a)s of %(b)d", "%(b)d: %(a)s"),
            ("%s of %d, 5 %", "%s von %d, 5 %"),
            ("Dear {{ object.name }}, {n} ${m}", "${m} {n}, {{ object.name }}"),
            ('<b>No</b> <i class="x" title="Off"/>', '<i title="Aus" class="x"/> <b>Nein</b>'),
            ("Connection & Security", "Verbindung & Sicherheit"),
            ("Connection &amp; Security", "Verbindung &amp; Sicherheit"),
            ("two\n     lines ", "eine Zeile "),
        ):
            with self.subTest(source):
                self.assertGood(source, text)

    def test_placeholders(self):
        for source, text, words in (
            ("%(name)s is on", "%(nom)s ist an", "%(name)s is missing, %(nom)s is too many"),
            ("%(n)d left", "%(n)s übrig", "%(n)d is missing"),
            ("%(n)d left", "übrig", "%(n)d is missing"),
            ("%s: %d", "%d: %s", "in this order: %s %d"),
            ("%s left", "übrig", "%s is missing"),
            ("%(n)d %% left", "%(n)d % übrig", "%% is missing"),
            ("%(n)d left", "%(n)d übrig, 5 %", "% is too many"),
            ("{name}", "{nom}", "{name} is missing"),
            ("${name}", "{name}", "${name} is missing"),
            ("{{ object.name }}", "{{ objekt.name }}", "{{ object.name }} is missing"),
        ):
            with self.subTest(source):
                self.assertBad(source, text, words)

    def test_tags(self):
        for source, text, words in (
            ("<b>No</b>", "Nein", "<b> is missing"),
            ("<b>No</b>", "<strong>Nein</strong>", "<strong> is too many"),
            ("<b>No</b>", "<b>Nein", "not well-formed"),
            ('<i class="x"/>No', '<i class="y"/>Nein', '<i class="x"> is missing'),
            ('<i t-out="name"/>', '<i t-out="nom"/>', '<i t-out="name"> is missing'),
            ('<i title="No"/>', "<i/>", "<i title> is missing"),
            ("A &amp; B", "A & B", "not well-formed"),
        ):
            with self.subTest(text):
                self.assertBad(source, text, words)

    def test_white_space_at_the_ends(self):
        self.assertBad("Key: ", "Schlüssel:", "white space")
        self.assertBad("Key", " Schlüssel", "white space")

    def test_untranslated(self):
        self.assertBad("Cancel", "", "not translated")
        self.assertBad("Cancel", "  ", "not translated")

    def test_fuzzy(self):
        found = self.problems(["Cancel"], ("Cancel", "Abbruch", {"flags": ["fuzzy"]}))
        self.assertEqual(found, ["“Cancel” is fuzzy: look at it, then take the mark away."])

    def test_missing_and_left_over(self):
        self.assertEqual(
            self.problems(["New"], ("Old", "Alt")),
            [
                "“New” is missing: run dev/i18n.",
                "“Old” is left over, no text says it any more: run dev/i18n.",
            ],
        )

    def test_twice(self):
        self.assertIn("2 times", self.problems(["No"], ("No", "Nein"), ("No", "Nö"))[0])

    def test_other_place(self):
        for more in ({"comment": "module: n"}, {"occurrences": [("code:addons/m/b.py", "0")]}):
            with self.subTest(more):
                self.assertIn("not where", self.problems(["No"], ("No", "Nein", more))[0])

    def test_unreadable(self):
        path = self.folder / "de.po"
        path.write_text('msgid "No"\nnonsense\n')
        self.assertIn("cannot be read", next(translations.problems_of(str(path), {}))[1])


class TestCatalogues(TranslationCase):
    def test_normalise_leaves_out_what_changes_by_itself(self):
        elsewhere = {"occurrences": [("code:addons/m/b.py", "0"), ("code:addons/m/a.py", "0")]}
        in_a_test = {"occurrences": [("code:addons/m/tests/test_a.py", "0")]}
        header = dict.fromkeys(catalogues.HEADER, "")
        texts = []
        for day in ("01", "02"):
            dated = {
                "Project-Id-Version": f"Odoo Server 19.0-202601{day}",
                "POT-Creation-Date": f"2026-01-{day} 10:00+0000",
            }
            entries = [("b", "", elsewhere), ("a", ""), ("of a test", "", in_a_test)]
            raw = self.file("raw.pot", *entries, **header, **dated)
            catalogues.normalise(raw, str(self.folder / "m.pot"))
            texts.append((self.folder / "m.pot").read_text())
        self.assertEqual(*texts)
        self.assertNotIn("2026", texts[0])
        template = polib.pofile(texts[0])
        self.assertEqual([entry.msgid for entry in template], ["a", "b"])
        self.assertEqual(template[1].occurrences[0][0], "code:addons/m/a.py")

    def test_merge(self):
        template = self.file("m.pot", ("new", ""), ("stays", ""), ("doubtful", ""))
        path = self.file(
            "de.po",
            ("gone", "weg"),
            ("stays", "bleibt", {"occurrences": [("code:addons/m/old.py", "0")]}),
            ("doubtful", "vielleicht", {"flags": ["fuzzy"]}),
        )
        catalogues.merge(template, path)
        entries = polib.pofile(path)
        self.assertEqual(
            {entry.msgid: entry.msgstr for entry in entries},
            {"new": "", "stays": "bleibt", "doubtful": ""},
        )
        self.assertEqual(entries.find("stays").occurrences, [("code:addons/m/a.py", "0")])

    def test_begin_a_language(self):
        template = self.file("m.pot", ("new", ""))
        path = self.folder / "pt_BR.po"
        path.touch()
        catalogues.merge(template, str(path))
        self.assertEqual(polib.pofile(path).metadata["Language"], "pt_BR")
