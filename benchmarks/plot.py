"""A bar chart of cancels per second as an SVG, on a logarithmic scale."""

import math
from html import escape

Medians = dict[tuple[str, int], float]  # cancels per second, by (case, latency in ms)

WIDTH, BAR, GAP, LEFT = 860, 16, 26, 300
COLOURS = {0: "#0f766e", 25: "#b45309", 100: "#4338ca"}


def svg(medians: Medians, names: dict[str, str]) -> str:
    """Draw the chart. ``names``: what each case is, in words."""
    top = math.log10(max(medians.values()) * 1.3)
    measured = {case for case, _ in medians}
    cases = [case for case in names if case in measured]
    parts, y = [], 40
    for case in cases:
        parts.append(_text(LEFT - 10, y + BAR, names[case], anchor="end"))
        for (measured_case, latency_ms), rate in medians.items():
            if measured_case == case:
                width = max(2, math.log10(max(rate, 1.01)) / top * (WIDTH - LEFT - 90))
                colour = COLOURS.get(latency_ms, "#475569")
                parts.append(
                    f'<rect x="{LEFT}" y="{y}" width="{width:.0f}" height="{BAR}" fill="{colour}"/>'
                )
                parts.append(_text(LEFT + width + 6, y + BAR - 3, f"{rate:.0f}/s, {latency_ms} ms"))
                y += BAR + 3
        y += GAP
    head = _text(10, 22, "Cancels per second (logarithmic), median", size=15)
    shape = f'xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}"'
    background = f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>'
    return f"<svg {shape}>{background}{head}{''.join(parts)}</svg>"


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    style = f'font-family="sans-serif" font-size="{size}" text-anchor="{anchor}"'
    return f'<text x="{x:.0f}" y="{y}" {style}>{escape(words)}</text>'
