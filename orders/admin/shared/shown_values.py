"""What a form showed of a row: what somebody changed since is told, and not overwritten unseen.

The form carries a hash of each part as it was shown: the row's own values, and those of each kind
of rows within its page. A form without one, of a page of an earlier release, is taken as it is.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.utils import flatten_fieldsets
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import capfirst

from orders.admin.shared.unfold import ModelAdmin
from orders.templatetags.desk import visible

FIELD = "shown"  # the form's hidden field
CHANGED = (
    "This was changed after you had opened it, by somebody else or by you in another tab. Nothing "
    "was saved."
)
NOW = "Now it is: {}."
AGAIN = "The form holds what your page had, also where you changed nothing: check it, then save."
ROWS = "{} stand here as they are now: change them once more."
KEPT = "desk_shown"  # where a request keeps what follows


@dataclass(frozen=True)
class Shown:
    """``now``: the hashes of what a page shows now. ``is_own``: the row itself was changed since
    the form that was sent had shown it; ``inlines``: the models whose rows within the page were.
    """

    now: str
    is_own: bool = False
    inlines: tuple[type[Model], ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether anything of the form that was sent is not so any more."""
        return self.is_own or bool(self.inlines)


def compare(screen: ModelAdmin[Any], request: HttpRequest, row: Model) -> Shown:
    """Return what the page shows now, and what of a form that was sent is not so any more.

    Call it within a transaction where a form was sent: the row is locked, and read anew.
    """
    if request.method == "POST":
        list(type(row)._default_manager.select_for_update(no_key=True).filter(pk=row.pk))
        row.refresh_from_db()
    inlines = screen.get_inline_instances(request, row)
    rows = [_rows(inline, request, row) for inline in inlines]
    parts = [_own(screen, request, row), *rows]
    hashes = [_hash(part) for part in parts]
    sent = request.POST.get(FIELD, "").split(".") if FIELD in request.POST else hashes
    sent += [""] * (len(hashes) - len(sent))
    over = [then != now for then, now in zip(sent, hashes, strict=False)]
    changed = (inline.model for inline, is_over in zip(inlines, over[1:], strict=True) if is_over)
    shown = Shown(".".join(hashes), over[0], tuple(changed))
    setattr(request, KEPT, shown)
    return shown


def of(request: HttpRequest) -> Shown | None:
    """Return what was compared for this request; None where nothing was."""
    return getattr(request, KEPT, None)


def refusing(form_class: type[Any], shown: Shown) -> type[Any]:
    """Return the form's class, which takes nothing and says what is so now."""

    def clean(form: Any) -> Any:
        form.add_error(None, _words(form, shown))  # first: the next page shows what is so now
        return form_class.clean(form)

    return type(form_class.__name__, (form_class,), {"clean": clean})


def _words(form: "forms.ModelForm[Any]", shown: Shown) -> str:
    differing = [f"{form.fields[name].label}: {_now(form, name)}" for name in form.changed_data]
    now = [NOW.format("; ".join(differing))] if differing else []
    rows = [ROWS.format(capfirst(str(model._meta.verbose_name_plural))) for model in shown.inlines]
    return " ".join([CHANGED, *now, AGAIN, *rows])


def _now(form: "forms.ModelForm[Any]", name: str) -> str:
    value, choices = form.initial.get(name), getattr(form.fields[name], "choices", ())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return visible(dict(choices).get(value, value)) or "nothing"


def _own(screen: ModelAdmin[Any], request: HttpRequest, row: Model) -> Any:
    names = flatten_fieldsets(screen.get_fieldsets(request, row))
    fixed = screen.get_readonly_fields(request, row)
    return {name: row.serializable_value(name) for name in names if name not in fixed}


def _rows(inline: Any, request: HttpRequest, row: Model) -> Any:
    link = inline.get_formset(request, row).fk.name
    rows = inline.model._default_manager.filter(**{link: row}).order_by("pk")
    return [list(each) for each in rows.values_list("pk", *inline.fields)]


def _hash(part: Any) -> str:
    return hashlib.sha256(
        json.dumps(part, cls=DjangoJSONEncoder, sort_keys=True).encode()
    ).hexdigest()[:32]
