"""The blocks of a document: what its reader types, and the files its reader creates."""

import re
from dataclasses import dataclass
from pathlib import Path

# A paragraph that begins with the name of a file is followed by what goes into that file.
A_FILE = re.compile(r"(?:then )?(?P<how>create |add to )?`(?P<path>/[^`]+)`", re.I)


@dataclass(frozen=True)
class Block:
    """One indented block, with the paragraph before it."""

    section: str
    intro: str
    text: str
    line: int

    @property
    def file(self) -> str:
        """The file to create or to add to; "" where the block is commands."""
        found = A_FILE.match(self.intro)
        return found["path"] if found else ""

    @property
    def adds(self) -> bool:
        """Say whether it goes to the end of a file that is there."""
        found = A_FILE.match(self.intro)
        return found is not None and (found["how"] or "").strip().lower() == "add to"


def blocks(path: Path) -> list[Block]:
    """Return every indented block of a Markdown file, in order."""
    found: list[Block] = []
    section, paragraph, before, indented, began = "", "", "", [], 0
    for number, line in enumerate([*path.read_text().splitlines(), "end"], 1):
        if line.startswith("    ") and (indented or not paragraph):
            began = began if indented else number
            indented.append(line[4:])
        elif indented and not line:
            indented.append("")
        else:
            if indented:
                found.append(Block(section, before, "\n".join(indented).rstrip() + "\n", began))
                indented = []
            if line.startswith("#"):
                section, paragraph, before = line.lstrip("# "), "", ""
            elif line:
                paragraph = f"{paragraph} {line}".strip()
                before = paragraph
            else:
                paragraph = ""
    return found
