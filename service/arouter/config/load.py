"""Loads `arouter.yaml`: parses YAML, replaces `${VAR}`, validates types. Errors name the file and the line or path."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec

from arouter.config.provider_schema import Protocol
from arouter.config.quirks import Order, ReasoningField
from arouter.config.schema import STRUCTS, Config
from arouter.config.secret import Secret

_MAX_BYTES = 4 * 1024 * 1024
"""Maximum file size in bytes: takes about twenty seconds to read, and exceeds the size limit of a Kubernetes
ConfigMap."""

# Replaces msgspec's messages, which would contain the regular expression.
_PATTERNS = {
    "base_url": "expected an http or https URL without credentials, query or fragment",
    "key_header": "expected letters, digits and '-'",
    "id": "expected lower-case letters, digits, '.', '_' and '-'",
    "spiffe_id": "expected a SPIFFE id like spiffe://example.org/ns/shop/sa/checkout",
}
_CHOICES = {"order": get_args(Order), "protocol": get_args(Protocol), "reasoning": get_args(ReasoningField)}
_UNKNOWN_FIELD = re.compile(r"contains unknown field `(.*)`")
_FIELDS = sorted({name for kind in STRUCTS for name in kind.__struct_fields__})
_PROXY = re.compile(r"http://([^\s/?#@]+@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ConfigError(Exception):
    """The configuration is invalid. The message is for its author."""


def load_config(path: Path | None, variables: Mapping[str, str], *, needs_providers: bool = True) -> Config:
    """Returns the configuration in `path`, or the defaults if `path` is None.

    Args:
        path: An `arouter.yaml`.
        variables: Values for `${VAR}`.
        needs_providers: Whether providers will be called. Otherwise their variables need not be set: their names stand
            in for the values.

    Raises:
        ConfigError: The file is missing, is not YAML or is invalid.
    """
    if path is None:
        return Config()
    return parse_file(path, read_file(path), variables, needs_providers=needs_providers)


def read_file(path: Path) -> str:
    """Returns the text of an `arouter.yaml`.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        found = path.stat()
        # Reading a pipe or a device may block forever.
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path}: not a file (set by AROUTER_CONFIG)")
        if found.st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: more than {_MAX_BYTES} bytes")
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror} (set by AROUTER_CONFIG)") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text") from error


def parse_file(
    path: Path,
    text: str,
    variables: Mapping[str, str],
    in_use: Config | None = None,
    *,
    needs_providers: bool = True,
) -> Config:
    """Parses the text of a configuration file.

    Args:
        path: The file's path, for error messages.
        text: YAML.
        variables: Values for `${VAR}`.
        in_use: The running configuration that this one would replace, if any.
        needs_providers: As for `load_config`.

    Raises:
        ConfigError: As `load_config`; also if the file, or a part that has content in `in_use`, is empty.
    """
    try:
        return parse_config(text, variables, in_use, needs_providers=needs_providers)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(
    text: str, variables: Mapping[str, str], in_use: Config | None = None, *, needs_providers: bool = True
) -> Config:
    """Parses the text of a configuration.

    Raises:
        ConfigError: As `parse_file`, without the file's name.
    """
    # Imported only if there is a file.
    from arouter.config.document import DocumentError, parse_document

    try:
        document = parse_document(text)
    except DocumentError as error:
        raise ConfigError(str(error)) from error
    if document is None:
        document = {}
    if in_use is not None and isinstance(document, dict):
        _check_not_emptied(document, in_use)
    if isinstance(document, dict):
        # A part whose content is commented out.
        document = {name: value for name, value in document.items() if value is not None}
    optional = () if needs_providers else (".providers[", ".server.https_proxy")
    try:
        config = msgspec.convert(_substitute(document, variables, "", optional), Config, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        raise ConfigError(_readable(str(error))) from error
    _check_unique(config)
    _check_tls(config)
    if needs_providers:
        _check_proxy(config)
    return config


def _check_not_emptied(document: dict[Any, Any], in_use: Config) -> None:
    """Rejects the results of interrupted writes and failed templates: an empty file, or a name without a value."""
    if not document and in_use != Config():
        raise ConfigError("the file is empty, but the configuration in use is not; restart to run without one")
    for name, value in document.items():
        if value is None and getattr(in_use, str(name), None) != getattr(Config(), str(name), None):
            raise ConfigError(f"{name}: has no content, but has some in the configuration in use; remove the name too")


def _substitute(value: Any, variables: Mapping[str, str], path: str, optional: tuple[str, ...]) -> Any:
    """Replaces variables. Below the paths in `optional`, those that are not set are replaced by their names."""
    if isinstance(value, dict):
        return {key: _substitute(item, variables, f"{path}.{key}", optional) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, variables, f"{path}[{index}]", optional) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        if found := variables.get(match[1]):
            return found
        if path.startswith(optional):
            return match[1]
        raise ConfigError(f"{path.lstrip('.')}: environment variable {match[1]} is not set")

    replaced = _VARIABLE.sub(replace, value)
    if "${" in _VARIABLE.sub("", value):
        raise ConfigError(f"{path.lstrip('.')}: only ${{NAME}} is supported, without defaults or nesting")
    return replaced


def _decode_secret(kind: type[Any], value: Any) -> Any:
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise ValueError("expected a non-empty string")


def _readable(message: str) -> str:
    """Returns msgspec's message with the path moved from the end to the front."""
    problem, at, path = message.rpartition(" - at `$")
    if not at:
        problem, path = message, ""
    path = path.rstrip("`").lstrip(".")
    field = path.rpartition(".")[2]
    if "matching regex" in problem:
        problem = _PATTERNS[field]
    elif problem.startswith("Invalid enum value") and field in _CHOICES:
        problem = f"{problem}; expected one of {', '.join(_CHOICES[field])}"
    unknown = _UNKNOWN_FIELD.search(problem)
    if unknown:
        close = get_close_matches(unknown[1], _FIELDS, 1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        problem = f"unknown field '{unknown[1]}'{hint}"
    return f"{path}: {problem}" if path else problem


def _check_unique(config: Config) -> None:
    parts = {
        ("providers", "id"): [row.id for row in config.providers],
        ("models", "id"): [row.id for row in config.models],
        ("accounts.workloads", "spiffe_id"): [row.spiffe_id for row in config.accounts.workloads],
    }
    for (part, field), ids in parts.items():
        for index, id_ in enumerate(ids):
            first = ids.index(id_)
            if first < index:
                raise ConfigError(f"{part}[{index}].{field}: {id_!r} is already {part}[{first}]")


def _check_tls(config: Config) -> None:
    service = config.gateway.service_tls
    if service is not None and (service.certificate is None) != (service.key is None):
        raise ConfigError("gateway.service_tls: certificate and key must be set together")
    if config.accounts.workloads and (config.server.tls is None or config.server.tls.client_ca is None):
        raise ConfigError("accounts.workloads: requires server.tls.client_ca, which verifies client certificates")


def _check_proxy(config: Config) -> None:
    proxy = config.server.https_proxy
    if proxy is not None and not (_PROXY.fullmatch(proxy.reveal()) and _has_valid_port(proxy.reveal())):
        raise ConfigError("server.https_proxy: expected a URL like http://user:password@proxy.example.org:3128")


def _has_valid_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
