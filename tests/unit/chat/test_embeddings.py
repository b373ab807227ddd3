"""Requests for embeddings and for completions of a text: what is valid, and the path of what is not."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest

from arouter.chat.embeddings import MAX_TOKEN_VALUES, parse_embedding_request
from arouter.chat.inputs import MAX_INPUTS
from arouter.chat.json_bounds import MAX_JSON_VALUES
from arouter.chat.request import MAX_BODY_BYTES
from arouter.chat.token_estimates import likely_prompt_tokens
from arouter.dialects.completions.request import text_request
from arouter.errors import ARouterError, Failure
from arouter.limits.worst_case import WorstCase, worst_case
from arouter.models import ModelDetails, Prices
from arouter.planning.requirements import requirements_of


def parse(**members: Any) -> Any:
    return parse_embedding_request(json.dumps({"model": "a/b", **members}).encode())


@pytest.mark.parametrize(
    ("value", "inputs"),
    [
        ("text", ("text",)),
        (["a", "b"], ("a", "b")),
        ([1, 2, 3], ([1, 2, 3],)),
        ([[1, 2], [3]], ([1, 2], [3])),
        (["x"] * MAX_INPUTS, ("x",) * MAX_INPUTS),
        (" ", (" ",)),
    ],
)
def test_reads_the_four_forms_of_an_input(value: Any, inputs: tuple[Any, ...]) -> None:
    request = parse(input=value)

    assert request.inputs == inputs
    assert request.body == {"model": "a/b", "input": value}
    assert (request.operation, request.stream, request.encoding) == ("embeddings", False, "float")


@pytest.mark.parametrize(
    ("members", "param", "words"),
    [
        ({}, "input", "Missing"),
        ({"input": None}, "input", "Missing"),
        ({"input": ""}, "input", "must not be empty"),
        ({"input": []}, "input", "must not be empty"),
        ({"input": ["a", ""]}, "input[1]", "must not be empty"),
        ({"input": [[1], []]}, "input[1]", "must not be empty"),
        ({"input": ["a", 1]}, "input[1]", "expected a string like input[0], got an integer"),
        ({"input": [1, "a"]}, "input[1]", "expected an integer, got a string"),
        ({"input": [[1], 1]}, "input[1]", "expected an array like input[0]"),
        ({"input": [[1], ["a"]]}, "input[1][0]", "expected an integer"),
        ({"input": [1, -2]}, "input[1]", "at least 0"),
        ({"input": [True]}, "input[0]", "got a boolean"),
        ({"input": {"text": "a"}}, "input", "got an object"),
        ({"input": ["x"] * (MAX_INPUTS + 1)}, "input", f"at most {MAX_INPUTS} texts, got {MAX_INPUTS + 1}"),
        ({"input": "a", "model": ""}, "model", "must not be empty"),
        ({"input": "a", "model": 1}, "model", "expected a string"),
        ({"input": "a", "dimensions": 0}, "dimensions", "at least 1"),
        ({"input": "a", "dimensions": "8"}, "dimensions", "expected an integer"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format", "'float' or 'base64'"),
        ({"input": "a", "user": 1}, "user", "expected a string"),
        ({"input": "a", "provider": {"sort": "x"}}, "provider.sort", "expected"),
        ({"input": "a", "models": ["c/d"]}, "models", "cannot be compared"),
        ({"input": "a", "plugins": [{"id": "auto-router"}]}, "plugins", "cannot be compared"),
        ({"input": "a", "route": "fallback"}, "route", "cannot be compared"),
    ],
)
def test_names_what_is_wrong(members: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(ARouterError, match=re.escape(words)) as caught:
        parse(**members)

    assert (caught.value.failure, caught.value.param) == (Failure.INVALID_REQUEST, param)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"model": "a/b"'])
def test_refuses_what_is_no_object(body: bytes) -> None:
    with pytest.raises(ARouterError) as caught:
        parse_embedding_request(body)

    assert caught.value.failure is Failure.INVALID_REQUEST


def test_takes_more_tokens_than_other_values() -> None:
    many = list(range(300)) * (MAX_JSON_VALUES // 300 + 1)

    for value, inputs in ((many, (many,)), ([many, [1]], (many, [1]))):
        request = parse(input=value, user="u")
        assert request.inputs == inputs
        assert request.body == {"model": "a/b", "input": value, "user": "u"}
    for value in (["a"] * (MAX_JSON_VALUES + 1), [[]] * (MAX_JSON_VALUES + 1), [7] * (MAX_TOKEN_VALUES + 2)):
        with pytest.raises(ARouterError, match="has more than 200000 values"):
            parse(input=value)
    with pytest.raises(ARouterError, match="has more than 200000 values"):
        parse(input=many, more=many)
    with pytest.raises(ARouterError) as caught:
        parse_embedding_request(b" " * (MAX_BODY_BYTES + 1))
    assert caught.value.failure is Failure.PAYLOAD_TOO_LARGE


def test_keeps_unknown_members_and_removes_those_for_the_router() -> None:
    request = parse(input="a", truncate="END", provider={"order": ["X"]}, models=[], transforms=["middle-out"])

    assert request.body == {"model": "a/b", "input": "a", "truncate": "END"}
    assert request.preferences.order == ("x",)
    assert request.unserved == ("transforms",)


def test_estimates_texts_by_their_bytes_and_counts_tokens() -> None:
    details = ModelDetails(prices=Prices(prompt=1.0, completion=5.0), max_output_tokens=1000)

    assert likely_prompt_tokens(parse(input=["abcd", "ééab"])) == 1 + 2
    assert likely_prompt_tokens(parse(input=[[1, 2, 3], [4]])) == 4
    assert worst_case(parse(input=[1, 2, 3]), details) == WorstCase(3, 3000)
    # A body may have unknown members of any type.
    request = parse(input="a" * 40, modalities=1, n="x", max_tokens=[], reasoning="x", response_format=1, tools=2)
    assert worst_case(request, details) == WorstCase(20, 20_000)
    assert requirements_of(request).plain


TEXT = {"model": "a/b", "prompt": "x"}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"model": None}, "model"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt[1]"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"best_of": "x"}, "best_of"),
        ({"stop": 1}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"model": "auto"}, "model"),
        ({"models": ["auto:floor"]}, "model"),
        ({"plugins": [{"id": "x"}]}, "plugins"),
        ({"prompt": None, "messages": []}, "messages"),
    ],
)
def test_names_what_is_wrong_with_a_text_completion(members: dict[str, Any], param: str) -> None:
    with pytest.raises(ARouterError) as caught:
        text_request({**TEXT, **members})

    assert (caught.value.failure, caught.value.param) == (Failure.INVALID_REQUEST, param)


def test_reads_a_text_completion() -> None:
    body = {**TEXT, "stream": True, "stream_options": {"include_usage": True}, "models": ["c/d"], "min_p": "unknown"}
    request = text_request(body)

    assert (request.operation, request.stream, request.include_usage) == ("text_completion", True, True)
    assert "models" not in request.body
    assert [each.text for each in request.preferences.models] == ["a/b", "c/d"]
    assert text_request({**TEXT, "prompt": ""}).inputs == ("",)
    details = ModelDetails(prices=Prices(prompt=0.0, completion=1.0))
    several = text_request({**TEXT, "prompt": ["a", "b"], "n": 2, "best_of": 3, "max_tokens": 10, "modalities": 1})
    assert worst_case(several, details) == WorstCase(2 + 60, 60_000)
    assert requirements_of(several).prompt_tokens == 2


def test_a_body_is_encoded_as_it_came() -> None:
    body = b'{"user":"u","input":["b","a"],"model":"a/b"}'

    assert orjson.dumps(parse_embedding_request(body).body) == body
