"""Importing postmortems: what becomes of a file, and that nothing in it is lost on the way."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from portal.accounts.models import User
from squads.models import Retrospective, Service, Squad
from squads.retrospective_imports.actions import import_files, left_out_words, unpacked
from squads.retrospective_imports.lost_words import words

URL = "/retrospectives/import/"
FILE = b"""# Resolver waited for itself

Date: 2021-03-04
Severity: SEV2

## Summary

All requests waited.

## Root cause

- the cache was cold
- the timeout was long

## Timeline

All times are UTC.

- 12:05 the on-call engineer was paged
- 12:50 rolled back

## Glossary

A resolver resolves.
"""


def uploaded(name: str = "PM-1.md", content: bytes = FILE) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def kept(row: Retrospective) -> set[str]:
    """Every word that can be read of a retrospective."""
    texts = [row.title, *row.sections.values_list("title", flat=True), *row.sections.values_list("text", flat=True)]
    for each in row.timeline.all():
        texts += [each.text, each.said_at, each.note]
    return {word for text in texts for word in words(text)}


def test_headings_become_sections_and_lines_with_a_time_the_timeline(as_ana: Client, payments: Squad) -> None:
    page = as_ana.post(URL, {"uploads": [uploaded()], "squad": "payments"}).content.decode()
    row = Retrospective.objects.get()
    assert "Imported 1 of 1 file." in page and "2 timeline entries" in page
    assert (row.title, row.severity, row.state, row.year) == ("Resolver waited for itself", "SEV2", "draft", 2021)
    texts = {each.title: each.text for each in row.sections.all()}
    assert texts["Summary"] == "All requests waited.\n" and texts["Root cause"].startswith("- the cache was cold")
    assert texts["Glossary"] == "A resolver resolves.\n" and "- Severity: SEV2" in texts["Details"]
    entries = [f"{each.at:%Y-%m-%d %H:%M} {each.text}" for each in row.timeline.all()]
    assert entries == ["2021-03-04 12:05 the on-call engineer was paged", "2021-03-04 12:50 rolled back"]
    assert set(words(FILE.decode())) <= kept(row)


def test_the_same_file_again_changes_nothing_and_says_so(as_ana: Client, payments: Squad) -> None:
    for _ in range(2):
        page = as_ana.post(URL, {"uploads": [uploaded()], "squad": "payments"}).content.decode()
    assert "It was imported before, so nothing changed." in page and Retrospective.objects.count() == 1


def test_one_file_that_cannot_be_read_is_named_and_the_others_go_on(as_ana: Client, payments: Squad) -> None:
    page = as_ana.post(URL, {"uploads": [uploaded("empty.md", b" "), uploaded()], "squad": "payments"}).content.decode()
    assert "Imported 1 of 2 files." in page and "The file is empty." in page


def test_files_in_an_archive_are_read_and_a_broken_archive_is_named(as_ana: Client, payments: Squad) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("old/PM-1.md", FILE)
        archive.writestr("old/picture.png", b"x")
    page = as_ana.post(URL, {"uploads": [uploaded("all.zip", packed.getvalue())], "squad": "payments"})
    assert "Imported 1 of 1 file." in page.content.decode()
    assert "Left out, because it doesn’t end in .md: old/picture.png." in page.content.decode()
    broken = as_ana.post(URL, {"uploads": [uploaded("all.zip", b"PK")], "squad": "payments"})
    assert broken.status_code == 400 and "can’t be unpacked" in broken.content.decode()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_damaged_anywhere_is_read_or_refused_with_the_reason(method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("PM-1.md", FILE * 3)
    whole = packed.getvalue()
    refused = 0
    for place in range(len(whole)):
        damaged = bytes([*whole[:place], whole[place] ^ 0xFF, *whole[place + 1 :]])
        try:
            unpacked([("all.zip", damaged)])
        except ValidationError as error:
            refused += 1
            assert "can’t be unpacked: it" in str(error) or "no Markdown file" in str(error)
    assert refused > 30


def test_an_archive_with_a_password_says_so() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("PM-1.md", FILE)
    locked = bytearray(packed.getvalue())
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ValidationError) as raised:
        unpacked([("all.zip", bytes(locked))])
    assert raised.value.messages == ["all.zip can’t be unpacked: it has a password. Choose the files themselves."]


def test_form_and_refusal_name_the_same_limit(as_ana: Client, payments: Squad, monkeypatch: Any) -> None:
    assert "50 MB in all, unpacked" in as_ana.get(URL).content.decode()
    monkeypatch.setattr("squads.retrospective_imports.forms.MOST_BYTES", 10)
    refused = as_ana.post(URL, {"uploads": [uploaded()], "squad": "payments"})
    assert refused.status_code == 400
    assert "These are over 500 files or 50 MB, counted unpacked. Import them in parts." in refused.content.decode()


def test_of_many_files_that_are_left_out_the_first_are_named_and_the_others_counted() -> None:
    assert left_out_words([]) == ""
    assert left_out_words(["a.png", "b.txt"]) == "Left out, because they don’t end in .md: a.png, b.txt."
    assert left_out_words([f"{number}.png" for number in range(25)]).endswith("19.png, and 5 more.")


def test_they_can_be_published_at_once_and_without_a_summary_the_file_says_so(payments: Squad, ana: User) -> None:
    bare = b"# Down\n\n## Impact\n\nEverybody waited.\n"
    good, bad = import_files(payments, [("a.md", FILE), ("b.md", bare)], by=ana, publish=True)
    assert good.row is not None and good.row.state == "published"
    assert bad.row is None and "Write “Summary” first" in bad.problem
    assert Retrospective.objects.count() == 1, "half of a file is no retrospective"


def test_services_are_those_named_whole(payments: Squad, ana: User, checkout: Service) -> None:
    named = FILE.replace(b"Severity: SEV2", b"Affected services: checkout, something else")
    told = FILE.replace(b"Severity: SEV2", b"Affected services: everything but checkout was slow")
    one, other = import_files(payments, [("a.md", named), ("b.md", told)], by=ana)
    assert one.row is not None and list(one.row.services.all()) == [checkout]
    assert other.row is not None and not other.row.services.exists()


def test_what_is_too_long_goes_on_elsewhere_and_no_word_is_cut(payments: Squad, ana: User) -> None:
    heading, entry = "Heading " * 30, "word " * 900
    file = (
        f"# Down\n\n## {heading}\n\nSo it was.\n\n## Timeline\n\n- 2021-03-04 12:05 {entry}\n- 9999-03-04 12:06 later\n"
    )
    (outcome,) = import_files(payments, [("a.md", file.encode())], by=ana)
    assert outcome.row is not None
    texts = [*outcome.row.sections.values_list("text", flat=True), *outcome.row.timeline.values_list("text", flat=True)]
    counted = " ".join(texts).replace("…", " ").split()
    assert counted.count("word") == 900 and counted.count("Heading") == 30
    assert "later" in kept(outcome.row) and "9999" in kept(outcome.row)


def test_a_day_without_a_time_is_shown_as_a_day(as_ana: Client, payments: Squad, ana: User) -> None:
    (outcome,) = import_files(payments, [("a.md", b"# Down\n\nDate: 2021-03-04\n\n## Summary\n\nDown.\n")], by=ana)
    assert outcome.row is not None
    page = as_ana.get(outcome.row.get_absolute_url()).content.decode()
    assert "2021-03-04</time>" in page and "2021-03-04 00:00" not in page


def test_somebody_of_another_squad_imports_nothing_for_this_one(as_bo: Client, payments: Squad) -> None:
    assert as_bo.post(URL, {"uploads": [uploaded()], "squad": "payments"}).status_code == 400
    assert not Retrospective.objects.exists()


def test_a_folder_is_imported_by_a_command(
    payments: Squad, ana: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "PM-1.md").write_bytes(FILE)
    (tmp_path / "picture.png").write_bytes(b"x")
    call_command("import_retrospectives", str(tmp_path), squad="payments", by="ana", publish=True)
    said = capsys.readouterr().out
    assert "1 of 1 files imported." in said and "end in .md: picture.png." in said
    assert Retrospective.objects.get().state == "published"


def test_of_real_postmortems_no_word_is_lost_in_the_database(payments: Squad, ana: User, real_data: Path) -> None:
    paths = sorted((real_data / "postmortems").rglob("*.md"))
    outcomes = import_files(payments, [(path.name, path.read_bytes()) for path in paths], by=ana)
    lost = {}
    for path, outcome in zip(paths, outcomes, strict=True):
        assert outcome.row is not None, f"{path.name}: {outcome.problem}"
        missing = set(words(path.read_text(encoding="utf-8-sig"))) - kept(outcome.row)
        # The number of an item in a numbered list is its place.
        if missing := {word for word in missing if not word.isdecimal()}:
            lost[path.name] = missing
    assert lost == {} and len(paths) >= 39
