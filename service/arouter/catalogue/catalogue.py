"""The models there are: configured, or from the providers' own lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from arouter.accounts.keys import ApiKey
from arouter.errors import ARouterError, Failure
from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import Provider

_RETRY_UNKNOWN_LIST = 5
"""Seconds after which to ask again for a model of a provider whose list has not come yet."""


@dataclass(frozen=True)
class Model:
    """A model that can be called.

    Attributes:
        id: `provider/name`, as clients write it.
        provider: Who serves it.
        native_name: What the provider calls it.
        created: Seconds since the epoch.
        details: What else is known of it.
    """

    id: str
    provider: Provider
    native_name: str
    created: int
    details: ModelDetails = UNKNOWN


@dataclass
class _Source:
    """What is known of one provider's models, by native name."""

    provider: Provider
    listed: Mapping[str, ListedModel] | None = None
    first_seen: dict[str, int] = field(default_factory=dict)
    looked_up: Mapping[str, ModelDetails] = field(default_factory=dict)
    failure: str = "It has not answered yet."

    def models(self, now: int) -> list[Model]:
        """Returns the models: those configured and, where nothing else is said, those listed.

        What the configuration says of a model counts before what its provider says, and that before the price list.
        """
        listed = self.listed or {}
        configured = self.provider.models
        names = {**configured, **listed} if self.provider.lists else configured
        models = []
        for name in names:
            entry = listed.get(name) or ListedModel(name)
            details = configured.get(name, UNKNOWN).over(entry.details).over(self.looked_up.get(name, UNKNOWN))
            first_seen = self.first_seen.setdefault(name, now)
            # What says that it was made after it was seen is a server that calls every model new.
            created = min(entry.created or first_seen, first_seen)
            models.append(Model(f"{self.provider.id}/{name}", self.provider, name, created, details))
        return models


class Catalogue:
    """A mutable set of models; every reader sees the newest.

    Args:
        providers: The providers that are on. Those with configured models are complete from the start.
        now: Seconds since the epoch: the `created` of models whose provider does not say.
    """

    def __init__(self, providers: Iterable[Provider], now: int) -> None:
        self._sources = {provider.id: _Source(provider) for provider in sorted(providers, key=lambda each: each.id)}
        self._models: Mapping[str, Model] = {}
        for source in self._sources.values():
            self._rebuild(source, now)

    @property
    def providers(self) -> Iterable[Provider]:
        """The providers that are on, sorted by id."""
        return [source.provider for source in self._sources.values()]

    @property
    def names(self) -> set[tuple[str, str]]:
        """Every model, as its provider's id and its native name."""
        return {(model.provider.id, model.native_name) for model in self._models.values()}

    def is_complete(self, provider: Provider) -> bool:
        """Says whether the models of a provider are known: it needs no list, or has one."""
        return not provider.lists or self._sources[provider.id].listed is not None

    def see(self, provider: Provider, first_seen: Mapping[str, int], now: int) -> None:
        """Notes when models were first seen, in seconds since the epoch by native name: earlier than this process."""
        source = self._sources[provider.id]
        source.first_seen.update(first_seen)
        self._rebuild(source, now)

    def replace(
        self, provider: Provider, listed: Iterable[ListedModel], now: int, first_seen: Mapping[str, int] | None = None
    ) -> None:
        """Puts a provider's own list in place of the one before. A model seen before keeps its `created`.

        Args:
            provider: Whose.
            listed: Its list.
            now: Seconds since the epoch.
            first_seen: What `see` would be told.
        """
        source = self._sources[provider.id]
        source.first_seen.update(first_seen or {})
        source.listed = {entry.name: entry for entry in listed}
        self._rebuild(source, now)

    def add_details(self, details: Mapping[tuple[str, str], ModelDetails], now: int) -> None:
        """Puts what was looked up, by provider and native name, in place of what was before."""
        for source in self._sources.values():
            source.looked_up = {name: known for (id_, name), known in details.items() if id_ == source.provider.id}
            self._rebuild(source, now)

    def note_failure(self, provider: Provider, error: ARouterError) -> None:
        """Remembers why a provider's list could not be read, for those who ask for its models."""
        self._sources[provider.id].failure = error.message

    def visible(self, key: ApiKey) -> list[Model]:
        """Returns the models that a key may call, sorted by id: those for which `find` does not raise."""
        return [model for model in self._models.values() if key.refusal(model.provider.id, model.native_name) is None]

    def find(self, id_: str, key: ApiKey) -> Model:
        """Returns the model with that id.

        Raises:
            ARouterError: MODEL_NOT_FOUND; UNAVAILABLE if its provider's list has never been read;
                PERMISSION_DENIED if the key may not use it.
        """
        model = self._models.get(id_)
        if model is None:
            raise self._not_found(id_, key)
        refusal = key.refusal(model.provider.id, model.native_name)
        if refusal is not None:
            raise ARouterError(Failure.PERMISSION_DENIED, refusal)
        return model

    def _rebuild(self, source: _Source, now: int) -> None:
        models = {id_: model for id_, model in self._models.items() if model.provider is not source.provider}
        models.update((model.id, model) for model in source.models(now))
        self._models = dict(sorted(models.items()))

    def _not_found(self, id_: str, key: ApiKey) -> ARouterError:
        provider = id_.partition("/")[0]
        source = self._sources.get(provider)
        if source is not None and not self.is_complete(source.provider):
            return ARouterError(
                Failure.UNAVAILABLE,
                f"The model list of provider '{provider}' could not be read yet: {source.failure}",
                retry_after=_RETRY_UNKNOWN_LIST,
            )
        named = [model.id for model in self.visible(key) if id_ == model.native_name or id_.lower() == model.id.lower()]
        hint = f"Did you mean '{named[0]}'?" if named else "GET /v1/models lists the models that your key may use."
        return ARouterError(Failure.MODEL_NOT_FOUND, f"The model '{id_}' does not exist. {hint}", param="model")
