"""Checks the documents of the folder it is started in, in the lint environment's Python.

Usage: documents.py xml|documents
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

WARNING = 2  # docutils' report level
MACHINE = re.compile(
    r"(?<![\w~./])/(?:tmp|home|root|work|Users)/|(?:localhost|127\.0\.0\.1):8[1-9]"
)
OUTSIDE = ("http://", "https://", "mailto:", "data:")


def check_xml() -> int:
    from lxml import etree

    failed = 0
    for path in sorted([*Path().rglob("*.xml"), *Path().rglob("*.svg")]):
        try:
            etree.parse(str(path))
        except etree.XMLSyntaxError as error:
            failed += 1
            print(f"{path}: {error}")
    return failed


def check_documents() -> int:
    """Every page is valid, and what it links to or shows is there, with words for pictures."""
    pages = [*Path().glob("*.rst"), *Path("docs").rglob("*.rst")]
    others = [*Path().glob("*.md"), *Path(".github").rglob("*.*")]
    if Path("README.rst") not in pages:
        print("README.rst is missing")
        return 1
    problems = [problem for path in sorted(pages) for problem in _problems_of_rst(path)]
    for path in sorted(others):
        links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
        problems += [f"{path}: {problem}" for link in links for problem in _problems_of(path, link)]
    for path in sorted([*pages, *others]):
        found = MACHINE.search(path.read_text(encoding="utf-8"))
        problems += [f"{path}: {found[0]} is a place of one machine"] if found else []
    for problem in problems:
        print(problem)
    return len(problems)


def _problems_of_rst(path: Path) -> Iterator[str]:
    from docutils import nodes

    page = _read(path)
    if page is None:
        yield f"{path}: docutils refuses it"
        return
    for picture in page.findall(nodes.image):
        if not (path.parent / picture["uri"]).is_file():
            yield f"{path}: the picture {picture['uri']} is missing"
        if not picture.get("alt"):
            yield f"{path}: the picture {picture['uri']} has no alt text"
    for reference in page.findall(nodes.reference):
        for problem in _problems_of(path, reference.get("refuri", "")):
            yield f"{path}: {problem}"


def _problems_of(path: Path, link: str) -> Iterator[str]:
    """What is wrong with a link of the page ``path``; links to other sites are not followed."""
    target, _, anchor = unquote(link).partition("#")
    if not target or link.startswith(OUTSIDE):
        return
    there = path.parent / target
    if not there.exists():
        yield f"the link {link} leads nowhere"
    elif anchor and there.suffix == ".rst":
        page = _read(there)
        if page is not None and anchor not in page.ids:
            yield f"the link {link} leads to no section"


def _read(path: Path):
    """The document tree of a page, or ``None`` where docutils has warned."""
    from docutils.core import publish_doctree
    from docutils.utils import SystemMessage

    settings = {"report_level": WARNING, "halt_level": WARNING, "input_encoding": "utf-8"}
    try:
        return publish_doctree(path.read_bytes(), str(path), settings_overrides=settings)
    except SystemMessage:
        return None


if __name__ == "__main__":
    sys.exit(1 if {"xml": check_xml, "documents": check_documents}[sys.argv[1]]() else 0)
