"""The providers that ARouter has presets for. `arouter.yaml` overrides them.

`docs/providers.md` shows the same table, with the sources; a test compares the two.
"""

from __future__ import annotations

from dataclasses import replace

from arouter.config.provider_schema import ModelConfig
from arouter.providers import allow_lists, tool_ids, tool_names
from arouter.providers.embeddings import EmbeddingWire
from arouter.providers.preset import Preset
from arouter.providers.preset_quirks import EMBEDDED, EMBEDDINGS, FLOATS, LLAMA_CPP, OPENAI
from arouter.providers.quirks import Quirks
from arouter.providers.vendor_members import Members

# `developer` is OpenAI's: litellm and pydantic-ai send `system` to every other vendor, and others have
# had many issues (earendil-works/pi#1048 DeepSeek, haru/redmine_ai_helper#242 Qwen).

PRESETS: dict[str, Preset] = {
    "openai": Preset(
        "OpenAI",
        pricing_id="openai",
        base_url="https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
        quirks=OPENAI,
        embeddings=EMBEDDINGS,
        text_completions=True,
    ),
    "anthropic": Preset(
        "Anthropic",
        pricing_id="anthropic",
        protocol="anthropic",
        base_url="https://api.anthropic.com",
        key_variables=("ANTHROPIC_API_KEY",),
    ),
    "google": Preset(
        "Google",
        pricing_id="google",
        otel_name="gcp.gemini",
        protocol="gemini",
        base_url="https://generativelanguage.googleapis.com",
        # In google-genai's own order.
        key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    ),
    "deepseek": Preset(
        "DeepSeek",
        pricing_id="deepseek",
        base_url="https://api.deepseek.com",
        key_variables=("DEEPSEEK_API_KEY",),
        # api-docs.deepseek.com/api/create-chat-completion: what is not in its schema is ignored silently.
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens", "user": "user_id"},
            refuses=frozenset(
                {
                    "frequency_penalty",
                    "logit_bias",
                    "n",
                    "parallel_tool_calls",
                    "presence_penalty",
                    "seed",
                    "service_tier",
                }
            ),
            no_developer_role=True,
            text_content=True,
            # api-docs.deepseek.com, "Thinking mode", tool calls.
            reasoning_with_calls=True,
            members=allow_lists.DEEPSEEK_MEMBERS,
            # api-docs.deepseek.com, "Chat prefix completion": at another address, and the client has to send `prefix`.
            asks_to_continue=True,
            order="alternating",
            tool_names=tool_names.OPENAI,
            cached_tokens="prompt_cache_hit_tokens",
        ),
    ),
    "x-ai": Preset(
        "xAI",
        pricing_id="x-ai",
        otel_name="x_ai",
        base_url="https://api.x.ai/v1",
        key_variables=("XAI_API_KEY",),
        # docs.x.ai, models: reasoning models (all current ones) fail on these. Usage: litellm, llms/xai/chat.
        quirks=Quirks(
            refuses=frozenset({"frequency_penalty", "presence_penalty", "stop"}),
            no_developer_role=True,
            reasoning_apart=True,
        ),
    ),
    "mistralai": Preset(
        "Mistral",
        pricing_id="mistral",
        otel_name="mistral_ai",
        base_url="https://api.mistral.ai/v1",
        key_variables=("MISTRAL_API_KEY",),
        # mistralai/client-python, models/chatcompletionrequest.py. Anything else is a 422 `extra_forbidden`
        # (Gitlawb/openclaude#739, editor-code-assistant/eca#231).
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens", "seed": "random_seed"},
            parameters=allow_lists.MISTRAL_PARAMETERS,
            no_stream_options=True,
            no_developer_role=True,
            members=allow_lists.MISTRAL_MEMBERS,
            prefix_member="prefix",
            order="answered",
            tool_ids=tool_ids.MISTRAL,
            tool_names=tool_names.OPENAI,
        ),
        # docs.mistral.ai/api/endpoint/embeddings. Anything else is refused, as in chat.
        embeddings=EmbeddingWire(
            renames={"dimensions": "output_dimension"},
            parameters=frozenset({"model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format"}),
        ),
    ),
    "groq": Preset(
        "Groq",
        pricing_id="groq",
        base_url="https://api.groq.com/openai/v1",
        key_variables=("GROQ_API_KEY",),
        # console.groq.com/docs/openai. Usage: vercel/ai#1651. Messages: tashfeenahmed/freellmapi#1070.
        quirks=Quirks(
            parameters=allow_lists.GROQ_PARAMETERS,
            no_developer_role=True,
            reasoning="reasoning",
            members=allow_lists.GROQ_MEMBERS,
            tool_names=tool_names.OPENAI,
        ),
    ),
    "together": Preset(
        "Together AI",
        pricing_id="together",
        base_url="https://api.together.ai/v1",
        key_variables=("TOGETHER_API_KEY",),
        # docs.together.ai/docs/inference/openai-compatibility; reasoning: any-llm, providers/together.
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens"},
            no_developer_role=True,
            reasoning="reasoning",
        ),
        embeddings=FLOATS,
        text_completions=True,
    ),
    "fireworks": Preset(
        "Fireworks AI",
        pricing_id="fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        key_variables=("FIREWORKS_API_KEY",),
        # litellm, llms/fireworks_ai/chat.
        quirks=Quirks(renames={"max_completion_tokens": "max_tokens"}, no_developer_role=True),
        embeddings=FLOATS,
        text_completions=True,
    ),
    "openrouter": Preset(
        "OpenRouter",
        pricing_id="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY",),
        # pydantic-ai, providers/openrouter.py.
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens"},
            reasoning="reasoning",
            # openrouter.ai/docs: "Prompt caching", "Reasoning tokens", "PDF inputs".
            members=Members(taken=frozenset({"annotations", "cache_control", "reasoning_details"})),
        ),
        embeddings=EMBEDDINGS,
        text_completions=True,
    ),
    "moonshotai": Preset(
        "Moonshot AI",
        pricing_id="moonshotai",
        otel_name="moonshot_ai",
        base_url="https://api.moonshot.ai/v1",
        key_variables=("MOONSHOT_API_KEY", "MOONSHOTAI_API_KEY"),
        # Usage: earendil-works/pi#2017; platform.moonshot.ai/docs/api/chat.
        quirks=Quirks(no_developer_role=True, cached_tokens="cached_tokens"),
    ),
    "qwen": Preset(
        "Qwen",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_variables=("DASHSCOPE_API_KEY",),
        # haru/redmine_ai_helper#242. alibabacloud.com/help, Model Studio, "Context cache": `cache_control`.
        quirks=Quirks(no_developer_role=True, members=Members(taken=frozenset({"cache_control"}))),
        embeddings=FLOATS,
    ),
    "z-ai": Preset(
        "Z.ai",
        pricing_id="zai",
        base_url="https://api.z.ai/api/paas/v4",
        key_variables=("ZAI_API_KEY",),
        # docs.z.ai/api-reference/llm/chat-completion; what its finish reasons mean: any-llm, providers/zai/utils.py.
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens"},
            no_developer_role=True,
        ),
    ),
    "minimax": Preset(
        "MiniMax",
        pricing_id="minimax",
        base_url="https://api.minimax.io/v1",
        key_variables=("MINIMAX_API_KEY",),
        # platform.minimax.io/docs/api-reference/text-openai-api; last chunk: any-llm, providers/minimax.
        quirks=Quirks(
            renames={"max_tokens": "max_completion_tokens"},
            refuses=frozenset(
                {"frequency_penalty", "function_call", "functions", "logit_bias", "n", "presence_penalty"}
            ),
            no_developer_role=True,
        ),
    ),
    "cerebras": Preset(
        "Cerebras",
        pricing_id="cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_variables=("CEREBRAS_API_KEY",),
        # inference-docs.cerebras.ai/resources/openai.
        quirks=Quirks(
            renames={"max_tokens": "max_completion_tokens"},
            parameters=allow_lists.CEREBRAS_PARAMETERS,
            no_developer_role=True,
            reasoning="reasoning",
            members=allow_lists.CEREBRAS_MEMBERS,
            tool_names=tool_names.OPENAI,
        ),
    ),
    "perplexity": Preset(
        "Perplexity",
        pricing_id="perplexity",
        base_url="https://api.perplexity.ai",
        key_variables=("PERPLEXITY_API_KEY",),
        # docs.perplexity.ai/guides/chat-completions-guide. Announced to end on 2026-09-27.
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens"},
            no_developer_role=True,
            order="alternating",
            asks_to_continue=True,
        ),
    ),
    "cohere": Preset(
        "Cohere",
        pricing_id="cohere",
        base_url="https://api.cohere.ai/compatibility/v1",
        key_variables=("CO_API_KEY", "COHERE_API_KEY"),
        # docs.cohere.com/docs/compatibility-api, both of its lists.
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens"},
            refuses=frozenset(
                {
                    "audio",
                    "logit_bias",
                    "metadata",
                    "modalities",
                    "n",
                    "parallel_tool_calls",
                    "prediction",
                    "service_tier",
                    "store",
                    "top_logprobs",
                }
            ),
            no_developer_role=True,
        ),
        # docs.cohere.com/docs/compatibility-api: `input`, `model` and `encoding_format`.
        embeddings=EmbeddingWire(parameters=frozenset({"model", "input", "encoding_format"})),
    ),
    "azure": Preset(
        "Azure OpenAI",
        pricing_id="azure",
        otel_name="azure.ai.openai",
        base_url_variables=("AZURE_OPENAI_ENDPOINT",),
        # learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle.
        base_path="/openai/v1",
        key_variables=("AZURE_OPENAI_API_KEY",),
        quirks=replace(OPENAI, key_header="api-key"),
        embeddings=EMBEDDINGS,
        text_completions=True,
    ),
    "ollama": Preset(
        "Ollama",
        base_url="http://127.0.0.1:11434/v1",
        base_url_variables=("OLLAMA_BASE_URL", "OLLAMA_API_BASE"),
        key_variables=("OLLAMA_API_KEY",),
        key_optional=True,
        # docs.ollama.com/api/openai-compatibility; reasoning: pydantic-ai, providers/ollama.py.
        quirks=Quirks(
            renames={"max_completion_tokens": "max_tokens"},
            no_developer_role=True,
            reasoning="reasoning",
            order="leading",
        ),
        embeddings=EMBEDDINGS,
        text_completions=True,
    ),
    "vllm": Preset(
        "vLLM",
        base_url="http://127.0.0.1:8000/v1",
        base_url_variables=("VLLM_BASE_URL", "VLLM_API_BASE"),
        key_variables=("VLLM_API_KEY",),
        key_optional=True,
        # docs.vllm.ai, features/reasoning_outputs: `reasoning` is the newer name of `reasoning_content`. The roles are
        # those of the model's chat template.
        quirks=Quirks(no_developer_role=True, reasoning="reasoning", order="leading"),
        embeddings=EMBEDDINGS,
        text_completions=True,
    ),
    "llama.cpp": Preset(
        "llama.cpp",
        base_url="http://127.0.0.1:8080/v1",
        base_url_variables=("LLAMACPP_API_BASE",),
        key_variables=("LLAMA_API_KEY", "LLAMACPP_API_KEY"),
        key_optional=True,
        quirks=LLAMA_CPP,
        embeddings=EMBEDDINGS,
        text_completions=True,
    ),
    "lm-studio": Preset(
        "LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        base_url_variables=("LM_STUDIO_API_BASE",),
        key_variables=("LM_API_TOKEN", "LM_STUDIO_API_KEY"),
        key_optional=True,
        # lmstudio.ai/docs/developer/openai-compat/chat-completions: `max_tokens`; roles as llama.cpp.
        quirks=Quirks(renames={"max_completion_tokens": "max_tokens"}, no_developer_role=True, order="leading"),
        embeddings=FLOATS,
        text_completions=True,
    ),
    # The embedded model; `arouter up` starts it and sets its address.
    "local": Preset(
        "Embedded model",
        key_optional=True,
        models=(
            "smollm2-135m-instruct",
            ModelConfig(name="smollm2-135m-embeddings", context_length=512, output_modalities=("embeddings",)),
        ),
        quirks=EMBEDDED,
        self_hosted=True,
        embeddings=EMBEDDINGS,
        text_completions=True,
    ),
}
