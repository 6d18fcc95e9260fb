"""What a picture is: bars or lines of the theme's chart components, and the table behind them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

VALUE_TICKS: dict[str, Any] = {
    "maxTicksLimit": 6,
    "maxRotation": 0,
    "format": {"notation": "compact"},
}
LEGEND = {"display": True, "position": "bottom", "labels": {"boxWidth": 10, "boxHeight": 10}}


@dataclass(frozen=True)
class Series:
    """One kind of bar, or one line. ``tone``: its colour in the style sheet, without ``--dk-``, or
    that of each value.

    ``values``: a number for each label, None where there is none; a pair is a bar from one to the
    other. ``words``: the same for people; ``links``: where what a bar counts is listed, or nothing.
    """

    name: str
    tone: str | Sequence[str]
    values: Sequence[Any]
    words: Sequence[str] = ()
    links: Sequence[str] = ()
    is_dashed: bool = False

    def dataset(self, is_line: bool) -> dict[str, Any]:
        """The series as the chart's script reads it."""
        drawn: dict[str, Any] = {"label": self.name, "data": list(self.values), "tone": self.tone}
        if any(self.links):
            drawn["links"] = list(self.links)
        if is_line:
            drawn |= {"pointRadius": 2, "borderWidth": 2, "spanGaps": True}
        if self.is_dashed:
            drawn |= {"borderDash": [6, 4], "pointRadius": 0}
        return drawn


@dataclass(frozen=True)
class Cell:
    """One place of the table behind a picture."""

    name: str
    words: str
    link: str = ""


@dataclass(frozen=True)
class Chart:
    """A picture. ``name``: its id on the page; ``head``: what its labels are, for the table.

    ``facts``: figures beside it, as (figure, what it is) pairs. ``mark``: a value with its name,
    drawn as a line across; ``note``: one sentence on what is counted.
    """

    name: str
    title: str
    head: str
    labels: Sequence[str]
    series: Sequence[Series]
    note: str = ""
    unit: str = ""
    is_line: bool = False
    is_stacked: bool = False
    is_lying: bool = False
    facts: Sequence[tuple[str, str]] = ()
    mark: tuple[float, str] | None = None
    empty: str = "There is nothing to draw yet."

    @property
    def is_empty(self) -> bool:
        """Whether no series has any value but nought."""
        return not any(any(one.values) for one in self.series)

    @cached_property
    def data(self) -> str:
        """Labels and figures, as JSON."""
        drawn: dict[str, Any] = {
            "labels": list(self.labels),
            "datasets": [one.dataset(self.is_line) for one in self.series],
        }
        if self.mark is not None:
            drawn["mark"] = {"value": self.mark[0], "label": self.mark[1]}
        return json.dumps(drawn, cls=DjangoJSONEncoder)

    @property
    def options(self) -> str:
        """How it is drawn, as JSON: no motion, a legend of words, axes that begin at nought."""
        label, value = ("y", "x") if self.is_lying else ("x", "y")
        scales = {
            label: {
                "stacked": self.is_stacked,
                "grid": {"display": False},
                "ticks": {
                    "autoSkip": not self.is_lying,
                    "autoSkipPadding": 12,
                    "maxRotation": 0,
                },
            },
            value: {
                "stacked": self.is_stacked,
                "beginAtZero": True,
                "suggestedMax": self.mark[0] * 1.1 if self.mark else None,
                "ticks": VALUE_TICKS if self.unit else VALUE_TICKS | {"precision": 0},
                "title": {"display": bool(self.unit), "text": self.unit},
            },
        }
        drawn = {
            "animation": False,
            "responsive": True,
            "maintainAspectRatio": False,
            "indexAxis": label,
            "scales": scales,
            "datasets": {"bar": {"maxBarThickness": 28}},
            "plugins": {"legend": LEGEND if len(self.series) > 1 else {"display": False}},
        }
        return json.dumps(drawn)

    @property
    def rows(self) -> list[tuple[str, list[Cell]]]:
        """The table behind it: each label with the cells of the series."""
        return [
            (label, [_cell(one, at) for one in self.series]) for at, label in enumerate(self.labels)
        ]


def _cell(series: Series, at: int) -> Cell:
    value = series.values[at]
    words = series.words[at] if series.words else ("–" if value is None else f"{value:,}")
    return Cell(series.name, words, series.links[at] if series.links else "")
