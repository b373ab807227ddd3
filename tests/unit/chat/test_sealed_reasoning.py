"""Sealed reasoning survives clients that decode and encode base64, and damage is noticed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.chat.reasoning_details import add_details
from arouter.chat.sealed_reasoning import is_sealed, seal, seal_detail, unseal, unseal_detail

VALUES = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
ALPHABETS = str.maketrans("+/", "-_")


@given(VALUES)
def test_a_sealed_value_is_read_in_either_alphabet_with_and_without_padding(value: Any) -> None:
    sealed = seal(value)

    assert is_sealed(sealed)
    assert unseal(sealed) == unseal(sealed.translate(ALPHABETS).rstrip("=")) == value


@pytest.mark.parametrize("opaque", ["", "c2ln", "gAAAAABo", seal({"a": "b"})[:-5], seal("x") + "!"])
def test_other_and_damaged_texts_are_none(opaque: str) -> None:
    assert unseal(opaque) is None
    assert unseal_detail(opaque) is None


def test_a_detail_is_sealed_without_its_text() -> None:
    detail = {"type": "reasoning.text", "format": "f", "signature": "s", "id": None, "text": "Hm.", "index": 0}

    assert unseal_detail(seal_detail(detail)) == {"type": "reasoning.text", "format": "f", "signature": "s"}
    assert unseal_detail(seal({"index": 1})) is None


def test_pieces_of_an_entry_are_put_together() -> None:
    first = {"type": "reasoning.text", "id": "r", "format": "f", "index": 0}
    details: list[dict[str, Any]] = []
    for pieces in (
        [first],
        [{"type": "reasoning.text", "text": "H", "index": 0}],
        [{**first, "text": "m.", "signature": "s"}, {"type": "reasoning.encrypted", "data": "d", "index": 0}],
        [{**first, "id": "other"}, {"type": "reasoning.text", "text": "no index"}, "no entry"],
        None,
    ):
        add_details(details, pieces)

    assert details == [
        {**first, "text": "Hm.", "signature": "s"},
        {"type": "reasoning.encrypted", "data": "d", "index": 0},
        {**first, "id": "other"},
        {"type": "reasoning.text", "text": "no index"},
    ]
