"""Frozen, strict configuration: one declaration gives validation, JSON and the command line."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ganvas.core.errors import ConfigError

ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of every configuration: frozen, no unknown keys, descriptions taken from docstrings."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        protected_namespaces=(),
        allow_inf_nan=False,
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
