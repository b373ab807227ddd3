"""`docs/reference/` is what `make docs` writes from the protos."""

from __future__ import annotations

from support.proto_reference import FOLDER, rendered


def test_the_reference_is_up_to_date() -> None:
    assert {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()} == rendered(), "run `make docs`"
