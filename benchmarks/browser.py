"""A person at the site of a benchmark, without a real browser."""

import re
import time
import uuid

import requests


class Browser:
    """A person signed in over HTTP, who clicks."""

    def __init__(self, site: str, name: str) -> None:
        self.site, self.session = site, requests.Session()
        self.session.trust_env = False
        from tests.helpers.firm import PASSWORD

        page = self.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        if token is None:
            raise SystemExit("the page to sign in has no token")
        form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        self.session.post(f"{site}/admin/login/", data=form, timeout=10).raise_for_status()

    def get(self, path: str) -> str:
        """Return the text of a page."""
        answer = self.session.get(self.site + path, timeout=30)
        answer.raise_for_status()
        return answer.text

    def post(self, path: str, **form: str | int) -> requests.Response:
        """Press a button; where it leads is not followed."""
        token = {"X-CSRFToken": self.session.cookies["csrftoken"], "Referer": self.site}
        answer = self.session.post(
            self.site + path, data=form, headers=token, timeout=30, allow_redirects=False
        )
        answer.raise_for_status()
        return answer

    def click(self, row: int) -> float:
        """Press Cancel on an order's row; return when, in ms since the epoch."""
        at_ms = time.time() * 1000
        self.post(f"/admin/orders/order/{row}/cancel/", request_key=str(uuid.uuid4()))
        return at_ms
