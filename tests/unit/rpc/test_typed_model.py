"""Models of the catalogue as protobuf messages."""

from __future__ import annotations

import pytest

from arouter.rpc.typed.model import per_token


@pytest.mark.parametrize(
    ("per_million", "written"),
    [
        (0, "0"),
        (3, "0.000003"),
        (0.075, "0.000000075"),
        (2.5, "0.0000025"),
        (1_000_000, "1"),
        (12_500_000.0, "12.5"),
        (1e-9, "0.000000000000001"),
    ],
)
def test_a_price_is_a_plain_decimal_number(per_million: float, written: str) -> None:
    assert per_token(per_million) == written
