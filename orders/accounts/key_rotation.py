"""Seal every stored key anew with the key that seals now, one at a time, so that it can stop."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from orders.audit import log
from orders.keys import key_settings, sealing
from orders.models import Event, SealedApiConfigKey, SealedKey


@dataclass(frozen=True)
class RotationResult:
    """What became of one stored key: sealed anew, or why not. ``said`` is for people."""

    of: str
    said: str
    is_refused: bool = False
    is_sealed: bool = False


def stored() -> dict[str, int]:
    """Count the stored keys by the id of the key that they are sealed with."""
    counts: Counter[str] = Counter()
    for model in (SealedKey, SealedApiConfigKey):
        counts.update(model.objects.values_list("sealed_with", flat=True))
    return dict(sorted(counts.items()))


def rotate(*, actor: log.Actor) -> Iterator[RotationResult]:
    """Seal each key anew that is not sealed with the newest one; yield what became of each.

    Each key has a transaction of its own: after a crash the next run does the rest. Raises
    `key_settings.KeySettingsWrong`.
    """
    newest = key_settings.newest_key()
    for model in (SealedKey, SealedApiConfigKey):
        for pk in list(model.objects.exclude(sealed_with=newest).values_list("pk", flat=True)):
            sealed = model.objects.filter(pk=pk).first()
            # Somebody may have taken it away meanwhile, or another run have sealed it anew.
            if sealed is not None and sealed.sealed_with != newest:
                yield _seal_anew(sealed, actor)


def _seal_anew(sealed: SealedApiConfigKey | SealedKey, actor: log.Actor) -> RotationResult:
    if isinstance(sealed, SealedKey):
        account, what = sealed.agent_wallet.account, sealed.agent_wallet.public_key
    else:
        account, what = sealed.account, "API config key"
    data = {"public_key": what, "sealed_with": sealed.sealed_with}
    try:
        key_id, anew = sealing.resealed(sealed)
    except sealing.CannotOpen as refused:
        data |= {"why": str(refused)}
        log.record(log.Fact(Event.KEY_REFUSED, actor, account=account, data=data))
        return RotationResult(f"{account} {what}", str(refused), is_refused=True)
    with transaction.atomic():
        same = type(sealed).objects.filter(pk=sealed.pk, sealed=bytes(sealed.sealed))
        if not same.update(sealed=anew, sealed_with=key_id):
            return RotationResult(f"{account} {what}", "was replaced meanwhile")
        data |= {"sealed_with": key_id, "was_sealed_with": sealed.sealed_with}
        log.append(log.Fact(Event.KEY_SEALED_ANEW, actor, account=account, data=data))
    return RotationResult(f"{account} {what}", f"sealed with {key_id}", is_sealed=True)
