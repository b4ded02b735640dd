"""The pages of administrators: who may come in, what was done, and how the portal is."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts import access
from portal.administration import actions, queries
from portal.administration.forms import AccessForm, AuditFilter
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.models import Mail
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators
from portal.kernel.transitions import AlreadyMoved
from portal.ops import health

MOST_ENTRIES = 10_000
# Which mail is one's own test, in the session.
TEST_MAIL = "test_mail"


@administrators
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Where administration begins."""
    return redirect("people:list")


@administrators
@require_http_methods(["GET", "HEAD", "POST"])
def access_page(request: HttpRequest) -> HttpResponse:
    """Who may create squads and invite people, and from which mail domains."""
    rules = access.access_rules()
    saved = {
        "founders": rules.founders,
        "inviters": rules.inviters,
        "domains": ", ".join(rules.domains),
        "version": rules.version,
    }
    form = AccessForm(request.POST or None, initial=saved)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                access.change_rules(by=actor_of(request), **form.cleaned_data)
            except AlreadyMoved:
                form.add_error(
                    None, "Someone else changed these rules meanwhile. Reload the page, then change them again."
                )
                status = 409
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, "Saved.")
                return redirect("administration:access")
    context = {
        "form": form,
        "provider_domains": settings.RODEO_OIDC_DOMAINS,
        "named": rules.domains,
    }
    return render(request, "portal/administration/access.html", context, status=status)


@administrators
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    """What administrators, project managers and leads did."""
    form = AuditFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    page = page_of(request, queries.audit_entries(**wanted), most=MOST_ENTRIES)
    context = {"form": form, "page": page, "filtered": any(wanted.values())}
    return render(request, "portal/administration/audit.html", context, status=200 if form.is_valid() else 400)


@administrators
@require_safe
def system(request: HttpRequest) -> HttpResponse:
    """How the portal is: every part, in words, with the remedy."""
    context = {
        "checks": health.look(),
        "test": Mail.objects.filter(pk=int(request.session.get(TEST_MAIL, 0))).first(),
    }
    return render(request, "portal/administration/system.html", context)


@administrators
@require_POST
def test_mail(request: HttpRequest) -> HttpResponse:
    """Send a mail to whoever asks, to see whether mail works."""
    try:
        mail = actions.send_test_mail(by=actor_of(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        request.session[TEST_MAIL] = mail.pk
    return redirect(f"{reverse('administration:system')}#mail")
