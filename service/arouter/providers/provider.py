"""A configured provider, built from configuration and presets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from arouter.chat.request import Operation
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.provider_schema import ProviderConfig, Timeouts
from arouter.config.quirks import QuirksConfig
from arouter.config.schema import Config
from arouter.config.secret import Secret
from arouter.models import ModelDetails
from arouter.providers.adapter import Adapter, Encoder
from arouter.providers.configured import ALL, configured_models
from arouter.providers.configured_quirks import configured_quirks
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.preset import Preset, unknown_vendor
from arouter.providers.presets import PRESETS
from arouter.providers.text_completions import TextCompletions


@dataclass(frozen=True)
class Credential:
    """One of a provider's keys, or the absence of one.

    Attributes:
        name: Name for logs, without the secret: `openai#1`.
        headers: The headers of every call with it.
    """

    name: str
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Provider:
    """One provider. Equal providers are interchangeable for callers.

    Attributes:
        id: The part of a model id before the slash.
        adapter: Its wire protocol.
        base_url: Without a trailing slash.
        api_keys: Its API keys; empty if it needs none.
        models: Configured models with their metadata, by native name.
        lists: Whether the models of its own list can be called too.
        timeouts: The deadlines of a call.
        credentials: The API keys in the form of headers; at least one entry.
        name: Display name.
        keeps_data: Whether it may store prompts and responses.
        zdr: Whether it is known to store nothing of them (zero data retention).
        encoders: By operation, what encodes the requests other than chat that it serves.
    """

    id: str
    adapter: Adapter
    base_url: str
    api_keys: tuple[Secret, ...]
    models: Mapping[str, ModelDetails]
    lists: bool
    timeouts: Timeouts
    credentials: tuple[Credential, ...]
    name: str = ""
    keeps_data: bool = True
    zdr: bool = False
    encoders: Mapping[Operation, Encoder] = field(default_factory=dict)

    def is_where(self, other: Provider) -> bool:
        """Returns whether another provider has the same URL and credentials."""
        return (self.base_url, self.adapter, self.credentials) == (other.base_url, other.adapter, other.credentials)

    def redact(self, text: str) -> str:
        """Returns `text` without this provider's credentials, which some providers repeat in errors."""
        for key in self.api_keys:
            text = text.replace(key.reveal(), "[redacted]")
        return text


def build_providers(config: Config, environment: Environment) -> tuple[Provider, ...]:
    """Returns the enabled providers: the configured ones, and the presets whose variables are set.

    Raises:
        ConfigError: A provider is unknown and its configuration is incomplete, or a variable is not a URL.
    """
    named = {row.id for row in config.providers}
    unnamed = [ProviderConfig(id=id_) for id_ in _presets_on(environment) if id_ not in named]
    return (
        *(_build_configured(index, row, config, environment) for index, row in enumerate(config.providers)),
        *(_build(row, config, environment) for row in unnamed),
    )


def wants_local_model(config: Config, environment: Environment) -> bool:
    """Returns whether to run the embedded model: if it is configured, or if there is no other provider."""
    rows = {row.id: row for row in config.providers}
    if "local" in rows:
        return rows["local"].base_url is UNSET
    return not rows and not any(_presets_on(environment))


def _presets_on(environment: Environment) -> Iterable[str]:
    for id_, preset in PRESETS.items():
        if id_ == "local":
            on = environment.local_url is not None
        else:
            located = not preset.base_url_variables or _first(preset.base_url_variables, environment)
            on = bool(located and (preset.key_optional or _first(preset.key_variables, environment)))
        if on:
            yield id_


def _first(variables: tuple[str, ...], environment: Environment) -> tuple[str, str] | None:
    """Returns the first of these variables that is set, with its value."""
    return next(((name, value) for name in variables if (value := environment.variables.get(name))), None)


def _build_configured(index: int, row: ProviderConfig, config: Config, environment: Environment) -> Provider:
    """Like `_build`, for an entry of the file; errors contain its index."""
    try:
        return _build(row, config, environment)
    except ConfigError as error:
        file = "" if environment.config_path is None else f"{environment.config_path}: "
        raise ConfigError(f"{file}providers[{index}]: {error}") from error


def _build(row: ProviderConfig, config: Config, environment: Environment) -> Provider:
    preset = PRESETS.get(row.id) or unknown_vendor(row.id)
    protocol = preset.protocol if row.protocol is UNSET else row.protocol
    base_url = _preset_url(row.id, preset, protocol, environment) if row.base_url is UNSET else row.base_url
    api_keys = row.api_keys
    if api_keys is UNSET:
        api_keys = _preset_key(row, preset, environment)
    if not all(key.fits_header() for key in api_keys):
        raise ConfigError(f"provider {row.id!r}: an API key has characters that are not allowed in headers")
    adapter = _adapter(protocol, preset, row.quirks)
    models = preset.models if row.models is UNSET else row.models
    zdr = preset.self_hosted if row.zdr is UNSET else row.zdr
    return Provider(
        id=row.id,
        adapter=adapter,
        base_url=_checked_url(row.id, base_url),
        api_keys=api_keys,
        models=configured_models(row.id, models or ()),
        lists=models is None or ALL in models,
        timeouts=row.timeouts.over(config.timeouts),
        credentials=_credentials(row.id, adapter, api_keys),
        name=preset.name if row.name is UNSET else row.name,
        keeps_data=not (zdr or (preset.self_hosted if row.data_collection is UNSET else row.data_collection == "deny")),
        zdr=zdr,
        encoders=_encoders(protocol, preset),
    )


def _credentials(id_: str, adapter: Adapter, api_keys: tuple[Secret, ...]) -> tuple[Credential, ...]:
    secrets: list[str | None] = [key.reveal() for key in api_keys] or [None]
    return tuple(Credential(f"{id_}#{number}", adapter.headers(secret)) for number, secret in enumerate(secrets, 1))


def _preset_key(row: ProviderConfig, preset: Preset, environment: Environment) -> tuple[Secret, ...]:
    """Returns the key of an entry that has none of its own.

    Raises:
        ConfigError: The vendor requires one. Another server at a custom URL may not.
    """
    from_variable = _first(preset.key_variables, environment)
    if from_variable:
        return (Secret(from_variable[1]),)
    if preset.key_variables and not preset.key_optional and row.base_url is UNSET:
        raise ConfigError(f"provider {row.id!r} needs a key: set {' or '.join(preset.key_variables)}, or its api_keys")
    return ()


def _checked_url(id_: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.port != 0:
            return url.rstrip("/")
    except ValueError:
        pass
    raise ConfigError(f"provider {id_!r}: the base_url has no host or an invalid port")


def _preset_url(id_: str, preset: Preset, protocol: str, environment: Environment) -> str:
    """Returns the base URL of a provider whose entry has none."""
    if id_ == "local":
        if environment.local_url is None:
            raise _needs_base_url(id_, "`arouter up` starts it")
        return f"{environment.local_url}/v1"
    if id_ not in PRESETS:
        raise _needs_base_url(id_, "it is not a provider that ARouter knows")
    if protocol != preset.protocol:
        raise _needs_base_url(id_, f"ARouter knows its URL only for protocol {preset.protocol!r}")
    from_variable = _first(preset.base_url_variables, environment)
    if from_variable:
        return _complete_url(*from_variable, preset.base_path)
    if preset.base_url is None:
        raise _needs_base_url(id_, f"{' or '.join(preset.base_url_variables)} is not set")
    return preset.base_url


def _needs_base_url(id_: str, reason: str) -> ConfigError:
    return ConfigError(f"provider {id_!r} needs a base_url: {reason}")


def _complete_url(variable: str, url: str, base_path: str) -> str:
    """Returns the base URL from a variable, which may contain only the host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ConfigError(f"{variable}: expected an http or https URL without credentials or query")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or base_path}"


def _adapter(protocol: str, preset: Preset, quirks: QuirksConfig | UnsetType) -> Adapter:
    """Returns the adapter of an entry. Adapters of equal entries are equal.

    Raises:
        ConfigError: The entry has quirks that are invalid or not supported by its protocol.
    """
    if protocol != "openai":
        if quirks is not UNSET:
            raise ConfigError(f"quirks: only supported with protocol 'openai', but the protocol is {protocol!r}")
        return _translator(protocol)
    return OpenAIAdapter(preset.quirks if quirks is UNSET else configured_quirks(quirks, preset.quirks))


def _encoders(protocol: str, preset: Preset) -> dict[Operation, Encoder]:
    """Returns what encodes requests other than chat, by operation. Encoders of equal entries are equal."""
    if protocol == "gemini":
        from arouter.providers.gemini.embeddings import GeminiEmbeddings

        return {"embeddings": GeminiEmbeddings()}
    encoders: dict[Operation, Encoder] = {}
    if protocol == "openai":
        if preset.embeddings is not None:
            encoders["embeddings"] = preset.embeddings
        if preset.text_completions:
            encoders["text_completion"] = TextCompletions()
    return encoders


@cache
def _translator(protocol: str) -> Adapter:
    """Returns the adapter of a protocol other than OpenAI's, always the same instance.

    Only adapters in use are imported, to keep start-up fast (design §9).
    """
    if protocol == "anthropic":
        from arouter.providers.anthropic.adapter import AnthropicAdapter

        return AnthropicAdapter()
    from arouter.providers.gemini.adapter import GeminiAdapter

    return GeminiAdapter()
