"""What `lint-imports` cannot hold: one door per library, a docstring per module."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOORS = {
    "requests": {
        "orders.pacifica.client",
        "orders.pacifica.connections",
        "orders.pacifica.talk",
        "orders.operations.outside_post",
    },
    "websockets": {"orders.pacifica.stream_client"},
    "celery": {"orders.tasks", "desk.celery"},
    "structlog": {"desk.logs"},
    "authlib": {"orders.access.single_sign_on.provider"},
    "joserfc": {"orders.access.single_sign_on.provider"},
    "fido2": {"orders.access.webauthn"},
    "nacl": {"orders.pacifica.signing"},
    "solders": {
        "orders.pacifica.signing",
        "orders.keys.sealing",
        "orders.keys.signer",
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
