"""Whether a listed model can chat: by what is said of it, else by its name.

OpenAI's list and those of most servers hold models of every kind and say of none what it is for. A chat model that is
hidden is worse than another kind that is shown, so a pattern stands here only if what it matches is never a chat model.
Who knows better names the `models` in the configuration: those are not judged.
"""

from __future__ import annotations

import re

from arouter.models import UNKNOWN, ModelDetails


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


# Of the last part of a name: `accounts/fireworks/models/x`, `@cf/baai/x` and `vendor/x` are all `x`.
_OTHER_KINDS = _any(
    # Embeddings; the families that do not say so by name are from huggingface.co/spaces/mteb/leaderboard.
    r"(?<![a-z])(?:text)?embed",
    r"^(?:all-minilm|all-mpnet|bge|gte|m2-bert|(?:multilingual-)?e5|uae-large|voyage)(?![a-z0-9])",
    r"^jina-(?:clip|colbert)",
    # Reranking, moderation.
    r"rerank",
    r"(?<![a-z])moderation(?![a-z])",
    # Speech to text, and text to speech. Orpheus: console.groq.com/docs/text-to-speech. The last line is Alibaba's:
    # help.aliyun.com/zh/model-studio/models; MiniMax's are speech-02-hd, speech-2.6-turbo and so on.
    r"(?<![a-z])(?:whisper|transcribe|transcription|asr|stt|tts|xtts)(?![a-z])",
    r"^(?:orpheus|speech-\d|(?:grok|mai)-voice)",
    r"^(?:cosyvoice|paraformer|sambert|sensevoice)",
    # A socket and not a request: developers.openai.com/api/docs/guides/realtime, ai.google.dev/gemini-api/docs/live.
    r"(?<![a-z])realtime(?![a-z])",
    r"^(?:gemini|gpt)-(?:.*-)?live(?![a-z])",
    r"^gemini-.*native-audio",
    # Pictures, video and music. Gemini's image models answer generateContent, with a picture and words about it; Google
    # sells them as "image generation and editing" (ai.google.dev/gemini-api/docs/models), and so they are taken.
    r"(?<![a-z])(?:image|images|imagen|imagine)(?![a-z])",
    r"nano-banana",
    r"^(?:cogview|dall-e|hidream|ideogram|kolors|recraft|sdxl|(?:doubao-)?seedream|stable-diffusion)",
    r"^flux(?![a-z])",
    r"^(?:cogvideo|hailuo|kling|(?:doubao-)?seedance|vidu)",
    r"^(?:sora|veo)(?:-?\d|$)",
    r"^wanx?\d",
    r"^gemini-omni-",  # by the Interactions API: ai.google.dev/gemini-api/docs/video
    r"(?<![a-z])[tisrv]2[iv](?![a-z])",
    r"^(?:lyria|music-\d)",
    # Pages to text by an endpoint of its own: docs.mistral.ai/capabilities/document_ai, docs.z.ai/guides/vlm/glm-ocr.
    # Others' OCR models are vision models that chat.
    r"^(?:glm|mistral)-ocr",
    # Google's "attributed question answering" has its own method, generateAnswer.
    r"^aqa$",
)

# These are OpenAI's own, and Google's. A router that has them (`openai/o3-pro`) has made them chat.
_OTHER_INTERFACES = _any(
    # Completions without messages.
    r"^(?:text-)?(?:ada|babbage|curie|davinci)(?:-\d+)?$",
    r"^gpt-3\.5-turbo-instruct",
    # The Responses API only. `ResponsesOnlyModel` in OpenAI's API reference, which is `ResponsesModel` less `ChatModel`
    # in the SDK. Of codex also OpenAI's prompting guide (openai/openai-cookbook#2236) and alvinunreal/tmuxai#82, of the
    # pros pgadmin-org/pgadmin4#9795 and sigoden/aichat#1318.
    r"^(?:gpt-\d[\d.]*|o\d)-pro(?![a-z])",
    r"^(?:gpt-\d[\d.]*-)?codex(?![a-z])",
    r"^o\d(?:-mini)?-deep-research",
    r"^computer-use",
    r"^gpt-daybreak-",
    r"^gpt-\d[\d.]*-cyber(?![a-z])",
    r"^gpt-(?:\d[\d.]*-)?rosalind(?![a-z])",
    r"^gpt-\d[\d.]*-astra-law(?![a-z])",
    # The Interactions API only: ai.google.dev/gemini-api/docs/deep-research.
    r"^deep-research-",
)


def can_chat(name: str, details: ModelDetails = UNKNOWN) -> bool:
    """Says whether a model takes text and answers with text, through chat completions.

    What `details` say of its modalities counts; without them the name does. True if neither tells.

    Args:
        name: The provider's native name.
        details: What its list says of it.
    """
    if details.input_modalities is not None and "text" not in details.input_modalities:
        return False
    if details.output_modalities is not None:
        return "text" in details.output_modalities
    # A fine-tuned model is what it was made of: `ft:gpt-4o-mini-2024-07-18:org::id`.
    whole = name.lower().removeprefix("ft:").partition(":")[0]
    return not (_OTHER_KINDS.search(whole.rpartition("/")[2]) or _OTHER_INTERFACES.search(whole))
