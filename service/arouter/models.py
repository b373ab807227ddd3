"""Metadata of models: prices, context length, capabilities. For clients that choose a model and for the router.

Every field is optional (None if unknown), because no source has all of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Usd = Annotated[float, Meta(ge=0, lt=1_000_000)]
Words = tuple[Annotated[str, Meta(min_length=1)], ...]
Tier = Literal["economy", "standard", "premium"]


class Rates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Token prices in USD per million tokens.

    Attributes:
        prompt: Prompt tokens.
        completion: Completion tokens, including reasoning.
        cache_read: Prompt tokens read from the provider's cache; `prompt` applies if None.
        cache_write: Prompt tokens written to the cache; `prompt` applies if None.
        prompt_audio: Audio tokens in the prompt; `prompt` applies if None.
        completion_audio: Audio tokens in the completion; `completion` applies if None.
    """

    prompt: Usd
    completion: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None
    prompt_audio: Usd | None = None
    completion_audio: Usd | None = None


class PriceTier(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rates for long prompts. They apply to all tokens of such a request.

    Attributes:
        above: The tier applies to prompts with more tokens than this.
    """

    above: Tokens


class Prices(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The prices of a model.

    Attributes:
        tiers: Rates for long prompts, in ascending order of `above`.
    """

    tiers: tuple[PriceTier, ...] = ()


class ModelDetails(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Metadata of a model.

    Attributes:
        display_name: Human-readable name.
        context_length: Maximum number of tokens of prompt and completion together.
        max_output_tokens: Maximum number of tokens of the completion.
        input_modalities: Accepted inputs: `text`, `image`, `audio`, `video`, `file`.
        output_modalities: Outputs, with the same values, and `embeddings`.
        supported_parameters: Supported request fields, by OpenAI's names.
        prices: Token prices.
        quantization: Format of the weights: `fp16`, `fp8`, `int4`; the provider's own term if it publishes one.
        tier: Quality tier, used by `auto`.
    """

    display_name: str | None = None
    context_length: Tokens | None = None
    max_output_tokens: Tokens | None = None
    input_modalities: Words | None = None
    output_modalities: Words | None = None
    supported_parameters: Words | None = None
    prices: Prices | None = None
    quantization: Annotated[str, Meta(min_length=1)] | None = None
    tier: Tier | None = None

    def over(self, other: ModelDetails) -> ModelDetails:
        """Returns the merged details; fields set here take precedence over `other`."""
        missing = {
            name: value
            for name in ModelDetails.__struct_fields__
            if getattr(self, name) is None and (value := getattr(other, name)) is not None
        }
        return replace(self, **missing) if missing else self


EMBEDDINGS = "embeddings"
"""The output modality of models that create embeddings."""

UNKNOWN = ModelDetails()
"""No metadata."""
