"""How blocks are found in a document, so that none is overlooked."""

from pathlib import Path

from tests.documents.blocks import blocks


def test_every_indented_block_is_found_with_what_it_is_for(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(
        "# Top\n\nCreate `/etc/x` like this:\n\n    one\n\n    two\n\nAdd to `/etc/x`\nthis:\n\n    three\n\n## Next\n\n"
        "- a list\n    that continues\n\nThen run it in `/srv`:\n\n    make run\n"
    )
    found = blocks(document)
    assert [(each.section, each.file, each.adds, each.text, each.line) for each in found] == [
        ("Top", "/etc/x", False, "one\n\ntwo\n", 5),
        ("Top", "/etc/x", True, "three\n", 12),
        ("Next", "", False, "make run\n", 21),
    ]
