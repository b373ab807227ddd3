"""`temperature`, `top_p` and `top_k`, as far as a model supports them.

Newer models of Anthropic refuse them; older ones accept temperature or top_p, but not both, and none while they think.
Dropped values are reported, unless they are the defaults of Claude.
"""

from __future__ import annotations

from arouter.chat.dropped import Dropped
from arouter.providers.anthropic.profiles import Model
from arouter.providers.anthropic.unchecked import Json, wrong_type

_MIN_TOP_P_WHILE_THINKING = 0.95
_DEFAULTS = {"temperature": 1, "top_p": 1, "top_k": 0}
"""Claude's; 0 switches top_k off. Other models have other defaults, so that these values are not neutral in general."""


def encode_sampling(body: Json, model: Model, *, thinking: bool, dropped: Dropped) -> Json:
    """Returns the sampling parameters to send.

    Args:
        body: The canonical request.
        model: The model's dialect.
        thinking: Whether the request turns thinking on.
        dropped: Receives the parameters that are dropped.
    """
    wanted = _wanted(body)
    if model.claude:
        wanted = {field: value for field, value in wanted.items() if value != _DEFAULTS[field]}
    sent = dict(wanted)
    if model.sampling == "none":
        sent = {}
    elif model.claude:
        if thinking:
            sent.pop("temperature", None)
            sent.pop("top_k", None)
            if sent.get("top_p", 1) < _MIN_TOP_P_WHILE_THINKING:
                del sent["top_p"]
        if model.sampling == "one" and "temperature" in sent:
            sent.pop("top_p", None)
        if sent.get("temperature", 0) > 1:
            # OpenAI's scale ends at 2, Anthropic's at 1.
            sent["temperature"] = 1
    for field, value in wanted.items():
        if sent.get(field) != value:
            dropped.add(field)
    return sent


def _wanted(body: Json) -> Json:
    wanted = {}
    for field in _DEFAULTS:
        value = body.get(field)
        if value is None:
            continue
        if type(value) is not int and (field == "top_k" or not isinstance(value, float)):
            raise wrong_type(field, int if field == "top_k" else float, value)
        wanted[field] = value
    return wanted
