"""Plain scalars by themselves; what they become in a file is test_reader's."""

from __future__ import annotations

import pytest
import yaml

from labmodels.config.scalars import plain_scalar, resolve


def test_a_number_of_thousands_of_digits_stays_text_and_costs_nothing():
    assert plain_scalar("9" * 5000) == "9" * 5000
    assert plain_scalar("0x" + "f" * 5000) == "0x" + "f" * 5000


@pytest.mark.parametrize("text", ["yes", "Off", "010", "12:30:00", "3.10", "2e-5", "1e6", "1.5e3"])
def test_what_is_suspicious_is_something_else_for_a_yaml_1_1_reader(text):
    value, code = resolve(text)
    assert code is not None
    by_1_1 = yaml.safe_load(text)
    assert (by_1_1, type(by_1_1)) != (value, type(value)) or str(value) != text


@pytest.mark.parametrize("text", ["true", "null", "0", "10", "-7", "0.5", "1.0", "2.5e-5", "gpt-4", "5 seconds", "85%", "on call"])
def test_what_every_reader_reads_alike_is_not_suspicious(text):
    value, code = resolve(text)
    assert code is None
    assert yaml.safe_load(text) == value
