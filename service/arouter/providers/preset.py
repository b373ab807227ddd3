"""What a preset says about a provider; `presets.py` has a row for each."""

from __future__ import annotations

from dataclasses import dataclass

from arouter.config.provider_schema import ModelConfig
from arouter.providers.embeddings import EmbeddingWire
from arouter.providers.quirks import Quirks


@dataclass(frozen=True)
class Preset:
    """What is known about a provider.

    Attributes:
        name: Its display name.
        protocol: Its wire protocol.
        base_url: The default of the vendor's own SDK; None where it differs from one installation to the next.
        base_url_variables: Environment variables that hold its base URL. If there are any, the provider is on only
            when one is set.
        base_path: What follows the host where such a variable has no path.
        key_variables: Environment variables in which its key usually is, the vendor's own first. The provider is on
            when one is set.
        key_optional: Whether it may be without a key.
        models: Its models, or None to use its own list.
        quirks: How it differs from OpenAI's protocol; of protocol `openai` only. None if it does not.
        self_hosted: Whether it runs on its user's own machines, so that no data leaves them.
        pricing_id: Its id in `genai-prices`; None if that has no prices for it, as for what is self-hosted.
        otel_name: Its `gen_ai.provider.name` in OpenTelemetry's GenAI conventions; empty where that is its id, or the
            conventions do not have it.
        embeddings: How it serves embeddings in OpenAI's protocol; None if it does not, or its protocol is another one.
        text_completions: Whether it serves OpenAI's older API for completions of a text.
    """

    name: str
    protocol: str = "openai"
    base_url: str | None = None
    base_url_variables: tuple[str, ...] = ()
    base_path: str = "/v1"
    key_variables: tuple[str, ...] = ()
    key_optional: bool = False
    models: tuple[str | ModelConfig, ...] | None = None
    quirks: Quirks | None = None
    self_hosted: bool = False
    pricing_id: str | None = None
    otel_name: str = ""
    embeddings: EmbeddingWire | None = None
    text_completions: bool = False


def unknown_vendor(id_: str) -> Preset:
    """Returns the preset of an id that has none: most such servers are vLLM, llama.cpp and the like."""
    return Preset(id_, embeddings=EmbeddingWire(), text_completions=True)
