"""Sign, record and send one request of a panic's line: a cancel-all, or a strategy's cancel."""

from django.conf import settings
from django.utils.timezone import now as clock

from orders import audit, credits, delivery, panic_facts
from orders.exchange import client
from orders.keys import open_api_config_key, open_signer
from orders.pacifica import answers
from orders.pacifica.client import Answer, Unreachable
from orders.panic_lines import LEASE, keep, writing


def signer_of(line):
    """(signer, agent wallet) of the line's account, however old the wallet is."""
    wallet = delivery.signing_wallet(line.account)
    return open_signer(wallet, despite_age=True), wallet


def times() -> dict:
    """When a request is signed and how long it counts, in milliseconds."""
    window = settings.PACIFICA_EXPIRY_WINDOW_MS
    return {"timestamp": int(clock().timestamp() * 1000), "expiry_window": window}


def exchange(line, request, **also):
    """Record one signed request of this line, send it; the `Answer` or `Unreachable`."""
    about = {"wanted": 1, "price": delivery.PRICE, "purpose": credits.URGENT}
    with writing():
        grant = credits.take(account=line.account, now=clock(), **about)
        keep(line, last_sent_at=clock(), lease_until=clock() + LEASE, **also)
        audit.append(panic_facts.request_fact(line, request))
    result = _sent(line, request)
    quota = answers.quota(result.headers) if isinstance(result, Answer) else None
    with writing():
        credits.settle(grant=grant, unused=0, quota=quota, now=clock())
    return result


def _sent(line, request):
    key = open_api_config_key(line.account)
    try:
        return client().post(request.route, request.body, api_config_key=key)
    except Unreachable as unreachable:
        return unreachable
