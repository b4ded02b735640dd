"""Markdown is safe to show whatever people write, and names what they mean."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kernel.markdown import LONGEST, document, keys_in, people_in, to_html

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x]( javascript:alert(1) )",
    "[x](java\tscript:alert(1))",
    "[x](vbscript:msgbox)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example" onmouseover="alert(1))',
    "`<script>`",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "|a|\n|-|\n|<svg onload=alert(1)>|",
    'https://a.example/"onmouseover=alert(1)',
    "https://a.example/<script>alert(1)</script>",
    "<a href='x' style='position:fixed' onclick='a()'>x</a>",
    "# <iframe srcdoc='x'>",
    "@<script>alert(1)</script>",
    "<!-- --><base href='//evil.example'>",
]
TAG = re.compile(r"<(/?[a-zA-Z0-9]+)([^>]*)>")
ALLOWED = set(
    "a blockquote br code del em h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul".split()
)


def dangers(html: str) -> list[str]:
    """Tags and attributes that nothing people write may make."""
    found = []
    for name, attributes in TAG.findall(html):
        if name.strip("/").lower() not in ALLOWED:
            found.append(name)
        for attribute, value in re.findall(r'([a-zA-Z-]+)="([^"]*)"', attributes):
            if attribute not in ("href", "rel", "class", "start", "title", "tabindex"):
                found.append(attribute)
            if attribute == "href" and not re.match(r"https?://|mailto:|/|#", value):
                found.append(value)
    return found


@pytest.mark.parametrize("text", ATTACKS)
def test_what_is_dangerous_stays_text(text: str) -> None:
    assert dangers(to_html(text, stories={"PAY-1": "/stories/PAY-1/"}, people={"ana": "<b>Ana</b>"})) == []


@given(st.text(alphabet="<>[]()!`*_#-|\"'&;:/@\n\t ajscript=xPAY1", max_size=120))
def test_nothing_that_can_be_typed_is_dangerous(text: str) -> None:
    assert dangers(to_html(text, stories={"PAY-1": "/stories/PAY-1/"}, people={"ana": "Ana"})) == []


def test_links_tell_others_nothing_and_carry_no_weight() -> None:
    assert to_html("[x](https://a.example)") == '<p><a href="https://a.example" rel="nofollow noreferrer">x</a></p>\n'


def test_keys_of_stories_that_exist_are_links_and_others_are_text() -> None:
    html = to_html("PAY-1, PAY-2 and `PAY-1` and [PAY-1](https://a.example)", stories={"PAY-1": "/stories/PAY-1/"})
    assert html.count('href="/stories/PAY-1/"') == 1
    assert "PAY-2 and <code>PAY-1</code>" in html


def test_people_that_exist_are_mentioned_and_addresses_are_not() -> None:
    html = to_html("@Ana. ana@ana.example @nobody", people={"ana": "Ana"})
    assert html == '<p><span class="mention">@Ana</span>. ana@ana.example @nobody</p>\n'


def test_a_bare_address_is_a_link_without_the_end_of_its_sentence() -> None:
    html = to_html("See https://a.example/PAY-1 (or https://a.example/b_(c)).", stories={"PAY-1": "/stories/PAY-1/"})
    assert re.findall(r'href="([^"]+)"', html) == ["https://a.example/PAY-1", "https://a.example/b_(c)"]


def test_headings_stand_below_those_of_the_page() -> None:
    assert to_html("# One\n\n## Two") == "<h3>One</h3>\n<h4>Two</h4>\n"


def test_lines_stay_lines() -> None:
    assert to_html("one\ntwo") == "<p>one<br>\ntwo</p>\n"


def test_a_text_too_long_to_parse_is_shown_as_it_is() -> None:
    html = to_html("<b>" * LONGEST)
    assert html.startswith('<pre tabindex="0">&lt;b&gt;')


def test_a_table_that_fills_itself_is_shown_as_it_was_written() -> None:
    small = "|a" * 250 + "\n" + "|-" * 250 + "\n" + "|a\n" * 260
    assert len(small) < 2000
    assert to_html(small) == f'<pre tabindex="0">{small}</pre>'
    wide = "|a" * 20 + "|\n" + "|-" * 20 + "|\n" + ("|b" * 20 + "|\n") * 100
    assert to_html(wide).count("<td>b</td>") == 2000
    assert to_html(f"{wide}\n{wide}").count("<td>b</td>") == 4000


def test_what_a_text_names_is_found() -> None:
    assert keys_in("PAY-1 pay-2 XPAY-3 APAY-4-5 (SEA-6)") == {"PAY-1", "XPAY-3", "APAY-4", "SEA-6"}
    assert people_in("@Ana, @bo.") == {"ana", "bo", "bo."}


def test_links_of_our_own_pages_lead_to_pages_and_those_to_other_files_are_words() -> None:
    text = "# Git\n\nSee [GitHub](github.md#steps), [why](../adr/0021-x.md) and [the *rules*](https://a.example/r)."
    made = document(text, {"github.md": "/sources/help/github/"})
    assert 'href="/sources/help/github/"' in made and ">GitHub</a>" in made
    assert "adr" not in made and ", why and" in made
    assert 'href="https://a.example/r"' in made and made.count("<a ") == made.count("</a>") == 2


def test_code_that_scrolls_is_reached_by_the_keyboard() -> None:
    assert '<pre tabindex="0">' in to_html("```\nx\n```")
