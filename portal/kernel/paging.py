"""Lists come in pages, on every door."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from rest_framework.pagination import PageNumberPagination

PER_PAGE = 50


class Bounded(Paginator):
    """Pages of the first `most` rows: counting a hundred thousand of them takes longer than showing fifty."""

    def __init__(self, rows: Any, per_page: int, most: int) -> None:
        self.most = most
        super().__init__(rows, per_page)

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        return int(rows[: self.most + 1].count())

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many rows there are to page through."""
        return min(self._found, self.most)

    @property
    def more(self) -> bool:
        """Whether there are more rows than that."""
        return self._found > self.most


def page_of(request: HttpRequest, rows: Any, per_page: int = PER_PAGE, most: int | None = None) -> Page:
    """Return the page of `rows` that ?page= asks for; a page that does not exist becomes the nearest one that does.

    With `most`, only so many rows are counted and paged through, and the paginator says whether there are `more`.
    """
    pages = Bounded(rows, per_page, most) if most else Paginator(rows, per_page)
    return pages.get_page(request.GET.get("page"))


class ApiPages(PageNumberPagination):
    """?page= and ?page_size= (1 to 200)."""

    page_size = PER_PAGE
    page_size_query_param = "page_size"
    max_page_size = 200
