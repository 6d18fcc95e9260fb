"""Who signs in, and what they may do: Django's authentication backend."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.db.models import F, Model
from django.http import HttpRequest

from orders.access import emergency, permissions, second_factor, throttling
from orders.access.sign_in_log import client_address, keep_verdict
from orders.models import Desk, Right
from orders.models.prepared import Prepared

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person


TIME_ZONE = F("preference__time_zone")  # None where the person chose none
_person = Prepared(
    lambda pk: get_user_model().objects.filter(pk=pk).annotate(time_zone=TIME_ZONE), pk=(1, 2)
)


class MembershipBackend(ModelBackend):
    """Sign in by password; answer ``orders.<right>`` for a desk, or for any desk at all."""

    def get_user(self, user_id: int) -> "User | None":
        """Return the active person of this id, as Django's own does, or None."""
        for user in _person(pk=user_id):
            return user if self.user_can_authenticate(user) else None
        return None

    def has_perm(self, user_obj: "Person", perm: str, obj: Model | None = None) -> bool:
        """Whether the person holds the right; ``obj`` is a desk, and no other row is answered."""
        app, _, name = perm.partition(".")
        if not user_obj.is_active or app != "orders" or name not in Right.values:
            return False
        if obj is not None and not isinstance(obj, Desk):
            return False
        return permissions.has_permission(user_obj, Right(name), desk=obj)

    def has_module_perms(self, user_obj: "Person", app_label: str) -> bool:
        """Whether the person holds any right in this app."""
        if not user_obj.is_active or app_label != "orders":
            return False
        return permissions.rights_of(user_obj) != set()


class GuardedBackend(MembershipBackend):
    """Sign in by password as Django does, but refuse to look at one guess too many."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> "User | None":
        """Return the person whose password this is, or None. Raises `PermissionDenied` unseen."""
        if username is None or password is None:
            return None
        if request is None:
            return self._by_password(None, username, password, **kwargs)
        address = client_address(request)
        verdict = throttling.begin(name=username, address=address)
        keep_verdict(request, verdict)
        if not verdict.is_free:
            raise PermissionDenied
        user = self._by_password(request, username, password, **kwargs)
        if user is not None:
            throttling.succeed(verdict=verdict, user=user, address=address)
            if not second_factor.is_asked_of(user):
                throttling.know(user=user, address=address)
        return user

    def _by_password(
        self, request: HttpRequest | None, username: str, password: str, **kwargs: Any
    ) -> "User | None":
        """Return the person whose password this is; nobody where passwords are off.

        It takes as long for everybody, so that the one whose password works is not told apart.
        """
        user = super().authenticate(request, username, password, **kwargs)
        return user if user is not None and emergency.are_passwords_on(user) else None
