"""Every protocol, whole and streamed, in every case: OpenAI's SDK in front, a provider of each protocol behind.

The last lines of the run are the table of the cells. What a case asks and what the client must hear is the same for all
of them; `matrix.cases` says it once.
"""

from __future__ import annotations

import openai
import pytest

from emulator import Emulator
from matrix.anthropic import ANTHROPIC, check_translated
from matrix.cases import CASES
from matrix.client import ask
from matrix.conversation import Failed, Protocol, Said
from matrix.provider import PROTOCOLS, native_name
from matrix.table import CELLS, Cell, outcomes

ANSWERS = [name for name, case in CASES.items() if isinstance(case.answer, Said)]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(translated_client: openai.OpenAI, speakers: Emulator, cell: Cell) -> None:
    case, protocol = CASES[cell.case], PROTOCOLS[cell.protocol]
    model, stream = f"{protocol.name}/{native_name(protocol, cell.case)}", cell.mode == "streamed"

    if isinstance(case.answer, Failed):
        with pytest.raises(openai.APIStatusError) as refused:
            ask(translated_client, model, case.asking, stream=stream)
        check_error(refused.value, case.answer, protocol)
    else:
        heard = ask(translated_client, model, case.asking, stream=stream)
        assert heard.said == expected(case.answer, protocol)
        assert heard.completion.model == model
        assert heard.completion.id.startswith("gen-")
        assert heard.headers["x-arouter-provider"] == protocol.name
        assert heard.headers["x-request-id"]
        assert "x-arouter-dropped-params" not in heard.headers

    [call] = speakers.calls
    asked = protocol.read(call)._asdict()
    if protocol is ANTHROPIC:
        check_translated(call.json)
    assert call.wants_stream == stream
    assert {field: asked[field] for field in case.asked} == case.asked


def expected(said: Said, protocol: Protocol) -> Said:
    """Returns what a client can hear of an answer: not at which of its stop sequences it ended."""
    used = said.used._replace(**dict.fromkeys(protocol.unsaid, 0))
    return said._replace(used=used, stopped_at=None)


def check_error(refused: openai.APIStatusError, failed: Failed, protocol: Protocol) -> None:
    error = protocol.fail(failed)
    assert refused.status_code == failed.status
    assert refused.response.json() == {
        "error": {
            "message": failed.told.format(message=failed.message, status=error.status),
            "type": failed.type,
            "param": error.param,
            "code": error.code or failed.code,
        }
    }
    assert refused.response.headers.get("retry-after") == failed.retry_after
    assert refused.response.headers["x-request-id"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", ANSWERS)
def test_a_stream_adds_up_to_the_whole_message(translated_client: openai.OpenAI, protocol: str, case: str) -> None:
    model = f"{protocol}/{native_name(PROTOCOLS[protocol], case)}"
    whole, streamed = (ask(translated_client, model, CASES[case].asking, stream=stream) for stream in (False, True))

    assert streamed.message == whole.message
    assert streamed.completion.usage == whole.completion.usage


def test_no_cell_is_missing(request: pytest.FixtureRequest) -> None:
    """Runs after the cells, of which none may have been left out."""
    ran = outcomes(request.config.pluginmanager.getplugin("terminalreporter").stats)

    assert [str(cell) for cell in CELLS if cell not in ran] == []
