"""`temperature`, `top_p` and `top_k`, as far as a model takes them.

Anthropic has been taking them away: newer models refuse them, older ones take temperature or top_p, but not both, and
none while they think. What is left out is noted, unless it is the default and asks for nothing.
"""

from __future__ import annotations

from arouter.providers.anthropic.profiles import Model
from arouter.providers.anthropic.unchecked import Json, wrong_type
from arouter.providers.dropped import Dropped

_MIN_TOP_P_WHILE_THINKING = 0.95


def encode_sampling(body: Json, model: Model, *, thinking: bool, dropped: Dropped) -> Json:
    """Returns the sampling parameters to send.

    Args:
        body: The canonical request.
        model: The model's dialect.
        thinking: Whether the request turns thinking on.
        dropped: Where to note what is left out.
    """
    wanted = _wanted(body)
    if model.claude:
        # One is the default of both, zero switches top_k off.
        wanted = {field: value for field, value in wanted.items() if value != (0 if field == "top_k" else 1)}
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
    for field in ("temperature", "top_p", "top_k"):
        value = body.get(field)
        if value is None:
            continue
        if type(value) is not int and (field == "top_k" or not isinstance(value, float)):
            raise wrong_type(field, int if field == "top_k" else float, value)
        wanted[field] = value
    return wanted
