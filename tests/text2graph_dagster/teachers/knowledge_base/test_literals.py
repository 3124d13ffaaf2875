"""Forms of dates and numbers in texts."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.teachers.knowledge_base.literals import render_literal


@pytest.mark.parametrize(
    "literal",
    ["1865-09-03", "+1865-09-03T00:00:00Z", "September 3, 1865", "3 September 1865", "Sept. 3, 1865", "1865年9月3日"],
)
def test_a_date_is_found_in_every_usual_form(literal: str) -> None:
    wanted = {"September 3, 1865", "3 September 1865", "Sept. 3, 1865", "Sep 3, 1865", "1865年9月3日", "1865-09-03"}
    assert wanted <= {*render_literal(literal), literal}


@pytest.mark.parametrize(
    ("literal", "written"),
    [
        ("1865", {"1865年"}),
        ("1865-09", {"September 1865", "1865年9月"}),
        ("1865-00-00", {"1865"}),
        ("1200000", {"1,200,000", "1.2 million", "120万"}),
        ("1,200,000", {"1200000", "1.2 million"}),
        ("300000000", {"300 million", "3亿"}),
    ],
)
def test_parts_of_dates_and_numbers(literal: str, written: set[str]) -> None:
    assert written <= set(render_literal(literal))


@pytest.mark.parametrize("literal", ["Velsoft", "Route 66", "3", "Smarch 3, 1865", "", "北京", "1.5"])
def test_other_literals_have_no_forms(literal: str) -> None:
    assert render_literal(literal) == ()


@given(st.dates(min_value=date(1000, 1, 1)))
def test_parsable_forms_of_a_date_mean_the_same_date(day: date) -> None:
    forms = {day.isoformat(), *render_literal(day.isoformat())}
    for form in forms:
        again = {form, *render_literal(form)}
        assert day.isoformat() in again or len(again) == 1
