"""Metadata of training in the UI."""

from assets.metadata import summarise_alarms


def test_alarms_are_summarised_in_one_line() -> None:
    alarm = {"name": "kl", "step": 7, "value": 6.0, "threshold": 5.0, "sentence": "the KL is 6.00"}
    assert summarise_alarms([alarm, alarm]) == "kl at step 7: the KL is 6.00; kl at step 7: the KL is 6.00"
    assert summarise_alarms([]) == "none"
