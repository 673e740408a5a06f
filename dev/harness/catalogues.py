"""Works on translation files, in a Python that has polib.

Usage: catalogues.py normalise RAW TARGET   what Odoo exported, without what changes by itself
       catalogues.py merge POT PO…          bring the .po files in line with the .pot
"""

import re
import sys
from pathlib import Path

import polib

NOT_SHIPPED = re.compile(r"code:addons/\w+/(dev|docs|tests)/")
# As the OCA's own exports have it: no dates.
HEADER = (
    "Report-Msgid-Bugs-To",
    "Last-Translator",
    "Language-Team",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Plural-Forms",
)


def normalise(raw: str, target: str) -> int:
    exported = polib.pofile(raw)
    template = polib.POFile()
    template.header = exported.header
    version = re.match(r"\D+ \d+\.\d+", exported.metadata["Project-Id-Version"])
    template.metadata = {"Project-Id-Version": version[0]}
    template.metadata.update({name: exported.metadata[name] for name in HEADER})
    for entry in sorted(exported, key=lambda entry: entry.msgid):
        entry.occurrences = [
            place for place in sorted(entry.occurrences) if not NOT_SHIPPED.match(place[0])
        ]
        if entry.occurrences:
            template.append(entry)
    _write(template, target)
    return 0


def merge(template: str, *paths: str) -> int:
    """Keep what is translated and not fuzzy; an empty file begins its language."""
    terms = polib.pofile(template)
    for path in paths:
        old = polib.pofile(path)
        known = {entry.msgid: entry for entry in old if not entry.obsolete and not entry.fuzzy}
        merged = polib.POFile()
        merged.header = terms.header
        merged.metadata = old.metadata or {**terms.metadata, "Language": Path(path).stem}
        for term in terms:
            entry = polib.POEntry(
                msgid=term.msgid, comment=term.comment, occurrences=term.occurrences
            )
            if term.msgid in known:
                entry.msgstr = known[term.msgid].msgstr
                entry.tcomment = known[term.msgid].tcomment
            merged.append(entry)
        _write(merged, path)
        fresh = len({term.msgid for term in terms} - known.keys())
        gone = len(known.keys() - {term.msgid for term in terms})
        left = len(merged.untranslated_entries())
        print(f"{path}: {fresh} new terms, {gone} gone, {left} to translate")
    return 0


def _write(catalogue: polib.POFile, path: str) -> None:
    Path(path).write_text(f"{catalogue}\n".rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit({"normalise": normalise, "merge": merge}[sys.argv[1]](*sys.argv[2:]))
