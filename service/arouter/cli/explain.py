"""`arouter explain`: shows the endpoints that a request would be routed to, those excluded, and the reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arouter.cli.client import connection, connection_options
from arouter.cli.database import as_json, print_json, print_table

if TYPE_CHECKING:
    from arouter.v1.route_pb2 import RouteTrace
    from arouter.v1.routing_service_pb2 import ExplainRouteResponse

_SHOWN_EXCLUDED = 20


@click.command()
@click.argument("prompt", required=False)
@click.option("--model", help="Requested model.  [default: auto]")
@click.option("--why-not", metavar="ID", help="Explain why this model is not selected.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A complete request in OpenAI's JSON, in place of PROMPT.",
)
@as_json
@connection_options
def explain(
    prompt: str | None,
    model: str | None,
    why_not: str | None,
    file: Path | None,
    as_json: bool,
    **access: Any,
) -> None:
    """Show how PROMPT would be routed and why, without calling a provider or spending anything."""
    from google.api.httpbody_pb2 import HttpBody
    from google.protobuf.json_format import MessageToDict

    from arouter.v1.routing_service_pb2 import ExplainRouteRequest

    body = HttpBody(content_type="application/json", data=_request(prompt, model, file))
    with connection(**access) as client:
        response = client.routing_service.ExplainRoute(ExplainRouteRequest(http_body=body, why_not=why_not or ""))
    if as_json:
        print_json(MessageToDict(response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))
    else:
        _print(response)


def _request(prompt: str | None, model: str | None, file: Path | None) -> bytes:
    if file is not None:
        if prompt is not None or model is not None:
            raise click.UsageError("--file contains the complete request and excludes PROMPT and --model.")
        return file.read_bytes()
    if prompt is None:
        raise click.UsageError("Missing argument 'PROMPT' or option '--file'.")
    message = {"role": "user", "content": prompt}
    return json.dumps({"model": model or "auto", "messages": [message]}).encode()


def _print(response: ExplainRouteResponse) -> None:
    route = response.route
    if route.HasField("difficulty"):
        reasons = ", ".join(route.difficulty_reasons) or "no signal of higher difficulty"
        click.echo(f"difficulty: {route.difficulty} ({route.difficulty_score:g} points: {reasons})\n")
    if route.candidates:
        _print_candidates(route)
    else:
        click.echo("No endpoint is available.")
    if route.excluded:
        click.echo()
        _print_excluded(route)
    if response.HasField("why_not"):
        click.echo(f"\nwhy not {response.why_not.model}: {response.why_not.reason}")


def _print_candidates(route: RouteTrace) -> None:
    rows = [
        [str(place), each.model, each.provider, f"{each.score:.3g}", "; ".join(each.reasons)]
        for place, each in enumerate(route.candidates, 1)
    ]
    print_table(["#", "MODEL", "PROVIDER", "SCORE", "REASONS"], rows)


def _print_excluded(route: RouteTrace) -> None:
    shown: Any = route.excluded[:_SHOWN_EXCLUDED]
    print_table(
        ["EXCLUDED", "PROVIDER", "CAUSE", "REASON"],
        [[each.model, each.provider, each.cause, each.reason] for each in shown],
    )
    more = len(route.excluded) - len(shown)
    if more:
        click.echo(f"… and {more} more")
