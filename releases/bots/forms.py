"""The form that says who is a bot."""

from django import forms


class BotForm(forms.Form):
    """Says that somebody is a bot, or is none."""

    name = forms.CharField(
        max_length=200,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="A name, login or e-mail address, as in commits and pull requests. * matches anything: *@ci.example.org.",
    )
    is_bot = forms.TypedChoiceField(
        label="Is",
        choices=[("yes", "a bot"), ("no", "a person")],
        coerce=lambda value: value == "yes",
    )
