"""The pages' styles and scripts as browsers get them: each style sheet and each script in one file, with all it consists of.

In the source they are many small files that name one another, which a browser finds one after the other.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

# What is bundled is ours, and says so in these forms only; packages' files stay as they are.
OURS = ("portal/css/", "portal/js/")
STYLE = re.compile(r'^@import url\("(?P<name>[\w./-]+\.css)"\) layer\((?P<layer>[\w.-]+)\);$', re.MULTILINE)
IMPORT = re.compile(r'^import \{ (?P<names>[\w, ]+) \} from "\./(?P<module>[\w-]+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (?P<name>\w+))", re.MULTILINE)
# A name inside a script does not tell its contents: the page names what is loaded later.
LATER = re.compile(r"""\bimport\(["'`].*""")
LEFT = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


class Bundles(Storage):
    """Another storage, whose style sheets and scripts have their parts in them instead of naming them."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage

    def open(self, name: str, mode: str = "rb") -> Any:
        """Return a style sheet or script as one file."""
        text = self._styles(name) if name.endswith(".css") else self._script(name)
        return ContentFile(text.encode(), name=name)

    def _text(self, name: str) -> str:
        with self.storage.open(name) as file:
            return str(file.read().decode())

    def _styles(self, name: str) -> str:
        def part(found: re.Match[str]) -> str:
            return f"@layer {found['layer']} {{\n{self._text(_beside(name, found['name']))}}}\n"

        return STYLE.sub(part, self._text(name))

    def _script(self, name: str) -> str:
        modules: dict[str, str] = {}
        text = self._module(name, modules, ())
        return "\n".join([*modules.values(), text]) if modules else self._text(name)

    def _module(self, name: str, modules: dict[str, str], way: tuple[str, ...]) -> str:
        """Return a script whose imports are constants; what makes these is added to `modules`, each module once.

        Nothing we export ever changes, so a constant says the same as an import.
        """
        if name in way:
            raise ImproperlyConfigured(f"Scripts import each other in a circle: {', '.join((*way, name))}.")

        def constants(found: re.Match[str]) -> str:
            other = _beside(name, f"{found['module']}.js")
            if other not in modules:
                body = self._module(other, modules, (*way, name))
                said = ", ".join(each["name"] for each in EXPORT.finditer(body))
                modules[other] = (
                    f"const {_variable(found['module'])} = (() => {{\n{EXPORT.sub('', body)}\nreturn {{ {said} }};\n}})();"
                )
            return f"const {{ {found['names']} }} = {_variable(found['module'])};"

        text = IMPORT.sub(constants, self._text(name))
        if later := LATER.search(text):
            raise ImproperlyConfigured(f"{name} cannot be bundled: have the page name the script in “{later[0]}”.")
        for line in LEFT.finditer(EXPORT.sub("", text)):
            raise ImproperlyConfigured(f"{name} cannot be bundled: write “{line[0]}” as the other scripts do.")
        return text


def _beside(name: str, other: str) -> str:
    folder, slash, _ = name.rpartition("/")
    return f"{folder}{slash}{other}"


def _variable(module: str) -> str:
    return "module_" + module.replace("-", "_")


class BundledStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Static files under names that tell their contents, so that browsers keep them for good; ours bundled."""

    def post_process(
        self, paths: dict[str, tuple[Any, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, Any, Any]]:
        """Bundle ours, then do what the storage does with all files."""
        bundled = {
            path: (Bundles(storage), name) if path.startswith(OURS) else (storage, name)
            for path, (storage, name) in paths.items()
        }
        yield from super().post_process(bundled, dry_run=dry_run, **options)
