"""What error pages and error mails may show: never what is marked as secret, not even in DEBUG."""

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class DiscreetFilter(SafeExceptionReporterFilter):
    """Django drops its own discretion where DEBUG is on; a pasted key is then on the page."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True
