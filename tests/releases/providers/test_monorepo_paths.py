"""Which services a change belongs to, by the folders it touches."""

import pytest

from releases.providers.monorepo_paths import depth_of, folders_of, services_of

PARTS = {"services/pay": "pay", "services/pay/cards": "cards", "web": "web"}


@pytest.mark.parametrize(
    ("paths", "services"),
    [
        ([], ["shop"]),
        (["README.md"], ["shop"]),
        (["web"], ["web"]),
        (["web/a.css", "services/pay/x"], ["pay", "web"]),
        (["services/pay/cards/x"], ["cards"]),
        (["services/payroll/x", "website"], ["shop"]),
        (["README.md", "web/x"], ["shop", "web"]),
    ],
)
def test_the_innermost_folder_decides_and_the_rest_is_the_repositorys_own(
    paths: list[str], services: list[str]
) -> None:
    assert services_of(paths, PARTS, "shop") == services


def test_paths_are_cut_to_the_depth_that_parts_need() -> None:
    assert depth_of(PARTS) == 3 and depth_of([]) == 0
    assert folders_of(["services/pay/cards/a/b", "web/x", "README"], tuple(PARTS)) == (
        "README",
        "services/pay/cards",
        "web/x",
    )


def test_of_too_many_folders_those_of_parts_stay() -> None:
    paths = [f"docs/{number:04}" for number in range(500)] + ["web/a/b"]
    kept = folders_of(paths, ["web/a"], most=200)
    assert len(kept) == 200 and "web/a" in kept
