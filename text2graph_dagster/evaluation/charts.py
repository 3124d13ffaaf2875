"""Charts of figures as SVG text: self-contained (no style sheet, no script), escaped, deterministic.

The charts are used in the report's page and, as data URIs, in the metadata of assets.
"""

import base64
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

INK, FAINT, RULE, PAPER = "#1d2430", "#6b7280", "#e3e5e9", "#ffffff"
RIGHT, WRONG, MISSED = "#2f6f4f", "#b3261e", "#a15c00"
FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, 'Noto Sans CJK SC', sans-serif"
# Okabe and Ito's colour-blind safe palette, darkened where the colour is used for text on white.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#9a5b83", "#8a6d00", "#3b8fb8", "#5f6670")

_NOT_XML = re.compile(
    r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # XML 1.0, section 2.2: not allowed even as escapes
_TINY = 1e-100  # a smaller range cannot be drawn to scale


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure with its interval; `value`, `low` and `high` are None if they are unknown."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    color: str
    note: str = ""


def svg_element(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """Return an element with all text escaped; attributes that are None are omitted, `_` in names becomes `-`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_format_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(c if isinstance(c, Markup) else _replace_illegal(c) for c in children)
    return Markup(f"<{name}{written}>{inside}</{name}>") if children else Markup(f"<{name}{written}/>")  # noqa: S704


def svg_document(width: float, height: float, title: str, *children: Markup) -> Markup:
    """Return the root element; it shrinks with its container."""
    return svg_element(
        "svg",
        svg_element("title", title),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_format_attribute(width)} {_format_attribute(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=title,
        font_family=FONT,
        font_size="11",
        fill=INK,
    )


def svg_label(x: float, y: float, text: str, **attributes: str | float | None) -> Markup:
    """Return a text element."""
    return svg_element("text", text, x=x, y=y, **attributes)


def data_uri(svg: str) -> str:
    """Return the SVG as a data URI, for an `img` or a Markdown image."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from data to page coordinates."""

    first: float
    last: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.first) / ((self.last - self.first) or 1) * (self.end - self.start)


def make_scale(marks: Sequence[float], start: float, end: float) -> Scale:
    """Return the scale that maps the first mark to `start` and the last to `end`."""
    return Scale(marks[0], marks[-1], start, end)


def interval_chart(bars: Sequence[Bar], title: str, *, unit: str = "", width: int = 640) -> Markup:
    """Draw one row per bar, a dot with its interval, on a common axis."""
    known = [v for bar in bars for v in (bar.low, bar.high, bar.value) if v is not None]
    marks = axis_ticks(min(known, default=0.0), max(known, default=1.0), 5)
    left, right, top, row = 110, width - 150, 14, 26
    bottom = top + row * len(bars)
    place = make_scale(marks, left, right)
    children = [svg_element("line", x1=place(x), x2=place(x), y1=top, y2=bottom, stroke=RULE) for x in marks]
    children += [svg_label(place(x), bottom + 16, format_short(x), text_anchor="middle", fill=FAINT) for x in marks]
    if marks[0] < 0 < marks[-1]:
        children.append(svg_element("line", x1=place(0), x2=place(0), y1=top, y2=bottom, stroke=FAINT))
    for i, bar in enumerate(bars):
        y = top + row * (i + 0.5)
        children.append(svg_label(left - 12, y + 4, bar.label, text_anchor="end", font_size="12"))
        if bar.value is not None:
            children += _interval_line(bar, place, y, 5)
            children.append(svg_element("circle", cx=place(bar.value), cy=y, r=4.5, fill=bar.color))
        children.append(svg_label(right + 14, y + 4, bar.note or "–", font_size="12", fill=FAINT))
    return svg_document(width, bottom + 24, f"{title} {unit}".strip(), *children)


def grouped_bar_chart(groups: Sequence[tuple[str, str, Sequence[Bar]]], title: str, *, width: int = 700) -> Markup:
    """Draw (label, note, bars) groups of horizontal bars between 0 and 1, with intervals if known."""
    thick, gap = 10, 12
    left, right, y = 180, width - 50, 8.0
    place = make_scale([0.0, 1.0], left, right)
    body: list[Markup] = []
    for name, note, bars in groups:
        middle = y + thick * len(bars) / 2
        body.append(
            svg_label(left - 10, middle + (0 if note else 4), clip_text(name, 28), text_anchor="end", font_size="12")
        )
        body.append(svg_label(left - 10, middle + 12, note, text_anchor="end", fill=FAINT, font_size="10"))
        for bar in bars:
            if bar.value is None:
                body.append(svg_label(right + 10, y + thick - 2, "–", fill=FAINT, font_size="9.5"))
            else:
                box = {"x": left, "y": y, "width": max(0.5, place(bar.value) - left), "height": thick - 2}
                body.append(
                    svg_element("rect", svg_element("title", f"{bar.label}: {bar.note}"), **box, fill=bar.color, rx=1)
                )
                body += _interval_line(bar, place, y + thick / 2 - 1, 2.5)
                body.append(svg_label(right + 10, y + thick - 2, f"{bar.value:.2f}", fill=INK, font_size="9.5"))
            y += thick
        y += gap
    marks = (0.0, 0.25, 0.5, 0.75, 1.0)
    grid = [svg_element("line", x1=place(x), x2=place(x), y1=4, y2=y - gap + 4, stroke=RULE) for x in marks]
    axis = [svg_label(place(x), y + 8, format_short(x), text_anchor="middle", fill=FAINT) for x in marks]
    return svg_document(width, y + 14, title, *grid, *body, *axis)


def _interval_line(bar: Bar, place: Scale, y: float, half: float) -> list[Markup]:
    if bar.low is None or bar.high is None:
        return []
    a, b = place(bar.low), place(bar.high)
    pen: dict[str, str | float] = {"stroke": INK, "stroke_width": 1, "stroke_opacity": 0.7}
    ends = [svg_element("line", x1=x, x2=x, y1=y - half, y2=y + half, **pen) for x in (a, b)]
    return [svg_element("line", x1=a, x2=b, y1=y, y2=y, **pen), *ends]


def axis_ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers that span [low, high], at steps of 1, 2 or 5 times a power of ten."""
    if high - low <= max(1e-12 * max(abs(low), abs(high)), _TINY):
        high = low + (abs(low) if abs(low) > _TINY else 1.0)
    rough = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def clip_text(text: str, max_length: int) -> str:
    """Shorten the text to `max_length` characters, with an ellipsis."""
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"


def format_short(value: float) -> str:
    """Format a number for an axis or a table cell."""
    if value and abs(value) < 0.001:
        return f"{value:.0e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}".replace("-", "−")


def _format_attribute(value: str | float) -> str:
    return _replace_illegal(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def _replace_illegal(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
