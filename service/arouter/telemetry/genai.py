"""OpenTelemetry's names for the attributes of a call.

Source: the GenAI semantic conventions, https://github.com/open-telemetry/semantic-conventions-genai (client inference
spans), status "development". Copied, because the constants of `opentelemetry-semantic-conventions` are deprecated since
the conventions moved to their own repository, and importing them would import OpenTelemetry.
"""

from __future__ import annotations

from arouter.providers.presets import PRESETS

EMBEDDINGS_DIMENSION_COUNT = "gen_ai.embeddings.dimension.count"
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_ENCODING_FORMATS = "gen_ai.request.encoding_formats"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens"
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"


def provider_name(provider_id: str) -> str:
    """Returns the `gen_ai.provider.name` of a provider: our id, unless the conventions have another name for it."""
    preset = PRESETS.get(provider_id)
    return (preset and preset.otel_name) or provider_id
