"""Decides whether a listed model can chat or creates embeddings, from its metadata or else its name.

OpenAI's list and those of most servers contain models of all types without saying which. Hiding a chat model is worse
than showing another one, so a pattern is listed here only if its matches are never chat models. Models that are
configured explicitly in `models` are not filtered.
"""

from __future__ import annotations

import re
from functools import lru_cache

from arouter.models import EMBEDDINGS, UNKNOWN, ModelDetails


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


# Matched against the last part of a name: `accounts/fireworks/models/x`, `@cf/baai/x` and `vendor/x` are all `x`.
# Families whose names do not say so are from huggingface.co/spaces/mteb/leaderboard.
_EMBEDDINGS = _any(
    r"(?<![a-z])(?:text)?embed",
    r"^(?:all-minilm|all-mpnet|bge|gte|m2-bert|(?:multilingual-)?e5|uae-large|voyage)(?![a-z0-9])",
    r"^jina-(?:clip|colbert)",
)
_RERANKING = re.compile("rerank")

_OTHER_KINDS = _any(
    _EMBEDDINGS.pattern,
    # Reranking, moderation.
    _RERANKING.pattern,
    r"(?<![a-z])moderation(?![a-z])",
    # Speech to text, and text to speech. Orpheus: console.groq.com/docs/text-to-speech. The last line is Alibaba's:
    # help.aliyun.com/zh/model-studio/models; MiniMax's are speech-02-hd, speech-2.6-turbo and so on.
    r"(?<![a-z])(?:whisper|transcribe|transcription|asr|stt|tts|xtts)(?![a-z])",
    r"^(?:orpheus|speech-\d|(?:grok|mai)-voice)",
    r"^(?:cosyvoice|paraformer|sambert|sensevoice)",
    # WebSocket only: developers.openai.com/api/docs/guides/realtime, ai.google.dev/gemini-api/docs/live.
    r"(?<![a-z])realtime(?![a-z])",
    r"^(?:gemini|gpt)-(?:.*-)?live(?![a-z])",
    r"^gemini-.*native-audio",
    # Images, video and music. Gemini's image models support generateContent, with an image and text about it; Google
    # classifies them as "image generation and editing" (ai.google.dev/gemini-api/docs/models), and so they are
    # excluded.
    r"(?<![a-z])(?:image|images|imagen|imagine)(?![a-z])",
    r"nano-banana",
    r"^(?:cogview|dall-e|hidream|ideogram|kolors|recraft|sdxl|(?:doubao-)?seedream|stable-diffusion)",
    r"^flux(?![a-z])",
    r"^(?:cogvideo|hailuo|kling|(?:doubao-)?seedance|vidu)",
    r"^(?:sora|veo)(?:-?\d|$)",
    r"^wanx?\d",
    r"^gemini-omni-",  # Interactions API only: ai.google.dev/gemini-api/docs/video
    r"(?<![a-z])[tisrv]2[iv](?![a-z])",
    r"^(?:lyria|music-\d)",
    # OCR with its own endpoint: docs.mistral.ai/capabilities/document_ai, docs.z.ai/guides/vlm/glm-ocr. Other vendors'
    # OCR models are vision models that chat.
    r"^(?:glm|mistral)-ocr",
    # Google's "attributed question answering" has a separate method, generateAnswer.
    r"^aqa$",
)

# `ResponsesOnlyModel` in OpenAI's API reference, which is `ResponsesModel` without `ChatModel` in the SDK. For codex
# also OpenAI's prompting guide (openai/openai-cookbook#2236) and alvinunreal/tmuxai#82, for the pro models
# pgadmin-org/pgadmin4#9795 and sigoden/aichat#1318.
_RESPONSES_ONLY = _any(
    r"^(?:gpt-\d[\d.]*|o\d)-pro(?![a-z])",
    r"^(?:gpt-\d[\d.]*-)?codex(?![a-z])",
    r"^o\d(?:-mini)?-deep-research",
    r"^computer-use",
    r"^gpt-daybreak-",
    r"^gpt-\d[\d.]*-cyber(?![a-z])",
    r"^gpt-(?:\d[\d.]*-)?rosalind(?![a-z])",
    r"^gpt-\d[\d.]*-astra-law(?![a-z])",
)

# Chat completions only: developers.openai.com/api/docs/models. The Responses API has no audio, and another search.
_NO_RESPONSES = _any(r"^gpt-(?:.*-)?audio(?![a-z])", r"^gpt-.*-search-(?:preview|api)(?![a-z])")

# They refuse requests without a tool to search with (developers.openai.com/api/docs/guides/deep-research) or a computer
# to use.
_RESEARCH = _any(r"^o\d(?:-mini)?-deep-research")
_COMPUTER_USE = _any(r"^computer-use")

# Only OpenAI's and Google's own. A router that offers them (`openai/o3-pro`) has adapted them to chat.
_OTHER_INTERFACES = _any(
    # Legacy completions, without messages.
    r"^(?:text-)?(?:ada|babbage|curie|davinci)(?:-\d+)?$",
    r"^gpt-3\.5-turbo-instruct",
    # Interactions API only: ai.google.dev/gemini-api/docs/deep-research.
    r"^deep-research-",
)


def can_chat(name: str, details: ModelDetails = UNKNOWN, *, responses: bool = False) -> bool:
    """Returns whether a model accepts and generates text through chat completions.

    The modalities in `details` take precedence over the name. True if neither is conclusive.

    Args:
        name: The provider's native name.
        details: The metadata in its list.
        responses: Whether the provider serves OpenAI's Responses API, through which ARouter calls models without chat
            completions.
    """
    if details.input_modalities is not None and "text" not in details.input_modalities:
        return False
    if details.output_modalities is not None:
        return "text" in details.output_modalities
    base_name = _base_name(name)
    if _OTHER_KINDS.search(base_name.rpartition("/")[2]) or _OTHER_INTERFACES.search(base_name):
        return False
    return responses or not needs_responses(name)


def embeds(name: str, details: ModelDetails = UNKNOWN) -> bool:
    """Returns whether a model creates embeddings.

    The modalities in `details` take precedence over the name. False if neither is conclusive.

    Args:
        name: The provider's native name.
        details: Its metadata.
    """
    if details.output_modalities is not None:
        return EMBEDDINGS in details.output_modalities
    last = _base_name(name).rpartition("/")[2]
    return bool(_EMBEDDINGS.search(last)) and not _RERANKING.search(last)


@lru_cache(maxsize=4096)
def needs_responses(name: str) -> bool:
    """Returns whether OpenAI serves a model through the Responses API only."""
    return _RESPONSES_ONLY.search(_base_name(name)) is not None


@lru_cache(maxsize=4096)
def has_responses(name: str) -> bool:
    """Returns whether OpenAI serves a model through the Responses API, as it does almost all."""
    return _NO_RESPONSES.search(_base_name(name)) is None


def is_specialist(name: str) -> bool:
    """Returns whether a model serves only requests with the tools of its own task."""
    last = _base_name(name).rpartition("/")[2]
    return needs_search(last) or _COMPUTER_USE.search(last) is not None


def needs_search(name: str) -> bool:
    """Returns whether OpenAI's model refuses requests without a tool to search with."""
    return _RESEARCH.search(_base_name(name)) is not None


def _base_name(name: str) -> str:
    # A fine-tuned model is like its base model: `ft:gpt-4o-mini-2024-07-18:org::id`.
    return name.lower().removeprefix("ft:").partition(":")[0]
