"""The allow-lists of vendors that refuse unknown parameters and members, each from the vendor's reference.

Read in November 2026. A vendor's new parameter is not sent until it is listed here; `arouter.yaml` may add it.
"""

from __future__ import annotations

from arouter.providers.vendor_members import Members

_FUNCTION = frozenset({"description", "name", "parameters", "strict"})
_CALL = frozenset({"function", "id", "type"})
_TOOL = frozenset({"function", "type"})

# console.groq.com/docs/api-reference, "Create chat completion" (karthink/gptel#774, janhq/jan#8136).
GROQ_PARAMETERS = frozenset(
    {
        "citation_options",
        "compound_custom",
        "disable_tool_validation",
        "documents",
        "exclude_domains",
        "frequency_penalty",
        "function_call",
        "functions",
        "include_domains",
        "include_reasoning",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "reasoning_format",
        "response_format",
        "search_settings",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    }
)
GROQ_MEMBERS = Members(
    {
        "messages[]": frozenset(
            {"content", "function_call", "name", "reasoning", "reasoning_content", "role", "tool_call_id", "tool_calls"}
        ),
        "messages[].content[]": frozenset({"document", "image_url", "text", "type"}),
        "messages[].tool_calls[]": _CALL,
        "tools[]": _TOOL,
        "tools[].function": _FUNCTION,
    }
)

# mistralai/client-python, models/: chatcompletionrequest.py, {system,user,assistant,tool}message.py, toolcall.py,
# tool.py, function.py. Anything else is a 422 `extra_forbidden` (Gitlawb/openclaude#739,
# editor-code-assistant/eca#231).
MISTRAL_PARAMETERS = frozenset(
    {
        "frequency_penalty",
        "guardrails",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_mode",
        "random_seed",
        "reasoning_effort",
        "response_format",
        "safe_prompt",
        "stop",
        "stream",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
    }
)
MISTRAL_MEMBERS = Members(
    {
        "messages[]": frozenset({"content", "prefix", "role", "tool_call_id", "tool_calls"}),
        "messages[].content[]": frozenset(
            {
                "document_name",
                "document_url",
                "file_id",
                "image_url",
                "input_audio",
                "reference_ids",
                "text",
                "thinking",
                "type",
            }
        ),
        "messages[].tool_calls[]": _CALL,
        "tools[]": _TOOL,
        "tools[].function": _FUNCTION,
    }
)

# inference-docs.cerebras.ai/api-reference/chat-completions. Anything else is a 400 `wrong_api_format`
# (QwenLM/qwen-code#11045, proxysoul/Empryo#209).
CEREBRAS_PARAMETERS = frozenset(
    {
        "clear_thinking",
        "disable_reasoning",
        "logprobs",
        "max_completion_tokens",
        "messages",
        "model",
        "parallel_tool_calls",
        "prediction",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
    }
)
CEREBRAS_MEMBERS = Members(
    {
        "messages[]": frozenset(
            {"content", "name", "reasoning", "reasoning_content", "role", "tool_call_id", "tool_calls"}
        ),
        "messages[].content[]": frozenset({"image_url", "text", "type"}),
        "messages[].tool_calls[]": _CALL,
        "tools[]": _TOOL,
        "tools[].function": _FUNCTION,
    }
)

# api-docs.deepseek.com/api/create-chat-completion. It ignores unknown parameters.
DEEPSEEK_MEMBERS = Members(
    {
        "messages[]": frozenset(
            {"content", "name", "prefix", "reasoning_content", "role", "tool_call_id", "tool_calls"}
        ),
        "messages[].tool_calls[]": _CALL,
        "tools[]": _TOOL,
        "tools[].function": _FUNCTION,
    }
)
