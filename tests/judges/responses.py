"""OpenAI's SDK as a judge of the Responses API: its types check all JSON, and its accumulator the order of events."""

from __future__ import annotations

import json
from typing import Any

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

from judges.typed_dicts import type_faults

JsonObject = dict[str, Any]

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def faults(request: JsonObject) -> list[str]:
    """Returns what the SDK's types find wrong with a request."""
    kind = ResponseCreateParamsStreaming if request.get("stream") else ResponseCreateParamsNonStreaming
    return type_faults(request, kind, "request")


def response(document: JsonObject) -> Response:
    """Returns a response that the SDK's types accept."""
    return Response.model_validate(document)


def events(data: bytes) -> list[JsonObject]:
    """Returns the events of a stream, after checks of their framing."""
    found = []
    for block in data.decode().split("\n\n"):
        if not block or block.startswith(":"):
            continue
        name, _, said = block.partition("\n")
        event = json.loads(said.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def added_up(stream: list[JsonObject]) -> JsonObject:
    """Returns the response at the end of a stream that has not failed, whose events are in the API's order.

    Each event is of the SDK's types; the SDK's accumulator checks places and identities; the checks here are those of
    the reference that the SDK leaves out.
    """
    assert [event["sequence_number"] for event in stream] == list(range(len(stream)))
    assert [event["type"] for event in stream[:2]] == ["response.created", "response.in_progress"]
    assert stream[-1]["type"] in _ENDS
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    ids = set()
    items: dict[int, JsonObject] = {}
    texts: dict[tuple[str, int, str], str] = {}
    for event in stream:
        state.handle_event(_EVENT.validate_python(event))
        kind = event["type"]
        if "response" in event:
            ids.add(event["response"]["id"])
        if kind == "response.output_item.added":
            assert event["output_index"] == len(items)
            items[event["output_index"]] = event["item"]
        elif kind == "response.output_item.done":
            assert event["item"]["id"] == items[event["output_index"]]["id"]
            items[event["output_index"]] = event["item"]
        elif "item_id" in event:
            assert event["item_id"] == items[event["output_index"]]["id"]
            place = event["item_id"], event.get("content_index", event.get("summary_index", 0)), kind.rpartition(".")[0]
            if kind.endswith(".delta"):
                texts[place] = texts.get(place, "") + event["delta"]
            elif kind.endswith(".done") and "part" not in event:
                said = next(event[name] for name in ("text", "refusal", "arguments", "input") if name in event)
                assert said == texts.pop(place, "")
    assert len(ids) == 1
    assert not texts, "deltas without their end"
    final: JsonObject = stream[-1]["response"]
    assert [_without_annotations(item) for item in final["output"]] == [
        _without_annotations(items[index]) for index in sorted(items)
    ]
    response(final)
    return final


def _without_annotations(item: JsonObject) -> JsonObject:
    """Returns an item without what may come after its end."""
    if item["type"] != "message":
        return item
    return {**item, "content": [{**part, "annotations": []} for part in item["content"]]}
