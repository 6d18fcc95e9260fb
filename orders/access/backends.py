"""Who signs in, and what they may do: Django's authentication backend."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from orders.access import permissions, second_factor, throttling
from orders.access.sign_in_log import client_address
from orders.models import Right

if TYPE_CHECKING:
    from orders.models.desks import Person


class MembershipBackend(ModelBackend):
    """Signs in by password; answers ``orders.<right>`` for a desk, or for any desk at all."""

    def has_perm(self, user: "Person", perm, obj=None) -> bool:
        app, _, name = perm.partition(".")
        if not user.is_active:
            return False
        if app == "orders" and name in Right.values:
            return permissions.has_permission(user, name, desk=obj)
        return False

    def has_module_perms(self, user: "Person", app_label) -> bool:
        return user.is_active and app_label == "orders" and permissions.rights_of(user) != set()


class GuardedBackend(MembershipBackend):
    """Signs in by password as Django does, but refuses to look at one guess too many."""

    def authenticate(
        self,
        request: HttpRequest,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> "Person | None":
        if username is None or password is None:
            return None
        if request is None:
            return super().authenticate(request, username, password, **kwargs)
        address = client_address(request)
        verdict = throttling.begin(name=username, address=address)
        request.sign_in_verdict = verdict
        if not verdict.is_free:
            raise PermissionDenied
        user = super().authenticate(request, username, password, **kwargs)
        if user is not None:
            throttling.succeed(verdict=verdict, user=user, address=address)
            if not second_factor.is_asked_of(user):
                throttling.know(user=user, address=address)
        return user
