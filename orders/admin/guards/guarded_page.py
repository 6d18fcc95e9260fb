"""What the pages of guards, schedules and latches share: an act ends in a sentence on its page."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect

from orders.access.four_eyes import Waits
from orders.access.permissions import NotAllowed
from orders.admin.shared.screens import ReadOnlyPage, rights_of
from orders.admin.shared.unfold import Row
from orders.lifecycle.targets import CannotAsk
from orders.models import Right


class GuardedPage(ReadOnlyPage[Row]):
    """A row's page with acts on it, each a POST."""

    def acted(
        self, request: HttpRequest, row: Model, act: Callable[[], str]
    ) -> HttpResponseRedirect:
        """Act, say what came of it, and go back to the row's page."""
        try:
            messages.success(request, act())
        except (CannotAsk, Waits) as wrong:
            messages.warning(request, str(wrong))
        except NotAllowed as refused:
            raise PermissionDenied(str(refused)) from None
        return redirect(f"admin:orders_{self.opts.model_name}_change", row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.SET_GUARDS in rights_of(request)
