"""How the admin's theme shows the site, and what its pages may load and run."""

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
    "SCRIPTS": ["orders.admin.shared.assets.script"],
}

# Alpine, which the admin's theme is made with, turns its attributes into functions (unsafe-eval)
# and sets style attributes; no inline script, no foreign origin and no inline style sheet runs.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'"],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
