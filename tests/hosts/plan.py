"""What befalls links and hosts in one storm of a hosts run: drawn from the seed beforehand."""

from tests.faults import plan as plans
from tests.hosts.stage import APPS, BROKER, CLIENT, DATABASES, EXCHANGE, WEBS

STORM_S = 10.0
NOTICED_S = 2.5  # from when the primary is lost until somebody promotes a replica
SHORTEST_S, LONGEST_S = 2.0, 6.0
MAX_DELAY_S = 0.3


def planned(rng, accounts, *, primary, promotes):
    """What happens when, as (second, method, arguments…). ``primary``: the host with the database.

    ``promotes``: whether the primary is lost, and another takes its place.
    """
    plan = [(rng.uniform(0, STORM_S - 2), "ask", act) for act in _acts(rng, accounts)]
    troubles = [_trouble(rng, primary) for _ in range(rng.randint(2, 4))]
    if promotes:
        at = rng.uniform(1, 3)
        plan += [(at, "lose", primary), (at + 0.4, "panic"), (at + NOTICED_S, "promote")]
    elif rng.random() < 0.5:
        troubles.append(_databases_trouble(rng, primary))
    for begins, ends in troubles:
        at = rng.uniform(0.3, STORM_S - SHORTEST_S - 0.5)
        plan += [(at, *begins), (min(STORM_S, at + rng.uniform(SHORTEST_S, LONGEST_S)), *ends)]
    if not promotes:
        plan.append((min(one[0] for one in plan if one[1] != "ask") + 0.4, "panic"))
    return sorted(plan, key=lambda one: one[0])


def _acts(rng, accounts):
    acts = [plans.act_of(rng, account) for account in [*accounts, *rng.sample(accounts, 4)]]
    for act in acts:
        act["count"] *= 2 if act["count"] == 40 else 1
    return acts


def _trouble(rng, primary):
    """(how it begins, how it ends): each a method with its arguments."""
    if rng.random() < 0.3:
        return _of_a_host(rng.choice([*APPS, BROKER]))
    if rng.random() < 0.1:
        return ("freeze_broker",), ("thaw_broker",)
    one = rng.choice([*APPS, CLIENT])
    if one == CLIENT:
        return _of_a_link(rng, one, rng.choice(WEBS))
    return _of_a_link(rng, one, rng.choice([primary, primary, BROKER, EXCHANGE]))


def _of_a_host(host):
    return ("lose", host), ("bring_back", host)


def _of_a_link(rng, one, other):
    how = rng.choice(["cut", "cut_one_way", "cut_one_way", "delay"])
    ends = rng.choice([(one, other), (other, one)])
    return (how, *ends, rng.uniform(0.02, MAX_DELAY_S)), ("mend", *ends)


def _databases_trouble(rng, primary):
    """A replica is lost, or its link: never both, for a commit waits for one of them."""
    replica = rng.choice([host for host in DATABASES if host != primary])
    if rng.random() < 0.4:
        return _of_a_host(replica)
    return _of_a_link(rng, primary, replica)
