"""How the admin's theme shows the site, and what its pages may load and run."""

from collections.abc import Iterable
from typing import Any

UNFOLD = {
    "SITE_TITLE": "Pacifica Desk",
    "SITE_HEADER": "Pacifica Desk",
    "SITE_SYMBOL": "cancel",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "orders.admin.overview.dashboard",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "orders.admin.shared.assets.favicon"},
    ],
    "SIDEBAR": {"navigation": "orders.admin.navigation.navigation"},
    "STYLES": ["orders.admin.shared.assets.theme", "orders.admin.shared.assets.stylesheet"],
    "SCRIPTS": [
        "orders.admin.shared.assets.contact",
        "orders.admin.shared.assets.kept",
        "orders.admin.shared.assets.events",
        "orders.admin.shared.assets.replace",
        "orders.admin.shared.assets.follow",
        "orders.admin.shared.assets.reach",
        "orders.admin.shared.assets.script",
    ],
}


def content_security_policy(hosts: Iterable[str], events_port: int) -> dict[str, Any]:
    """What pages may load and run. ``events_port``: where they follow, 0 for the site's own.

    Alpine, which the admin's theme is made with, turns its attributes into functions (unsafe-eval)
    and sets style attributes; no inline script, no foreign origin and no inline style sheet runs.
    """
    return {
        "DIRECTIVES": {
            "default-src": ["'none'"],
            "script-src": ["'self'", "'unsafe-eval'"],
            "worker-src": ["'self'"],
            "style-src": ["'self'"],
            "style-src-attr": ["'unsafe-inline'"],
            "img-src": ["'self'", "data:"],
            "font-src": ["'self'"],
            "connect-src": ["'self'", *_other_ports(hosts, events_port)],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
            "base-uri": ["'none'"],
        }
    }


def _other_ports(hosts: Iterable[str], port: int) -> list[str]:
    """The site's hosts with this port, those that a policy can name."""
    if not port:
        return []
    return [f"{host}:{port}" for host in hosts if host[0] not in "[.*"]
