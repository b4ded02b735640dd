"""The form of an import."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.kernel.actors import Anyone
from squads.retrospective_imports.actions import MOST_BYTES, MOST_FILES, TOO_MUCH
from squads.teams.models import Squad

LIMITS = (
    f"Files that end in .md, or a .zip of them. At most {MOST_FILES} files of 1 MB each, and "
    f"{MOST_BYTES // 1024 // 1024} MB in all, unpacked."
)


class FilesInput(forms.ClearableFileInput):
    """Several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, as (name, content)."""

    widget = FilesInput(attrs={"accept": ".md,.markdown,.zip"})

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(each, initial) for each in files if each is not None] or super().clean(
            None
        )


class ImportForm(forms.Form):
    """Which files, for which squad."""

    uploads = FilesField(label="Markdown files", help_text=LIMITS)
    squad = forms.ModelChoiceField(Squad.objects.none(), to_field_name="slug", empty_label=None)
    publish = forms.BooleanField(
        required=False,
        label="Publish them at once",
        help_text="Otherwise they’re drafts that you read first.",
    )

    def clean_uploads(self) -> Any:
        uploads = self.cleaned_data["uploads"]
        if sum(each.size for each in uploads) > MOST_BYTES:
            raise ValidationError(TOO_MUCH)
        return uploads

    def __init__(self, *args: Any, user: Anyone, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["squad"].queryset = Squad.objects.writable_by(user).order_by("name")  # type: ignore[attr-defined]
