"""The API's description as a file of the documents: ``python -m tests.api.openapi_file``."""

import json
import os
from pathlib import Path

FILE = Path(__file__).parent.parent.parent / "docs" / "openapi.json"


def text() -> str:
    """What the file must hold."""
    from orders.api import description, routes

    return json.dumps(description.described(routes.api), indent=1) + "\n"


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    FILE.write_text(text(), encoding="utf-8")
