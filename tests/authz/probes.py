"""Tricks of the matrix: bulk actions, filters, lookups, searches, autocompletes, forged formsets.

Where a value may be typed, a foreign row's must get the very answer of one that nobody has.
"""

import re
from urllib.parse import urlsplit

from django.contrib import admin
from django.urls import reverse

FORGED_ROWS = {"_save": "Save", "form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2"}
NOBODY = {"account": "987654", "desk": "987654", "job": "987654"}
NOTHING = "NOSUCHTHING"
QUICK = {"operator"}  # the kinds of people who try every trick in the quick form
QUICK_ACTIONS = {"viewer", "operator", "head here, viewer there"}
COUNT = re.compile(r'(data-count="\w+"[^>]*>)(\d+)')  # of the menu: no echo, though it be alike
RANDOM = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9]{64}|\d\d:\d\d:\d\d[.\d]*|\d+ (?:s|ms|min|h|minutes?)\b"
    r'|data-now="\d+"|data-until="\d+"\s+data-half="\d+">\d+<'
)


def try_tricks(matrix):
    """Every trick that this matrix's person can play."""
    if matrix.is_whole or matrix.kind in QUICK | QUICK_ACTIONS:
        bulk_actions(matrix)
    if matrix.is_whole or matrix.kind in QUICK:
        for screen in admin.site._registry.values():
            typed_values(matrix, screen)
            lookups(matrix, screen)
        autocompletes(matrix)
    if matrix.is_whole or matrix.kind in {"operator", "administrator"}:
        formsets(matrix)


def list_of(screen):
    """Name and address of a screen's list."""
    name = f"{screen.opts.app_label}_{screen.opts.model_name}_changelist"
    return name, reverse(f"admin:{name}")


def bulk_actions(matrix):
    """Each action at each list, on own and foreign rows, ticked and *all that match*."""
    world = matrix.world
    for screen in admin.site._registry.values():
        noun, (name, address) = screen.opts.model_name, list_of(screen)
        for action in {*(screen.actions or ()), "delete_selected"}:
            for rows, across in (("far", "0"), ("both", "0"), ("far", "1")):
                chosen = [str(getattr(world, one).rows[noun].pk) for one in ("near", "far")]
                data = {"action": action, "select_across": across, "index": "0"}
                data["_selected_action"] = chosen if rows == "both" else chosen[1:]
                where = f"POST {address} {action} on {rows}, across {across}"
                matrix.act(where, name, address, data, trick="bulk actions")


def typed_values(matrix, screen):
    """Each filter and the search of a list, with what only the other desk has."""
    _, address = list_of(screen)
    far = foreign_side(matrix)
    for parameter, values in values_of(screen, far).items():
        for value in values:
            nobodys = NOBODY.get(parameter, NOTHING)
            if parameter == "q" and value.isdecimal():
                nobodys = "9" + value[1:]
            same_answer(matrix, address, parameter, value, nobodys)


def foreign_side(matrix):
    """The desk that is not this person's; any for who sees both."""
    return (matrix.hidden or [matrix.world.far])[-1]


def values_of(screen, far) -> dict:
    """What to type, by parameter."""
    rows = far.rows
    known = {
        "account": [str(rows["account"].pk)],
        "desk": [str(far.desk.pk)],
        "job": [str(rows["canceljob"].pk)],
        "symbol": [rows["order"].symbol],
        "operator": [rows["user"].username],
    }
    wanted = {one.parameter_name for one in screen.list_filter}
    found = {name: values for name, values in known.items() if name in wanted}
    if screen.search_fields:
        found["q"] = [str(rows["order"].order_id), far.desk.name, rows["user"].username]
    return found


def same_answer(matrix, address, parameter, value, nobodys):
    """A foreign value and one that nobody has get the same answer, but for the value itself."""
    about = (address, parameter, (value, nobodys), "filters and searches")
    if matrix.hidden and told_apart(matrix, *about):
        matrix.fault("leak", f"{address}?{parameter}={value} is told apart from {nobodys}")


def told_apart(matrix, *about) -> bool:
    """Whether two values get different answers, twice: a notice may come up between two looks."""
    return differ(matrix, *about) and differ(matrix, *about)


def differ(matrix, address, parameter, values, trick):
    """Whether two values get different answers now."""
    first, second = (ask(matrix, address, parameter, value, trick) for value in values)
    return first != second


def ask(matrix, address, parameter, typed, trick):
    """What an answer says, less what was typed and what is new at every look."""
    where = f"GET {address}?{parameter}={typed}"
    answer = matrix.attempt("get", address, {parameter: typed})
    matrix.tried[trick] += 1
    if answer["changed"] or answer["events"]:
        matrix.fault("change by GET", where)
    text = COUNT.sub(r"\1 \2 ", answer["answer"].content.decode(errors="replace"))
    names = (f"{parameter}={typed}", f"{parameter}%3D{typed}", f'value="{typed}"')
    for echo in (*names, f">{typed}<", f"“{typed}”"):
        text = text.replace(echo, "…")
    led_to = urlsplit(answer["answer"].headers.get("Location", "")).path
    return answer["answer"].status_code, led_to, RANDOM.sub("…", text)


def lookups(matrix, screen):
    """No column can be guessed letter by letter: a right guess and a wrong one look the same."""
    _, address = list_of(screen)
    row = foreign_side(matrix).rows[screen.opts.model_name]
    columns = list(columns_of(row, 1 if matrix.is_whole else 0))
    for lookup, value in columns if matrix.is_whole else columns[1:3]:
        if told_apart(matrix, address, lookup, (value, NOTHING), "lookups"):
            matrix.fault("leak", f"{address}?{lookup} tells a right guess from a wrong one")


def columns_of(row, depth, prefix=""):
    """(lookup, right guess) for each column of a row, and of the rows it names."""
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        if value not in ("", None):  # of nothing there is nothing to guess
            yield f"{prefix}{field.name}__startswith", str(value)[:3]
        if depth and field.is_relation and value is not None:
            yield from columns_of(getattr(row, field.name), depth - 1, f"{prefix}{field.name}__")


def autocompletes(matrix):
    """Every link between rows, asked for as a form's autocomplete does."""
    address = reverse("admin:autocomplete")
    for model in admin.site._registry:
        for field in model._meta.concrete_fields:
            if field.is_relation:
                about = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
                about |= {"field_name": field.name, "term": ""}
                matrix.look(f"autocomplete {about}", address, about, trick="autocompletes")


def formsets(matrix):
    """Rows put into forms that do not hold them: changed ids, extra forms, forged fields."""
    world = matrix.world
    for screen in admin.site._registry.values():
        name, address = list_of(screen)
        for side in (world.near, world.far):
            row = side.rows[screen.opts.model_name]
            matrix.act(f"POST {address} rows", name, address, rows_of(row), trick="formsets")
    page = "auth_user_change"
    for side, other in ((world.near, world.far), (world.far, world.near)):
        address = reverse(f"admin:{page}", args=[side.rows["user"].pk])
        for what, forged in memberships_of(side, other):
            if what == SLOW and not matrix.is_whole:
                continue
            where = f"POST {address} {what}"
            answer = matrix.act(
                where, page, address, world.payload(side) | forged, trick="formsets"
            )
            if what in BROKEN and matrix.kind == "administrator" and answer.status_code == 302:
                matrix.fault("unauthorised effect", f"{where} was saved")


SLOW = "too many forms"
BROKEN = {"another's row", "a row that is not there"}


def rows_of(row):
    """What a list with editable columns would send, for every column there is."""
    forged = {f"form-0-{f.name}": str(getattr(row, f.attname)) for f in row._meta.concrete_fields}
    return FORGED_ROWS | forged | {"form-0-id": str(row.pk), "form-1-id": "987654"}


def memberships_of(side, other):
    """(what is forged, fields) of a person's desks, as an administrator's form sends them."""
    foreign = str(other.rows["membership"].pk)
    yield "another's row", {"memberships-0-id": foreign, "username": side.rows["user"].username}
    yield "a row that is not there", {"memberships-0-id": "987654"}
    yield SLOW, {"memberships-TOTAL_FORMS": "5000"}
    yield "more rows than there are", {"memberships-INITIAL_FORMS": "2"}
    yield "nonsense", {"memberships-TOTAL_FORMS": "-1", "memberships-INITIAL_FORMS": "x"}
