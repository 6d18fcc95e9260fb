"""Put signed cancels into HTTP requests: one alone, or up to ten in a batch."""

from collections.abc import Iterator, Sequence

from orders.keys.signer import SignedRequest
from orders.lifecycle.deliveries import ClaimedCancel, OutgoingRequest
from orders.models import CancelKind
from orders.pacifica.signing import BATCH_ROUTE, BATCH_SIZE

MAX_BYTES = 4000  # bodies are bounded to about 4 KB (Rust SDK's rate-limits page)
ACTIONS = {CancelKind.ORDER.value: b"Cancel", CancelKind.STOP.value: b"CancelStopOrder"}


def packed(pairs: list[tuple[ClaimedCancel, SignedRequest]]) -> list[OutgoingRequest]:
    """Put (cancel, signed request) pairs into HTTP requests, in their order. TWAPs go alone."""
    alone = [pair for pair in pairs if _goes_alone(pair[0])]
    together = [pair for pair in pairs if not _goes_alone(pair[0])]
    batched = [_batch(group) for group in _groups(together)]
    return batched + [_single(*pair) for pair in alone]


def count_of(chunk: Sequence[ClaimedCancel]) -> int:
    """How many requests these cancels take at least."""
    alone = sum(map(_goes_alone, chunk))
    return alone + -(-(len(chunk) - alone) // BATCH_SIZE)


def _goes_alone(cancel: ClaimedCancel) -> bool:
    return cancel.send_alone or cancel.kind not in ACTIONS


def _single(cancel: ClaimedCancel, request: SignedRequest) -> OutgoingRequest:
    return OutgoingRequest([cancel], [request], request.route, request.body)


def _batch(group: list[tuple[ClaimedCancel, SignedRequest]]) -> OutgoingRequest:
    if len(group) == 1:
        return _single(*group[0])
    cancels, requests = [cancel for cancel, _ in group], [request for _, request in group]
    actions = b",".join(_action(*pair) for pair in group)
    return OutgoingRequest(cancels, requests, BATCH_ROUTE, b'{"actions":[' + actions + b"]}")


def _action(cancel: ClaimedCancel, request: SignedRequest) -> bytes:
    return b'{"type":"' + ACTIONS[cancel.kind] + b'","data":' + request.body + b"}"


def _groups(
    pairs: list[tuple[ClaimedCancel, SignedRequest]],
) -> Iterator[list[tuple[ClaimedCancel, SignedRequest]]]:
    """Runs of at most ten that fit one body."""
    group: list[tuple[ClaimedCancel, SignedRequest]] = []
    size = 0
    for pair in pairs:
        length = len(_action(*pair)) + 1
        if group and (len(group) == BATCH_SIZE or size + length > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(pair)
        size += length
    if group:
        yield group
