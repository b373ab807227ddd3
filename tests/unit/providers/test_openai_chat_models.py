"""Which entries of a model list of OpenAI's protocol are chat models."""

from __future__ import annotations

import orjson
import pytest

from arouter.providers.openai_models import decode_model_list


@pytest.mark.parametrize(
    ("name", "said", "listed"),
    [
        ("gpt-4o-mini-tts", {}, False),
        ("mistral-ocr-latest", {"capabilities": {"completion_chat": True}}, True),
        ("voxtral-mini-2602", {"capabilities": {"completion_chat": False, "audio_transcription": True}}, False),
        ("my-embedder", {"capabilities": {"chat_completion": True, "embeddings": False}}, True),
        ("gpt-4o", {"capabilities": {"chat_completion": False}}, False),
        ("meta-llama/Llama-Guard-4-12B", {"type": "moderation"}, False),
        ("whisper-chat", {"type": "chat"}, True),
        ("whisper-chat", {"type": "chat", "supports_chat": False}, False),
        ("some-model", {"type": "Text-To-Speech"}, False),
        ("some-model", {"task": "text_to_image"}, False),
        ("some-model", {"type": "base"}, True),
        ("llama-3.3-70b-versatile", {"active": False}, False),
        ("whisper-large-v3", {"active": True}, False),
        ("gpt-4o", {"capabilities": {"chat_completion": True, "inference": False}}, False),
        ("accounts/fireworks/models/some-model", {"kind": "FLUMINA_BASE_MODEL"}, False),
        ("accounts/fireworks/models/some-model", {"kind": "HF_BASE_MODEL"}, True),
        ("google/gemini-2.5-flash-image", {"architecture": {"output_modalities": ["image", "text"]}}, True),
        ("openai/whisper-1", {"architecture": {"output_modalities": ["transcription"]}}, False),
    ],
)
def test_lists_what_chats_by_what_is_said_and_else_by_name(name: str, said: dict[str, object], listed: bool) -> None:
    body = orjson.dumps({"object": "list", "data": [{"id": name, **said}]})

    assert [model.name for model in decode_model_list(body).models] == ([name] if listed else [])


@pytest.mark.parametrize(
    ("name", "said", "listed"),
    [
        ("text-embedding-3-small", {"type": "model"}, True),
        ("some-model", {"kind": "EMBEDDING_MODEL"}, True),
        ("some-model", {"type": "embedding"}, True),
        ("some-model", {"type": "embeddings"}, True),
        ("some-model", {"task": "feature-extraction"}, True),
        ("some-model", {"architecture": {"output_modalities": ["embeddings"]}}, True),
        # llama.cpp's list says that every model generates text.
        ("nomic-embed-text-v1.5", {"owned_by": "llamacpp", "architecture": {"output_modalities": ["text"]}}, True),
        ("mistral-embed", {"capabilities": {"completion_chat": False}}, True),
        ("bge-m3", {"active": False}, False),
        ("BAAI/bge-reranker-v2-m3", {}, False),
        ("some-model", {"type": "rerank"}, False),
    ],
)
def test_lists_what_embeds_as_such(name: str, said: dict[str, object], listed: bool) -> None:
    body = orjson.dumps({"object": "list", "data": [{"id": name, **said}]})

    found = [(model.name, model.details.output_modalities) for model in decode_model_list(body).models]
    assert found == ([(name, ("embeddings",))] if listed else [])


def test_lists_models_without_chat_completions_where_the_responses_api_is() -> None:
    said = {"gpt-5-pro": {}, "gpt-5-codex": {"capabilities": {"chat_completion": False, "inference": True}}}
    retired = {"o1-pro": {"capabilities": {"chat_completion": False, "inference": False}}, "text-davinci-003": {}}
    body = orjson.dumps({"data": [{"id": name, **more} for name, more in {**said, **retired}.items()]})

    assert [model.name for model in decode_model_list(body, responses=True).models] == list(said)
    assert decode_model_list(body).models == []
