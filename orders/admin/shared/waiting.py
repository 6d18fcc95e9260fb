"""What a page answers where an act waits for a second person."""

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect

from orders.access.four_eyes import Waits


def lead_to(request: HttpRequest, waits: Waits) -> HttpResponseRedirect:
    """Say that nothing is changed yet, and lead to the page of what waits."""
    messages.warning(request, str(waits))
    return redirect("admin:orders_proposal_changelist")
