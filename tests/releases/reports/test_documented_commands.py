"""Every curl line in the documentation does what the documentation says."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from releases.inbox.models import InboundEvent, Source
from tests.releases.conftest import TOKEN

ROOT = Path(__file__).resolve().parents[3]
JUNIT = ROOT / "tests/releases/providers/report/fixtures/junit__mixed.xml"
RODEO = "http://testserver"
WORDS = {"$RODEO": RODEO, "$TOKEN": TOKEN, "$ADMIN": "root:root-password"}


def commands(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/providers" / page).read_text(), re.S)
    found = [command for block in blocks for command in re.split(r"^(?=curl )", block, flags=re.M) if command.strip()]
    for name, value in WORDS.items():
        found = [command.replace(name, value) for command in found]
    return found


def curl(client: Client, command: str) -> HttpResponse:
    """Do what curl does with the few options the documentation uses."""
    words = shlex.split(command)
    assert words.pop(0) == "curl"
    headers: dict[str, str] = {}
    form: dict[str, Any] = {}
    body, address = b"", ""
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(":")
            headers[name] = value.strip()
        elif word == "-d":
            body = words.pop(0).encode()
        elif word == "--data-binary":
            assert words.pop(0) == "@junit.xml"
            body = JUNIT.read_bytes()
        elif word == "-F":
            name, _, value = words.pop(0).partition("=")
            form[name] = SimpleUploadedFile("junit.xml", JUNIT.read_bytes()) if value == "@junit.xml" else value
        elif word == "-u":
            name = words.pop(0).partition(":")[0]
            client.force_login(User.objects.get(username=name))
        else:
            assert not word.startswith("-"), f"teach this test what {word} means"
            address = word
    assert address.startswith(RODEO)
    if form:
        return client.post(address.removeprefix(RODEO), form, headers=headers)  # type: ignore[return-value]
    kind = headers.pop("Content-Type")
    return client.post(address.removeprefix(RODEO), body, content_type=kind, headers=headers)  # type: ignore[return-value]


@pytest.mark.parametrize("command", [*commands("scripts.md"), *commands("cdevents.md")])
def test_the_command_works(
    client: Client, root: User, ci: Source, scripts: Source, drained: Callable[[], int], command: str
) -> None:
    wanted = 201 if "/sources/" in command else 202
    assert curl(client, command).status_code == wanted
    drained()
    assert set(InboundEvent.objects.values_list("state", flat=True)) <= {"processed"}
