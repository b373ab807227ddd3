"""The quirks and the wires of embeddings that several presets share, or that take a longer explanation."""

from __future__ import annotations

from dataclasses import replace

from arouter.chat.parameters import PARAMETERS
from arouter.providers import tool_ids, tool_names
from arouter.providers.embeddings import EmbeddingWire
from arouter.providers.quirks import Quirks
from arouter.providers.vendor_members import Members

_REASONING_FIELDS = frozenset({"reasoning", "reasoning_content", "reasoning_details"})

# `max_tokens` is deprecated and refused by models that reason (developers.openai.com/api/reference, chat create). The
# messages of the SDK's request types have no reasoning. Others that have `/responses` serve a part of it: vLLM,
# llama.cpp and Ollama refuse the tools of codex (vllm-project/vllm#49493, ggml-org/llama.cpp#20156,
# ollama/ollama#17618), so their requests are translated. Azure: learn.microsoft.com, "Azure OpenAI Responses API".
OPENAI = Quirks(
    renames={"max_tokens": "max_completion_tokens"},
    # Other vendors' parameters are a 400 there (developers.openai.com/api/reference, chat create).
    refuses=frozenset(name for name, row in PARAMETERS.items() if row.extension and name != "reasoning"),
    effort_only=True,
    members=Members(refused=_REASONING_FIELDS),
    tool_ids=tool_ids.OPENAI,
    tool_names=tool_names.OPENAI,
    responses=True,
)

# The model's chat template decides the roles and their order.
LLAMA_CPP = Quirks(no_developer_role=True, order="leading")

# Its template ignores tools and its server then ignores `tool_choice` (ggml-org/llama.cpp#27129). With a template that
# has tools, `required` still lets this model talk on without ever calling one.
EMBEDDED = replace(LLAMA_CPP, no_tools=True)

EMBEDDINGS = EmbeddingWire()
# Where `encoding_format` could not be verified it is not sent: vectors are converted here.
FLOATS = EmbeddingWire(formats=False)
