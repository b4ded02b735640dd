"""Finding a release by an address that it had before it was renamed."""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponsePermanentRedirect

from releases.planning.models import FormerName


class SendAgain(HttpResponsePermanentRedirect):
    """What was sent to a former address is to be sent again, to the address now."""

    status_code = 308


def moved(request: HttpRequest, slug: str) -> HttpResponsePermanentRedirect | None:
    """Return what leads from a former address to the same page of the release now; None where no release was called so."""
    former = FormerName.objects.select_related("release").filter(slug=slug).first()
    before, name, after = request.get_full_path().partition(f"/{quote(slug)}/")
    if former is None or not name:
        return None
    kind = HttpResponsePermanentRedirect if request.method in ("GET", "HEAD") else SendAgain
    return kind(f"{before}/{quote(former.release.slug)}/{after}")
