"""Checks the .po files against their .pot, in a Python that has polib.

Usage: translations.py POT PO…
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import polib

SHOWN = 20  # problems of a file
PRINTF = re.compile(r"%(?:\(\w+\))?[-#0+]*\d*(?:\.\d+)?[diouxXeEfFgGcrsa]|%%|%")
BRACES = re.compile(r"\{\{.*?\}\}|\$?\{[^{}]*\}")
# What Odoo translates inside a tag (odoo/tools/translate.py, TRANSLATED_ATTRS).
TRANSLATED = re.compile(
    r"(string|help|sum|avg|placeholder|alt|title|label|add-label|value_label|data-tooltip"
    r"|confirm|confirm-(label|title)|cancel-label|aria-(?!labelledby|describedby)\w+)"
)


def check(template: str, *paths: str) -> int:
    """Print what is wrong with the files, and return 1 if anything is."""
    terms = {entry.msgid: entry for entry in polib.pofile(template)}
    failed = False
    for path in paths:
        name = f"{Path(path).parent.name}/{Path(path).name}"
        problems = sorted(problems_of(path, terms))
        for line, problem in problems[:SHOWN]:
            print(f"{name}:{line}: {problem}")
        if len(problems) > SHOWN:
            print(f"{name}: … and {len(problems) - SHOWN} more")
        failed |= bool(problems)
    return int(failed)


def problems_of(path: str, terms: dict[str, polib.POEntry]) -> Iterator[tuple[int, str]]:
    """Yield line and words of what is wrong in a .po file, given the terms of the .pot."""
    try:
        catalogue = polib.pofile(path)
    except (OSError, ValueError) as error:
        yield 1, f"cannot be read: {error}"
        return
    entries = [entry for entry in catalogue if not entry.obsolete]
    count = Counter(entry.msgid for entry in entries)
    for msgid in terms.keys() - count.keys():
        yield 1, f"{_short(msgid)} is missing: run dev/i18n."
    for entry in entries:
        line, words = entry.linenum, _short(entry.msgid)
        if entry.msgid not in terms:
            yield line, f"{words} is left over, no text says it any more: run dev/i18n."
            continue
        if count[entry.msgid] > 1:
            yield line, f"{words} is there {count[entry.msgid]} times."
        # Odoo reads from the comment which terms are code, and of which kind.
        if _places(entry) != _places(terms[entry.msgid]):
            yield line, f"{words} is not where the file says: run dev/i18n."
        if entry.fuzzy:
            yield line, f"{words} is fuzzy: look at it, then take the mark away."
        for problem in _translation_problems(entry.msgid, entry.msgstr):
            yield line, f"{words} {problem}"


def _translation_problems(source: str, text: str) -> Iterator[str]:
    if not text.strip():
        yield "is not translated."
        return
    wanted, given = _placeholders(source), _placeholders(text)
    if wanted != given:
        yield f"has other placeholders: {_difference(wanted, given)}."
    elif _unnamed(source) != _unnamed(text):
        yield f"needs its unnamed placeholders in this order: {' '.join(_unnamed(source))}."
    wanted = _tags(source)
    given = _tags(text)
    if wanted is not None and given is None:
        yield "is not well-formed: close each tag, and write & as &amp; and < as &lt;."
    elif wanted is not None and wanted != given:
        yield f"has other tags: {_difference(wanted, given)}."
    if _edges(source) != _edges(text):
        yield "begins or ends with other white space."


def _placeholders(text: str) -> Counter:
    return Counter(PRINTF.findall(text) + BRACES.findall(text))


def _unnamed(text: str) -> list[str]:
    return [found for found in PRINTF.findall(text) if not found.startswith(("%(", "%%"))]


def _tags(text: str) -> Counter | None:
    """The tags with the attributes that hold no words; None where the text is no markup."""
    try:
        tree = ElementTree.fromstring(f"<t>{text}</t>")
    except ElementTree.ParseError:
        return None
    return Counter(
        f"<{' '.join([node.tag, *(_attribute(*item) for item in sorted(node.items()))])}>"
        for node in tree.iter()
        if node is not tree
    )


def _attribute(name: str, value: str) -> str:
    return name if TRANSLATED.fullmatch(name.removeprefix("t-attf-")) else f'{name}="{value}"'


def _edges(text: str) -> tuple[str, str]:
    body = text.strip()
    before, _body, after = text.partition(body)
    return before, after


def _places(entry: polib.POEntry) -> tuple[list[str], list[tuple[str, str]]]:
    return sorted(entry.comment.split("\n")), sorted(entry.occurrences)


def _difference(wanted: Counter, given: Counter) -> str:
    parts = [f"{found} is missing" for found in (wanted - given).elements()]
    parts += [f"{found} is too many" for found in (given - wanted).elements()]
    return ", ".join(parts)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return f"“{words if len(words) <= 60 else words[:59] + '…'}”"


if __name__ == "__main__":
    sys.exit(check(*sys.argv[1:]))
