"""What a reload would remove: checks for losses that are not allowed, and lists the others for the log. Pure."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from msgspec import UNSET

from arouter.config.load import ConfigError
from arouter.config.schema import Config
from arouter.providers.provider import Provider


def check_losses(path: Path, before: Collection[Provider], config: Config, providers: Collection[Provider]) -> None:
    """Checks that a reload does not make all calls to a provider fail.

    Args:
        path: The path of the file, for errors.
        before: The providers in use.
        config: The new configuration.
        providers: The new providers, built from `config`.

    Raises:
        ConfigError: No provider would be left, or a provider would lose all credentials without `api_keys: []`.
    """
    if before and not providers:
        raise ConfigError(f"{path}: no provider would be left; restart to run without providers")
    had_keys = {provider.id for provider in before if provider.api_keys}
    rows = {row.id: row for row in config.providers}
    for provider in providers:
        row = rows.get(provider.id)
        if provider.id in had_keys and not provider.api_keys and row is not None and row.api_keys is UNSET:
            raise ConfigError(
                f"{path}: provider {provider.id!r} would lose its key; set `api_keys: []` if it needs none"
            )


def removed(old: Config, new: Config, before: Collection[Provider], after: Collection[Provider]) -> list[str]:
    """Returns the removed items as text: `provider openai`, `model openai/gpt-5.4`, `workload spiffe://…`."""
    kinds = {
        "provider": ([row.id for row in before], [row.id for row in after]),
        "model": ([row.id for row in old.models], [row.id for row in new.models]),
        "workload": (
            [row.spiffe_id for row in old.accounts.workloads],
            [row.spiffe_id for row in new.accounts.workloads],
        ),
    }
    return [f"{kind} {id_}" for kind, (was, is_) in kinds.items() for id_ in was if id_ not in is_]
