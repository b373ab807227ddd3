"""The schema of providers and their models in `arouter.yaml`. See `schema.py`."""

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
        connect: For establishing a connection, including the wait for a free slot in the pool.
        first_token: From sending the request to the first piece of a streamed answer.
        idle: Between two pieces of a streamed answer.
        total: For the whole call, streamed or not. 600 is the timeout of the OpenAI SDKs.
    """

    connect: Seconds = 5.0
    first_token: Seconds = 120.0
    idle: Seconds = 60.0
    total: Seconds = 600.0


class TimeoutOverrides(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider's own `Timeouts`. Omitted fields keep the common value."""

    connect: Seconds | UnsetType = UNSET
    first_token: Seconds | UnsetType = UNSET
    idle: Seconds | UnsetType = UNSET
    total: Seconds | UnsetType = UNSET

    def over(self, common: Timeouts) -> Timeouts:
        """Returns `common`, overridden by the fields that are set here."""
        own = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        return replace(common, **own)


class ModelConfig(ModelDetails, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model of a provider. Its metadata takes precedence over the provider's list and the price list.

    Attributes:
        name: The provider's native name.
        input_modalities: As in `ModelDetails`.
        output_modalities: As in `ModelDetails`.
    """

    name: NonEmpty
    input_modalities: tuple[Modality, ...] | None = None
    output_modalities: tuple[Modality | Literal["embeddings"], ...] | None = None


class ProviderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider. Omitted fields are taken from the preset of its id, if there is one.

    Attributes:
        id: The part of a model id before the slash.
        name: Human-readable name; by default the id.
        protocol: The wire protocol; by default `openai`.
        base_url: As for the vendor's own SDK: with `/v1` for `openai`, only the host for the others.
        api_keys: Credentials; usually `${VARIABLE}`.
        models: The models; `*` stands for all of the provider's model list, which is also the default.
        data_collection: Whether the provider may store prompts and responses.
        zdr: Whether it stores nothing of them (zero data retention).
        timeouts: Overrides of the common deadlines.
        quirks: Deviations from OpenAI's protocol; for protocol `openai` only.
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
    """One model that is served by several providers.

    Attributes:
        id: The model id in requests, for example `meta-llama/llama-4-maverick`.
        endpoints: Ids of the providers' models, `provider/name`. Ids that do not exist are ignored.
    """

    id: Annotated[str, Meta(pattern="^[^/\\s]+/\\S+$")]
    endpoints: Annotated[tuple[Annotated[str, Meta(pattern="^[^/\\s]+/.+$")], ...], Meta(min_length=1)]
