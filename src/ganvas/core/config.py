"""Frozen, strict configuration: one declaration gives validation, JSON and the command line."""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ganvas.core.errors import ConfigError

ConfigT = TypeVar("ConfigT", bound="Config")


def _describe(schema: dict[str, Any], config: "type[Config]") -> None:
    for name, text in descriptions(config).items():
        schema["properties"][name]["description"] = text


class Config(BaseModel):
    """Base of every configuration: frozen, no unknown keys, a docstring below each setting."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        allow_inf_nan=False,
        # A help page validates nothing, and should not wait for all these validators.
        defer_build=True,
        json_schema_extra=_describe,
    )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, complete, in declaration order."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
        """Validate plain values; raise ConfigError naming the field, the value and the limit."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(explain(error)) from None


def descriptions(config: type[Config]) -> dict[str, str]:
    """Read the docstrings below the settings of a class and of those it is made from.

    Pydantic could keep them itself (`use_attribute_docstrings`), but reads all source files for
    that when a class is made, in every process: a tenth of the time a short command takes.
    """
    found: dict[str, str] = {}
    for one in reversed(config.__mro__):
        if issubclass(one, Config):
            found |= _docstrings(one.__module__).get(one.__name__, {})
    # What is said about all configurations of a class, a ClassVar, is not a setting.
    return {name: text for name, text in found.items() if name in config.model_fields}


def replace(config: ConfigT, **changes: Any) -> ConfigT:
    """Return a copy with top-level fields changed, validated anew (`model_copy` would not)."""
    unknown = set(changes) - set(type(config).model_fields)
    if unknown:
        raise ConfigError(f"unknown setting {', '.join(sorted(unknown))}")
    values = {name: getattr(config, name) for name in type(config).model_fields}
    return type(config).from_dict(
        {
            name: value.to_dict() if isinstance(value, Config) else value
            for name, value in (values | changes).items()
        }
    )


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay nested `changes` over nested `base`; neither is modified."""
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            result[key] = merge(inner, value)
        else:
            result[key] = value
    return result


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested tables to dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def explain(error: ValidationError) -> str:
    """Turn a pydantic error into one sentence a fault: `model.width is 0: ...`."""
    sentences = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or "the configuration"
        reason = fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        if fault["type"] == "extra_forbidden":
            sentences.append(f"{where} is not a setting")
        elif fault["type"] == "value_error":
            sentences.append(reason if not fault["loc"] else f"{where}: {reason}")
        elif fault["type"] == "missing":
            sentences.append(f"{where} is missing")
        else:
            sentences.append(f"{where} is {fault['input']!r}: {reason[0].lower()}{reason[1:]}")
    return "; ".join(sentences)


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Map each class at the top of a module to the strings that follow its annotated names."""
    source = Path(str(sys.modules[module].__file__)).read_text(encoding="utf-8")
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {
        one.name: {
            field.target.id: inspect.cleandoc(text.value.value)
            for field, text in pairwise(one.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        }
        for one in classes
    }
