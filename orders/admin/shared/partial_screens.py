"""Screens that lack a part of Django's: no page for each row, or no list."""

from typing import Any, NoReturn

from django.http import Http404, HttpRequest

from orders.admin.shared.screens import Screen
from orders.admin.shared.unfold import Row


class ScreenWithoutRowPages(Screen[Row]):
    """A screen whose list, or whose one page, says all there is to say of a row."""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> NoReturn:
        raise Http404


class ScreenWithoutList(Screen[Row]):
    """A screen that stands in the way around by itself, not in a list of tables."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> NoReturn:
        self.guard_view(request)
        raise Http404
