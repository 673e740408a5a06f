"""Checks the documents of the folder it is started in, in the lint environment's Python.

Usage: documents.py xml|readme
"""

import re
import sys
from pathlib import Path

WARNING = 2  # docutils' report level


def check_xml() -> int:
    from lxml import etree

    failed = 0
    for path in sorted(Path().rglob("*.xml")):
        try:
            etree.parse(str(path))
        except etree.XMLSyntaxError as error:
            failed += 1
            print(f"{path}: {error}")
    return failed


def check_readme() -> int:
    from docutils.core import publish_string
    from docutils.utils import SystemMessage

    path = Path("README.rst")
    if not path.exists():
        print(f"{path} is missing")
        return 1
    settings = {"report_level": WARNING, "halt_level": WARNING, "input_encoding": "utf-8"}
    try:
        publish_string(
            path.read_bytes(), str(path), writer_name="html5", settings_overrides=settings
        )
    except SystemMessage:
        return 1
    pictures = re.findall(r"image:: (\S+)", path.read_text(encoding="utf-8"))
    missing = [picture for picture in pictures if not Path(picture).is_file()]
    for picture in missing:
        print(f"{path}: the picture {picture} is missing")
    return len(missing)


if __name__ == "__main__":
    sys.exit(1 if {"xml": check_xml, "readme": check_readme}[sys.argv[1]]() else 0)
