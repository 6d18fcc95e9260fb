"""Django's admin, with the desk's own site."""

from django.contrib.admin.apps import AdminConfig


class DeskAdminConfig(AdminConfig):
    """The admin app."""

    default_site = "orders.admin.site.DeskAdminSite"
