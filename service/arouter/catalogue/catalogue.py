"""The models, configured or from the providers' model lists, each with the endpoints that serve it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from copy import copy

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.validators import without_secret
from arouter.catalogue.bare_names import Index, index_of, meant
from arouter.catalogue.view import AllowedModels, Endpoint, Model, Source, View, build_view, refusal
from arouter.chat.request import Operation
from arouter.config.provider_schema import MappedModel
from arouter.errors import ARouterError, Failure, invalid_request
from arouter.models import ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.model_pages import MAX_MODELS
from arouter.providers.provider import Provider

__all__ = ["Catalogue", "Endpoint", "Model", "VisibleModels"]

_RETRY_UNKNOWN_LIST = 5
"""`retry-after`, in seconds, for a model of a provider whose list has not been read yet."""

_MAX_NAMED = 5
"""Maximum number of models that an error names."""

_MAX_OFFERS = 256
"""Maximum number of cached sets of models; most keys share one."""


class VisibleModels:
    """The models that keys with the same permissions may call. Immutable; a catalogue change creates a new one.

    Attributes:
        models: Those that chat, sorted by id; each with its allowed endpoints only.
        embedders: Those that create embeddings, in the same way.
    """

    def __init__(self, models: Mapping[str, Model], embedders: Mapping[str, Model]) -> None:
        self.models = models
        self.embedders = embedders

    def of(self, operation: Operation) -> Mapping[str, Model]:
        """Returns the models for an operation."""
        return self.embedders if operation == "embeddings" else self.models


class Catalogue:
    """A mutable set of models. Readers always see the current state.

    Args:
        providers: The enabled providers. Those with configured models are complete from the start.
        now: Seconds since the epoch; used as `created` of models without a creation time.
        mapped: Models that are served by several providers.
    """

    def __init__(self, providers: Iterable[Provider], now: int, mapped: Iterable[MappedModel] = ()) -> None:
        self._sources: dict[str, Source] = {}
        self._mapped: tuple[MappedModel, ...] = ()
        self._view = View({}, {}, {}, {}, {}, frozenset())
        self._bare_names: Index | None = None
        self._version = 0
        self._building = asyncio.Lock()
        self._offers: dict[object, VisibleModels] = {}
        self._changed = asyncio.Event()
        self.configure(providers, now, mapped)

    @property
    def providers(self) -> Collection[Provider]:
        """The enabled providers, sorted by id."""
        return [source.provider for source in self._sources.values()]

    @property
    def names(self) -> Set[tuple[str, str]]:
        """All models as (provider id, native name)."""
        return self._view.names

    def configure(self, providers: Iterable[Provider], now: int, mapped: Iterable[MappedModel]) -> None:
        """Replaces the providers and mapped models.

        A provider that was present before keeps its model list until a new one is read.
        """
        before = self._sources
        self._sources = {}
        for provider in sorted(providers, key=lambda each: each.id):
            source = self._sources[provider.id] = before.get(provider.id) or Source(provider)
            source.provider = provider
        self._mapped = tuple(mapped)
        self._rebuild(now)

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of endpoints by provider id."""
        return self._view.sizes

    def is_complete(self, provider: Provider) -> bool:
        """Returns whether the models of a provider are known: it needs no list, or its list has been read."""
        return not provider.lists or self._sources[provider.id].listed is not None

    def see(self, provider: Provider, first_seen: Mapping[str, int], now: int) -> None:
        """Records when models were first seen: seconds since the epoch by native name, possibly before this process."""
        self._sources[provider.id].first_seen.update(first_seen)
        self._rebuild(now, provider.id)

    def replace(
        self, provider: Provider, listed: Iterable[ListedModel], now: int, first_seen: Mapping[str, int] | None = None
    ) -> None:
        """Replaces a provider's model list. A model seen before keeps its `created`.

        Args:
            provider: The provider.
            listed: Its model list.
            now: Seconds since the epoch.
            first_seen: As for `see`.
        """
        self._take(provider, listed, first_seen)
        self._rebuild(now, provider.id)

    async def follow(
        self, provider: Provider, listed: Iterable[ListedModel], now: int, first_seen: Mapping[str, int] | None = None
    ) -> None:
        """Like `replace`, but computes in a thread so that calls are not blocked."""
        self._take(provider, listed, first_seen)
        await self._rebuild_aside(now, provider.id)

    def add_details(self, details: Mapping[tuple[str, str], ModelDetails], now: int) -> None:
        """Replaces the looked-up details, given by provider id and native name."""
        self._look_up(details)
        self._rebuild(now)

    async def follow_details(self, details: Mapping[tuple[str, str], ModelDetails], now: int) -> None:
        """Like `add_details`, but computes in a thread so that calls are not blocked."""
        self._look_up(details)
        await self._rebuild_aside(now)

    def note_failure(self, provider: Provider, error: ARouterError) -> None:
        """Records why a provider's list could not be read, for error messages about its models."""
        self._sources[provider.id].failure = error.message

    async def wait_change(self) -> None:
        """Waits until the models change."""
        await self._changed.wait()

    def offer(self, key: AuthenticatedKey) -> VisibleModels:
        """Returns the models that a key may call: those for which `find` does not raise."""
        rights = (key.providers, key.models)
        offer = self._offers.get(rights)
        if offer is None:
            if len(self._offers) >= _MAX_OFFERS:
                self._offers.clear()
            view = self._view
            offer = self._offers[rights] = (
                VisibleModels(view.models, view.embedders)
                if rights == (None, None)
                else VisibleModels(AllowedModels(view.models, key), AllowedModels(view.embedders, key))
            )
        return offer

    def visible(self, key: AuthenticatedKey) -> list[Model]:
        """Returns the models of the key's `offer` that chat, sorted by id."""
        return list(self.offer(key).models.values())

    def all_visible(self, key: AuthenticatedKey) -> list[Model]:
        """Returns all models of the key's `offer`, sorted by id."""
        offer = self.offer(key)
        return [model for _, model in sorted({**offer.embedders, **offer.models}.items())]

    def find(self, id_: str, key: AuthenticatedKey, operation: Operation = "chat") -> Model:
        """Returns the model with an id, with the endpoints that the key may use.

        Raises:
            ARouterError: MODEL_NOT_FOUND; INVALID_REQUEST if the model is for another operation; UNAVAILABLE if its
            provider's list has never been read; PERMISSION_DENIED if the key may not use it.
        """
        offer = self.offer(key)
        model = offer.of(operation).get(id_)
        if model is not None:
            return model
        if operation != "embeddings":
            if id_ in offer.embedders:
                raise invalid_request(
                    f"'{id_}' creates embeddings and no text. Send texts for it to /v1/embeddings.", "model"
                )
            forbidden = self._view.models.get(id_) or self._view.embedders.get(id_)
        else:
            if id_ in offer.models:
                raise invalid_request(f"'{id_}' creates no embeddings. {creates_embeddings(offer)}", "model")
            forbidden = self._view.embedders.get(id_) or self._view.models.get(id_)
        if forbidden is None:
            raise self._not_found(id_, key, operation)
        refusals = [refusal(forbidden, endpoint, key) for endpoint in forbidden.endpoints]
        what = "model" if any(key.allows_provider(each.provider.id) for each in forbidden.endpoints) else "provider"
        raise ARouterError(
            Failure.PERMISSION_DENIED,
            " ".join(dict.fromkeys(filter(None, refusals))),
            param="model",
            # docs.arouter.ai: guardrails
            code=f"{what}_not_allowed",
        )

    def meant(self, name: str, offered: Mapping[str, Model], preferred: Sequence[str]) -> str | None:
        """Returns which of the offered models a name without a provider refers to, as `bare_names.meant` does."""
        if self._bare_names is None:
            self._bare_names = index_of((*self._view.models, *self._view.embedders))
        return meant(name, self._bare_names, offered, preferred)

    def find_any(self, id_: str, key: AuthenticatedKey) -> Model:
        """Returns the model with an id, whatever it is for. Raises as `find`."""
        return self.offer(key).embedders.get(id_) or self.find(id_, key)

    def _take(self, provider: Provider, listed: Iterable[ListedModel], first_seen: Mapping[str, int] | None) -> None:
        source = self._sources[provider.id]
        source.first_seen.update(first_seen or {})
        source.listed = {entry.name: entry for entry in listed}
        if len(source.first_seen) > len(source.listed) + len(provider.models) + MAX_MODELS:
            # Bounds the memory for a list whose models keep changing.
            known = source.listed.keys() | provider.models.keys()
            source.first_seen = {name: seen for name, seen in dict(source.first_seen).items() if name in known}

    def _look_up(self, details: Mapping[tuple[str, str], ModelDetails]) -> None:
        by_provider: dict[str, dict[str, ModelDetails]] = {id_: {} for id_ in self._sources}
        for (id_, name), known in details.items():
            if id_ in by_provider:
                by_provider[id_][name] = known
        for id_, looked_up in by_provider.items():
            self._sources[id_].looked_up = looked_up

    def _rebuild(self, now: int, changed: str | None = None) -> None:
        self._version += 1
        self._show(build_view(self._sources, self._mapped, now, self._view.endpoints, changed))

    async def _rebuild_aside(self, now: int, changed: str | None = None) -> None:
        self._version += 1
        async with self._building:
            while True:
                version = self._version
                sources = {id_: copy(source) for id_, source in self._sources.items()}
                view = await asyncio.to_thread(build_view, sources, self._mapped, now, self._view.endpoints, changed)
                if version == self._version:
                    break
                # Another change happened in the meantime.
                changed = None
            self._show(view)

    def _show(self, view: View) -> None:
        self._view = view
        self._bare_names = None
        self._offers.clear()
        self._changed.set()
        self._changed = asyncio.Event()

    def _not_found(self, id_: str, key: AuthenticatedKey, operation: Operation) -> ARouterError:
        provider = id_.partition("/")[0]
        source = self._sources.get(provider)
        if source is not None and not self.is_complete(source.provider):
            return ARouterError(
                Failure.UNAVAILABLE,
                f"The model list of provider '{provider}' could not be read yet: {source.failure}",
                retry_after=_RETRY_UNKNOWN_LIST,
            )
        offer = self.offer(key)
        offered = offer.of(operation)
        alike = self._view.ids.get(id_.lower(), ())
        named = [each for each in ((alike,) if isinstance(alike, str) else alike) if each in offered]
        if named:
            hint = f"Did you mean '{named[0]}'?"
        elif operation == "embeddings":
            hint = f"It would have to create embeddings. {creates_embeddings(offer)}"
        else:
            hint = "GET /v1/models lists the models that your key may use."
        return ARouterError(
            Failure.MODEL_NOT_FOUND, f"The model '{without_secret(id_)}' does not exist. {hint}", param="model"
        )


def creates_embeddings(offer: VisibleModels) -> str:
    """Returns a sentence that names models that create embeddings."""
    names = [f"'{id_}'" for id_ in itertools.islice(offer.embedders, _MAX_NAMED + 1)]
    if not names:
        return "No model that your key may use creates embeddings."
    rest = ", and others: GET /v1/models?output_modalities=embeddings lists them"
    return f"These models do: {', '.join(names[:_MAX_NAMED])}{rest if len(names) > _MAX_NAMED else ''}."
