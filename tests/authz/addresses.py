"""Every address of the site, with own, foreign, missing and malformed ids put into it."""

import re

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.urls import URLResolver, get_resolver

API = "api/v1/"
MISSING = 987_654
MALFORMED = ("abc", "9" * 30, "1%00")
DOCUMENTS = ("screens", "decisions/10-unfold", "no-such", "..%2FREADME", "1%00")
UNKNOWN_KEY = "00000000-0000-4000-8000-000000000000"


def addresses(patterns=None, prefix=""):
    """Every (name, route) of the site; a regular expression's groups count as parameters."""
    for one in patterns or get_resolver().url_patterns:
        route = prefix + plain(str(one.pattern))
        if route == API:  # no person comes in there: tests/api/test_matrix.py
            continue
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, route)
        else:
            yield one.name or "", route


def plain(route):
    """A route with parameters as ``<name>``, whatever it was written in."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route)
    return re.sub(r"<\w+:(\w+)>", r"<\1>", route.removeprefix("^").removesuffix("$"))


def noun_of(route):
    """The model an address is about, by where the admin puts it."""
    nouns = {f"{one._meta.app_label}/{one._meta.model_name}" for one in apps.get_models()}
    return next((part.partition("/")[2] for part in nouns if f"/{part}/" in f"/{route}"), None)


def fillings(world, name, route):
    """(kind of id, address) pairs: own, foreign, missing and malformed ids put into a route."""
    parameters = re.findall(r"<(\w+)>", route)
    if not parameters:
        return [("none", f"/{route}")]
    if parameters == ["app_label"]:
        return [("none", "/" + route.replace("<app_label>", label)) for label in ("orders", "auth")]
    if parameters == ["url"]:
        return [("none", "/" + route.replace("<url>", "no/such/page"))]
    if parameters == ["name"]:
        return [("none", "/" + route.replace("<name>", each)) for each in DOCUMENTS]
    if parameters == ["content_type_id", "object_id"]:
        return list(by_content_type(world, route))
    assert parameters in (["object_id"], ["id"], ["key"]), (
        f"{name}: the matrix knows no parameter {parameters}; teach it in tests/authz/addresses.py"
    )
    return list(by_row(world, route, parameters[0]))


def by_row(world, route, parameter):
    noun = noun_of(route)
    assert noun in world.near.rows, (
        f"{route}: the world holds no {noun}; add one in tests/authz/scenario.py"
    )
    near, far = (side.rows[noun] for side in (world.near, world.far))
    of = (lambda row: row.key) if parameter == "key" else (lambda row: row.pk)
    missing = UNKNOWN_KEY if not str(of(near)).isdecimal() else MISSING
    ids = [("near", of(near)), ("far", of(far)), ("missing", missing)]
    ids += [("malformed", one) for one in MALFORMED]
    return [(kind, "/" + route.replace(f"<{parameter}>", str(value))) for kind, value in ids]


def by_content_type(world, route):
    for noun in ("order", "account", "canceljob", "user"):
        row = world.far.rows[noun]
        content_type = ContentType.objects.get_for_model(row)
        address = route.replace("<content_type_id>", str(content_type.pk))
        yield "far", "/" + address.replace("<object_id>", str(row.pk))
