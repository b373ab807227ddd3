"""What the catalogue is made of, and how it is made: sources to models, and models to what a key may use. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from typing_extensions import override

from arouter.accounts.keys import ApiKey
from arouter.config.provider_schema import MappedModel
from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import Provider


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


class AllowedModels(Mapping[str, Model]):
    """Those of all models that a key may call. Each is judged when it is asked for, all of them only for a list."""

    def __init__(self, models: Mapping[str, Model], key: ApiKey) -> None:
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
    """What is made of all sources.

    Attributes:
        endpoints: By id.
        models: By id, sorted.
        ids: Of the models, by the id and by the part behind its first slash, both in lower case. One that is alone
            is no tuple: the garbage collector would have to look at it.
        sizes: How many endpoints each provider has, by its id.
        names: Every model, as its provider's id and its native name.
    """

    endpoints: Mapping[str, Endpoint]
    models: Mapping[str, Model]
    ids: Mapping[str, tuple[str, ...] | str]
    sizes: Mapping[str, int]
    names: Set[tuple[str, str]]


@dataclass
class Source:
    """What is known of one provider's models, by native name."""

    provider: Provider
    listed: Mapping[str, ListedModel] | None = None
    first_seen: dict[str, int] = field(default_factory=dict)
    looked_up: Mapping[str, ModelDetails] = field(default_factory=dict)
    failure: str = "It has not answered yet."

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


def build_view(
    sources: Mapping[str, Source],
    mapped: Iterable[MappedModel],
    now: int,
    before: Mapping[str, Endpoint],
    changed: str | None,
) -> View:
    """Returns what the sources make. May run in a thread: nothing else writes to what it reads.

    Args:
        sources: By their provider's id.
        mapped: Models that several of them serve.
        now: Seconds since the epoch.
        before: The endpoints there were.
        changed: The id of the only provider whose endpoints may be others now; None if all may.
    """
    endpoints: dict[str, Endpoint] = {}
    if changed is not None:
        endpoints = {id_: each for id_, each in before.items() if each.provider.id != changed}
    for id_, source in sources.items():
        if changed in (None, id_):
            endpoints.update((endpoint.id, endpoint) for endpoint in source.endpoints(now))
    models = {id_: Model(id_, (endpoint,)) for id_, endpoint in endpoints.items()}
    for entry in mapped:
        serving = tuple(endpoints[id_] for id_ in entry.endpoints if id_ in endpoints)
        if serving:
            models[entry.id] = Model(entry.id, serving)
    models = dict(sorted(models.items()))
    ids: dict[str, tuple[str, ...] | str] = {}
    for id_ in models:
        low = id_.lower()
        for name in {low, low.partition("/")[2]}:
            others = ids.setdefault(name, id_)
            if others is not id_:
                ids[name] = (*((others,) if isinstance(others, str) else others), id_)
    counts = Counter(endpoint.provider.id for endpoint in endpoints.values())
    names = {(endpoint.provider.id, endpoint.native_name) for endpoint in endpoints.values()}
    return View(endpoints, models, ids, {id_: counts[id_] for id_ in sources}, names)


def refusal(model: Model, endpoint: Endpoint, key: ApiKey) -> str | None:
    """Says why a key may not use an endpoint of a model, or None if it may."""
    return key.refusal(endpoint.provider.id, model.id, endpoint.id)


def allowed_model(model: Model, key: ApiKey) -> Model | None:
    """Returns the model as a key may use it, or None if it may not."""
    endpoints = tuple(endpoint for endpoint in model.endpoints if refusal(model, endpoint, key) is None)
    if len(endpoints) == len(model.endpoints):
        return model
    return replace(model, endpoints=endpoints) if endpoints else None
