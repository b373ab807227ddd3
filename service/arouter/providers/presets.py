"""The providers that ARouter knows by id. What `arouter.yaml` says about one overrides its preset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """What is known of a provider.

    Attributes:
        protocol: Its wire protocol.
        base_url: What the vendor's own SDK takes; None where it differs from one installation to the next.
        key_variable: The environment variable in which its key usually is; the provider is on when it is set.
        models: Its native model names, or None to use its own list.
    """

    protocol: str = "openai"
    base_url: str | None = None
    key_variable: str = ""
    models: tuple[str, ...] | None = None


PRESETS: dict[str, Preset] = {
    "openai": Preset(base_url="https://api.openai.com/v1", key_variable="OPENAI_API_KEY"),
    # The embedded model; `arouter up` starts it and says where it listens.
    "local": Preset(models=("smollm2-135m-instruct",)),
}
