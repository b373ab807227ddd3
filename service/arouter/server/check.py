"""Implements `arouter check-config`: what is enabled, and warnings. Starts and writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from msgspec import UNSET
from msgspec.structs import replace

from arouter.accounts.built_in import check_keys
from arouter.config.environment import Environment
from arouter.config.schema import Config, RoutingConfig
from arouter.limits.address import storage_place
from arouter.providers.presets import PRESETS
from arouter.providers.provider import Provider, build_providers, wants_local_model
from arouter.server.gateway_settings import gateway_settings
from arouter.sql.database import database_url
from arouter.sql.postgres_url import shown_places

_EMBEDDED = "http://arouter-up"
"""Placeholder for the URL of the embedded model, which only `arouter up` knows."""


def check(config: Config, environment: Environment) -> tuple[list[str], list[str]]:
    """Returns what is enabled, and warnings about valid but unlikely settings; lines of text without secrets.

    Raises:
        ConfigError: The service or its gateway would reject the configuration.
    """
    checked = environment
    if any(row.id == "local" for row in config.providers) and wants_local_model(config, environment):
        checked = replace(environment, local_url=environment.local_url or _EMBEDDED)
    providers = build_providers(config, checked)
    check_keys(environment)
    gateway_settings(config, environment)
    lines = [
        *_titled("providers", map(_provider, providers)),
        *_titled("models", (f"{model.id}: {', '.join(model.endpoints)}" for model in config.models)),
        *_titled("database", [_database(environment)]),
        *_titled("limits", [_limits(environment)]),
        *_titled("listens", _ports(environment)),
    ]
    return lines, list(_warnings(config, environment, providers))


def _titled(title: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number else title:<11}{line}"


def _provider(provider: Provider) -> str:
    keys = len(provider.api_keys)
    named = len(provider.models)
    models = f"{named} model{'' if named == 1 else 's'}" if named else ""
    if provider.lists:
        models = f"{models} and those of its model list" if models else "the models of its model list"
    place = "`arouter up` starts it" if provider.base_url.startswith(_EMBEDDED) else provider.base_url
    return f"{provider.id}: {place}, {keys or 'no'} key{'' if keys == 1 else 's'}, {models}"


def _database(environment: Environment) -> str:
    url = database_url(environment.database_url, environment.state_dir)
    if url.get_backend_name() == "sqlite":
        return f"SQLite, {url.database}"
    return f"PostgreSQL, {url.database} at {shown_places(url)}"


def _limits(environment: Environment) -> str:
    if environment.redis_url is None:
        return "counted by each process separately"
    return f"counted in {storage_place(environment.redis_url)}"


def _ports(environment: Environment) -> list[str]:
    return [f"{what} on {environment.listen_address}:{port}" for what, port in _listeners(environment)]


def _listeners(environment: Environment) -> Iterator[tuple[str, int]]:
    yield "gateway", environment.port
    yield "gRPC", environment.grpc_port
    if environment.metrics_port is not None:
        yield "metrics", environment.metrics_port
    if environment.gateway_metrics_port is not None:
        yield "the gateway's metrics", environment.gateway_metrics_port


def _warnings(config: Config, environment: Environment, providers: Collection[Provider]) -> Iterator[str]:
    on = {provider.id: provider for provider in providers}
    if not on:
        yield "no provider is enabled: `arouter up` runs its local model, `arouter serve` has no models"
    for index, row in enumerate(config.providers):
        provider = on[row.id]
        wants_key = row.id not in PRESETS or not PRESETS[row.id].key_optional
        if wants_key and not provider.api_keys and row.api_keys is UNSET and not _is_local(provider.base_url):
            yield f"providers[{index}]: '{row.id}' has no key; set `api_keys: []` if it needs none"
        if provider.base_url.startswith(_EMBEDDED):
            yield f"providers[{index}]: `arouter serve` rejects '{row.id}', which only `arouter up` starts"
    for index, model in enumerate(config.models):
        for endpoint in model.endpoints:
            provider_id, _, name = endpoint.partition("/")
            serving = on.get(provider_id)
            if serving is None:
                yield f"models[{index}]: the provider of '{endpoint}' is not enabled"
            elif not serving.lists and name not in serving.models:
                yield f"models[{index}]: '{provider_id}' has no model '{endpoint}'"
    default = config.routing.default_provider
    if default not in on and default != RoutingConfig().default_provider:
        yield f"routing.default_provider: '{default}' is not enabled"
    for port, times in Counter(port for _, port in _listeners(environment)).items():
        if times > 1:
            yield f"port {port} is set {times} times"


def _is_local(base_url: str) -> bool:
    """Returns whether a provider is on this machine, or has a host name without a dot, as within a cluster."""
    host = urlsplit(base_url).hostname or ""
    return host.startswith("127.") or "." not in host
