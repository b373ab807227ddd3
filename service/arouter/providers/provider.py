"""A provider that is on: its row of data, made from configuration and presets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import UNSET

from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config, ProviderConfig, Timeouts
from arouter.config.secret import Secret
from arouter.providers.adapter import Adapter
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.presets import PRESETS, Preset

_ADAPTERS: dict[str, Adapter] = {"openai": OpenAIAdapter()}


@dataclass(frozen=True)
class Provider:
    """One provider.

    Attributes:
        id: The part of a model id before the slash.
        adapter: Its wire protocol.
        base_url: Without a trailing slash.
        api_keys: Its credentials; empty where it wants none.
        models: Its native model names, or None to use its own list.
        timeouts: The deadlines of a call.
        headers: What every call carries, the credential among it.
    """

    id: str
    adapter: Adapter
    base_url: str
    api_keys: tuple[Secret, ...]
    models: tuple[str, ...] | None
    timeouts: Timeouts
    headers: dict[str, str] = field(repr=False)

    def redact(self, text: str) -> str:
        """Returns `text` without this provider's credentials: some providers repeat them in their errors."""
        for key in self.api_keys:
            text = text.replace(key.reveal(), "[redacted]")
        return text


def build_providers(config: Config, environment: Environment) -> tuple[Provider, ...]:
    """Returns the providers that are on: the configured ones, and the presets whose key variable is set.

    Raises:
        ConfigError: A provider is not known and its row does not say enough.
    """
    rows = list(config.providers)
    named = {row.id for row in rows}
    rows += [ProviderConfig(id=id_) for id_ in _presets_on(environment) if id_ not in named]
    return tuple(_build(row, config, environment) for row in rows)


def wants_local_model(config: Config, environment: Environment) -> bool:
    """Says whether the embedded model is to run: when a row asks for it, or when there is nothing else."""
    rows = {row.id: row for row in config.providers}
    if "local" in rows:
        return rows["local"].base_url is UNSET
    return not rows and not any(_presets_on(environment))


def _presets_on(environment: Environment) -> Iterable[str]:
    for id_, preset in PRESETS.items():
        on = environment.local_url if id_ == "local" else environment.variables.get(preset.key_variable)
        if on:
            yield id_


def _build(row: ProviderConfig, config: Config, environment: Environment) -> Provider:
    preset = PRESETS.get(row.id, Preset())
    base_url = row.base_url
    if base_url is UNSET and row.id == "local":
        base_url = f"{environment.local_url}/v1" if environment.local_url else UNSET
    if base_url is UNSET:
        if not preset.base_url:
            hint = "`arouter up` starts it" if row.id == "local" else "it is no provider that ARouter knows"
            raise ConfigError(f"provider {row.id!r} needs a base_url: {hint}")
        base_url = preset.base_url
    api_keys = row.api_keys
    if api_keys is UNSET:
        from_variable = environment.variables.get(preset.key_variable)
        api_keys = (Secret(from_variable),) if from_variable else ()
    if not all(key.fits_header() for key in api_keys):
        raise ConfigError(f"provider {row.id!r}: an API key has characters that no header can carry")
    adapter = _ADAPTERS[preset.protocol if row.protocol is UNSET else row.protocol]
    return Provider(
        id=row.id,
        adapter=adapter,
        base_url=base_url.rstrip("/"),
        api_keys=api_keys,
        models=preset.models if row.models is UNSET else row.models,
        timeouts=row.timeouts.over(config.timeouts),
        headers=adapter.headers(api_keys[0].reveal() if api_keys else None),
    )
