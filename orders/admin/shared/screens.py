"""What every screen stands on: read-only, scoped to the person's desks, acts by POST alone."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from django import forms
from django.contrib.admin import ShowFacets, SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.db.models.fields.related import ForeignKey
from django.forms.models import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

from orders.access import permissions
from orders.admin.shared import rows
from orders.admin.shared.pages import NewestPaginator, is_newest_first
from orders.admin.shared.rows import Rows
from orders.admin.shared.unfold import CustomUrl, ModelAdmin, Parent, Row, TabularInline
from orders.models import Right
from orders.models.desks import sees_everything
from orders.models.lookups import MAX_ROW_ID
from orders.models.newest import Parts
from orders.templatetags.desk import visible

if TYPE_CHECKING:
    from django.core.paginator import Paginator
    from django.db.models.options import Options

    from orders.models.desks import Person

SomeRows = TypeVar("SomeRows", bound=QuerySet[Any])

FRAGMENT = "Desk-Fragment"  # marks an answer that belongs into the page that asked
DESK_RIGHTS = "desk_rights"  # where a request keeps what its person may do
PAGE_TITLE = "page_title"  # where a request keeps the last step of the path at the top


def rights_of(request: HttpRequest) -> set[Right]:
    """What the person may do on any desk, asked once a request."""
    rights: set[Right] | None = getattr(request, DESK_RIGHTS, None)
    if rights is None:
        rights = permissions.rights_of(request.user)
        setattr(request, DESK_RIGHTS, rights)
    return rights


def name_page(request: HttpRequest, title: str) -> None:
    """Name the last step of the path at the top, which the template reads off the request."""
    setattr(request, PAGE_TITLE, title)


def is_administrator(request: HttpRequest) -> bool:
    """Whether the person runs the app."""
    return sees_everything(request.user)


def scoped(queryset: SomeRows, user: "Person") -> SomeRows:
    """Only what this person may know of. Rows without a desk are for administrators."""
    visible_to: Callable[[Person], SomeRows] | None = getattr(queryset, "visible_to", None)
    if visible_to is not None:
        return visible_to(user)
    return queryset if sees_everything(user) else queryset.none()


def fragment(html: str, *, status: int = 200) -> HttpResponse:
    """An answer to a page's own script, never cached."""
    return HttpResponse(html, status=status, headers={FRAGMENT: "1", "Cache-Control": "no-store"})


def refusal(sentence: str, *, status: int = 403) -> HttpResponse:
    """A sentence in place of what was asked for."""
    return fragment(f'<span class="dk-refusal">{escape(sentence)}</span>', status=status)


def request_key_of(request: HttpRequest) -> uuid.UUID | None:
    """The key that makes a click, however often it is sent, one act; None where it is missing."""
    try:
        return uuid.UUID(request.POST.get("request_key", ""))
    except ValueError:
        return None


def key_of_act(request: HttpRequest, *asked: object) -> uuid.UUID | None:
    """The click's key for exactly this: the same key with something else asked is another act.

    A browser that comes back to a form fills in its old key, and the person may type anew.
    """
    key = request_key_of(request)
    return key and uuid.uuid5(key, " ".join(map(str, asked)))


def list_context(response: HttpResponse) -> dict[str, Any] | None:
    """What the template of a list is given; None where the answer is no list."""
    context: dict[str, Any] = getattr(response, "context_data", None) or {}
    return context if context.get("cl") is not None else None


class Screen(ModelAdmin[Row]):
    """The base of every screen. It shows rows of the person's own desks and changes nothing."""

    actions: tuple[str, ...] | None = None
    list_filter: ClassVar[tuple[type[SimpleListFilter], ...]]
    list_per_page = 100
    list_max_show_all = 0
    list_fullwidth = True
    list_filter_submit = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    change_list_template = "desk/shared/change_list.html"
    empty_sentence = "There is nothing here yet."
    none_fits_sentence = "None fits the filter or the search in use."
    row_names: tuple[str, str] | None = None  # one and many, where the model's names do not fit
    sortable_by: ClassVar[tuple[str, ...]] = ()
    largest_first: ClassVar[tuple[str, ...]] = ()  # those that a first click sorts downwards
    column_css: ClassVar[dict[str, str]] = {}  # the class of a column's cells, by its name

    def has_view_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return Right.VIEW in rights_of(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:  # of the model's own queryset class
        return scoped(super().get_queryset(request), request.user)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Rows]:
        return Rows

    def parts(self, request: HttpRequest) -> Parts | None:
        """What the list is put together from, where it grows without end; else None."""
        return None

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> "Paginator[Any]":
        parts = self.parts(request) if is_newest_first(queryset) else None
        if parts is None:
            return super().get_paginator(
                request, queryset, per_page, orphans, allow_empty_first_page
            )
        return NewestPaginator(queryset, per_page, parts=parts)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list. A forged bulk action is refused as such, where Django would say nothing."""
        wanted = request.POST.get("action", "")
        if wanted and wanted not in self.get_actions(request):
            raise PermissionDenied
        title = capfirst(str(self.opts.verbose_name_plural))
        own = {"title": title, "media": forms.Media()}  # no script of Django's has anything to do
        return super().changelist_view(request, own | (extra_context or {}))

    def row_html(self, row: Row, *, has_box: bool) -> SafeString:
        """A row of the list as markup."""
        return rows.row_html(self, row, has_box=has_box)

    def opening_of(self, row: Row) -> SafeString:
        """The tag with which a row of the list begins."""
        return SafeString("<tr>")

    def name_of(self, row: Row) -> str:
        """What a row is called where it is selected."""
        return visible(row)

    def address_of(self, row: Row) -> str:
        """The page of a row."""
        opts = self.opts
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])

    def complete_rows(self, request: HttpRequest, rows: list[Row]) -> None:
        """Attach to the rows of one page what their columns need, in a fixed number of queries."""

    def head_note(self, column: str, rows: list[Row]) -> tuple[str, str]:
        """What the head of a column explains where one points at it, and says beside its name."""
        return "", ""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only our own filters read the address line: no column can be guessed through it."""
        of_filters = {one.parameter_name for one in self.list_filter}
        return lookup in of_filters or any(lookup in _beside(one) for one in self.list_filter)

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        return self.sortable_by

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        return super().formfield_for_foreignkey(
            db_field, request, **kwargs | {"queryset": choices_of(db_field, request)}
        )

    def log_addition(self, request: HttpRequest, obj: Row, message: Any) -> Any:
        """Keep no `LogEntry`, which nobody reads: the audit log is the one log."""

    def log_change(self, request: HttpRequest, obj: Row, message: Any) -> Any:
        """Keep no `LogEntry`, which nobody reads: the audit log is the one log."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> NoReturn:
        raise Http404

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> NoReturn:
        raise PermissionDenied

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: "Options[Row]", object_id: str
    ) -> NoReturn:
        raise Http404

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Row | None:
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:  # more digits than SQLite's integers have
            return None

    def guard_view(self, request: HttpRequest) -> None:
        """Raise where the person may not see this kind of row at all."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def visible_or_404(self, request: HttpRequest, object_id: str) -> Row:
        """The row, if the person may know of it; a foreign one is as missing as a missing one."""
        self.guard_view(request)
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def page(
        self, request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any
    ) -> TemplateResponse:
        """A whole page of the site with a template of ours."""
        request.current_app = self.admin_site.name
        name_page(request, title)
        site = self.admin_site.each_context(request)
        context = {**site, "title": title, "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, template, context, status=status)

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        """Views of this screen as (path, name, view) triples, wrapped by `get_custom_urls`."""
        return ()

    def get_custom_urls(self) -> tuple[CustomUrl, ...]:
        return tuple((path, name, _without_admin(view)) for path, name, view in self.own_urls)


class ReadOnlyPage(Screen[Row]):
    """A screen whose rows have a page of their own instead of a form."""

    page_template: ClassVar[str]

    @method_decorator(require_safe)
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> TemplateResponse:
        row = self.visible_or_404(request, object_id)
        return self.page(request, self.page_template, **self.facts(request, row))

    def facts(self, request: HttpRequest, row: Row) -> dict[str, Any]:
        """Title and everything else the row's page shows."""
        raise NotImplementedError


class ScopedInline(TabularInline[Row, Parent]):
    """Rows within a page, their selects scoped like those of the page."""

    extra = 0
    hide_title = True

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        return super().formfield_for_foreignkey(
            db_field, request, **kwargs | {"queryset": choices_of(db_field, request)}
        )

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_administrator(request)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


def _beside(one: type[SimpleListFilter]) -> tuple[str, ...]:
    """Further names that a filter reads in the address line."""
    return getattr(one, "beside", ())


def choices_of(db_field: "ForeignKey[Any, Any]", request: HttpRequest) -> QuerySet[Any]:
    """What a form may offer for a link to another row."""
    return scoped(db_field.remote_field.model._default_manager.all(), request.user)


def _without_admin(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Unfold hands its custom views the model admin, which our bound methods have already."""

    @wraps(view)
    def call(
        request: HttpRequest, *, model_admin: "Screen[Row] | None" = None, **ids: int | uuid.UUID
    ) -> HttpResponseBase:
        if any(isinstance(value, int) and value > MAX_ROW_ID for value in ids.values()):
            raise Http404
        return view(request, **ids)

    return call
