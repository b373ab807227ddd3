"""The arguments of tool calls, as texts and as objects."""

from __future__ import annotations

import orjson
import pytest

from arouter.chat.tool_arguments import is_object, json_text, object_of
from arouter.errors import ARouterError, Failure

DEEP = orjson.loads('{"a":' * 400 + "1" + "}" * 400)


@pytest.mark.parametrize("text", ["{}", ' {"a": "}"} \n'])
def test_objects(text: str) -> None:
    assert is_object(text)
    assert orjson.dumps(object_of(text)) == text.encode()


@pytest.mark.parametrize("text", ["[1]", "1", "ls -l", '{"a"', '{"a": {"b": 1}', "}"])
def test_other_texts_are_wrapped(text: str) -> None:
    assert not is_object(text)
    assert object_of(text) == {"arguments": text}


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_text_is_an_empty_object(text: str) -> None:
    assert not is_object(text)
    assert object_of(text) == {}


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ARouterError) as refused:
        json_text(DEEP, "input[0].args")

    assert (refused.value.failure, refused.value.param) == (Failure.INVALID_REQUEST, "input[0].args")
