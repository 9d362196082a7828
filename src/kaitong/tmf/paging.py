"""`offset` and `limit`, and the headers that tell how much there is (TMF630)."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted. `asked` is the client's own limit, if it gave one."""

    offset: int = 0
    asked: int | None = None

    @property
    def limit(self) -> int:
        return DEFAULT_LIMIT if self.asked is None else min(self.asked, MAX_LIMIT)

    def status(self, count: int, total: int) -> int:
        """206 when the answer is partial and the client asked for a limit, 200 otherwise."""
        return 206 if self.asked is not None and count < total else 200


def put_headers(
    response: HttpResponse, request: HttpRequest, page: Page, *, count: int, total: int
) -> None:
    """X-Total-Count, X-Result-Count and the links to the neighbouring pages (RFC 8288)."""
    response["X-Total-Count"] = str(total)
    response["X-Result-Count"] = str(count)
    if not page.limit:
        return
    starts: dict[str, int] = {}
    if page.offset > 0:
        starts["first"] = 0
        starts["prev"] = max(page.offset - page.limit, 0)
    if page.offset + count < total and count:
        starts["next"] = page.offset + count
        starts["last"] = (total - 1) // page.limit * page.limit
    if starts:
        response["Link"] = ", ".join(
            f'<{_address(request, offset=start, limit=page.limit)}>; rel="{rel}"'
            for rel, start in starts.items()
        )


def _address(request: HttpRequest, **changed: Any) -> str:
    query = request.GET.copy()
    for name, value in changed.items():
        query[name] = str(value)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
