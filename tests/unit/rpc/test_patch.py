"""What a mask makes of a message's fields."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from arouter.errors import ARouterError
from arouter.rpc.typed.patch import masked

SET: dict[str, Any] = {"name": "n", "rate_limit": {"requests_per_day": 5}}
UNSET: dict[str, Any] = {"name": "n", "rate_limit": None}


@pytest.mark.parametrize(
    ("fields", "paths", "patch"),
    [
        (SET, ["name"], {"name": "n"}),
        (SET, ["rate_limit.requests_per_day"], {"rate_limit": {"requests_per_day": 5}}),
        (UNSET, ["rate_limit.requests_per_day"], {"rate_limit": {"requests_per_day": None}}),
        (UNSET, ["rate_limit", "rate_limit.requests_per_day"], {"rate_limit": None}),
        (UNSET, ["rate_limit.requests_per_day", "rate_limit"], {"rate_limit": None}),
        (SET, ["*"], SET),
    ],
)
def test_a_mask_picks(fields: dict[str, Any], paths: list[str], patch: dict[str, Any]) -> None:
    assert masked(fields, FieldMask(paths=paths)) == patch


@pytest.mark.parametrize("paths", [[], ["*", "name"], ["hash"], ["name.first"], ["rate_limit."], [".name"], [""]])
def test_a_mask_that_names_something_else_is_refused(paths: list[str]) -> None:
    with pytest.raises(ARouterError) as caught:
        masked(SET, FieldMask(paths=paths))

    assert caught.value.param == "update_mask"
