"""The address of a test's own database, for processes that a test starts."""

from urllib.parse import urlsplit

from django.conf import settings


def database_url(name) -> str:
    """The settings' own address with another database; what stands after a ``?`` stays."""
    if settings.IS_SQLITE:
        return f"sqlite:///{name}"
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()
