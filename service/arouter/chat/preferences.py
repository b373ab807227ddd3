"""The routing preferences of a request, read from a body that `check_body` has validated. Pure.

Sources: docs.arouter.ai (provider-routing, model-fallbacks, model-variants, plugins-overview); for the object forms,
which it does not document, openrouter.ai ("Provider routing") and its SDK.
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
"""Fields for the router, which are not sent to providers."""

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

    Native names may contain colons (`ollama/llama3:8b`, OpenRouter's `x/y:free`): `base` and `variant` apply only if no
    model has the whole text as its id.

    Attributes:
        text: The name as sent.
    """

    text: str

    @property
    def variant(self) -> Variant | None:
        """The variant of the suffix: `nitro` is the fastest, `floor` the cheapest, `free` a model without charge."""
        suffix = self.text.rpartition(":")[2]
        return cast(Variant, suffix) if suffix in _VARIANTS and suffix != self.text else None

    @property
    def base(self) -> str:
        """The name without the variant suffix."""
        return self.text if self.variant is None else self.text.rpartition(":")[0]

    @property
    def wants_auto(self) -> bool:
        """Whether the router chooses the model."""
        return self.text.startswith("auto") and self.base == "auto"


# A Struct, because creating a frozen dataclass costs 2 µs per request.
class Preferences(Struct, frozen=True):
    """The provider preferences of a request. None and an empty tuple mean no preference.

    Attributes:
        models: Models to try in this order, without duplicates; empty if the request names none.
        order: Ids of the providers to try first, in this order. Ids are in lower case, here and below.
        only: Ids of the only providers to use.
        ignore: Ids of providers to exclude.
        allow_fallbacks: Whether other providers may be used if the preferred one fails.
        require_parameters: Whether to exclude providers that do not support every parameter.
        data_collection: Whether providers may store what they receive.
        zdr: Whether to use only endpoints with zero data retention.
        quantizations: The only quantizations to use, in lower case.
        sort: The criterion to sort by instead of load balancing.
        min_throughput: Median tokens per second below which an endpoint is ranked last.
        max_latency: Median seconds to the first token above which an endpoint is ranked last.
        max_prompt_price: Maximum prompt price in USD per million tokens.
        max_completion_price: Maximum completion price in USD per million tokens.
        auto_models: Patterns of the models that `auto` may choose; `*` matches any text.
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
    """Returns the provider preferences of a request.

    Raises:
        ARouterError: INVALID_REQUEST if a price is not a number (or numeric string) of at least 0, or if there are too
        many patterns.
    """
    model = body.get("model")
    if _ROUTER_FIELDS.isdisjoint(body):
        return Preferences((WantedModel(model),)) if model else Preferences()
    requested = dict.fromkeys([*([model] if model else ()), *(body.get("models") or ())])
    if len(requested) > _MAX_MODELS:
        raise invalid_request(f"Invalid value for 'models': expected at most {_MAX_MODELS} models.", "models")
    provider = body.get("provider") or {}
    sort = provider.get("sort")
    max_price = provider.get("max_price") or {}
    return Preferences(
        models=tuple(map(WantedModel, requested)),
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
    """Returns the names of the requested routing options that are not supported."""
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
    """Returns the names in lower case, because the documentation is not consistent about case."""
    return tuple(dict.fromkeys(name.lower() for name in value)) if value else ()


def _given(cutoffs: dict[str, Any]) -> list[str]:
    return [name for name in PERCENTILES if cutoffs.get(name) is not None]


def _median(value: Any) -> float | None:
    """Returns a cutoff.

    A plain number applies to the median; of several percentiles the lowest one is used in its place.
    """
    if isinstance(value, dict):
        given = _given(value)
        value = value[given[0]] if given else None
    return None if value is None else float(value)


def _usd(value: Any, path: str) -> float | None:
    """Returns a price. OpenRouter's SDK sends prices as strings."""
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
