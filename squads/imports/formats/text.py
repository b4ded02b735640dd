"""Decoding a file's bytes to text and to JSON."""

import codecs
import json
from typing import Any

from squads.imports.formats.raw import Refused

MOST_PARTS = 250_000
SAVE = "Save it again as “CSV UTF-8”, or export it again as JSON."
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Files that people send by mistake, by their first bytes.
OTHERS = (
    (b"PK\x03\x04", "a zip file or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


def decode(body: bytes) -> str:
    """Return the text of a file in UTF-8 or UTF-16 (with or without a mark), or else in Windows-1252."""
    for start, what in OTHERS:
        if body.startswith(start):
            raise Refused(f"This is {what}, not text.", SAVE)
    encoding = next((name for mark, name in BOMS if body.startswith(mark)), "") or _unmarked(body)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused(f"Byte {error.start + 1} isn’t {encoding} text.", SAVE) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Refused(f"Line {line} contains a NUL character.", SAVE)
    if not text.strip():
        raise Refused("The file is empty.", "Export it again, with at least one row.")
    return text


def _unmarked(body: bytes) -> str:
    head = body[:4096]
    if len(head) >= 4 and len(body) % 2 == 0:
        # Most letters of most tables are ASCII, of which UTF-16 makes every second byte zero.
        if head[1::2].count(0) > len(head) // 4 and head[::2].count(0) == 0:
            return "utf-16-le"
        if head[::2].count(0) > len(head) // 4 and head[1::2].count(0) == 0:
            return "utf-16-be"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def fault(text: str) -> str:
    """Return why a database cannot store a text, or ""."""
    if "\0" in text:
        return "contains a NUL character"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "contains an invalid character (a lone surrogate)"
    return ""


def is_json(text: str) -> bool:
    """Say whether text begins as JSON does."""
    return text.lstrip()[:1] in ("{", "[")


def load(text: str) -> Any:
    """Return the parsed JSON. Raises Refused."""
    # Each object and list takes many times the memory of its two characters, and a file may hold millions.
    parts = text.count("{") + text.count("[")
    if parts > MOST_PARTS:
        raise Refused(f"This JSON has {parts:,} objects and lists; {MOST_PARTS:,} is the most.", "Split it.")
    try:
        return json.loads(text)
    except RecursionError:
        raise Refused("This JSON is nested too deeply.", "Export it again.") from None
    except json.JSONDecodeError as error:
        raise Refused(
            f"This JSON is incomplete: {error.msg} in line {error.lineno}, column {error.colno}.",
            "Export it again, and check that the download finished.",
        ) from None
    except ValueError:
        raise Refused("This JSON contains a number with thousands of digits.", "Export it again.") from None
