"""Which models chat: real ids from providers' lists, genai-prices and the SDKs' own types."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from openai.types.shared.all_models import AllModels
from openai.types.shared.chat_model import ChatModel

from arouter.models import ModelDetails
from arouter.providers.model_filter import can_chat, embeds, has_responses, is_specialist, needs_responses

CHAT = """
    gpt-4o-audio-preview gpt-4o-mini-audio-preview-2024-12-17 gpt-audio gpt-audio-mini gpt-audio-1.5
    gpt-4o-search-preview gpt-4o-mini-search-preview-2025-03-11 gpt-5-search-api gpt-3.5-turbo
    gpt-3.5-turbo-16k-0613 gpt-4-vision-preview gpt-6-astra gpt-6.2-astra gpt-5.3-chat-latest gpt-chat-latest
    gpt-oss-120b gpt-oss-safeguard-20b o1 o3-mini o4-mini ft:gpt-4o-mini-2024-07-18:acme:embed-faq:9x
    ft:gpt-3.5-turbo-0125:org::id claude-sonnet-4-6 claude-haiku-4-5-20251001 claude-opus-5-5
    claude-3-5-haiku-latest gemini-2.5-flash gemini-2.5-pro gemini-3.1-pro-preview
    gemini-3.1-pro-preview-customtools gemini-flash-latest gemini-2.5-computer-use-preview-10-2025
    gemini-robotics-er-1.6-preview gemma-3-27b-it gemma-3n-e4b-it gemma-4-31b-it learnlm-2.0-flash-experimental
    deepseek-chat deepseek-reasoner deepseek-ocr grok-4.5 grok-code-fast-1 grok-2-vision-1212
    grok-4.20-multi-agent-0309 mistral-large-2512 codestral-2508 devstral-small magistral-medium ministral-8b-latest
    pixtral-12b voxtral-small-24b-2507 voxtral-mini-latest llama-3.3-70b-versatile meta-llama/llama-guard-4-12b
    meta-llama/llama-prompt-guard-2-86m openai/gpt-oss-20b moonshotai/kimi-k2-instruct qwen/qwen3-32b compound-beta
    allam-2-7b meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo Qwen/Qwen3-VL-32B-Instruct
    mistralai/Mixtral-8x7B-Instruct-v0.1 accounts/fireworks/models/glm-5p3
    accounts/fireworks/models/qwen2p5-vl-72b-instruct openai/o3-pro openai/gpt-5-codex openai/o3-deep-research
    openai/gpt-3.5-turbo-instruct kimi-k2-thinking moonshot-v1-8k-vision-preview qwen3-max qwen3-vl-plus
    qwen3-omni-flash qwen-plus-latest qwen3-coder-plus GLM-4.6V GLM-5.3-FlashX MiniMax-M2.7-highspeed
    MiniMax-Text-01 M2-her sonar-pro sonar-reasoning-pro sonar-deep-research r1-1776 command-r7b-12-2024
    command-a-03-2025 c4ai-aya-vision-32b phi-4-multimodal-instruct smollm2-135m-instruct jina-deepsearch-v1
    llava:13b qwen2.5vl:7b gpt-oss:20b nvidia/nemotron-nano-12b-v2-vl:free embedl/Cosmos-Reason2-2B
    dall-e-llama/llama-3 wandb/llama-3 HuggingFaceTB/SmolLM3-3B ibm-granite/granite-3.3-8b-instruct
    nousresearch/hermes-4-405b
"""

OTHERS = """
    text-embedding-3-small text-embedding-ada-002 text-embedding-004 gemini-embedding-001 embedding-001
    mistral-embed codestral-embed-2505 nomic-embed-text:latest nomic-embed-text-v1.5.Q8_0.gguf mxbai-embed-large
    all-minilm:33m bge-m3 @cf/baai/bge-base-en-v1.5 BAAI/bge-reranker-v2-m3 gte-Qwen2-7B-instruct
    intfloat/multilingual-e5-large-instruct intfloat/e5-mistral-7b-instruct Qwen/Qwen3-Embedding-8B
    embeddinggemma:300m textembedding-gecko@003 voyage-3.5-lite jina-embeddings-v3 jina-clip-v2
    jina-reranker-v2-base-multilingual snowflake-arctic-embed2 pplx-embed-v1-4b
    accounts/fireworks/models/qwen3-reranker-8b togethercomputer/m2-bert-80M-8k-retrieval embed-v4.0
    embed-multilingual-light-v3.0 rerank-v3.5 gte-rerank text-embedding-nomic-embed-text-v1.5
    amazon.titan-embed-text-v2:0 omni-moderation-latest text-moderation-stable mistral-moderation-2411 whisper-1
    whisper-large-v3-turbo distil-whisper-large-v3-en gpt-4o-transcribe gpt-4o-mini-transcribe-2025-12-15
    gpt-4o-transcribe-diarize gpt-transcribe voxtral-mini-transcribe-2507 cohere-transcribe-03-2026 qwen3-asr-flash
    paraformer-v2 nvidia/nemotron-3.5-transcribe x-ai/grok-stt-2.0 tts-1 tts-1-hd-1106 gpt-4o-mini-tts
    gemini-2.5-flash-preview-tts playai-tts-arabic canopylabs/orpheus-v1-english speech-02-hd qwen3-tts-flash
    cosyvoice-v3 grok-voice-latest gpt-realtime gpt-4o-realtime-preview-2024-12-17 gpt-realtime-whisper gpt-live-1
    gemini-3.1-flash-live-preview gemini-live-2.5-flash gemini-2.5-flash-native-audio-preview-12-2025
    qwen3-omni-flash-realtime dall-e-3 gpt-image-1 gpt-image-1-mini chatgpt-image-latest
    imagen-4.0-fast-generate-001 grok-2-image-1212 grok-imagine-image grok-imagine-video qwen-image-edit-plus
    black-forest-labs/FLUX.1-schnell flux-kontext-pro accounts/fireworks/models/flux-1-dev
    stabilityai/stable-diffusion-xl-base-1.0 cogview-4 doubao-seedream-4-0 image-01 gemini-2.5-flash-image
    gemini-3-pro-image-preview nano-banana-pro-preview gemini-nano-banana-2.1 sora-2 sora-2-pro
    veo-3.1-generate-preview gemini-omni-flash-preview wan2.5-t2v-preview wanx2.1-i2v-turbo kling-v2
    MiniMax-Hailuo-02-i2v cogvideox-3 lyria-3-pro-preview music-2.0 mistral-ocr-latest GLM-OCR aqa
    gpt-3.5-turbo-instruct gpt-3.5-turbo-instruct-0914 davinci-002 babbage-002 ft:davinci-002:org::id
    text-davinci-003 gpt-5-codex gpt-5.1-codex-mini gpt-5.3-codex o1-pro-2025-03-19 gpt-5-pro o3-deep-research
    computer-use-preview deep-research-pro-preview-12-2025
"""

NOT_IN_CHAT_COMPLETIONS = {
    "gpt-5.1-codex": "as gpt-5-codex and gpt-5.1-codex-max: OpenAI's prompting guide says so of all codex models",
    "codex-mini-latest": "as the other codex models",
    "gpt-5.2-pro": "as o1-pro, o3-pro, gpt-5-pro and gpt-5.5-pro, of which the API reference says so",
    "gpt-5.2-pro-2025-12-11": "as gpt-5.2-pro",
}
"""Members of the SDK's `ChatModel` that chat completions refuse. `ChatModel` is also what Responses takes."""


def names(table: str) -> list[str]:
    return table.split()


def literals(alias: Any) -> set[str]:
    return {name for part in get_args(alias) for name in ([part] if isinstance(part, str) else literals(part))}


@pytest.mark.parametrize("name", names(CHAT))
def test_keeps_what_chats(name: str) -> None:
    assert can_chat(name)


@pytest.mark.parametrize("name", names(OTHERS))
def test_knows_other_kinds_by_name(name: str) -> None:
    assert not can_chat(name)


def test_keeps_openai_s_own_chat_models() -> None:
    assert {name for name in literals(ChatModel) if not can_chat(name)} == NOT_IN_CHAT_COMPLETIONS.keys()


def test_knows_the_models_that_openai_has_in_the_responses_api_only() -> None:
    responses_only = literals(AllModels) - literals(ChatModel)

    assert len(responses_only) > 20
    assert [name for name in responses_only if can_chat(name) or not needs_responses(name)] == []
    assert [name for name in responses_only if not can_chat(name, responses=True)] == []


def test_knows_the_models_that_openai_has_in_chat_completions_only() -> None:
    without = {name for name in literals(ChatModel) if not has_responses(name)}

    assert {re.sub(r"-20.*", "", name) for name in without} == {
        "gpt-4o-audio-preview",
        "gpt-4o-mini-audio-preview",
        "gpt-4o-mini-search-preview",
        "gpt-4o-search-preview",
        "gpt-audio-mini",
    }


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("o3-deep-research", True),
        ("openai/o4-mini-deep-research", True),
        ("computer-use-preview", True),
        ("sonar-deep-research", False),
        ("gpt-5-pro", False),
    ],
)
def test_knows_the_models_that_serve_their_own_task_alone(name: str, alone: bool) -> None:
    assert is_specialist(name) is alone


@pytest.mark.parametrize(
    ("inputs", "outputs", "chats"),
    [
        (None, ("text",), True),
        (("text", "image"), ("image", "text"), True),
        (None, ("image",), False),
        (None, ("embeddings",), False),
        (("audio",), ("text",), False),
        (("audio",), None, False),
    ],
)
def test_believes_what_is_said_rather_than_the_name(
    inputs: tuple[str, ...] | None, outputs: tuple[str, ...] | None, chats: bool
) -> None:
    details = ModelDetails(input_modalities=inputs, output_modalities=outputs)

    assert can_chat("gpt-image-1", details) is chats
    assert can_chat("gpt-4o", details) is chats


def test_knows_the_models_that_embed_by_name() -> None:
    embedding, others = OTHERS.partition("omni-moderation")[::2]
    reranking = {name for name in embedding.split() if "rerank" in name}

    assert {name for name in embedding.split() if not embeds(name)} == reranking
    assert [name for name in ("omni-moderation" + others).split() if embeds(name)] == []
    assert [name for name in CHAT.split() if embeds(name)] == []
    assert embeds("gpt-4o", ModelDetails(output_modalities=("embeddings", "text")))
    assert not embeds("bge-m3", ModelDetails(output_modalities=("text",)))
