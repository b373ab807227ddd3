"""How many fields a message may have, counted before protobuf sees it."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from arouter.errors import ARouterError, Failure
from arouter.rpc.message_bounds import MAX_FIELDS, check_fields, count_fields
from arouter.v1.chat_message_pb2 import ROLE_USER, ChatMessage
from arouter.v1.chat_service_pb2 import ChatCompletionRequest
from arouter.v1.chat_tool_pb2 import FunctionDefinition, Tool

DESCRIPTOR = ChatCompletionRequest.DESCRIPTOR
SIZE = 10 * 1024 * 1024 - 1000
MESSAGES, TOOLS = b"\x12\x00", b"\x1a\x00"
HIDDEN = b"\x12\x03\x22\x01a"  # a message with one field, once the four bytes are read as such


def fields(message: object) -> int:
    """Returns the number of fields that are set in a message and its submessages, as upb has read them."""
    found = 0
    for field, value in message.ListFields():  # type: ignore[attr-defined]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            found += 3 * len(value)  # the entry, its key and its value
            continue
        each = value if field.is_repeated else [value]
        found += len(each)
        if field.message_type is not None:
            found += sum(map(fields, each))
    return found


@pytest.mark.parametrize(
    "data",
    [
        MESSAGES * (SIZE // 2),
        TOOLS * (SIZE // 2),
        HIDDEN * (SIZE // len(HIDDEN)),
        b"\x0b" * 1000 + MESSAGES * (SIZE // 2),  # behind the begin of groups
        MESSAGES * (SIZE // 4) + b"\xff",  # before what is no message
        ChatCompletionRequest(extra_body='{"a":[' + "[]," * (SIZE // 3) + "0]}").SerializeToString(),
        ChatCompletionRequest(
            tools=[Tool(function=FunctionDefinition(parameters_json="[" + "0," * 20_000 + "0]"))] * 10
        ).SerializeToString(),
    ],
    ids=["messages", "tools", "fields", "groups", "not to the end", "extra_body", "many schemas"],
)
def test_a_message_of_too_many_fields_is_refused(data: bytes) -> None:
    with pytest.raises(ARouterError) as caught:
        check_fields(data, DESCRIPTOR)

    assert caught.value.failure is Failure.INVALID_REQUEST
    assert caught.value.message == "The request message has more than 100000 fields."


def test_an_agents_request_passes() -> None:
    messages = [ChatMessage(role=ROLE_USER, content="Well, [he] said: {so}. " * 50)] * 5000
    data = ChatCompletionRequest(messages=messages).SerializeToString()

    check_fields(data, DESCRIPTOR)

    assert count_fields(data, DESCRIPTOR) == 15_000


@given(st.lists(st.sampled_from([MESSAGES, TOOLS, HIDDEN, b"\x0b", b"\x0c", b"\x09", b"\x80"]) | st.binary(max_size=9)))
def test_no_field_that_protobuf_reads_is_missed(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    counted = count_fields(data, DESCRIPTOR)
    try:
        read = fields(ChatCompletionRequest.FromString(data))
    except DecodeError:
        read = 0

    assert read <= counted <= MAX_FIELDS
