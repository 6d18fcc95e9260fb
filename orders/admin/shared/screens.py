"""What every screen stands on: read-only, scoped to the person's desks, acts by POST alone."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models.fields.related import ForeignKey
from django.forms.models import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.html import escape
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from orders.access import permissions
from orders.models import AgentWallet, Cancel, Drift, Right
from orders.models.desks import DeskQuerySet, sees_everything
from orders.models.lookups import MAX_ROW_ID

if TYPE_CHECKING:
    from orders.models.desks import Person


FRAGMENT = "Desk-Fragment"  # marks an answer that belongs into the page that asked


def rights_of(request: HttpRequest) -> set[Right]:
    """What the person may do on any desk, asked once a request."""
    if not hasattr(request, "desk_rights"):
        request.desk_rights = permissions.rights_of(request.user)
    return request.desk_rights


def is_administrator(request: HttpRequest) -> bool:
    """Whether the person runs the app."""
    return sees_everything(request.user)


def scoped(queryset: Any, user: "Person") -> Any:
    """Only what this person may know of. Rows without a desk are for administrators."""
    if hasattr(queryset, "visible_to"):
        return queryset.visible_to(user)
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


class Rows(ChangeList):
    """A change list that lets its screen add to the rows of the page what one query can tell."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.shown_rows())
        self.full_result_count = self.result_count  # no second count, no second total
        self.model_admin.complete_rows(request, self.result_list)

    def shown_rows(self) -> Any:
        """The rows of the page, not read yet."""
        return self.result_list


class Screen(ModelAdmin):
    """The base of every screen. It shows rows of the person's own desks and changes nothing."""

    actions = None
    list_per_page = 100
    list_max_show_all = 0
    list_fullwidth = True
    list_filter_submit = True
    show_full_result_count = False
    show_facets = False
    change_list_template = "desk/shared/change_list.html"
    empty_sentence = "There is nothing here yet."
    page_template = None
    sortable_by = ()

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return Right.VIEW in rights_of(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        return scoped(super().get_queryset(request), request.user)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Rows]:
        return Rows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse | None:
        """The list. A forged bulk action is refused as such, where Django would say nothing."""
        wanted = request.POST.get("action", "")
        if wanted and wanted not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def complete_rows(self, request: HttpRequest, rows: list[AgentWallet | Cancel | Drift]) -> None:
        """Attach to the rows of one page what their columns need, in a fixed number of queries."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only our own filters read the address line: no column can be guessed through it."""
        return lookup in {one.parameter_name for one in self.list_filter}

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, str, str]:
        return self.sortable_by

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField:
        return super().formfield_for_foreignkey(
            db_field, request, **kwargs | {"queryset": choices_of(db_field, request)}
        )

    def log_addition(self, request: HttpRequest, obj, message) -> None:
        """The audit log is the one log; Django's own is not kept."""

    def log_change(self, request: HttpRequest, obj, message) -> None:
        """The audit log is the one log; Django's own is not kept."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> None:
        raise Http404

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> None:
        raise PermissionDenied

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts, object_id) -> None:
        raise Http404

    def get_object(self, request: HttpRequest, object_id: str, from_field=None) -> Any:
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:  # more digits than SQLite's integers have
            return None

    def guard_view(self, request: HttpRequest) -> None:
        """Raise where the person may not see this kind of row at all."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def visible_or_404(self, request: HttpRequest, object_id: str, *related) -> Any:
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
        request.page_title = title  # the last step of the path at the top
        site = self.admin_site.each_context(request)
        context = {**site, "title": title, "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, template, context, status=status)

    @property
    def own_urls(self) -> tuple[Any, ...]:
        """Views of this screen as (path, name, view) triples, wrapped by `get_custom_urls`."""
        return ()

    def get_custom_urls(self) -> tuple[tuple[str, str, Callable[..., Any]], ...]:
        return tuple((path, name, _without_admin(view)) for path, name, view in self.own_urls)


class ReadOnlyPage(Screen):
    """A screen whose rows have a page of their own instead of a form."""

    @method_decorator(require_safe)
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> TemplateResponse | None:
        row = self.visible_or_404(request, object_id)
        return self.page(request, self.page_template, **self.facts(request, row))

    def facts(self, request: HttpRequest, row) -> dict:
        """Title and everything else the row's page shows."""
        raise NotImplementedError


class ScopedInline(TabularInline):
    """Rows within a page, their selects scoped like those of the page."""

    extra = 0
    hide_title = True

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField:
        return super().formfield_for_foreignkey(
            db_field, request, **kwargs | {"queryset": choices_of(db_field, request)}
        )

    def has_view_permission(self, request: HttpRequest, obj: "Person | None" = None) -> bool:
        return is_administrator(request)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


def choices_of(db_field: ForeignKey, request: HttpRequest) -> DeskQuerySet:
    """What a form may offer for a link to another row."""
    return scoped(db_field.remote_field.model._default_manager.all(), request.user)


def _without_admin(view: Callable[..., Any]) -> Callable[..., Any]:
    """Unfold hands its custom views the model admin, which our bound methods have already."""

    @wraps(view)
    def call(
        request: HttpRequest, *args, model_admin: Any = None, **kwargs: int | uuid.UUID
    ) -> HttpResponse | None:
        if any(isinstance(value, int) and value > MAX_ROW_ID for value in kwargs.values()):
            raise Http404
        return view(request, *args, **kwargs)

    return call
