"""Forms of a knowledge base's dates and numbers in English and Chinese texts.

A knowledge base has one form of a date or number ("1865-09-03", "+1865-09-03T00:00:00Z", "1200000"); texts have many
("September 3, 1865", "3 Sept. 1865", "1865年9月3日", "1,200,000", "1.2 million", "120万").
"""

import re
from collections.abc import Iterator

_ISO = re.compile(r"\+?(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?(?:T[\d:.]*Z?)?")
_ENGLISH = re.compile(
    r"(?:(?P<month>[A-Z][a-z]+)\.? (?P<day>\d{1,2}),?|(?P<day2>\d{1,2}) (?P<month2>[A-Z][a-z]+)\.?) (?P<year>\d{4})"
)
_CHINESE = re.compile(r"(?P<year>\d{4})年(?:(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})日)?)?")
_NUMBER = re.compile(r"[+-]?(?:\d{5,}|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_POWERS = ((10**9, " billion"), (10**6, " million"), (10**8, "亿"), (10**4, "万"))


def render_literal(literal: str) -> tuple[str, ...]:
    """Return the other forms of a date or number in texts; empty if the literal is neither."""
    found = dict.fromkeys((*_dates(literal.strip()), *_numbers(literal.strip())))
    return tuple(text for text in found if text != literal)


def _dates(literal: str) -> Iterator[str]:
    match = _ISO.fullmatch(literal) or _ENGLISH.fullmatch(literal) or _CHINESE.fullmatch(literal)
    if match is None:
        return
    parts = match.groupdict()
    year = int(parts["year"])
    month_name, day_digits = parts.get("month") or parts.get("month2"), parts.get("day") or parts.get("day2")
    month, day = _parse_month(month_name), int(day_digits) if day_digits else 0
    if month_name and month is None:
        return
    if not month or not 1 <= month <= 12:  # Wikidata writes 00 for an unknown month or day
        yield from (f"{year}", f"{year}年")
        return
    names = [_MONTHS[month - 1], *{_MONTHS[month - 1][:3], "Sept" if month == 9 else _MONTHS[month - 1][:3]}]
    if not 1 <= day <= 31:
        yield from (f"{name} {year}" for name in names)
        yield from (f"{year}年{month}月", f"{year}-{month:02d}")
        return
    for name in sorted(names):
        for written in (name, f"{name}.") if name != _MONTHS[month - 1] else (name,):
            yield from (f"{written} {day}, {year}", f"{written} {day} {year}", f"{day} {written} {year}")
    yield from (f"{year}年{month}月{day}日", f"{year}-{month:02d}-{day:02d}")


def _parse_month(name: str | None) -> int | None:
    if name is None or name.isdigit():
        return int(name) if name else None
    starts = [number for number, month in enumerate(_MONTHS, 1) if month.startswith(name[:3])]
    return starts[0] if starts and len(name) >= 3 else None


def _numbers(literal: str) -> Iterator[str]:
    if not _NUMBER.fullmatch(literal):
        return
    value = float(literal.replace(",", ""))
    if not value.is_integer():
        return
    whole = int(value)
    yield from (f"{whole}", f"{whole:,}")
    for power, word in _POWERS:
        if abs(whole) >= power and (whole * 100) % power == 0:
            yield f"{whole / power:.2f}".rstrip("0").rstrip(".") + word
