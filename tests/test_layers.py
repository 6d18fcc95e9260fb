"""The house stands: a module imports only from layers below its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    ["orders.pacifica"],
    [
        "orders.models",
        "orders.canonical",
        "orders.lines",
        "orders.odd_rows",
        "orders.standalone",
        "orders.phrases",
    ],
    [
        "orders.inserting",
        "orders.matters",
        "orders.pasting",
        "orders.signer",
        "orders.telling_house",
    ],
    [
        "orders.audit",
        "orders.checkpoint_file",
        "orders.credits",
        "orders.exchange",
        "orders.keys",
        "orders.misanswers",
        "orders.records",
        "orders.rights",
        "orders.sessions",
        "orders.telling",
        "orders.throttling",
    ],
    [
        "orders.checkpoints",
        "orders.factors",
        "orders.refusing",
        "orders.rotating",
        "orders.searching",
        "orders.signed_requests",
    ],
    ["orders.proofs", "orders.trail"],
    [
        "orders.clocking",
        "orders.contradicting",
        "orders.judging",
        "orders.routes",
        "orders.webhook",
    ],
    [
        "orders.concluding",
        "orders.packets",
        "orders.reading",
        "orders.taking",
        "orders.targets",
        "orders.waking",
    ],
    [
        "orders.asking",
        "orders.claiming",
        "orders.endings",
        "orders.lagging",
        "orders.logins",
        "orders.panic_facts",
        "orders.sentences",
        "orders.starting",
    ],
    ["orders.paging", "orders.pasts"],
    ["orders.looking_up"],
    [
        "orders.bundles",
        "orders.comparing",
        "orders.drifting",
        "orders.evidence",
        "orders.restored",
        "orders.half_told",
        "orders.shown",
        "orders.signed_by",
        "orders.backends",
        "orders.signing_in",
        "orders.verifying",
    ],
    [
        "orders.amounts",
        "orders.archiving",
        "orders.settled",
        "orders.exporting",
        "orders.verifications",
    ],
    [
        "orders.book_looks",
        "orders.delivery",
        "orders.panic_lines",
        "orders.settling",
        "orders.syncing",
        "orders.templatetags",
    ],
    ["orders.panic_requests"],
    ["orders.strategies"],
    ["orders.cancel_all", "orders.leftovers", "orders.panic_stops"],
    ["orders.clearing"],
    [
        "orders.cancels",
        "orders.enrolling",
        "orders.errands",
        "orders.probing",
        "orders.scoping",
    ],
    [
        "orders.alerting",
        "orders.emptying",
        "orders.jobs",
        "orders.panic",
        "orders.previews",
        "orders.questions",
    ],
    ["orders.accepting", "orders.listing", "orders.panic_acts", "orders.planning"],
    ["orders.sweeping"],
    ["orders.admin", "orders.management", "orders.tasks"],
    ["orders.context_processors"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ELSEWHERE = {"orders.apps", "orders.migrations", "orders"}
DOORS = {
    "requests": {"orders.pacifica.client", "orders.pacifica.connections", "orders.webhook"},
    "celery": {"orders.waking", "orders.tasks", "desk.celery", "desk"},
    "nacl": {"orders.pacifica.signing"},
    "solders": {
        "orders.pacifica.signing",
        "orders.keys",
        "orders.signer",
        "orders.pacifica.paper",
    },
}


def modules():
    paths = sorted([*ROOT.glob("orders/**/*.py"), *ROOT.glob("desk/*.py")])
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    names = [name.removesuffix(".__init__") for name in names]
    return [pytest.param(name, path, id=name) for name, path in zip(names, paths, strict=True)]


def imported(name, path):
    """Full names of every module that a file imports, wherever in the file it does."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(up if node.level else []), *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def room(name):
    """The entry of LAYERS a module belongs to, or None."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        if ".".join(parts[:size]) in LEVEL:
            return ".".join(parts[:size])
    return None


@pytest.mark.parametrize(("name", "path"), modules())
def test_a_module_imports_only_from_below(name, path):
    own = room(name)
    if own is None:
        assert name in ELSEWHERE or name.startswith(("desk", "orders.migrations")), (
            f"{name} stands in no layer"
        )
        return
    for other in set(imported(name, path)):
        theirs = room(other)
        if theirs not in (None, own):
            assert LEVEL[theirs] < LEVEL[own], f"{name} imports {other}"


@pytest.mark.parametrize(("name", "path"), modules())
def test_the_exchanges_language_knows_no_django_and_nothing_of_ours(name, path):
    if not name.startswith("orders.pacifica"):
        return
    for other in imported(name, path):
        assert other.partition(".")[0] != "django"
        if other.startswith("orders"):
            assert other.startswith("orders.pacifica")


@pytest.mark.parametrize(("name", "path"), modules())
def test_each_library_has_its_one_door(name, path):
    for other in imported(name, path):
        doors = DOORS.get(other.partition(".")[0])
        if doors is not None:
            assert any(name == door or name.startswith(f"{door}.") for door in doors), (
                f"{name} imports {other}"
            )


@pytest.mark.parametrize(("name", "path"), modules())
def test_every_module_says_its_duty_first(name, path):
    if ".migrations.0001" in name:  # written by Django
        return
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree)
