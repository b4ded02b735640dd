"""Forms of imports. The verbs in actions.py validate and save what they hold."""

from typing import Any

from django import forms
from django.http import QueryDict

from portal.kernel.text_input import plain
from squads.imports import formats
from squads.imports.formats.raw import MEGABYTES
from squads.imports.queries import FIELDS


class UploadForm(forms.Form):
    """The file, and where it comes from."""

    file = forms.FileField(
        help_text=f"Up to {MEGABYTES} MB. You’ll see a preview before anything is imported.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty. Export it again."},
    )
    kind = forms.ChoiceField(label="Format", required=False, choices=[("", "detect"), *formats.KINDS.items()])

    def clean_file(self) -> Any:
        """Refuse a file that is too large before it is read."""
        file = self.cleaned_data["file"]
        try:
            formats.check_size(file.size)
        except formats.Refused as refused:
            raise forms.ValidationError(str(refused)) from None
        return file


def mapping_of(post: QueryDict) -> dict[str, Any]:
    """Return the mapping of the preview's form: columns by our fields, the meanings of types and statuses, and the rest."""

    def chosen(prefix: str) -> dict[str, str]:
        return {name.removeprefix(prefix): plain(str(post[name])) for name in post if name.startswith(prefix)}

    columns = {name: header for name, header in chosen("column-").items() if name in FIELDS}
    return {
        "columns": columns or None,
        "types": chosen("type-"),
        "statuses": chosen("status-"),
        "plan_releases": "plan_releases" in post,
        "milestones": "milestones" in post,
        **{name: plain(str(post.get(name, ""))) for name in ("dates", "zone", "line")},
    }
