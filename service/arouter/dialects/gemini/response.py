"""Translates completions and chunks to `GenerateContentResponse`.

`ChoiceWriter` holds the state of one choice. A complete response is written as a stream of one chunk, so both agree:
texts, thoughts and media are sent as they arrive; function calls, which Gemini never splits, come with the end.
"""

from __future__ import annotations

from typing import Any

import orjson

from arouter.chat.chunks import Chunk
from arouter.chat.gemini_forms import signature_in
from arouter.chat.reasoning_details import GEMINI_FORMAT, add_details
from arouter.chat.request import ChatRequest
from arouter.chat.sealed_reasoning import seal
from arouter.chat.tool_arguments import arguments_of, tool_of
from arouter.chat.usage import Usage, is_count, read_usage
from arouter.dialects.gemini.fields import Json
from arouter.dialects.gemini.grounding import grounding_of
from arouter.dialects.gemini.media import audio_type, parts_of_image
from arouter.dialects.gemini.request import shows_thoughts

_FINISHES = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
"""By canonical finish reason; any other is `STOP`."""


class ChoiceWriter:
    """Translates the deltas of one choice.

    Args:
        index: The choice's index.
        request: The canonical request.
        thoughts: Whether thoughts are shown.
    """

    def __init__(self, index: int, request: ChatRequest, *, thoughts: bool) -> None:
        self.index = index
        self._thoughts = thoughts
        self._audio_type = audio_type(request.body)
        self._details: list[Json] = []
        self._calls: dict[Any, Json] = {}
        self._finish: str | None = None
        self._refusal = ""
        self._texts: list[str] = []
        self._citations: list[Any] = []

    def write(self, choice: Json) -> Json | None:
        """Returns the candidate for the parts of a delta that can be sent now, or None if there are none."""
        delta = choice.get("delta") or {}
        parts: list[Json] = []
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning and isinstance(reasoning, str) and self._thoughts:
            parts.append({"text": reasoning, "thought": True})
        if text := _text_of(delta.get("content")):
            self._texts.append(text)
            parts.append({"text": text})
        for image in delta.get("images") or ():
            part = parts_of_image(image["image_url"]["url"])
            parts.append(_signed(part, signature_in(image)))
        if isinstance(audio := delta.get("audio"), dict):
            parts += self._audio_parts(audio)
        add_details(self._details, delta.get("reasoning_details"))
        self._citations += delta.get("annotations") or ()
        self._refusal += delta.get("refusal") or ""
        for piece in delta.get("tool_calls") or ():
            self._add_call(piece)
        self._finish = choice.get("finish_reason") or self._finish
        logprobs = _logprobs(choice.get("logprobs"))
        if not parts and not logprobs:
            return None
        return {"content": {"role": "model", "parts": parts}, "index": self.index, **logprobs}

    def close(self) -> Json:
        """Returns the last candidate of the choice, with its calls, signatures and finish reason."""
        calls = [_call_part(call) for call in self._calls.values()]
        own = [detail for detail in self._details if detail.get("format") == GEMINI_FORMAT]
        parts = [_signature_part(detail, self._thoughts) for detail in own if _signature_of(detail)]
        others = [detail for detail in self._details if detail.get("format") != GEMINI_FORMAT]
        if any(map(_signature_of, others)):
            # Clients keep the signatures of calls; not all keep those of thoughts.
            if calls and "thoughtSignature" not in calls[0]:
                calls[0]["thoughtSignature"] = seal(others)
            else:
                parts.append({"text": "", "thoughtSignature": seal(others)})
        parts += calls
        if not parts:
            # Clients take a candidate without parts for a broken response.
            parts.append({"text": ""})
        finish = "SAFETY" if self._refusal else _FINISHES.get(self._finish or "", "STOP")
        candidate: Json = {"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": self.index}
        if self._refusal:
            candidate["finishMessage"] = self._refusal
        if self._citations and (grounding := grounding_of(self._citations, "".join(self._texts))):
            candidate["groundingMetadata"] = grounding
        return candidate

    def _audio_parts(self, audio: Json) -> list[Json]:
        parts: list[Json] = []
        if transcript := audio.get("transcript"):
            parts.append({"text": transcript})
        if data := audio.get("data"):
            parts.append({"inlineData": {"mimeType": self._audio_type, "data": data}})
        return parts

    def _add_call(self, piece: Json) -> None:
        call = self._calls.setdefault(piece.get("index", len(self._calls)), {"name": "", "arguments": []})
        call["id"] = call.get("id") or piece.get("id")
        call["name"] += tool_of(piece).get("name") or ""
        call["arguments"].append(arguments_of(piece))
        call["is_custom"] = call.get("is_custom") or "custom" in piece
        call["signature"] = call.get("signature") or signature_in(piece)


def write_completion(completion: Chunk, request: ChatRequest) -> Json:
    """Returns the response for a complete canonical completion."""
    thoughts = shows_thoughts(request)
    candidates = []
    for choice in completion["choices"]:
        writer = ChoiceWriter(choice["index"], request, thoughts=thoughts)
        written = writer.write({**choice, "delta": choice["message"]})
        candidate = writer.close()
        if written is not None:
            last = candidate["content"]["parts"]
            written["content"]["parts"] += [] if last == [{"text": ""}] else last
            candidate = {**candidate, **written}
        candidates.append(candidate)
    return {"candidates": candidates, **envelope(completion, completion.get("usage"))}


def envelope(document: Chunk, usage: Any) -> Json:
    """Returns the members of a response besides its candidates."""
    found: Json = {"usageMetadata": usage_metadata(usage)} if isinstance(usage, dict) and usage else {}
    return {**found, "modelVersion": document.get("model") or "", "responseId": document.get("id") or ""}


def usage_metadata(usage: Json) -> Json:
    """Returns the token counts in Gemini's terms: thoughts are not part of the candidates' tokens."""
    counts, total = read_usage(usage) or Usage(), usage.get("total_tokens")
    prompt, completion = counts.prompt_tokens, counts.completion_tokens
    thoughts = min(counts.reasoning_tokens, completion)
    found: Json = {"promptTokenCount": prompt, "candidatesTokenCount": completion - thoughts}
    if thoughts:
        found["thoughtsTokenCount"] = thoughts
    if counts.cached_tokens:
        found["cachedContentTokenCount"] = counts.cached_tokens
    found["totalTokenCount"] = total if total and is_count(total) else prompt + completion
    if counts.prompt_audio_tokens:
        found["promptTokensDetails"] = _modalities(counts.prompt_audio_tokens, prompt)
    if counts.completion_audio_tokens:
        found["candidatesTokensDetails"] = _modalities(counts.completion_audio_tokens, completion - thoughts)
    return found


def _modalities(audio: int, total: int) -> list[Json]:
    audio = min(audio, total)
    counts = {"TEXT": total - audio, "AUDIO": audio}
    return [{"modality": modality, "tokenCount": count} for modality, count in counts.items() if count]


def _text_of(content: Any) -> str:
    """Returns the text of a message's content, which some servers send as parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""


def _call_part(call: Json) -> Json:
    text = "".join(call["arguments"])
    arguments = {"input": text} if call["is_custom"] else _arguments(text)
    function: Json = {"name": call["name"], "args": arguments}
    if call["id"]:
        function["id"] = call["id"]
    return _signed({"functionCall": function}, call["signature"])


def _arguments(text: str) -> Json:
    """Returns a call's arguments. Text that is not a JSON object is wrapped in one, so that it is not lost."""
    if not text.strip():
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"arguments": text}
    return value if isinstance(value, dict) else {"arguments": text}


def _signed(part: Json, signature: str | None) -> Json:
    return {**part, "thoughtSignature": signature} if signature else part


def _signature_part(detail: Json, thoughts: bool) -> Json:
    thought = {"thought": True} if thoughts and detail.get("type") == "reasoning.text" else {}
    return {"text": "", **thought, "thoughtSignature": _signature_of(detail)}


def _signature_of(detail: Json) -> str | None:
    signature = detail.get("signature") or detail.get("data")
    return signature if isinstance(signature, str) and signature else None


def _logprobs(logprobs: Any) -> Json:
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not tokens:
        return {}
    chosen = [_logprob(token) for token in tokens]
    tops = [{"candidates": [_logprob(each) for each in token.get("top_logprobs") or ()]} for token in tokens]
    result = {"chosenCandidates": chosen, "topCandidates": tops}
    return {"logprobsResult": result, "avgLogprobs": sum(each["logProbability"] for each in chosen) / len(chosen)}


def _logprob(token: Json) -> Json:
    return {"token": token.get("token") or "", "logProbability": token.get("logprob") or 0.0}
