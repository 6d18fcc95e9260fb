"""What every template finds in its context."""

from django.http import HttpRequest

from orders.admin.site_state import SiteState, state_of


def site_state(request: HttpRequest) -> dict[str, SiteState]:
    """Return ``desk_site`` (Django's sign-in page has a ``site`` of its own)."""
    return {"desk_site": state_of(request)}
