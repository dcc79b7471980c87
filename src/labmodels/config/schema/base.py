"""What every declared model shares: strictness, names, references to secrets, and the keys all kinds of documents have."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Environment = Literal["dev", "test", "production"]
ENVIRONMENTS: tuple[str, ...] = get_args(Environment)

# Built in, or installed by a later command: known names from the start, in any lab.
BASIC_NLP = "basic_nlp"
CUSTOM_MODELS = ("custom/lab_assistant", "custom/code_reviewer", "custom/infrastructure_advisor", "custom/knowledge_synthesizer")


class Declared(BaseModel):
    """A block of a configuration: unknown keys are errors, nothing is coerced, and it never changes once read."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class MergeKey:
    """Marks a list whose items overlays merge by this key instead of replacing the list."""

    def __init__(self, key: str) -> None:
        self.key = key


class Before:
    """Runs a function before the type's own check: BeforeValidator without the inspection of the function's signature for each field."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        """Return the core schema: the function, then the type."""
        return core_schema.no_info_before_validator_function(self._function, handler(source))


_WORDS = {"yes": True, "on": True, "y": True, "no": False, "off": False, "n": False}


def flag(value: Any) -> Any:
    """Accept the words that YAML 1.1 took for booleans; the reader has already warned about them."""
    return _WORDS.get(value.lower(), value) if isinstance(value, str) else value


_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*|keyring:[^/\s]+/\S+)")
_BASE_URL = re.compile(r"(https?://[^\s@]+|env:[A-Za-z_][A-Za-z0-9_]*)")


def _reference(value: Any) -> Any:
    if isinstance(value, str) and not _REFERENCE.fullmatch(value):
        raise PydanticCustomError(
            "secret_reference",
            "expected a reference to a secret, such as env:OPENAI_API_KEY, file:/run/secrets/key or keyring:labmodels/openai",
        )
    return value


def _base_url(value: Any) -> Any:
    if isinstance(value, str) and not _BASE_URL.fullmatch(value):
        raise PydanticCustomError("base_url", "expected an http(s) URL without credentials, or env:NAME")
    return value


Flag = Annotated[bool, Before(flag)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="Lower case letters, digits, - and _; no dots, so that NAME.key.path stays unambiguous.",
    ),
]
Target = Annotated[
    str, Field(pattern=r"^(custom/)?[a-z0-9][a-z0-9_-]{0,63}$", description="The name of a model config, basic_nlp or custom/NAME.")
]
SecretReference = Annotated[
    str,
    Before(_reference),
    Field(
        description="env:NAME, file:PATH or keyring:SERVICE/USER; never the secret itself.",
        json_schema_extra={"pattern": f"^{_REFERENCE.pattern}$"},
    ),
]
BaseUrl = Annotated[
    str,
    Before(_base_url),
    Field(description="An http(s) URL, or env:NAME to read it when it is used.", json_schema_extra={"pattern": f"^{_BASE_URL.pattern}$"}),
]
PositiveInt = Annotated[int, Field(gt=0)]


# What a document is, in every environment: no overlay changes it.
IDENTITY = ("kind", "name", "environments")


def _no_identity(value: Any) -> Any:
    given = [key for key in IDENTITY if key in value] if isinstance(value, dict) else []
    if given:
        shown = " and ".join(given)
        raise PydanticCustomError("identity", "an environment cannot change the {shown} of a file", {"shown": shown, "key": given[0]})
    return value


EnvironmentOverlay = Annotated[dict[str, Any], Before(_no_identity)]


class Document(Declared):
    """The keys that every file in `configs/` has."""

    model_config = ConfigDict(defer_build=True)  # blocks are built once and shared; a document is built when one is met

    name: Name
    description: str = Field("", description="What it is for, in a line.")
    owner: str = Field("", description="Who answers for it: a person, a team, an address.")
    environments: dict[Environment, EnvironmentOverlay] = Field(
        {},
        description="Overlays: what differs in dev, test or production.",
        json_schema_extra={"x-overlay-of": "document"},
    )
