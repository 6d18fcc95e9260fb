"""What happens in one storm of a fault run: all of it drawn from the seed beforehand."""

import uuid

from tests.faults.clocks import JUMP_S
from tests.faults.stage import EVERYBODY, ROOM, SENDER_POINTS, SENDERS, WEB_POINTS

REQUEST_FAULTS = [
    {"kind": "drop"},
    {"kind": "drop", "reset": True},
    {"kind": "apply_then_drop"},
    {"kind": "apply_then_drop", "reset": True},
    {"kind": "status", "status": 504, "applied": True},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "body": "<html>oops</html>", "content_type": "text/html"},
    {"kind": "status", "status": 200, "body": '{"success":"true"}', "applied": True},
    {"kind": "delay_before", "delay_ms": 900},
    {"kind": "delay_after", "delay_ms": 900},
    {"kind": "drip", "chunk_bytes": 1, "interval_ms": 40},
    {"kind": "huge", "size": 2_000_000},
    {"kind": "late", "delay_ms": 900, "hold_ms": 2000},
    {"kind": "fill_first"},
]
ANOTHERS = 28_999_999_999  # an order id that no request of a run names
FOREIGN = {"success": True, "data": {"order_id": ANOTHERS}, "error": None, "code": None}
FOREIGN_ANSWERS = [  # a yes, but to another question; with and without effect
    {"kind": "status", "status": 200, "body": FOREIGN, "applied": applied}
    for applied in (True, False)
] + [{"kind": "altered", "which": "every", "change": {"order_id": ANOTHERS}}]
THROTTLED = {"kind": "status", "status": 429}  # pauses everybody, so that little else goes wrong
STREAM_FAULTS = [  # of the exchange's stream: they take no route
    {"kind": "stream_lose", "times": 3},
    {"kind": "stream_twice", "times": 5},
    {"kind": "stream_swap", "times": 3, "hold_ms": 300},
    {"kind": "stream_late", "times": 3, "delay_ms": 2500},
    {"kind": "stream_drop"},
    {"kind": "stream_drop", "when": "before"},
    {"kind": "stream_drop", "when": "after", "reset": True},
    {"kind": "stream_close", "code": 1000},
    {"kind": "stream_close", "code": 1011, "when": "before"},
    {"kind": "stream_stall", "pings": True},
    {"kind": "stream_refuse", "for_ms": 1500},
    {"kind": "stream_gap", "by": 5000},
    {"kind": "stream_error"},
    {"kind": "stream_altered", "change": {"os": "sleeping"}},
    {"kind": "stream_altered", "without": ["li"], "which": "every"},
    {"kind": "stream_altered", "change": {"i": None}, "which": "added"},
    {"kind": "stream_altered", "change": {"ut": None, "f": ""}},
    {"kind": "stream_frame", "body": "no JSON at all"},
]
READ_FAULTS = [{"kind": "status", "status": 500}, {"kind": "drop"}, {"kind": "delay_after"}]
ODD_FIELDS = [
    {"change": {"initial_amount": None}},
    {"change": {"filled_amount": ""}},
    {"change": {"initial_amount": "7.3e-7"}},
    {"change": {"side": None, "reduce_only": None}},
    {"change": {"client_order_id": ""}},
    {"change": {"stop_parent_order_id": 0}},
    {"without": ["created_at"]},
    {"change": {"order_id": None}},
    {"change": {"symbol": "\u0007"}},
    {"change": {}},  # the same row twice, where it is added
]
UNKNOWN_WORDS = ["pending_cancel", "triggered", "paused", "queued"]
READS = ["/orders", "/orders/history", "/orders/history_by_id", "/orders/twap"]
ROUTES = ["/orders/cancel", "/orders/stop/cancel", "/orders/twap/cancel"] + ["/orders/batch"] * 4
KINDS = {  # what an act may be about, and how such an order is placed
    "order": {},
    "stop": {"order_type": "stop_limit", "stop_price": "80000"},
    "twap": {"order_type": "twap"},
}
STORM_S = 7.0
JUMPED_S = 1.5
MAX_ORDERS = 100  # orders of one act: more would have to be typed


def planned(rng, accounts):
    """What happens when in a storm, as (second, method, arguments…): all drawn beforehand."""
    acts = [act_of(rng, account) for account in rng.sample(accounts, 6)]
    times = [0, 0, 0, *(rng.uniform(1, STORM_S - 1) for _ in range(2)), STORM_S - 1]
    plan = [(at, "ask", act) for at, act in zip(times, acts, strict=True)]
    for act in acts:
        for place in rng.sample(range(act["count"]), act["count"] // 10 + 1):
            how = rng.choice(["fill", "trade", "close", "edit"])
            plan.append((rng.uniform(1, STORM_S), "meddle", how, act, place))
    plan += [(rng.uniform(0.2, STORM_S), *one) for one in _mischief(rng)]
    if rng.random() < 0.25:  # the senders' clock jumps, and is set right
        at = rng.uniform(0.5, STORM_S - JUMPED_S)
        plan += [(at, "jump", rng.choice([-JUMP_S, JUMP_S])), (at + JUMPED_S, "jump", 0)]
    return sorted(plan, key=lambda one: one[0])


def act_of(rng, account):
    """What an operator will ask: how many orders of what kind, and one that nobody has."""
    kind = rng.choices(list(KINDS), [6, 2, 2])[0]
    count = rng.choice([1, 40, 80, MAX_ORDERS])
    if kind == "twap":
        count = min(count, 8)  # each is a request of its own
    key = str(uuid.UUID(int=rng.getrandbits(128)))
    about = {"account": account, "kind": kind, "count": count, "key": key}
    return about | {"has_stranger": count < MAX_ORDERS and rng.random() < 0.1}


def _mischief(rng):
    """What will be done to whom, as (method, arguments…)."""
    for _ in range(rng.randint(2, 4)):
        yield "kill", rng.choice(EVERYBODY)
    odds = {"kill_web_worker": 0.5, "kill_broker": 0.4, "flush": 0.3, "repeat": 0.5}
    odds |= {"disconnect": 0.3, "restart": 0.15}
    yield from ((what,) for what, chance in odds.items() if rng.random() < chance)
    if rng.random() < 0.08:
        yield "freeze", rng.choice(SENDERS)


def arming(rng, name, *, can_be_full):
    """How a process is born into a storm: some to die at a named point, some without room."""
    chance = rng.random()
    if chance < 0.45:
        points = WEB_POINTS if name == "web" else SENDER_POINTS
        return {"point": rng.choice(points), "nth": rng.randint(1, 5)}
    if chance < 0.53 and can_be_full:
        return {"room": ROOM}
    return {}


def faults(rng) -> list[dict]:
    """The faults of one storm, as `tests.helpers.paper.PaperHandle.fault` takes them."""
    drawn, kinds = [], [*REQUEST_FAULTS, *[THROTTLED] * (rng.random() < 0.3)]
    kinds += [one for one in FOREIGN_ANSWERS if rng.random() < 0.5]
    for _ in range(rng.randint(20, 32)):
        drawn.append({"route": rng.choice(ROUTES), "times": rng.randint(1, 4)})
        drawn[-1] |= rng.choice(kinds)
    for _ in range(rng.randint(0, 2)):
        drawn.append({"route": rng.choice(READS), "times": rng.randint(1, 3)})
        drawn[-1] |= rng.choice(READ_FAULTS)
    drawn += [_altered(rng) for _ in range(rng.randint(2, 6))]
    some = rng.sample(STREAM_FAULTS, rng.randint(3, 8))
    drawn += [{"route": "*"} | one for one in some]
    if rng.random() < 0.15:
        stale = {"route": "*", "kind": "stale_reads", "for_ms": int(STORM_S * 1000)}
        drawn.append(stale | {"history": rng.random() < 0.5})
    return drawn


def _altered(rng):
    """An answer to a read that is odd: in some rows, in its words, or in what it leaves out."""
    fault = {"kind": "altered", "times": rng.randint(1, 3)}
    how = rng.choice(["odd", "odd", "unknown", "empty"])
    if how == "odd":
        which = rng.choice(["first", "last", "every", "added"])
        return fault | {"route": rng.choice(READS), "which": which} | rng.choice(ODD_FIELDS)
    route = rng.choice(["/orders/history", "/orders/history_by_id"])
    if how == "empty":
        return fault | {"route": "/orders/history_by_id", "which": "none"}
    change = {"order_status": rng.choice(UNKNOWN_WORDS)}
    return fault | {"route": route, "which": "every", "change": change}
