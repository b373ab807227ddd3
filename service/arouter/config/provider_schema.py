"""The shape of providers and their models in `arouter.yaml`. See `schema.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from arouter.config.quirks import QuirksConfig
from arouter.config.secret import Secret
from arouter.models import ModelDetails

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
ProviderId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]*$")]
NonEmpty = Annotated[str, Meta(min_length=1)]
Protocol = Literal["openai", "anthropic", "gemini"]
Modality = Literal["text", "image", "audio", "video", "file"]
HttpUrl = Annotated[str, Meta(pattern="^https?://[^/?#@\\s]+(/[^?#\\s]*)?$")]


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """The four deadlines of a provider call (design §5), in seconds.

    Attributes:
        connect: Until a connection to the provider stands, waiting for a free one included.
        first_token: From sending the request to the first piece of a streamed answer.
        idle: Between two pieces of a streamed answer.
        total: The whole call, streamed or not. 600 is what the OpenAI SDKs wait.
    """

    connect: Seconds = 5.0
    first_token: Seconds = 120.0
    idle: Seconds = 60.0
    total: Seconds = 600.0


class TimeoutOverrides(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider's own `Timeouts`. What is left out is as it is for all."""

    connect: Seconds | UnsetType = UNSET
    first_token: Seconds | UnsetType = UNSET
    idle: Seconds | UnsetType = UNSET
    total: Seconds | UnsetType = UNSET

    def over(self, common: Timeouts) -> Timeouts:
        """Returns `common` with what is set here in its place."""
        own = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        return replace(common, **own)


class ModelConfig(ModelDetails, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model of a provider, with what is to count before anything that its provider or the price list says.

    Attributes:
        name: The provider's native name.
        input_modalities: As in `ModelDetails`.
        output_modalities: As in `ModelDetails`.
    """

    name: NonEmpty
    input_modalities: tuple[Modality, ...] | None = None
    output_modalities: tuple[Modality, ...] | None = None


class ProviderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider. What is left out comes from the preset of that id, if there is one.

    Attributes:
        id: The part of a model id before the slash.
        name: What people call it; its id when left out.
        protocol: The wire protocol it speaks; `openai` when left out.
        base_url: What the vendor's own SDK takes: with `/v1` for `openai`, the host alone for the others.
        api_keys: Its credentials; usually `${VARIABLE}`.
        models: Its models; `*` stands for all that its own list has. When left out, that list is used.
        data_collection: Whether it may keep prompts and answers.
        zdr: Whether it keeps nothing of them (zero data retention).
        timeouts: Deadlines of this provider that differ from the common ones.
        quirks: What it does differently; of protocol `openai` only.
    """

    id: ProviderId
    name: NonEmpty | UnsetType = UNSET
    protocol: Protocol | UnsetType = UNSET
    base_url: HttpUrl | UnsetType = UNSET
    api_keys: tuple[Secret, ...] | UnsetType = UNSET
    models: Annotated[tuple[NonEmpty | ModelConfig, ...], Meta(min_length=1)] | UnsetType = UNSET
    data_collection: Literal["allow", "deny"] | UnsetType = UNSET
    zdr: bool | UnsetType = UNSET
    timeouts: TimeoutOverrides = TimeoutOverrides()
    quirks: QuirksConfig | UnsetType = UNSET


class MappedModel(Struct, frozen=True, forbid_unknown_fields=True):
    """One model that several providers serve.

    Attributes:
        id: What clients write, for example `meta-llama/llama-4-maverick`.
        endpoints: Ids of the models that are this one, `provider/name`. Those that are not there do not count.
    """

    id: Annotated[str, Meta(pattern="^[^/\\s]+/\\S+$")]
    endpoints: Annotated[tuple[Annotated[str, Meta(pattern="^[^/\\s]+/.+$")], ...], Meta(min_length=1)]
