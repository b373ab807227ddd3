"""The gateway's tables of error types agree with the service's: a client sees one type, whoever refuses its request."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from arouter.dialects.messages.errors import TYPES
from arouter.errors import Failure

SCRIPT = (resources.files("arouter_gateway") / "errors.lua").read_text()


def table(name: str) -> dict[int, str]:
    """Returns a table of `errors.lua`: types by HTTP status."""
    found = re.search(rf"^local {name} = {{(.*?)^}}", SCRIPT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return {int(status): kind for status, kind in re.findall(r'\["(\d+)"\] = "(\w+)"', found[1])}


@pytest.mark.parametrize("failure", Failure)
def test_messages(failure: Failure) -> None:
    assert table("MESSAGES").get(failure.http_status, "invalid_request_error") == TYPES[failure]


@pytest.mark.parametrize("failure", Failure)
def test_gemini(failure: Failure) -> None:
    named = table("GEMINI").get(failure.http_status, "INVALID_ARGUMENT")

    # 502 has two codes; the gateway itself is never refused by a provider.
    if failure is not Failure.PROVIDER_CREDENTIALS:
        assert named == failure.grpc_code
