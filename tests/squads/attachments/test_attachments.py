"""Files on stories: attached, opened, removed, and never run by anybody's browser."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from squads.attachments import actions
from squads.models import Attachment, AttachmentBody, Squad, Story
from squads.stories.actions import create_story

PAGE, API = "/stories/PAY-1/", "/api/v1/stories/PAY-1/attachments/"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


def send(client: Client, *files: tuple[str, bytes]) -> Any:
    return client.post(f"{PAGE}attachments/", {"files": [SimpleUploadedFile(name, body) for name, body in files]})


def shown(client: Client, url: str = PAGE) -> str:
    return str(client.get(url).content.decode())


def opened(client: Client, name: str) -> Any:
    return client.get(f"{PAGE}attachments/{Attachment.objects.get(name=name).pk}/")


def test_files_are_attached_listed_and_in_the_history(as_ana: Client, story: Story) -> None:
    answer = send(as_ana, ("screen.png", PNG), ("log.txt", b"It failed."))
    assert answer["Location"] == f"{PAGE}#story-attachments"
    page = shown(as_ana)
    assert "screen.png" in page and "<img" in page and "log.txt" in page
    assert "added to files: log.txt" in shown(as_ana, f"{PAGE}history/")


def test_an_image_is_shown_and_anything_else_is_saved(as_ana: Client, story: Story) -> None:
    send(as_ana, ("screen.png", PNG), ("log.txt", b"It failed."))
    image, text = opened(as_ana, "screen.png"), opened(as_ana, "log.txt")
    assert image.content == PNG and image["Content-Type"] == "image/png"
    assert image["Content-Disposition"].startswith("inline")
    assert text.content == b"It failed." and text["Content-Type"] == "application/octet-stream"
    assert text["Content-Disposition"] == 'attachment; filename="log.txt"'


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("x.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("x.html", b"<script>alert(1)</script>"),
        ("x.png", b"<script>alert(1)</script>"),
        ("x.pdf", b"%PDF-1.7"),
        ("x.js", b"alert(1)"),
    ],
)
def test_what_might_run_is_never_opened_by_a_browser(as_ana: Client, story: Story, name: str, body: bytes) -> None:
    send(as_ana, (name, body))
    answer = opened(as_ana, name)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "<img" not in shown(as_ana)


def test_no_browser_guesses_a_type_or_runs_what_a_file_holds(as_ana: Client, story: Story) -> None:
    send(as_ana, ("screen.png", PNG))
    answer = opened(as_ana, "screen.png")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "private" in answer["Cache-Control"]


def test_whoever_may_not_read_the_story_may_not_read_its_files(
    client: Client, as_ria: Client, as_ana: Client, story: Story
) -> None:
    send(as_ana, ("log.txt", b"It failed."))
    assert opened(as_ria, "log.txt").status_code == 200
    assert opened(client, "log.txt").status_code == 302


def test_a_file_of_one_story_is_not_found_under_another(as_ana: Client, story: Story, ana: User) -> None:
    send(as_ana, ("log.txt", b"It failed."))
    create_story(story.squad, by=ana, title="Coupons")
    assert as_ana.get(f"/stories/PAY-2/attachments/{Attachment.objects.get().pk}/").status_code == 404


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (("empty.txt", b""), "“empty.txt” is empty. Choose another file."),
        (("big.bin", b"x" * (10 * 1024 * 1024 + 1)), "“big.bin” is over 10 MB."),
    ],
    ids=["empty", "big"],
)
def test_what_cannot_be_attached_is_named_and_the_others_are(
    as_ana: Client, story: Story, file: tuple[str, bytes], said: str
) -> None:
    answer = send(as_ana, file, ("log.txt", b"It failed."))
    assert answer.status_code == 400 and said in answer.content.decode()
    assert [each.name for each in story.attachments.all()] == ["log.txt"]


def test_choosing_no_file_is_told(as_ana: Client, story: Story) -> None:
    answer = as_ana.post(f"{PAGE}attachments/")
    assert answer.status_code == 400 and "Choose a file." in answer.content.decode()


def test_a_story_holds_so_many_files_and_bytes_at_most(
    as_ana: Client, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_FILES", 2)
    assert send(as_ana, ("a", b"1"), ("b", b"2")).status_code == 302
    assert "PAY-1 has 2 files, which is the most. Remove one first." in send(as_ana, ("c", b"3")).content.decode()
    monkeypatch.setattr(actions, "MOST_FILES", 9)
    monkeypatch.setattr(actions, "MOST_MEGABYTES_OF_A_STORY", 0)
    assert "A story’s files can have 0 MB in total." in send(as_ana, ("c", b"3")).content.decode()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("…", "…"),
        ("x" * 300 + ".png", "x" * 116 + ".png"),
    ],
)
def test_a_name_is_kept_without_what_may_mislead(story: Story, ana: User, sent: str, kept: str) -> None:
    upload = SimpleUploadedFile("x", b"1")
    upload._name = sent.rpartition("/")[2]  # type: ignore[attr-defined]
    assert actions.attach(story, upload, by=ana).name == kept


def test_a_removed_file_is_gone_and_the_history_goes_on_naming_it(as_ana: Client, story: Story) -> None:
    send(as_ana, ("log.txt", b"It failed."))
    pk = Attachment.objects.get().pk
    as_ana.post(f"{PAGE}attachments/{pk}/remove/")
    assert not AttachmentBody.objects.exists()
    assert as_ana.get(f"{PAGE}attachments/{pk}/").status_code == 404
    assert "removed from files: log.txt" in shown(as_ana, f"{PAGE}history/")


def test_listing_files_asks_as_much_however_many_there_are_and_reads_none(
    as_ana: Client, story: Story, ana: User
) -> None:
    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            shown(as_ana)
        return [query["sql"] for query in queries]

    send(as_ana, ("a", b"1"))
    few = asked()
    for number in range(10):
        actions.attach(story, SimpleUploadedFile(f"f{number}", b"1"), by=ana)
    many = asked()
    assert len(many) == len(few)
    assert not [sql for sql in many if "attachmentbody" in sql]


# Over the API


def test_the_api_attaches_lists_reads_and_removes(as_ana: Client, as_bo: Client, story: Story) -> None:
    answer = as_ana.post(API, {"file": SimpleUploadedFile("log.txt", b"It failed.")})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["kind"], made["size"], made["by"]) == ("log.txt", "file", 10, "ana")
    assert [each["id"] for each in as_bo.get(API).json()["results"]] == [made["id"]]
    content = as_bo.get(made["url"])
    assert content.content == b"It failed." and content["X-Content-Type-Options"] == "nosniff"
    assert as_bo.delete(f"{API}{made['id']}/").status_code == 403
    assert as_ana.delete(f"{API}{made['id']}/").status_code == 204
    assert as_ana.get(made["url"]).status_code == 404


def test_the_api_says_what_is_wrong_with_a_file(as_ana: Client, story: Story) -> None:
    answer = as_ana.post(API, {"file": SimpleUploadedFile("log.txt", b"")})
    assert answer.status_code == 400
    assert answer.json()["errors"][0] == {
        "code": "invalid",
        "detail": "“log.txt” is empty. Choose another file.",
        "attr": "file",
    }


# Mentions


def test_people_are_offered_by_the_beginning_of_their_names(as_ana: Client, ana: User, bo: User) -> None:
    User.objects.create_user("zoe", first_name="Anna", last_name="Olsen")
    User.objects.create_user("gone", first_name="Anton", is_active=False)
    page = as_ana.get("/people/suggestions/?q=AN").content.decode()
    assert 'data-value="ana"' in page and 'data-value="zoe"' in page
    assert "gone" not in page and 'data-value="bo"' not in page


def test_the_comment_field_says_where_people_are_found(as_ana: Client, story: Story) -> None:
    assert 'data-mentions="/people/suggestions/"' in shown(as_ana)
