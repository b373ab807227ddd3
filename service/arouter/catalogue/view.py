"""The data of the catalogue and how it is derived: from sources to models, and from models to those a key may use.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey
from arouter.config.provider_schema import MappedModel
from arouter.models import EMBEDDINGS, UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.model_filter import embeds
from arouter.providers.provider import Provider


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model served by one provider.

    Attributes:
        id: `provider/name`.
        provider: The provider that serves it.
        native_name: The provider's name for it.
        created: Seconds since the epoch.
        details: Further metadata.
    """

    id: str
    provider: Provider
    native_name: str
    created: int
    details: ModelDetails = UNKNOWN


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be called.

    Attributes:
        id: The model id in requests: the id of its only endpoint, or of an entry of the configuration's `models`.
        endpoints: Its endpoints; at least one.
    """

    id: str
    endpoints: tuple[Endpoint, ...]

    @property
    def owner(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]

    @property
    def created(self) -> int:
        """The creation time of its oldest endpoint, in seconds since the epoch."""
        return min(endpoint.created for endpoint in self.endpoints)

    @property
    def details(self) -> ModelDetails:
        """The metadata of its first endpoint."""
        return self.endpoints[0].details


class AllowedModels(Mapping[str, Model]):
    """The models that a key may call. Permissions are evaluated lazily, per model; only a listing evaluates all."""

    def __init__(self, models: Mapping[str, Model], key: AuthenticatedKey) -> None:
        self._models = models
        self._key = key
        self._judged: dict[str, Model | None] = {}

    @override
    def __getitem__(self, id_: str) -> Model:
        model = self._judged[id_] if id_ in self._judged else self._judge(id_, self._models[id_])
        if model is None:
            raise KeyError(id_)
        return model

    @override
    def __iter__(self) -> Iterator[str]:
        if len(self._judged) < len(self._models):
            for id_, model in self._models.items():
                if id_ not in self._judged:
                    self._judge(id_, model)
            self._judged = {id_: self._judged[id_] for id_ in self._models}
        return (id_ for id_, model in self._judged.items() if model is not None)

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _judge(self, id_: str, model: Model) -> Model | None:
        allowed = self._judged[id_] = allowed_model(model, self._key)
        return allowed


class View(NamedTuple):
    """The derived state of all sources.

    Attributes:
        endpoints: By id.
        models: Those that chat, by id, sorted.
        embedders: Those that create embeddings, by id, sorted.
        ids: Model ids by the id and by the part after its first slash, both in lower case. A single id is not wrapped
        in a tuple, which the garbage collector would have to track.
        sizes: The number of endpoints by provider id.
        names: All models as (provider id, native name).
    """

    endpoints: Mapping[str, Endpoint]
    models: Mapping[str, Model]
    embedders: Mapping[str, Model]
    ids: Mapping[str, tuple[str, ...] | str]
    sizes: Mapping[str, int]
    names: Set[tuple[str, str]]


_EMBEDDER = ModelDetails(input_modalities=("text",), output_modalities=(EMBEDDINGS,))
"""What is known of a model that creates embeddings."""


@dataclass
class Source:
    """The known models of one provider, by native name."""

    provider: Provider
    listed: Mapping[str, ListedModel] | None = None
    first_seen: dict[str, int] = field(default_factory=dict)
    looked_up: Mapping[str, ModelDetails] = field(default_factory=dict)
    failure: str = "The provider has not responded yet."

    def endpoints(self, now: int) -> list[Endpoint]:
        """Returns the endpoints: the configured ones and, unless the configuration restricts them, the listed ones.

        Metadata from the configuration takes precedence over the provider's, and that over the price list.
        """
        listed = self.listed or {}
        configured = self.provider.models
        names = {**configured, **listed} if self.provider.lists else configured
        endpoints = []
        for name in names:
            entry = listed.get(name) or ListedModel(name)
            details = configured.get(name, UNKNOWN).over(entry.details).over(self.looked_up.get(name, UNKNOWN))
            if embeds(name, details):
                if "embeddings" in self.provider.encoders:
                    details = details.over(_EMBEDDER)
                elif name not in configured:
                    continue
            first_seen = self.first_seen.setdefault(name, now)
            # A creation time after the first sight means that the server reports every model as new.
            created = min(entry.created or first_seen, first_seen)
            endpoints.append(Endpoint(f"{self.provider.id}/{name}", self.provider, name, created, details))
        return endpoints


def build_view(
    sources: Mapping[str, Source],
    mapped: Iterable[MappedModel],
    now: int,
    before: Mapping[str, Endpoint],
    changed: str | None,
) -> View:
    """Returns the state derived from the sources. May run in a thread: no other thread modifies what it reads.

    Args:
        sources: By provider id.
        mapped: Models that are served by several providers.
        now: Seconds since the epoch.
        before: The previous endpoints.
        changed: The id of the only provider whose endpoints may have changed; None if all may have.
    """
    endpoints: dict[str, Endpoint] = {}
    if changed is not None:
        endpoints = {id_: each for id_, each in before.items() if each.provider.id != changed}
    for id_, source in sources.items():
        if changed in (None, id_):
            endpoints.update((endpoint.id, endpoint) for endpoint in source.endpoints(now))
    models = _models({id_: each for id_, each in endpoints.items() if _chats(each)}, mapped)
    embedders = _models({id_: each for id_, each in endpoints.items() if _creates_embeddings(each)}, mapped)
    ids: dict[str, tuple[str, ...] | str] = {}
    for id_ in (*models, *(id_ for id_ in embedders if id_ not in models)):
        low = id_.lower()
        for name in {low, low.partition("/")[2]}:
            others = ids.setdefault(name, id_)
            if others is not id_:
                ids[name] = (*((others,) if isinstance(others, str) else others), id_)
    counts = Counter(endpoint.provider.id for endpoint in endpoints.values())
    names = {(endpoint.provider.id, endpoint.native_name) for endpoint in endpoints.values()}
    return View(endpoints, models, embedders, ids, {id_: counts[id_] for id_ in sources}, names)


def _models(endpoints: Mapping[str, Endpoint], mapped: Iterable[MappedModel]) -> dict[str, Model]:
    """Returns a model for each endpoint, and those that are served by several of them."""
    models = {id_: Model(id_, (endpoint,)) for id_, endpoint in endpoints.items()}
    for entry in mapped:
        serving = tuple(endpoints[id_] for id_ in entry.endpoints if id_ in endpoints)
        if serving:
            models[entry.id] = Model(entry.id, serving)
    return dict(sorted(models.items()))


def _creates_embeddings(endpoint: Endpoint) -> bool:
    return EMBEDDINGS in (endpoint.details.output_modalities or ()) and "embeddings" in endpoint.provider.encoders


def _chats(endpoint: Endpoint) -> bool:
    return endpoint.details.output_modalities != (EMBEDDINGS,) or not _creates_embeddings(endpoint)


def refusal(model: Model, endpoint: Endpoint, key: AuthenticatedKey) -> str | None:
    """Returns why a key may not use an endpoint of a model, or None if it may."""
    return key.refusal(endpoint.provider.id, model.id, endpoint.id)


def allowed_model(model: Model, key: AuthenticatedKey) -> Model | None:
    """Returns the model with the endpoints that the key may use, or None if there are none."""
    endpoints = tuple(endpoint for endpoint in model.endpoints if refusal(model, endpoint, key) is None)
    if len(endpoints) == len(model.endpoints):
        return model
    return replace(model, endpoints=endpoints) if endpoints else None
