"""What every screen stands on: read-only, scoped to the person's desks, acts by POST alone."""

import uuid
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.html import escape
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from orders.access import permissions
from orders.models import Right
from orders.models.desks import sees_everything
from orders.models.lookups import MAX_ROW_ID

FRAGMENT = "Desk-Fragment"  # marks an answer that belongs into the page that asked


def rights_of(request) -> set:
    """What the person may do on any desk, asked once a request."""
    if not hasattr(request, "desk_rights"):
        request.desk_rights = permissions.rights_of(request.user)
    return request.desk_rights


def is_administrator(request) -> bool:
    """Whether the person runs the app."""
    return sees_everything(request.user)


def scoped(queryset, user):
    """Only what this person may know of. Rows without a desk are for administrators."""
    if hasattr(queryset, "visible_to"):
        return queryset.visible_to(user)
    return queryset if sees_everything(user) else queryset.none()


def fragment(html, *, status=200):
    """An answer to a page's own script, never cached."""
    return HttpResponse(html, status=status, headers={FRAGMENT: "1", "Cache-Control": "no-store"})


def refusal(sentence, *, status=403):
    """A sentence in place of what was asked for."""
    return fragment(f'<span class="dk-refusal">{escape(sentence)}</span>', status=status)


def request_key_of(request):
    """The key that makes a click, however often it is sent, one act; None where it is missing."""
    try:
        return uuid.UUID(request.POST.get("request_key", ""))
    except ValueError:
        return None


class Rows(ChangeList):
    """A change list that lets its screen add to the rows of the page what one query can tell."""

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.shown_rows())
        self.full_result_count = self.result_count  # no second count, no second total
        self.model_admin.complete_rows(request, self.result_list)

    def shown_rows(self):
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

    def has_view_permission(self, request, obj=None):
        return Right.VIEW in rights_of(request)

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        return scoped(super().get_queryset(request), request.user)

    def get_changelist(self, request, **kwargs):
        return Rows

    def changelist_view(self, request, extra_context=None):
        """The list. A forged bulk action is refused as such, where Django would say nothing."""
        wanted = request.POST.get("action", "")
        if wanted and wanted not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def complete_rows(self, request, rows):
        """Attach to the rows of one page what their columns need, in a fixed number of queries."""

    def lookup_allowed(self, lookup, value, request=None):
        """Only our own filters read the address line: no column can be guessed through it."""
        return lookup in {one.parameter_name for one in self.list_filter}

    def get_sortable_by(self, request):
        return self.sortable_by

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        return super().formfield_for_foreignkey(
            db_field, request, **kwargs | {"queryset": choices_of(db_field, request)}
        )

    def log_addition(self, request, obj, message):
        """The audit log is the one log; Django's own is not kept."""

    def log_change(self, request, obj, message):
        """The audit log is the one log; Django's own is not kept."""

    def history_view(self, request, object_id, extra_context=None):
        raise Http404

    def delete_view(self, request, object_id, extra_context=None):
        raise PermissionDenied

    def _get_obj_does_not_exist_redirect(self, request, opts, object_id):
        raise Http404

    def get_object(self, request, object_id, from_field=None):
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:  # more digits than SQLite's integers have
            return None

    def guard_view(self, request):
        """Raise where the person may not see this kind of row at all."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def visible_or_404(self, request, object_id, *related):
        """The row, if the person may know of it; a foreign one is as missing as a missing one."""
        self.guard_view(request)
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def page(self, request, template, *, title, status=200, **context):
        """A whole page of the site with a template of ours."""
        request.current_app = self.admin_site.name
        request.page_title = title  # the last step of the path at the top
        site = self.admin_site.each_context(request)
        context = {**site, "title": title, "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, template, context, status=status)

    @property
    def own_urls(self):
        """Views of this screen as (path, name, view) triples, wrapped by `get_custom_urls`."""
        return ()

    def get_custom_urls(self):
        return tuple((path, name, _without_admin(view)) for path, name, view in self.own_urls)


class ReadOnlyPage(Screen):
    """A screen whose rows have a page of their own instead of a form."""

    @method_decorator(require_safe)
    def change_view(self, request, object_id, form_url="", extra_context=None):
        row = self.visible_or_404(request, object_id)
        return self.page(request, self.page_template, **self.facts(request, row))

    def facts(self, request, row) -> dict:
        """Title and everything else the row's page shows."""
        raise NotImplementedError


class ScopedInline(TabularInline):
    """Rows within a page, their selects scoped like those of the page."""

    extra = 0
    hide_title = True

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        return super().formfield_for_foreignkey(
            db_field, request, **kwargs | {"queryset": choices_of(db_field, request)}
        )

    def has_view_permission(self, request, obj=None):
        return is_administrator(request)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


def choices_of(db_field, request):
    """What a form may offer for a link to another row."""
    return scoped(db_field.remote_field.model._default_manager.all(), request.user)


def _without_admin(view):
    """Unfold hands its custom views the model admin, which our bound methods have already."""

    @wraps(view)
    def call(request, *args, model_admin=None, **kwargs):
        if any(isinstance(value, int) and value > MAX_ROW_ID for value in kwargs.values()):
            raise Http404
        return view(request, *args, **kwargs)

    return call
