"""The blocks of a Markdown text, as the lines of the file they stand on: no line is in none, and none in two."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

_parser = MarkdownIt("commonmark").enable("table")
MARKER = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])(?:\s+|$)")
KINDS = {
    "heading": "heading",
    "paragraph": "paragraph",
    "bullet_list": "list",
    "ordered_list": "list",
    "table": "table",
    "fence": "fence",
    "blockquote": "quote",
}


@dataclass(frozen=True)
class Block:
    """A piece of a file. `start` and `end` are its lines, `items` those of a list, `nested` the lists inside of an item."""

    kind: str
    start: int
    end: int
    lines: tuple[str, ...]
    level: int = 0
    heading: str = ""
    info: str = ""
    items: tuple["Block", ...] = ()
    nested: tuple["Block", ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n").rstrip()


def without_marker(line: str) -> str:
    """A line of a list without its bullet or number."""
    return MARKER.sub("", line, count=1)


def split_row(line: str) -> list[str]:
    """The cells of a table's row. Cells beyond the heads of the table are kept."""
    cells = re.split(r"(?<!\\)\|", line.strip())
    if cells and not cells[0].strip():
        cells = cells[1:]
    if cells and not cells[-1].strip():
        cells = cells[:-1]
    return [cell.strip() for cell in cells]


def blocks(lines: Sequence[str]) -> Iterator[Block]:
    """The blocks of a text, in order. What the parser shows nowhere (definitions of links) is a block too."""
    place = 0
    for node in SyntaxTreeNode(_parser.parse("\n".join(lines))).children:
        if node.map is None or node.map[0] < place:
            continue
        start, end = node.map
        yield from _gap(lines, place, start)
        while end > start + 1 and not lines[end - 1].strip() and node.type not in ("fence", "code_block", "html_block"):
            end -= 1
        yield _block(node, lines, start, end)
        place = end
    yield from _gap(lines, place, len(lines))


def _gap(lines: Sequence[str], start: int, end: int) -> Iterator[Block]:
    if any(line.strip() for line in lines[start:end]):
        yield Block("other", start, end, tuple(lines[start:end]))


def _block(node: SyntaxTreeNode, lines: Sequence[str], start: int, end: int) -> Block:
    own = tuple(lines[start:end])
    if node.type == "heading":
        return Block("heading", start, end, own, level=int(node.tag[1:]), heading=node.children[0].content.strip())
    if node.type == "fence":
        return Block("fence", start, end, own, info=node.info.strip())
    kind = KINDS.get(node.type, "other")
    return Block(kind, start, end, own, items=_items(node, lines, end) if kind == "list" else ())


def _items(node: SyntaxTreeNode, lines: Sequence[str], last: int) -> tuple[Block, ...]:
    """The items of a list. What follows an item up to the next is the item's."""
    children = [child for child in node.children if child.map]
    found = []
    for at, child in enumerate(children):
        assert child.map is not None
        start = child.map[0]
        following = children[at + 1].map if at + 1 < len(children) else None
        end = min(following[0] if following else last, last)
        nested = tuple(
            Block("list", each.map[0], inner, tuple(lines[each.map[0] : inner]), items=_items(each, lines, inner))
            for each in child.children
            if each.type in ("bullet_list", "ordered_list")
            and each.map
            and (inner := min(each.map[1], end)) > each.map[0] > start
        )
        found.append(Block("item", start, end, tuple(lines[start:end]), nested=nested))
    return tuple(found)
