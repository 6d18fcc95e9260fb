"""How a guard stood on the page of whoever presses a button there: it is done to that alone."""

from orders.lifecycle.targets import CannotAsk
from orders.models import Guard, GuardStatus

BECAME = {
    GuardStatus.DISARMED: "was disarmed",
    GuardStatus.ARMED: "was armed",
    GuardStatus.FIRED: "fired",
    GuardStatus.ASKING: "ran out while no sweep looked, and asks whether to fire,",
}
CHANGED = "{} {} since this page was opened. Nothing is changed: see how it stands now, and press "
CHANGED += "again if you still want to."


def state_of(guard: Guard) -> str:
    """Return what a page sends along with its buttons, such as *armed-3*."""
    return f"{guard.status}-{guard.arming}"


def check(guard: Guard, state: str | None) -> None:
    """Raise `CannotAsk` where the guard stands otherwise than it was seen. None: nobody looked."""
    if state is not None and state != state_of(guard):
        raise CannotAsk(CHANGED.format(guard.name, BECAME[GuardStatus(guard.status)]))
