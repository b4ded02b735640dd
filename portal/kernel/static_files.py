"""The pages' styles and scripts as browsers get them: styles in one file, and every script by a name that tells its contents."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

# As our own style sheet names its parts; anything else is left to the browser.
PART = re.compile(r'^@import url\("(?P<name>[\w./-]+\.css)"\) layer\((?P<layer>[\w.-]+)\);$', re.MULTILINE)


class WithParts(Storage):
    """Another storage, whose style sheets have their parts in them instead of naming them."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage

    def open(self, name: str, mode: str = "rb") -> Any:
        """Return a style sheet as one file."""
        folder = name.rpartition("/")[0]

        def part(found: re.Match[str]) -> str:
            text = self._text(f"{folder}/{found['name']}" if folder else found["name"])
            return f"@layer {found['layer']} {{\n{text}}}\n"

        return ContentFile(PART.sub(part, self._text(name)).encode(), name=name)

    def _text(self, name: str) -> str:
        with self.storage.open(name) as file:
            return str(file.read().decode())


class BundledStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Static files under names that tell their contents, so that browsers keep them for good.

    A style sheet that consists of parts becomes one file: a browser would find each only after reading the first. Scripts
    import one another by these names too, so that a page never runs one of today with one of yesterday.
    """

    # Django does so for all scripts or none, and those of packages name files that they come without.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("portal/js/*.js", CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1]),
    )

    def post_process(
        self, paths: dict[str, tuple[Any, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, Any, Any]]:
        """Put the parts into the style sheets, then do what the storage does with all files."""
        bundled = {
            path: (WithParts(storage), name) if path.endswith(".css") else (storage, name)
            for path, (storage, name) in paths.items()
        }
        yield from super().post_process(bundled, dry_run=dry_run, **options)
