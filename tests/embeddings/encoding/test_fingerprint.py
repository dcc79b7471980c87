"""A space is named by everything that its vectors depend on, and by nothing else."""

from __future__ import annotations

from dataclasses import fields, replace

from labmodels.embeddings.encoding.fingerprint import Fingerprint

ONE = Fingerprint("w", "t", 384, 256, "mean", True, "", "", "openvino", "bfloat16")


def test_each_part_makes_another_space():
    for field in fields(ONE):
        value = getattr(ONE, field.name)
        other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value + "x"
        assert replace(ONE, **{field.name: other}).short != ONE.short, field.name


def test_parts_that_swap_their_text_are_not_the_same_space():
    assert replace(ONE, query_prompt="a").short != replace(ONE, document_prompt="a").short


def test_the_short_form_is_the_same_in_every_run():
    assert ONE.short == "186bac92bddbd9d4"


def test_a_chunker_and_its_parameters_are_part_of_it_in_any_order_of_the_parameters():
    spaces = {
        ONE.short,
        ONE.with_chunker("markdown", {"tokens": 200, "overlap": 0}).short,
        ONE.with_chunker("markdown", {"tokens": 100, "overlap": 0}).short,
        ONE.with_chunker("text", {"tokens": 200, "overlap": 0}).short,
    }
    assert len(spaces) == 4
    assert ONE.with_chunker("markdown", {"overlap": 0, "tokens": 200}).short in spaces
