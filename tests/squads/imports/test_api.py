"""Bringing work in through the API."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.accounts.models import User
from portal.kernel.outbox import deliver
from squads.models import Import, Squad, Story

URL = "/api/v1/squads/payments/imports/"


def bring(client: Client, body: str, **also: str) -> Any:
    return client.post(URL, {"file": SimpleUploadedFile("x.csv", body.encode()), **also})


def one(client: Client) -> int:
    """Bring a file with one good row."""
    return int(bring(client, "Title\nOne\n").json()["id"])


def send(client: Client, url: str, data: dict[str, Any], method: str = "post") -> Any:
    return getattr(client, method)(url, data, content_type="application/json")


def test_a_file_is_brought_looked_at_and_imported(as_ana: Client, payments: Squad) -> None:
    answer = bring(as_ana, "Key,Title,Type\n1,One,Bug\n2,,Bug\n3,Three,Saga\n")
    assert answer.status_code == 201
    said = answer.json()
    assert (said["kind"], said["state"], said["columns"]) == (
        "csv",
        "preview",
        {"key": "Key", "title": "Title", "type": "Type"},
    )
    assert said["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "refused": 2, "left_out": 0}
    assert said["problems"][0] == {
        "place": "line 3",
        "column": "Title",
        "reason": "There is no title.",
        "remedy": "Add one, or choose another title column.",
    }
    assert said["types"] == {"Bug": "defect", "Saga": ""}
    url = f"{URL}{said['id']}/"
    changed = send(as_ana, url, {"types": {"Saga": "chore"}}, "patch").json()
    assert changed["counts"]["created"] == 2
    refused = send(as_ana, f"{url}run/", {})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["attr"] == "leave_out"
    assert Story.objects.count() == 0
    done = send(as_ana, f"{url}run/", {"leave_out": True})
    assert done.status_code == 200
    assert (done.json()["state"], done.json()["first"], done.json()["last"]) == ("done", "PAY-1", "PAY-2")
    assert send(as_ana, f"{url}run/", {"leave_out": True}).status_code == 409
    assert as_ana.get(url).json()["counts"]["refused"] == 1
    assert as_ana.get(URL).json()["results"][0]["name"] == "x.csv"
    assert Story.objects.count() == 2


def test_another_squad_is_refused_everywhere(as_ana: Client, as_bo: Client, client: Client) -> None:
    url = f"{URL}{one(as_ana)}/"
    answers = [
        as_bo.get(URL),
        bring(as_bo, "Title\nx\n"),
        as_bo.get(url),
        send(as_bo, url, {}, "patch"),
        send(as_bo, f"{url}run/", {}),
        as_bo.delete(url),
    ]
    assert [answer.status_code for answer in answers] == [403] * 6
    assert "Only members of Payments can change its imports." in answers[0].json()["errors"][0]["detail"]
    assert client.get(URL).status_code == 401
    assert (Import.objects.count(), Story.objects.count()) == (1, 0)


def test_a_file_of_one_squad_is_not_found_in_another(as_root: Client, payments: Squad, search: Squad) -> None:
    url = f"{URL}{one(as_root)}/"
    assert as_root.get(url).status_code == 200
    assert as_root.get(url.replace("payments", "search")).status_code == 404


@pytest.mark.parametrize(
    ("data", "attr"),
    [
        ({"columns": {"title": "Nowhere"}}, "columns"),
        ({"columns": {"squad": "Title"}}, "columns.squad"),
        ({"statuses": {"Open": "deployed"}}, "statuses.Open"),
        ({"kind": "trello"}, "kind"),
        ({"kind": "nonsense"}, "kind"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_by_its_field(as_ana: Client, data: dict[str, Any], attr: str) -> None:
    url = f"{URL}{one(as_ana)}/"
    answer = send(as_ana, url, data, "patch")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(as_ana: Client, ana: User) -> None:
    answer = bring(as_ana, "Title\na\0b\n")
    assert answer.status_code == 400
    assert "Line 2 contains a NUL character" in answer.json()["errors"][0]["detail"]
    large = as_ana.post(URL, {"file": SimpleUploadedFile("x.csv", b"T\n" + b"x" * (20 * 1024 * 1024))})
    assert large.status_code == 413
    assert "20 MB is the most" in large.json()["errors"][0]["detail"]
    assert as_ana.post(URL, {}).json()["errors"][0]["attr"] == "file"


def test_a_file_can_be_discarded_until_it_was_imported(as_ana: Client) -> None:
    url = f"{URL}{one(as_ana)}/"
    assert as_ana.delete(url).status_code == 204
    url = f"{URL}{one(as_ana)}/"
    send(as_ana, f"{url}run/", {})
    assert as_ana.delete(url).status_code == 409
    assert as_ana.get(f"{URL}999999999999999999/").status_code == 404


def test_what_an_import_changed_is_found_by_its_new_words(as_ana: Client, payments: Squad) -> None:
    for title in ("One saddle", "Two stirrups"):
        pk = bring(as_ana, f"Key,Title\nA-1,{title}\n").json()["id"]
        assert send(as_ana, f"{URL}{pk}/run/", {}).status_code == 200
        while deliver():
            pass
    assert "PAY-1" in as_ana.get("/search/?q=stirrups").content.decode()
    assert "PAY-1" not in as_ana.get("/search/?q=saddle").content.decode()
