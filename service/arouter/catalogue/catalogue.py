"""The models there are: configured, or from the providers' own lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from arouter.accounts.keys import ApiKey
from arouter.errors import ARouterError, Failure
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
    """

    id: str
    provider: Provider
    native_name: str
    created: int


class Catalogue:
    """A mutable set of models; every reader sees the newest.

    Args:
        providers: The providers that are on. Those with configured models are complete from the start.
        now: Seconds since the epoch: the `created` of models whose provider does not say.
    """

    def __init__(self, providers: Iterable[Provider], now: int) -> None:
        self._providers = {provider.id: provider for provider in providers}
        self._models: Mapping[str, Model] = {}
        self._listed: set[str] = set()
        self._failures: dict[str, str] = {}
        for provider in self._providers.values():
            if provider.models is not None:
                self.replace(provider, [ListedModel(name, None) for name in provider.models], now)

    @property
    def providers(self) -> Iterable[Provider]:
        """The providers that are on."""
        return self._providers.values()

    def replace(self, provider: Provider, listed: Iterable[ListedModel], now: int) -> None:
        """Puts a provider's models in place of those it had. One seen before keeps its `created`."""
        models = {id_: model for id_, model in self._models.items() if model.provider is not provider}
        for entry in listed:
            id_ = f"{provider.id}/{entry.name}"
            known = self._models.get(id_)
            created = entry.created or (known.created if known else now)
            models[id_] = Model(id_, provider, entry.name, created)
        self._models = dict(sorted(models.items()))
        self._listed.add(provider.id)

    def note_failure(self, provider: Provider, error: ARouterError) -> None:
        """Remembers why a provider's list could not be read, for those who ask for its models."""
        self._failures[provider.id] = error.message

    def visible(self, key: ApiKey) -> list[Model]:
        """Returns the models that a key may call, sorted by id: those for which `find` does not raise."""
        return [model for model in self._models.values() if key.allows(model.provider.id)]

    def find(self, id_: str, key: ApiKey) -> Model:
        """Returns the model with that id.

        Raises:
            ARouterError: MODEL_NOT_FOUND; UNAVAILABLE if its provider's list has never been read;
                PERMISSION_DENIED if the key may not use its provider.
        """
        model = self._models.get(id_)
        if model is None:
            raise self._not_found(id_)
        if not key.allows(model.provider.id):
            raise ARouterError(
                Failure.PERMISSION_DENIED, f"Provider '{model.provider.id}' is not allowed for this API key."
            )
        return model

    def _not_found(self, id_: str) -> ARouterError:
        provider = id_.partition("/")[0]
        if provider in self._providers and provider not in self._listed:
            reason = self._failures.get(provider, "It has not answered yet.")
            return ARouterError(
                Failure.UNAVAILABLE,
                f"The model list of provider '{provider}' could not be read yet: {reason}",
                retry_after=_RETRY_UNKNOWN_LIST,
            )
        named = [known for known, model in self._models.items() if model.native_name == id_]
        hint = f"Did you mean '{named[0]}'?" if named else "GET /v1/models lists the models that your key may use."
        return ARouterError(Failure.MODEL_NOT_FOUND, f"The model '{id_}' does not exist. {hint}", param="model")
