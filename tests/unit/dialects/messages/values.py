"""Strategies for requests of the Messages API that the canonical form can express whole."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import strategies as st

from arouter.chat.sealed_reasoning import is_sealed

Json = dict[str, Any]

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
said = texts.filter(str.strip)
ids = st.text("abcXYZ019_-", min_size=1, max_size=24).map(lambda text: f"toolu_{text}")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
)
json_objects = st.dictionaries(texts, json_values, max_size=2)
CACHED = {"cache_control": {"type": "ephemeral"}}


@st.composite
def cached(draw: st.DrawFn, blocks: st.SearchStrategy[Json]) -> Json:
    return draw(blocks) | (CACHED if draw(st.booleans()) else {})


text_blocks = cached(st.builds(lambda text: {"type": "text", "text": text}, said))
images = cached(
    st.sampled_from(
        [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
        ]
    )
)
documents = cached(
    st.builds(
        lambda source, title, citations: {"type": "document", "source": source} | title | citations,
        st.sampled_from(
            [
                {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
                {"type": "url", "url": "https://a.test/b.pdf"},
                {"type": "text", "media_type": "text/plain", "data": "A text."},
            ]
        ),
        st.just({}) | st.builds(lambda title: {"title": title}, said),
        st.sampled_from([{}, {"citations": {"enabled": True}}]),
    )
)
results = st.lists(text_blocks | images, min_size=1, max_size=2)
signatures = said.filter(lambda text: not is_sealed(text))
thinking = st.builds(
    lambda text, signature: {"type": "thinking", "thinking": text, "signature": signature}, texts, signatures
) | st.builds(lambda data: {"type": "redacted_thinking", "data": data}, signatures)


@st.composite
def turns(draw: st.DrawFn) -> list[Json]:
    """A user turn, then assistant turns with calls, each answered, and system turns."""
    found: list[Json] = [{"role": "user", "content": draw(st.lists(text_blocks | images | documents, min_size=1))}]
    for calls in draw(st.lists(st.lists(ids, max_size=3, unique=True), max_size=3)):
        uses = [
            {"type": "tool_use", "id": f"{id_}_{len(found)}", "name": f"tool_{place}", "input": draw(json_objects)}
            for place, id_ in enumerate(calls)
        ]
        if draw(st.booleans()) and uses:
            uses[-1] |= CACHED
        spoken = draw(st.lists(text_blocks, min_size=0 if uses else 1, max_size=2))
        thoughts = draw(st.lists(thinking, max_size=2))
        if draw(st.booleans()):
            found.append({"role": "system", "content": [{"type": "text", "text": draw(said)}]})
        found.append({"role": "assistant", "content": thoughts + spoken + uses})
        answers: list[Json] = [
            {"type": "tool_result", "tool_use_id": use["id"], "content": draw(results)}
            | draw(st.sampled_from([{}, {"is_error": True}, CACHED]))
            for use in uses
        ]
        found.append({"role": "user", "content": answers + draw(st.lists(text_blocks, min_size=0 if uses else 1))})
    return found


tools = st.lists(
    st.builds(
        lambda name, description, properties, more: (
            {"name": name, "input_schema": {"type": "object", "properties": properties}} | description | more
        ),
        st.text("abcXYZ019_-", min_size=1, max_size=24),
        st.just({}) | st.builds(lambda text: {"description": text}, said),
        st.dictionaries(said, st.just({"type": "string"}), max_size=2),
        st.sampled_from([{}, CACHED, {"eager_input_streaming": True}, {"defer_loading": True}]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda tool: str(tool["name"]),
)
choices = st.sampled_from([{"type": "any"}, {"type": "none"}, {"type": "any", "disable_parallel_tool_use": True}])
requests = st.fixed_dictionaries(
    {"model": st.just("m"), "max_tokens": st.integers(5000, 9000), "messages": turns()},
    optional={
        "system": st.lists(text_blocks, min_size=1, max_size=2),
        "tools": tools,
        "stop_sequences": st.lists(said, min_size=1, max_size=2),
        "metadata": st.just({"user_id": "user_1"}),
        "service_tier": st.just("standard_only"),
        "output_config": st.just({"effort": "low"}),
        "stream": st.just(True),
    },
)


def arguments(value: Json) -> str:
    return orjson.dumps(value).decode()
