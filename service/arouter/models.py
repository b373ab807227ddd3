"""What is known of a model beside its name: for people who choose one, and for the router which does so for them.

Everything may be unknown, which is None: no list says all of it.
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
    """What tokens cost, in USD per million.

    Attributes:
        prompt: Of the prompt.
        completion: Of the answer, reasoning included.
        cache_read: Of a prompt's tokens read from the provider's cache; as `prompt` when None.
        cache_write: Of a prompt's tokens written to the cache; as `prompt` when None.
        prompt_audio: Of audio in a prompt; as `prompt` when None.
        completion_audio: Of audio in an answer; as `completion` when None.
    """

    prompt: Usd
    completion: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None
    prompt_audio: Usd | None = None
    completion_audio: Usd | None = None


class PriceTier(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rates of requests with long prompts; they hold for all tokens of such a request.

    Attributes:
        above: The tier is that of prompts with more tokens than this.
    """

    above: Tokens


class Prices(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a model costs.

    Attributes:
        tiers: Other rates for long prompts, by rising `above`.
    """

    tiers: tuple[PriceTier, ...] = ()


class ModelDetails(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is known of a model.

    Attributes:
        display_name: What people call it.
        context_length: Tokens that prompt and answer may have together.
        max_output_tokens: Tokens that the answer may have.
        input_modalities: What it takes: `text`, `image`, `audio`, `video`, `file`.
        output_modalities: What it gives: the same words.
        supported_parameters: Fields of the request that it honours, by OpenAI's names.
        prices: What it costs.
        quantization: How its weights are stored: `fp16`, `fp8`, `int4`; the provider's own where it says so.
        tier: How good it is, for `auto`.
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
        """Returns what either knows; where both do, what this one says."""
        missing = {
            name: value
            for name in ModelDetails.__struct_fields__
            if getattr(self, name) is None and (value := getattr(other, name)) is not None
        }
        return replace(self, **missing) if missing else self


UNKNOWN = ModelDetails()
"""Nothing is known."""
