"""Markdown as people write it in stories and comments, made into HTML that is safe to show.

Two fences, each enough by itself: the parser knows no HTML (what looks like a tag is text), and what it makes is let
through an allowlist. Links carry rel="nofollow noreferrer". There are no images: they would tell another server who reads.
Story keys (PAY-12) and people (@ana) become links and mentions where the caller knows them; elsewhere they stay text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# Longer texts are shown as they were written: parsing them would hold up the page.
LONGEST = 50_000
# A table's missing cells are filled in, so that two thousand characters may become seventy thousand cells.
MOST_CELLS = 10_000
MOST_NAMES = 200
KEY = re.compile(r"(?<![A-Za-z0-9-])(?<![A-Z0-9]_)([A-Z][A-Z0-9_]{1,9}-[1-9][0-9]{0,6})(?![A-Za-z0-9])")
PERSON = re.compile(r"(?<![\w@/.+-])@(\w[\w.+-]*(?:@\w[\w.-]*)?)")
# What stands before the beginning of a sentence: nothing, a new line with the mark of a list, a full stop.
SENTENCE = re.compile(r"(?:^|\n)[\s>#*+|-]*(?:\d+[.)]\s+)?\Z|[.!?…]\s+\Z")
# One pattern for what is looked for in running text, so that an address that holds a key stays one link.
FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"'`]{1,1000})"
    r"|(?<![A-Za-z0-9-])(?<![A-Z0-9]_)(?P<key>[A-Z][A-Z0-9_]{1,9}-[1-9][0-9]{0,6})(?![A-Za-z0-9])"
    r"|(?<![\w@/.+-])@(?P<person>\w[\w.+-]*(?:@\w[\w.-]*)?)"
)
TAGS = {
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "span",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
CLASSES = {"a": {"key"}, "span": {"mention"}}
# A text stands below the headings of its page, which has h1 and h2.
DOCUMENT_HEADINGS = {"h2": "h3", "h3": "h4", "h4": "h5"}
HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6"}

_parser = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False, "breaks": True})
_parser.options["maxNesting"] = 20
_parser.disable(["image", "html_block", "html_inline"], ignoreInvalid=True)

# What begins a mention or is part of an address; escaped, it does neither.
BEGINNINGS = ("@", ":")


def _join_texts(state: StateCore) -> None:
    """Join the pieces of running text, but for an escaped “@” or “:”: what is written as text becomes no mention and no link."""
    for line in state.tokens:
        joined: list[Token] = []
        for token in line.children or []:
            plain = token.info == "escape" and token.content in BEGINNINGS
            if token.type == "text_special":
                token = _text(token.content)
                token.meta["plain"] = plain
            if joined and token.type == joined[-1].type == "text" and not (plain or joined[-1].meta.get("plain")):
                joined[-1].content += token.content
            else:
                joined.append(token)
        if line.children:
            line.children = joined


_parser.core.ruler.at("text_join", _join_texts)

_pages = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False, "breaks": False})
_pages.disable(["image", "html_block", "html_inline"], ignoreInvalid=True)


def keys_in(text: str) -> set[str]:
    """Return the story keys that a text may name."""
    return set(_some(match[1] for match in KEY.finditer(text[:LONGEST])))


def people_in(text: str) -> set[str]:
    """Return the user names that a text may mention, in small letters: for "@ana." it is both "ana." and "ana"."""
    found: set[str] = set()
    for name in _some(match[1] for match in PERSON.finditer(text[:LONGEST])):
        found |= {form.lower() for form in _forms(name)}
    return found


def replace_people(text: str, words: Mapping[str, str]) -> str:
    """Return a text with words instead of mentions, by user name in small letters; also in code and links.

    At the beginning of a sentence they begin with a capital letter.
    """

    def replaced(match: re.Match[str]) -> str:
        form = next((each for each in _forms(match[1]) if each.lower() in words), "")
        if not form:
            return match[0]
        said = words[form.lower()]
        if SENTENCE.search(text[max(0, match.start() - 40) : match.start()]):
            said = said[:1].upper() + said[1:]
        return said + match[1][len(form) :]

    return PERSON.sub(replaced, text)


def to_html(
    text: str, *, stories: Mapping[str, str] | None = None, people: Mapping[str, str] | None = None
) -> SafeString:
    """Return a text as safe HTML.

    `stories` maps the keys of stories that exist to their addresses, `people` the user names (in small letters) of people
    that exist to what they are called.
    """
    if len(text) > LONGEST or _cells(text) > MOST_CELLS:
        return mark_safe(f'<pre tabindex="0">{escape(text)}</pre>')  # noqa: S308 - escaped
    known = tuple(sorted((stories or {}).items())), tuple(sorted((people or {}).items()))
    return _made(text.replace("\r\n", "\n"), *known)


@lru_cache(maxsize=512)
def _made(text: str, stories: tuple[tuple[str, str], ...], people: tuple[tuple[str, str], ...]) -> SafeString:
    tokens = _parser.parse(text)
    for token in tokens:
        token.tag = HEADINGS.get(token.tag, token.tag)
        if token.children:
            token.children = list(_named(token.children, dict(stories), dict(people)))
    made = _parser.renderer.render(tokens, _parser.options, {})
    return _fenced(made)


def _cells(text: str) -> int:
    """Return the most cells that the tables of a text can have: of lines in a row, each has those of the widest."""
    most = 0
    for block in re.split(r"\n[^\S\n]*\n", text):
        if "|" in block:
            lines = block.splitlines()
            most += len(lines) * max(line.count("|") for line in lines)
    return most


def _fenced(made: str) -> SafeString:
    clean = nh3.clean(
        made,
        tags=TAGS,
        attributes=ATTRIBUTES,
        allowed_classes=CLASSES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noreferrer",
        strip_comments=True,
        # It scrolls where it is too wide; by keyboard, only what can have the focus does.
        set_tag_attribute_values={name: {"tabindex": "0"} for name in ("pre", "table")},
    )
    return mark_safe(clean)  # noqa: S308 - cleaned


def document(text: str, pages: Mapping[str, str] | None = None) -> SafeString:
    """Return one of Rodeo's own pages (docs/) as safe HTML: lines run on, comments and the page's own title are left out.

    `pages` maps file names to addresses of pages that the portal shows; links to other files stay as words.
    """
    body = re.sub(r"<!--.*?-->", "", text.replace("\r\n", "\n"), flags=re.DOTALL)
    tokens = _pages.parse(re.sub(r"\A\s*# [^\n]*\n", "", body))
    for token in tokens:
        token.tag = DOCUMENT_HEADINGS.get(token.tag, token.tag)
        if token.children:
            token.children = list(_led(token.children, pages or {}))
    return _fenced(_pages.renderer.render(tokens, _pages.options, {}))


def _led(tokens: list[Token], pages: Mapping[str, str]) -> Iterator[Token]:
    """Yield the tokens of a line with links to other files led to their pages, and taken off where there is none."""
    dropped = False
    for token in tokens:
        href = str(token.attrGet("href") or "")
        if token.type == "link_open" and not href.startswith(("https:", "http:", "mailto:", "/")):
            page = pages.get(href.partition("#")[0])
            dropped = page is None
            if page is not None:
                token.attrSet("href", page)
        if token.type in ("link_open", "link_close") and dropped:
            dropped = token.type == "link_open"
            continue
        yield token


def _some(found: Iterable[str]) -> Iterator[str]:
    for count, each in enumerate(found):
        if count >= MOST_NAMES:
            return
        yield each


def _forms(name: str) -> tuple[str, ...]:
    """A name may end a sentence, and with it in a sign that names may hold."""
    bare = name.rstrip(".-+_")
    return (name, bare) if bare and bare != name else (name,)


def _named(tokens: list[Token], stories: Mapping[str, str], people: Mapping[str, str]) -> Iterator[Token]:
    """Yield the tokens of a line with addresses, keys and mentions made into links, except inside links."""
    inside = 0
    for token in tokens:
        inside += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "text" and not inside and not token.meta.get("plain"):
            yield from _split(token.content, stories, people)
        else:
            yield token


def _split(text: str, stories: Mapping[str, str], people: Mapping[str, str]) -> Iterator[Token]:
    end = 0
    for match in FOUND.finditer(text):
        kind, found = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "url":
            found = _address(found)
            made = _link(found, found) if _parser.validateLink(found) else []
        elif kind == "key":
            made = _link(stories[found], found, "key") if found in stories else []
        else:
            form = next((each for each in _forms(found) if each.lower() in people), "")
            made = _mention(people[form.lower()]) if form else []
            found = f"@{form}"
        if made:
            yield _text(text[end : match.start()])
            yield from made
            end = match.start() + len(found)
    yield _text(text[end:])


def _address(text: str) -> str:
    """An address ends before the sign that ends its sentence, and before a bracket that was opened outside of it."""
    text = text.rstrip(".,;:!?*_~")
    while text.endswith(")") and text.count(")") > text.count("("):
        text = text[:-1].rstrip(".,;:!?*_~")
    return text


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _link(href: str, words: str, kind: str = "") -> list[Token]:
    attrs: dict[str, str | int | float] = {"href": _parser.normalizeLink(href)}
    if kind:
        attrs["class"] = kind
    return [Token("link_open", "a", 1, attrs=attrs), _text(words), Token("link_close", "a", -1)]


def _mention(name: str) -> list[Token]:
    return [
        Token("span_open", "span", 1, attrs={"class": "mention"}),
        _text(f"@{name}"),
        Token("span_close", "span", -1),
    ]
