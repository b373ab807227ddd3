"""What a request says about routing, read from a body that `check_body` has found good. Pure.

Sources: docs.arouter.ai (provider-routing, model-fallbacks, model-variants, plugins-overview); for the object forms,
which it leaves out, openrouter.ai ("Provider routing") and its SDK.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, cast

from msgspec import Struct

from arouter.chat.parameters import PARAMETERS
from arouter.chat.shapes import PERCENTILES, PROVIDER_FIELDS
from arouter.errors import invalid_request
from arouter.patterns import too_costly

ROUTER_FIELDS = tuple(name for name, row in PARAMETERS.items() if row.router)
"""Fields that speak to the router; no provider sees them."""

Variant = Literal["nitro", "floor", "free"]
Sort = Literal["price", "throughput", "latency"]

_ROUTER_FIELDS = frozenset(ROUTER_FIELDS)
_VARIANTS = frozenset({"nitro", "floor", "free"})
_AUTO_ROUTER = "auto-router"
_AUTO_ROUTER_FIELDS = frozenset({"id", "enabled", "allowed_models"})
_MAX_MODELS = 20
_MAX_PATTERNS = 64
_NO_WISH: tuple[Any, ...] = (None, [], {}, "")


class WantedModel(Struct, frozen=True):
    """A model as the request names it.

    Providers' own names may have colons too (`ollama/llama3:8b`, OpenRouter's `x/y:free`): `base` and `variant` count
    only where no model has the whole text for its id.

    Attributes:
        text: The name, as written.
    """

    text: str

    @property
    def variant(self) -> Variant | None:
        """What the suffix asks for: `nitro` is the fastest, `floor` the cheapest, `free` one that costs nothing."""
        suffix = self.text.rpartition(":")[2]
        return cast(Variant, suffix) if suffix in _VARIANTS and suffix != self.text else None

    @property
    def base(self) -> str:
        """The name without the suffix of its variant."""
        return self.text if self.variant is None else self.text.rpartition(":")[0]

    @property
    def wants_auto(self) -> bool:
        """Whether the choice is the router's."""
        return self.base == "auto"


# A struct and not a dataclass, which is frozen at a price of 2 µs for each request.
class Preferences(Struct, frozen=True):
    """A request's preferences. An empty tuple is no preference, as is None.

    Attributes:
        models: What to try, in this order, each once; empty where the request names none.
        order: Ids of the providers to try first, in this order. Ids are in lower case, here and below.
        only: Ids of the only providers to use.
        ignore: Ids of providers not to use.
        allow_fallbacks: Whether another provider may stand in for the preferred one.
        require_parameters: Whether a provider that cannot honour every parameter is to be refused.
        data_collection: Whether providers may keep what they are sent.
        zdr: Whether only endpoints that retain nothing will do.
        quantizations: The only quantizations to use, in lower case.
        sort: What to prefer, in place of balancing the load.
        min_throughput: Median of tokens per second below which an endpoint comes later.
        max_latency: Median of seconds to the first token above which an endpoint comes later.
        max_prompt_price: The most that a prompt may cost, in USD per million tokens.
        max_completion_price: The most that an answer may cost, in USD per million tokens.
        auto_models: Patterns of the models that `auto` may choose; `*` is any text.
    """

    models: tuple[WantedModel, ...] = ()
    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    require_parameters: bool = False
    data_collection: Literal["allow", "deny"] = "allow"
    zdr: bool = False
    quantizations: tuple[str, ...] = ()
    sort: Sort | None = None
    min_throughput: float | None = None
    max_latency: float | None = None
    max_prompt_price: float | None = None
    max_completion_price: float | None = None
    auto_models: tuple[str, ...] | None = None


def parse_preferences(body: dict[str, Any]) -> Preferences:
    """Returns what a request preferences.

    Raises:
        ARouterError: INVALID_REQUEST; a price is no number of at least 0, which may be a text; too many patterns.
    """
    model = body.get("model")
    if _ROUTER_FIELDS.isdisjoint(body):
        return Preferences((WantedModel(model),)) if model else Preferences()
    wanted = dict.fromkeys([*([model] if model else ()), *(body.get("models") or ())])
    if len(wanted) > _MAX_MODELS:
        raise invalid_request(f"Invalid value for 'models': expected at most {_MAX_MODELS} models.", "models")
    provider = body.get("provider") or {}
    sort = provider.get("sort")
    max_price = provider.get("max_price") or {}
    return Preferences(
        models=tuple(map(WantedModel, wanted)),
        order=_names(provider.get("order")),
        only=_names(provider.get("only")),
        ignore=_names(provider.get("ignore")),
        allow_fallbacks=provider.get("allow_fallbacks") is not False,
        require_parameters=provider.get("require_parameters") is True,
        data_collection=provider.get("data_collection") or "allow",
        zdr=provider.get("zdr") is True,
        quantizations=_names(provider.get("quantizations")),
        sort=sort.get("by") if isinstance(sort, dict) else sort,
        min_throughput=_median(provider.get("preferred_min_throughput")),
        max_latency=_median(provider.get("preferred_max_latency")),
        max_prompt_price=_usd(max_price.get("prompt"), "provider.max_price.prompt"),
        max_completion_price=_usd(max_price.get("completion"), "provider.max_price.completion"),
        auto_models=_auto_models(body.get("plugins")),
    )


def unserved_preferences(body: dict[str, Any]) -> tuple[str, ...]:
    """Returns the names of what a request asks of the router and does not get."""
    if _ROUTER_FIELDS.isdisjoint(body):
        return ()
    plugins = _enabled(body.get("plugins"))
    names = ["transforms"] if body.get("transforms") else []
    names += ["plugins"] if any(plugin["id"] != _AUTO_ROUTER for plugin in plugins) else []
    for plugin in plugins:
        if plugin["id"] == _AUTO_ROUTER:
            names += _unknown(plugin, _AUTO_ROUTER_FIELDS, "plugins[].")
    names += _unserved_of(body.get("provider") or {})
    return tuple(dict.fromkeys(names))


def _unserved_of(provider: dict[str, Any]) -> list[str]:
    names = _unknown(provider, PROVIDER_FIELDS, "provider.")
    sort = provider.get("sort")
    if isinstance(sort, dict) and sort.get("partition") == "none":
        names.append("provider.sort.partition")
    for field in ("preferred_min_throughput", "preferred_max_latency"):
        cutoffs = provider.get(field)
        if isinstance(cutoffs, dict):
            names += [f"provider.{field}.{name}" for name in _given(cutoffs)[1:]]
    return names


def _unknown(holder: dict[str, Any], known: Iterable[str], path: str) -> list[str]:
    return [f"{path}{name}" for name, value in holder.items() if name not in known and value not in _NO_WISH]


def _names(value: list[str] | None) -> tuple[str, ...]:
    """Returns names without regard to case, in which the documented ones differ."""
    return tuple(dict.fromkeys(name.lower() for name in value)) if value else ()


def _given(cutoffs: dict[str, Any]) -> list[str]:
    return [name for name in PERCENTILES if cutoffs.get(name) is not None]


def _median(value: Any) -> float | None:
    """Returns a cutoff: a number is the median's; of several percentiles' the lowest one's stands for it."""
    if isinstance(value, dict):
        given = _given(value)
        value = value[given[0]] if given else None
    return None if value is None else float(value)


def _usd(value: Any, path: str) -> float | None:
    """Returns a price, which may be a text: OpenRouter's SDK sends texts."""
    if value is None:
        return None
    try:
        price = float(value)
    except ValueError:
        price = math.nan
    if not price >= 0:
        raise invalid_request(f"Invalid value for '{path}': expected a number of at least 0.", path)
    return price


def _enabled(plugins: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [plugin for plugin in plugins or () if plugin.get("enabled") is not False]


def _auto_models(plugins: list[dict[str, Any]] | None) -> tuple[str, ...] | None:
    patterns: list[str] = []
    for index, plugin in enumerate(plugins or ()):
        if plugin["id"] == _AUTO_ROUTER and plugin.get("enabled") is not False:
            patterns += plugin.get("allowed_models") or ()
            limit = f"at most {_MAX_PATTERNS} patterns" if len(patterns) > _MAX_PATTERNS else too_costly(patterns)
            if limit:
                path = f"plugins[{index}].allowed_models"
                raise invalid_request(f"Invalid value for '{path}': expected {limit}.", path)
    return tuple(patterns) or None
