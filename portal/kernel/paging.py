"""Lists come in pages, on every door."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from portal.kernel import keyset

PER_PAGE = 50
Row = TypeVar("Row")
NOT_BOTH = "Use either a page number or a place, not both. Some lists only have page numbers."
NO_PLACE = "Unknown place in this list. Use the links next and previous, with the same filters."
COUNTED = "The total. Only on the first page; null if counting would take too long."


class Bounded(Paginator):
    """Pages of the first `most` rows: counting a hundred thousand of them takes longer than showing fifty."""

    def __init__(self, rows: Any, per_page: int, most: int) -> None:
        self.most = most
        super().__init__(rows, per_page)

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        # Whichever they are: in order, the database would sort all of them first.
        return rows.order_by()[: self.most + 1].count()

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


class Newest(list[Row]):
    """The newest rows of a list that isn't paged, and how many it has in `total`."""

    def __init__(self, rows: Iterable[Row], total: int) -> None:
        super().__init__(rows)
        self.total = total

    @property
    def cut(self) -> str:
        """Say how much is shown, "The newest 50 of 73."; "" if it is all."""
        return f"The newest {len(self):,} of {self.total:,}." if self.total > len(self) else ""


def newest(rows: "QuerySet[Any, Row]", most: int) -> Newest[Row]:
    """Return the first `most` of rows that are ordered by newest first. They are only counted if there are more."""
    found = list(rows[: most + 1])
    return Newest(found[:most], rows.count() if len(found) > most else len(found))


class ApiPages(PageNumberPagination):
    """Pages by place: `next` and `previous` lead on from where a page ended, so that nothing comes twice or is passed over
    when rows are added meanwhile (docs/adr/0015). ?page_size= says how many (1 to 200).

    ?page= asks for a page by number, for those who wish to jump; lists that have no order of their own have only these.
    """

    page_size = PER_PAGE
    page_size_query_param = "page_size"
    invalid_page_message = "There’s no page {page_number} in this list."
    max_page_size = 200
    place_query_param = "cursor"
    # More rows than this are not counted, where counting them would take longer than showing them.
    most_counted: int | None = None
    # Whether somebody may jump to a page far behind, which the database reaches by reading all before it.
    by_number = True

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the rows of the page that the request asks for."""
        self.request: Request = request
        self._check_size(request.query_params.get(self.page_size_query_param))
        self.places: list[keyset.Column] = []
        found = keyset.ordered(queryset) if isinstance(queryset, QuerySet) else None
        if found is None or self.page_query_param in request.query_params:
            if self.place_query_param in request.query_params:
                raise ValidationError({self.place_query_param: NOT_BOTH})
            return super().paginate_queryset(queryset, request, view=view)
        rows, self.places = found
        size = self.get_page_size(request) or PER_PAGE
        asked = request.query_params.get(self.place_query_param, "")
        self.counted = None if asked else self._count(queryset)
        self.begun = bool(asked)
        return self._page(rows, asked, size)

    def _check_size(self, asked: str | None) -> None:
        """Refuse what is no number. One that is too large means as many as there can be."""
        if asked is not None and not (asked.isascii() and asked.isdigit() and len(asked) < 20 and int(asked)):
            raise ValidationError({self.page_size_query_param: f"Write a number from 1 to {self.max_page_size}."})

    def _page(self, rows: Any, asked: str, size: int) -> list[Any]:
        columns, backwards = self.places, False
        if asked:
            try:
                values, backwards = keyset.place_named(asked, columns)
            except keyset.NotAPlace:
                raise ValidationError({self.place_query_param: NO_PLACE}) from None
            read = [column.turned() for column in columns] if backwards else columns
            rows = (rows.reverse() if backwards else rows).filter(keyset.behind(read, values))
        found = list(rows[: size + 1])
        more, found = len(found) > size, found[:size]
        if backwards:
            found.reverse()
        self.shown = found
        self.before, self.after = (more, True) if backwards else (self.begun, more)
        return found

    def _count(self, queryset: Any) -> int | None:
        if self.most_counted is None:
            return int(queryset.count())
        count = int(queryset.order_by()[: self.most_counted + 1].count())
        return count if count <= self.most_counted else None

    def get_next_link(self) -> str | None:
        """Return the address of what follows; None at the end."""
        if not self.places:
            return super().get_next_link()
        return self._link(self.shown[-1], backwards=False) if self.after and self.shown else None

    def get_previous_link(self) -> str | None:
        """Return the address of what comes before; None at the beginning."""
        if not self.places:
            return super().get_previous_link()
        return self._link(self.shown[0], backwards=True) if self.before and self.shown else None

    def _link(self, row: Any, *, backwards: bool) -> str:
        place = keyset.place_of(row, self.places, backwards=backwards)
        return replace_query_param(self.request.build_absolute_uri(), self.place_query_param, place)

    def get_paginated_response(self, data: Any) -> Response:
        """Return one page. How many there are is said once, with the first."""
        numbered: Any = self.page if not self.places else None
        count = self.counted if numbered is None else numbered.paginator.count
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response({"count": count, **links, "results": data})

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        """Describe a page."""
        described = super().get_paginated_response_schema(schema)
        count = {"type": "integer", "nullable": True, "example": 123, "description": COUNTED}
        return {**described, "properties": {**described["properties"], "count": count}}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe what may be asked for."""
        place = {
            "name": self.place_query_param,
            "required": False,
            "in": "query",
            "description": "A place in the list, as the links next and previous have it.",
            "schema": {"type": "string"},
        }
        described = [*super().get_schema_operation_parameters(view), place]
        for each in described:
            if each["schema"]["type"] == "integer":
                each["schema"] = {"type": "integer", "minimum": 1}
            if each["name"] == self.page_size_query_param:
                each["description"] = (
                    f"How many to show on a page, {PER_PAGE} without it. Above {self.max_page_size}, {self.max_page_size}."
                )
        return [each for each in described if each["name"] in self.names]

    @property
    def names(self) -> tuple[str, ...]:
        """What a request may say about pages."""
        numbers = (self.page_query_param,) if self.by_number else ()
        return (*numbers, self.page_size_query_param, self.place_query_param)
