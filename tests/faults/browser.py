"""An operator's browser in a fault run: acts over HTTP, repeated until the page has answered."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

BY_ID = "/admin/orders/order/cancel-by-id/"
LIST = "/admin/orders/preview/list/"
TIMEOUTS_S = 1.0, 4.0  # to connect, to have an answer
PAUSE_S = 0.3


@dataclass(frozen=True)
class Act:
    """One operator's act: cancel these orders, (order id, kind) pairs, of one account."""

    account_id: int
    orders: tuple
    key: str


class Unanswered(Exception):
    """The page did not say what became of it: the same act is asked again."""


class Browser:
    """Signed in as one operator; several windows at once.

    ``sites``: a window that has no answer from one goes on with the next. ``enter``: called in each
    window's thread first.
    """

    def __init__(self, sites, user, enter=lambda: None):
        self._sites = sites
        self._cookies = _signed_in(user)
        self._windows = ThreadPoolExecutor(max_workers=6, initializer=enter)
        self._own = threading.local()
        self._is_closed = False

    def ask(self, act):
        """A future of the order ids that the page acknowledged as recorded."""
        done = {}  # steps that were answered are not done again
        return self.insist(lambda: self._perform(act, done))

    def insist(self, step):
        """A future of what the step returns, once a page has answered it."""
        return self._windows.submit(self._insist, step)

    def close(self):
        """Give up what is still unanswered."""
        self._is_closed = True
        self._windows.shutdown(wait=False, cancel_futures=True)

    def _insist(self, step):
        while not self._is_closed:
            try:
                return step()
            except Unanswered:
                time.sleep(PAUSE_S)
        return []

    def _perform(self, act, done):
        """One order by its id; more by a list, its preview and its confirmation."""
        if len(act.orders) == 1:
            ((order_id, kind),) = act.orders
            about = {"symbol": "BTC", "kind": kind, "order_id": order_id}
            form = about | {"account": act.account_id, "request_key": act.key}
            self.recorded(BY_ID, form)
            return [order_id]
        if "preview" not in done:
            text = "\n".join(f"{order_id},BTC,{kind}" for order_id, kind in act.orders)
            form = {"account": act.account_id, "symbol": "BTC", "text": text}
            done["preview"] = self._post(LIST, form).replace("/change/", "/confirm/")
        self.recorded(done["preview"], {"reason": "fault run"})
        return [order_id for order_id, _ in act.orders]

    def recorded(self, path, form):
        """POST what records an act; where its job is shown. Raises as `_post` does."""
        location = self._post(path, form)
        if "/canceljob/" not in location:
            raise ValueError(f"nothing was recorded: {location}")
        return location

    def _post(self, path, form):
        """POST; where it led. Raises `Unanswered`, or `ValueError` for a page that says no."""
        try:
            answer = self._session().post(
                self._site() + path, data=form, timeout=TIMEOUTS_S, allow_redirects=False
            )
        except requests.RequestException:
            self._own.turn += 1
            raise Unanswered from None
        if answer.status_code >= 500:
            self._own.turn += 1
            raise Unanswered
        if answer.status_code != 302 or "/login/" in answer.headers["Location"]:
            raise ValueError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.headers["Location"]

    def _session(self):
        if not hasattr(self._own, "session"):
            session = requests.Session()
            session.trust_env = False
            session.cookies.update(self._cookies)
            session.headers["X-CSRFToken"] = self._cookies["csrftoken"]
            self._own.session, self._own.turn = session, 0
        return self._own.session

    def _site(self):
        return self._sites[self._own.turn % len(self._sites)]


def _signed_in(user) -> dict:
    """The cookies of a browser in which this person is signed in."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {settings.SESSION_COOKIE_NAME: session, "csrftoken": uuid.uuid4().hex}
