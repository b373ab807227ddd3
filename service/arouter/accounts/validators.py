"""Checks of single values that a client may set: each takes a JSON value and its path, and returns the value to store.

All raise `ARouterError` INVALID_REQUEST, with the path as `param`. Messages say what is expected and do not show
the value, which may be long, or a secret in the wrong place.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from arouter.accounts.prefixes import PREFIXES
from arouter.accounts.units import NANOS, nanos_of
from arouter.errors import ARouterError, invalid_request
from arouter.patterns import too_costly

Check: TypeAlias = Callable[[object, str], Any]

MAX_USD = 1_000_000_000
"""The largest limit; in nano-USD it fits into 64 bits."""

_MAX_COUNT = 2**31 - 1
_MAX_NAME = 256
_MAX_ENTRIES = 1000
_END_OF_TIME = 253_402_300_800  # 10000-01-01T00:00:00Z
_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SECRET = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:{'|'.join(PREFIXES)})[A-Za-z0-9_-]{{8}}|sk-[A-Za-z0-9_-]{{20}}|AIza[A-Za-z0-9_-]{{20}})"
)
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of invisible characters: PostgreSQL cannot store NUL, terminals interpret some, others reverse text."""

_JOINERS = "\u200c\u200d"
"""Invisible too, but emoji and several scripts need them."""

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def check_fields(document: object, checks: Mapping[str, Check], path: str = "") -> dict[str, Any]:
    """Returns the checked fields of a JSON object; absent ones are not in the result.

    Raises:
        ARouterError: INVALID_REQUEST; it is not an object, or has an unknown or an invalid field.
    """
    if not isinstance(document, dict):
        what = f"'{path}'" if path else "The request body"
        raise invalid_request(f"{what} must be a JSON object.", path or None)
    found = {}
    for field, value in document.items():
        where = f"{path}.{shown(field)}" if path else shown(field)
        check = checks.get(field)
        if check is None:
            raise invalid_request(
                f"'{where}' is not a field that can be set here. These can: {', '.join(checks)}.", where
            )
        found[field] = check(value, where)
    return found


def nullable(check: Check) -> Check:
    """Returns a check that also accepts null, as None."""
    return lambda value, path: None if value is None else check(value, path)


def converted(type_: Any, expected: str) -> Check:
    """Returns a check that accepts what msgspec can convert to a type without changing it."""

    def check(value: object, path: str) -> Any:
        try:
            return msgspec.convert(value, type_)
        except (msgspec.ValidationError, UnicodeEncodeError):
            raise _wrong(path, expected) from None

    return check


def choice(*words: str) -> Check:
    """Returns a check that accepts one of `words`."""
    return converted(Literal[words], f"one of: {', '.join(words)}")


boolean = converted(bool, "true or false")

count = converted(
    Annotated[int, msgspec.Meta(ge=1, le=_MAX_COUNT)], f"an integer from 1 to {_MAX_COUNT}, or null for no limit"
)
"""Checks the number of a rate limit."""


def name(value: object, path: str) -> str:
    """Checks a display name."""
    return _text(value, path, f"a text of 1 to {_MAX_NAME} characters, without invisible ones")


def account_id(value: object, path: str) -> str:
    """Checks an account's id."""
    expected = "1 to 64 lower-case letters, digits, '.', '_' and '-', with a letter or digit first"
    text = _text(value, path, expected)
    if not is_account_id(text):
        raise _wrong(path, expected)
    return text


def is_account_id(text: str) -> bool:
    """Returns whether a text can be an account's id."""
    return len(text) <= 64 and _ID.fullmatch(text) is not None


def is_key_hash(text: str) -> bool:
    """Returns whether a text can be a key's hash."""
    return _HASH.fullmatch(text) is not None


def usd(value: object, path: str) -> int:
    """Checks an amount in USD and returns it in nano-USD."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_USD:
        raise _wrong(path, f"an amount of USD, a number from 0 to {MAX_USD}")
    if 0 < value < 1 / NANOS:
        raise _wrong(path, "an amount of USD that is 0, or at least a billionth")
    return nanos_of(value)


def provider_ids(value: object, path: str) -> tuple[str, ...]:
    """Checks a list of provider ids and returns them in lower case."""

    def check(entry: object, where: str) -> str:
        expected = "a provider's id: letters, digits, '.', '_' and '-'"
        text = _text(entry, where, expected).lower()
        if not _ID.fullmatch(text):
            raise _wrong(where, expected)
        return text

    return _list(value, path, check)


def model(value: object, path: str) -> str:
    """Checks a default model. Whether the model exists is not checked: models come and go."""
    expected = "a model: 'openai/gpt-5.4', or 'auto'"
    text = _text(value, path, expected)
    if any(character.isspace() for character in text):
        raise _wrong(path, expected)
    return text


def model_patterns(value: object, path: str) -> tuple[str, ...]:
    """Checks a list of model patterns."""

    def check(entry: object, where: str) -> str:
        expected = "a model: 'gpt-5.4', 'openai/gpt-5.4', 'openai/gpt-5*' or 'anthropic/*'"
        text = _text(entry, where, expected)
        if any(character.isspace() for character in text):
            raise _wrong(where, expected)
        return text

    patterns = _list(value, path, check)
    if limit := too_costly(patterns):
        raise _wrong(path, limit)
    return patterns


def future(value: object, path: str) -> float:
    """Checks a time in the future and returns it in seconds since the epoch, truncated to the millisecond."""
    try:
        moment: datetime = msgspec.convert(value, _Moment)
    except msgspec.ValidationError as error:
        raise _wrong(path, "a time as in RFC 3339, such as 2027-01-31T12:00:00Z") from error
    seconds = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1) / 1000
    if not time.time() < seconds < _END_OF_TIME:
        raise _wrong(path, "a time in the future, before the year 10000")
    return seconds


def shown(text: str) -> str:
    """Returns what a message may show of a name from a client."""
    return "…" if len(text) > _MAX_NAME // 4 else without_secret(text)


def without_secret(text: str) -> str:
    """Returns what a message may show of a text that may be a secret in the wrong place."""
    return "…" if _SECRET.search(text) else text


def _text(value: object, path: str, expected: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_NAME:
        raise _wrong(path, expected)
    if any(unicodedata.category(each) in _NO_TEXT and each not in _JOINERS for each in value):
        raise _wrong(path, expected)
    if _SECRET.search(value):
        raise invalid_request(f"'{path}' looks like a secret, and is shown to everyone who manages keys.", path)
    return value


def _list(value: object, path: str, check: Check) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MAX_ENTRIES:
        raise _wrong(path, f"a list of at most {_MAX_ENTRIES} texts, or null for no restriction")
    return tuple(dict.fromkeys(check(entry, f"{path}[{index}]") for index, entry in enumerate(value)))


def _wrong(path: str, expected: str) -> ARouterError:
    return invalid_request(f"Invalid value for '{path}': expected {expected}.", path)
