"""A service that is merged into another brings what was said of it, once."""

from django.test import Client

from portal.accounts.models import User
from releases.contents.models import DeployOrder, ReleaseContent
from releases.planning.models import Release
from squads.models import Service, Squad


def test_what_was_chosen_of_both_is_kept_for_the_one_that_goes_on(
    payments: Squad, search: Squad, checkout: Service, as_pam: Client, pam: User
) -> None:
    twin = Service.objects.create(name="CHECKOUT", slug="checkout-2", discovered=True)
    index = Service.objects.create(name="index", slug="index", squad=search)
    release, other = (Release.objects.create(version=each, slug=each) for each in ("1", "2"))
    for each, of in ((release, checkout), (release, twin), (other, twin)):
        ReleaseContent.objects.create(release=each, service=of, configuration=of.name, by=pam)
    for first, then in ((index, checkout), (index, twin), (twin, checkout)):
        DeployOrder.objects.create(first=first, then=then)
    said = {"kind": "service", "name": "CHECKOUT", "into": "checkout"}
    answer = as_pam.post("/api/v1/mergers/", said, content_type="application/json")
    assert answer.status_code < 300, answer.content
    kept = ReleaseContent.objects.order_by("release__version").values_list("service", "configuration")
    assert list(kept) == [(checkout.pk, "checkout"), (checkout.pk, "CHECKOUT")]
    assert list(DeployOrder.objects.values_list("first", "then")) == [(index.pk, checkout.pk)]
