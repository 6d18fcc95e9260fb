"""The theme's classes and decorators, with the types that django-unfold itself does not tell.

For the type checker each is Django's class of the same name with what the theme adds; at run time
each is the theme's own. ``ModelAdmin`` and ``TabularInline`` take their rows' model in brackets.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.conf import settings
from django.db.models import Model
from django.db.models.expressions import Combinable
from django.http import HttpResponseBase

Row = TypeVar("Row", bound=Model)
Parent = TypeVar("Parent", bound=Model)
Column = TypeVar("Column", bound=Callable[..., Any])
CustomUrl = tuple[str, str, Callable[..., HttpResponseBase]]  # path, name, view

if TYPE_CHECKING:
    from django import forms
    from django.contrib import admin
    from django.contrib.admin.views.main import ChangeList
    from django.contrib.auth.forms import AdminPasswordChangeForm as DjangoPasswordForm
    from django.contrib.auth.forms import AuthenticationForm
    from django.contrib.auth.forms import PasswordChangeForm as AdminOwnPasswordChangeForm
    from django.contrib.auth.forms import UserChangeForm as DjangoUserChangeForm
    from django.contrib.auth.forms import UserCreationForm as DjangoUserCreationForm
    from django.contrib.auth.models import User
    from django.urls.resolvers import URLPattern

    class ModelAdmin(admin.ModelAdmin[Row]):
        """Django's screen of a table, with the theme's options that we set."""

        list_fullwidth: ClassVar[bool]
        list_filter_submit: ClassVar[bool]

        def get_custom_urls(self) -> Sequence[CustomUrl]:
            """Further views; each is called with ``model_admin``."""
            ...

    class TabularInline(admin.TabularInline[Row, Parent]):
        """Django's inline rows, with the theme's option that we set."""

        hide_title: ClassVar[bool]

    class UnfoldAdminSite(admin.AdminSite):
        """Django's site; the theme asks it for further addresses."""

        def extra_urls(self) -> list[URLPattern]:
            """Pages that belong to no screen."""
            ...

    AdminPasswordChangeForm = DjangoPasswordForm[User]
    UserChangeForm = DjangoUserChangeForm[User]
    UserCreationForm = DjangoUserCreationForm[User]
    UnfoldAdminPasswordWidget = forms.PasswordInput
    UnfoldAdminSelectWidget = forms.Select
    UnfoldAdminTextInputWidget = forms.TextInput

    def action(*, description: str, permissions: Sequence[str]) -> Callable[[Column], Column]:
        """Name a method that acts on the rows ticked in a list."""
        ...

    def display(
        *, description: str, ordering: "str | Combinable | Callable[[], Combinable]" = ""
    ) -> Callable[[Column], Column]:
        """Name a method that fills a column of a list or a line of a form."""
        ...
else:
    # The theme takes in PostgreSQL's fields where it can, and with them the driver: 10 MB.
    fields = "django.contrib.postgres.fields"
    is_kept_out = settings.IS_SQLITE and fields not in sys.modules
    if is_kept_out:
        sys.modules[fields] = None  # to import it fails
    from unfold.admin import ModelAdmin as UnfoldModelAdmin
    from unfold.admin import TabularInline as UnfoldTabularInline
    from unfold.decorators import action, display
    from unfold.forms import (
        AdminOwnPasswordChangeForm,
        AdminPasswordChangeForm,
        AuthenticationForm,
        UserChangeForm,
        UserCreationForm,
    )
    from unfold.sites import UnfoldAdminSite
    from unfold.views import ChangeList
    from unfold.widgets import (
        UnfoldAdminPasswordWidget,
        UnfoldAdminSelectWidget,
        UnfoldAdminTextInputWidget,
    )

    if is_kept_out:
        del sys.modules[fields]

    class ModelAdmin(UnfoldModelAdmin, Generic[Row]):
        """The theme's screen of a table."""

    class TabularInline(UnfoldTabularInline, Generic[Row, Parent]):
        """The theme's inline rows."""


__all__ = [
    "AdminOwnPasswordChangeForm",
    "AdminPasswordChangeForm",
    "AuthenticationForm",
    "ChangeList",
    "CustomUrl",
    "ModelAdmin",
    "Parent",
    "Row",
    "TabularInline",
    "UnfoldAdminPasswordWidget",
    "UnfoldAdminSelectWidget",
    "UnfoldAdminSite",
    "UnfoldAdminTextInputWidget",
    "UserChangeForm",
    "UserCreationForm",
    "action",
    "display",
]
