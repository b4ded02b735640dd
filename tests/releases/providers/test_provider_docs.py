"""The documentation of every provider is there and says what the code does."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from releases.providers import PROVIDERS
from releases.providers.status_docs import NoMarkers, docs_page, with_tables
from releases.providers.status_tables import Meaning, StatusTable

FOLDER = Path(settings.BASE_DIR) / "docs" / "providers"


@pytest.mark.parametrize("kind", PROVIDERS)
def test_every_provider_has_a_page_in_the_index_and_its_tables_are_current(kind: str) -> None:
    provider = PROVIDERS[kind]
    page = docs_page(FOLDER, provider)
    assert page.exists(), f"write docs/providers/{page.name}"
    assert f"]({page.name})" in (FOLDER / "README.md").read_text(), f"name {page.name} in docs/providers/README.md"
    if provider.tables:
        text = page.read_text()
        assert text == with_tables(text, provider.tables), "run manage.py provider_docs"


def test_the_command_says_so() -> None:
    call_command("provider_docs", "--check")


def test_words_that_mean_the_same_share_a_line_and_odd_ones_break_nothing() -> None:
    table = StatusTable(
        "States",
        "state",
        {
            "ok": Meaning("finished", "success"),
            "a|b": Meaning("finished", "success"),
            "": Meaning("queued", "", "not begun"),
        },
    )
    page = with_tables("# X\n<!-- tables -->old<!-- /tables -->\nend\n", [table])
    assert "| `ok`, `a\\|b` | finished | success |  |" in page
    assert "| (empty) | queued | none yet | not begun |" in page
    assert "| anything else | finished | unknown | not guessed |" in page
    assert "old" not in page and page.endswith("<!-- /tables -->\nend\n")
    assert with_tables(page, [table]) == page


def test_a_page_without_markers_is_told_what_to_add() -> None:
    with pytest.raises(NoMarkers, match="Add a line"):
        with_tables("# X\n", [])
