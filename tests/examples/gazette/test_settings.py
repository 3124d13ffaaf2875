"""Settings are validated."""

from typing import Any

import pytest

from examples.gazette.settings import GazetteSettings


@pytest.mark.parametrize(
    "wrong", [{"pronoun": 1.5}, {"train": 0}, {"cooccurrence": 0.9}, {"active": 0.9, "passive": 0.9}]
)
def test_settings_out_of_range_are_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^gazette: "):
        GazetteSettings(**wrong)
