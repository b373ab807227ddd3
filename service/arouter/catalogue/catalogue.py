"""The models there are: configured, or from the providers' own lists; each with the endpoints that serve it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from arouter.accounts.fields import without_secret
from arouter.accounts.keys import ApiKey
from arouter.config.schema import MappedModel
from arouter.errors import ARouterError, Failure
from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import Provider

_RETRY_UNKNOWN_LIST = 5
"""Seconds after which to ask again for a model of a provider whose list has not come yet."""


_MOST_OFFERS = 256
"""Sets of models that are kept for keys; most keys share one."""


@dataclass(frozen=True)
class Endpoint:
    """A model at a provider.

    Attributes:
        id: `provider/name`.
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


@dataclass(frozen=True)
class Model:
    """A model that can be called.

    Attributes:
        id: What clients write: the id of its one endpoint, or of an entry in the configuration's `models`.
        endpoints: Where it is served; one at least.
    """

    id: str
    endpoints: tuple[Endpoint, ...]

    @property
    def owner(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]

    @property
    def created(self) -> int:
        """When the first of its endpoints was, in seconds since the epoch."""
        return min(endpoint.created for endpoint in self.endpoints)

    @property
    def details(self) -> ModelDetails:
        """What is known of its first endpoint."""
        return self.endpoints[0].details


class Offer:
    """The models that keys with the same rights may call. Never changes; a change of the catalogue makes a new one.

    Attributes:
        models: By id, sorted; each with the endpoints that are allowed.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self.models = models


@dataclass
class _Source:
    """What is known of one provider's models, by native name."""

    provider: Provider
    listed: Mapping[str, ListedModel] | None = None
    first_seen: dict[str, int] = field(default_factory=dict)
    looked_up: Mapping[str, ModelDetails] = field(default_factory=dict)
    failure: str = "It has not answered yet."
    size: int = 0

    def endpoints(self, now: int) -> list[Endpoint]:
        """Returns the endpoints: those configured and, where nothing else is said, those listed.

        What the configuration says of a model counts before what its provider says, and that before the price list.
        """
        listed = self.listed or {}
        configured = self.provider.models
        names = {**configured, **listed} if self.provider.lists else configured
        endpoints = []
        for name in names:
            entry = listed.get(name) or ListedModel(name)
            details = configured.get(name, UNKNOWN).over(entry.details).over(self.looked_up.get(name, UNKNOWN))
            first_seen = self.first_seen.setdefault(name, now)
            # What says that it was made after it was seen is a server that calls every model new.
            created = min(entry.created or first_seen, first_seen)
            endpoints.append(Endpoint(f"{self.provider.id}/{name}", self.provider, name, created, details))
        return endpoints


class Catalogue:
    """A mutable set of models; every reader sees the newest.

    Args:
        providers: The providers that are on. Those with configured models are complete from the start.
        now: Seconds since the epoch: the `created` of models whose provider does not say.
        mapped: Models that several of them serve.
    """

    def __init__(self, providers: Iterable[Provider], now: int, mapped: Iterable[MappedModel] = ()) -> None:
        self._sources: dict[str, _Source] = {}
        self._mapped: tuple[MappedModel, ...] = ()
        self._endpoints: dict[str, Endpoint] = {}
        self._models: Mapping[str, Model] = {}
        self._offers: dict[object, Offer] = {}
        self._changed = asyncio.Event()
        self.configure(providers, now, mapped)

    @property
    def providers(self) -> Collection[Provider]:
        """The providers that are on, sorted by id."""
        return [source.provider for source in self._sources.values()]

    @property
    def names(self) -> set[tuple[str, str]]:
        """Every model, as its provider's id and its native name."""
        return {(endpoint.provider.id, endpoint.native_name) for endpoint in self._endpoints.values()}

    def configure(self, providers: Iterable[Provider], now: int, mapped: Iterable[MappedModel]) -> None:
        """Puts other providers and mapped models in place of those before.

        A provider that was there keeps its list, until another is read.
        """
        before = self._sources
        self._sources = {}
        for provider in sorted(providers, key=lambda each: each.id):
            source = self._sources[provider.id] = before.get(provider.id) or _Source(provider)
            source.provider = provider
        self._mapped = tuple(mapped)
        self._endpoints = {}
        self._rebuild(self._sources.values(), now)

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many endpoints each provider has, by its id."""
        return {id_: source.size for id_, source in self._sources.items()}

    def is_complete(self, provider: Provider) -> bool:
        """Says whether the models of a provider are known: it needs no list, or has one."""
        return not provider.lists or self._sources[provider.id].listed is not None

    def see(self, provider: Provider, first_seen: Mapping[str, int], now: int) -> None:
        """Notes when models were first seen, in seconds since the epoch by native name: earlier than this process."""
        source = self._sources[provider.id]
        source.first_seen.update(first_seen)
        self._rebuild([source], now)

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
        self._rebuild([source], now)

    def add_details(self, details: Mapping[tuple[str, str], ModelDetails], now: int) -> None:
        """Puts what was looked up, by provider and native name, in place of what was before."""
        for source in self._sources.values():
            source.looked_up = {name: known for (id_, name), known in details.items() if id_ == source.provider.id}
        self._rebuild(self._sources.values(), now)

    def note_failure(self, provider: Provider, error: ARouterError) -> None:
        """Remembers why a provider's list could not be read, for those who ask for its models."""
        self._sources[provider.id].failure = error.message

    async def wait_change(self) -> None:
        """Waits until the models change."""
        await self._changed.wait()

    def offer(self, key: ApiKey) -> Offer:
        """Returns the models that a key may call: those for which `find` does not raise."""
        rights = (key.providers, key.models)
        offer = self._offers.get(rights)
        if offer is None:
            if len(self._offers) >= _MOST_OFFERS:
                self._offers.clear()
            allowed = ((id_, _allowed(model, key)) for id_, model in self._models.items())
            offer = self._offers[rights] = Offer({id_: model for id_, model in allowed if model is not None})
        return offer

    def visible(self, key: ApiKey) -> list[Model]:
        """Returns the models of the key's `offer`, sorted by id."""
        return list(self.offer(key).models.values())

    def find(self, id_: str, key: ApiKey) -> Model:
        """Returns the model with that id, with the endpoints that the key may use.

        Raises:
            ARouterError: MODEL_NOT_FOUND; UNAVAILABLE if its provider's list has never been read;
                PERMISSION_DENIED if the key may not use it.
        """
        model = self.offer(key).models.get(id_)
        if model is not None:
            return model
        forbidden = self._models.get(id_)
        if forbidden is None:
            raise self._not_found(id_, key)
        refusals = [_refusal(forbidden, endpoint, key) for endpoint in forbidden.endpoints]
        what = "model" if any(key.allows_provider(each.provider.id) for each in forbidden.endpoints) else "provider"
        raise ARouterError(
            Failure.PERMISSION_DENIED,
            " ".join(dict.fromkeys(filter(None, refusals))),
            param="model",
            # docs.arouter.ai: guardrails
            code=f"{what}_not_allowed",
        )

    def _rebuild(self, sources: Collection[_Source], now: int) -> None:
        rebuilt = {source.provider.id for source in sources}
        endpoints = {id_: each for id_, each in self._endpoints.items() if each.provider.id not in rebuilt}
        for source in sources:
            own = source.endpoints(now)
            source.size = len(own)
            endpoints.update((endpoint.id, endpoint) for endpoint in own)
        models = {id_: Model(id_, (endpoint,)) for id_, endpoint in endpoints.items()}
        for entry in self._mapped:
            serving = tuple(endpoints[id_] for id_ in entry.endpoints if id_ in endpoints)
            if serving:
                models[entry.id] = Model(entry.id, serving)
        self._endpoints = endpoints
        self._models = dict(sorted(models.items()))
        self._offers.clear()
        self._changed.set()
        self._changed = asyncio.Event()

    def _not_found(self, id_: str, key: ApiKey) -> ARouterError:
        provider = id_.partition("/")[0]
        source = self._sources.get(provider)
        if source is not None and not self.is_complete(source.provider):
            return ARouterError(
                Failure.UNAVAILABLE,
                f"The model list of provider '{provider}' could not be read yet: {source.failure}",
                retry_after=_RETRY_UNKNOWN_LIST,
            )
        named = [model.id for model in self.visible(key) if id_.lower() in (model.id.lower(), _bare(model).lower())]
        hint = f"Did you mean '{named[0]}'?" if named else "GET /v1/models lists the models that your key may use."
        return ARouterError(
            Failure.MODEL_NOT_FOUND, f"The model '{without_secret(id_)}' does not exist. {hint}", param="model"
        )


def _bare(model: Model) -> str:
    return model.id.partition("/")[2]


def _refusal(model: Model, endpoint: Endpoint, key: ApiKey) -> str | None:
    return key.refusal(endpoint.provider.id, model.id, endpoint.id)


def _allowed(model: Model, key: ApiKey) -> Model | None:
    """Returns the model as a key may use it, or None if it may not."""
    endpoints = tuple(endpoint for endpoint in model.endpoints if _refusal(model, endpoint, key) is None)
    if len(endpoints) == len(model.endpoints):
        return model
    return replace(model, endpoints=endpoints) if endpoints else None
