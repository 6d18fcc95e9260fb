"""Django's admin, with the desk's own site."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class DeskAdminConfig(SimpleAdminConfig):
    """The admin app. The screens are loaded with the addresses: senders and commands have none."""

    default_site = "orders.admin.site.DeskAdminSite"

    def ready(self) -> None:
        """Register the admin's checks, of screens that are loaded for them."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_screens, checks.Tags.admin)


def check_screens(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Check every screen as Django does."""
    import_module(settings.ROOT_URLCONF)
    return list(check_admin_app(app_configs, **kwargs))
