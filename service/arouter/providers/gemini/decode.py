"""Decodes candidates to choices, complete or streamed; the deltas of a stream add up to the complete answer."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from arouter.chat.gemini_forms import code_text, extra_content
from arouter.chat.reasoning_details import GEMINI_FORMAT
from arouter.chat.usage import sum_counts
from arouter.errors import Failure, ProviderError
from arouter.providers.gemini.grounding import citations_of
from arouter.providers.lenient import JsonObject, count, object_in, objects, text_in
from arouter.providers.provider_errors import bad_response, too_deep, truncated

_FINISHES = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "BLOCKLIST": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "LANGUAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
    "RECITATION": "content_filter",
    "SAFETY": "content_filter",
    "SPII": "content_filter",
}
"""Any other reason (MALFORMED_FUNCTION_CALL, OTHER, …) is a failure of the model without an OpenAI equivalent: an
error."""


class ChoiceReader:
    """Decodes one candidate from one or more increments."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.finished = False
        self._reason = ""
        self._finish = ""
        self._message: str | None = None
        self._texts: list[str] = []
        self._calls = 0
        self._details = 0
        self._images = 0
        self._audio = False
        self._sources: JsonObject = {}

    def read(self, candidate: JsonObject, response_id: str) -> JsonObject:
        """Returns the delta of an increment of the candidate.

        Raises:
            ProviderError: The finish reason is an error.
        """
        delta: JsonObject = {}
        for part in objects(object_in(candidate.get("content")).get("parts")):
            self._read_part(part, delta, response_id)
        for name in ("groundingMetadata", "citationMetadata"):
            if candidate.get(name):
                self._sources[name] = candidate[name]
        if reason := text_in(candidate.get("finishReason")):
            self._end(reason, text_in(candidate.get("finishMessage")))
        return delta

    def block(self, feedback: JsonObject) -> None:
        """Ends the choice because the prompt was blocked, as if the answer had been blocked."""
        self._reason = text_in(feedback.get("blockReason")) or ""
        self._message = text_in(feedback.get("blockReasonMessage"))
        self._finish = "content_filter"
        self.finished = True

    def close(self) -> tuple[JsonObject, JsonObject]:
        """Returns the last additions to the message and the choice. Only if `finished`."""
        delta: JsonObject = {}
        finish = self._finish
        if self._calls and finish == "stop":
            finish = "tool_calls"
        if not (self._texts or self._calls or self._images or self._audio):
            delta["content"] = ""
        if finish == "content_filter" and self._message:
            delta["refusal"] = self._message
        if self._sources and (found := citations_of(self._sources, "".join(self._texts))):
            delta["annotations"] = found
        return delta, {"finish_reason": finish, "native_finish_reason": self._reason}

    def _end(self, reason: str, message: str | None) -> None:
        if reason == "MISSING_THOUGHT_SIGNATURE":
            raise ProviderError(
                Failure.INVALID_REQUEST,
                message or "A thought signature is missing: send back 'extra_content' of tool calls.",
                param="messages",
            )
        if reason not in _FINISHES:
            raise bad_response(f"a response that ended with {reason[:64]}" + (f": {message}" if message else ""))
        self._reason, self._finish, self._message = reason, _FINISHES[reason], message
        self.finished = True

    def _read_part(self, part: JsonObject, delta: JsonObject, response_id: str) -> None:
        signature = text_in(part.get("thoughtSignature"))
        text = text_in(part.get("text")) or code_text(part)
        if isinstance(call := part.get("functionCall"), dict):
            delta.setdefault("tool_calls", []).append(self._tool_call(call, signature, response_id))
        elif isinstance(data := part.get("inlineData"), dict):
            self._read_data(data, signature, delta, response_id)
        elif part.get("thought") is True:
            if text:
                delta["reasoning_content"] = delta.get("reasoning_content", "") + text
            if signature:
                self._add_detail(delta, {"type": "reasoning.text", "text": text or "", "signature": signature})
        else:
            if text:
                self._texts.append(text)
                delta["content"] = delta.get("content", "") + text
            if signature:
                self._add_detail(delta, {"type": "reasoning.encrypted", "data": signature})

    def _add_detail(self, delta: JsonObject, detail: JsonObject) -> None:
        detail |= {"format": GEMINI_FORMAT, "index": self._details}
        self._details += 1
        delta.setdefault("reasoning_details", []).append(detail)

    def _tool_call(self, call: JsonObject, signature: str | None, response_id: str) -> JsonObject:
        name = text_in(call.get("name"))
        if name is None:
            raise bad_response("a function call without a name")
        try:
            arguments = orjson.dumps(object_in(call.get("args")))
        except orjson.JSONEncodeError as error:
            raise too_deep() from error
        tool_call: JsonObject = {
            "index": self._calls,
            "id": text_in(call.get("id")) or self._call_id(response_id, name, arguments),
            "type": "function",
            "function": {"name": name, "arguments": arguments.decode()},
        }
        self._calls += 1
        if signature:
            tool_call["extra_content"] = extra_content(signature)
        return tool_call

    def _call_id(self, response_id: str, name: str, arguments: bytes) -> str:
        """Returns an id for a call without one; it is the same each time the answer is decoded."""
        seen = b"\0".join((f"{response_id}/{self.index}/{self._calls}/{name}".encode(), arguments))
        return f"call_{hashlib.sha256(seen).hexdigest()[:24]}"

    def _read_data(self, data: JsonObject, signature: str | None, delta: JsonObject, response_id: str) -> None:
        mime_type, encoded = text_in(data.get("mimeType")) or "", text_in(data.get("data")) or ""
        if mime_type.startswith("audio/"):
            audio = delta.setdefault("audio", {} if self._audio else {"id": f"audio_{response_id}", "transcript": ""})
            audio["data"] = audio.get("data", "") + encoded
            self._audio = True
            return
        image: JsonObject = {
            "index": self._images,
            "type": "image_url",
            "image_url": {"url": f"data:{mime_type};base64,{encoded}"},
        }
        self._images += 1
        if signature:
            image["extra_content"] = extra_content(signature)
        delta.setdefault("images", []).append(image)


def decode_answer(answer: JsonObject) -> JsonObject:
    """Returns the completion in a response.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE, or the error of a candidate's finish reason.
    """
    response_id = text_in(answer.get("responseId")) or ""
    choices = [
        _choice(ChoiceReader(index), candidate, response_id)
        for index, candidate in enumerate(objects(answer.get("candidates")))
    ]
    if not choices:
        feedback = object_in(answer.get("promptFeedback"))
        if not feedback.get("blockReason"):
            raise bad_response("a response without candidates")
        reader = ChoiceReader(0)
        reader.block(feedback)
        choices = [_choice(reader, {}, response_id)]
    completion = {**envelope(answer, "chat.completion"), "choices": choices}
    if usage := usage_of(answer):
        completion["usage"] = usage
    return completion


def _choice(reader: ChoiceReader, candidate: JsonObject, response_id: str) -> JsonObject:
    message = {"role": "assistant", "content": None, "refusal": None, **reader.read(candidate, response_id)}
    if not reader.finished:
        raise truncated()
    for call in message.get("tool_calls", ()):
        del call["index"]
    if "audio" in message:
        message["audio"]["expires_at"] = 0
    delta, ending = reader.close()
    return {
        "index": reader.index,
        "message": message | delta,
        "logprobs": logprobs_of(candidate),
        **ending,
    }


def envelope(answer: JsonObject, kind: str) -> JsonObject:
    """Returns the common fields of a completion or chunk."""
    return {
        "id": text_in(answer.get("responseId")) or "",
        "object": kind,
        "model": text_in(answer.get("modelVersion")) or "",
    }


def usage_of(answer: JsonObject) -> JsonObject | None:
    """Returns the usage so far in OpenAI's format, in which completion tokens include reasoning.

    Malformed counts are kept, and their sums become null, so that billing can detect them.
    """
    used = answer.get("usageMetadata")
    if not isinstance(used, dict) or not used:
        return None
    prompt = sum_counts(used.get("promptTokenCount"), used.get("toolUsePromptTokenCount"))
    thoughts = used.get("thoughtsTokenCount")
    # protobuf's JSON omits zeros, so the count of an empty answer is absent.
    completion = sum_counts(0, used.get("candidatesTokenCount"), thoughts)
    prompt_details = {"cached_tokens": used.get("cachedContentTokenCount") or 0}
    completion_details = {"reasoning_tokens": thoughts or 0}
    if audio := _tokens_of("AUDIO", used.get("promptTokensDetails")):
        prompt_details["audio_tokens"] = audio
    for modality in ("AUDIO", "IMAGE"):
        if tokens := _tokens_of(modality, used.get("candidatesTokensDetails")):
            completion_details[f"{modality.lower()}_tokens"] = tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": used.get("totalTokenCount") or sum_counts(prompt, completion),
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": completion_details,
    }


def _tokens_of(modality: str, details: Any) -> int:
    return sum(count(detail.get("tokenCount")) for detail in objects(details) if detail.get("modality") == modality)


def logprobs_of(candidate: JsonObject) -> JsonObject | None:
    """Returns a candidate's log probabilities, if any."""
    result = object_in(candidate.get("logprobsResult"))
    chosen = objects(result.get("chosenCandidates"))
    if not chosen:
        return None
    tops = objects(result.get("topCandidates"))
    content = []
    for position, token in enumerate(chosen):
        alternatives = objects(tops[position].get("candidates")) if position < len(tops) else []
        content.append({**_logprob(token), "top_logprobs": [_logprob(alternative) for alternative in alternatives]})
    return {"content": content, "refusal": None}


def _logprob(token: JsonObject) -> JsonObject:
    text = token.get("token") if isinstance(token.get("token"), str) else ""
    # protobuf's JSON omits zero, which is a certainty.
    return {"token": text, "logprob": token.get("logProbability", 0.0), "bytes": list(str(text).encode())}
