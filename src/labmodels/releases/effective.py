"""The values a model is asked with: a release's content under a profile, a domain and a switch.

Pure; the layers keep their names for explanations.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from labmodels.config import chains
from labmodels.config.layers import merge
from labmodels.config.schema import KINDS
from labmodels.config.schema.shape import merge_keys
from labmodels.releases.content import LAB, Content

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import EmbeddingDomain
    from labmodels.config.schema.fallback import Decision, ErrorClass, Fallback
    from labmodels.config.schema.lab_file import LabFile
    from labmodels.config.schema.language_model import LanguageModel
    from labmodels.config.schema.specialized_model import SpecializedModel


class Choice(NamedTuple):
    """Which profile holds, and why: the domain's own, the lab's default, a switch, a shell's variable, an option.

    `is_switch`: it lies above the domain.
    """

    profile: str | None
    reason: str
    is_switch: bool


class Effective:
    """One release's content, ready to be asked."""

    def __init__(self, content: Content) -> None:
        self.content = content

    @cached_property
    def lab(self) -> LabFile:
        """labmodels.yaml as released."""
        return cast("LabFile", KINDS["lab"].model.model_validate(self.content.values(LAB)))

    @cached_property
    def fallback(self) -> Fallback | None:
        """The decision table and chains, when they are released."""
        name = next((name for name, entry in self.content.configs.items() if entry.kind == "fallback"), None)
        return cast("Fallback", KINDS["fallback"].model.model_validate(self.content.values(name))) if name else None

    @cached_property
    def decisions(self) -> dict[ErrorClass, Decision]:
        """What the router does after each class of error."""
        from labmodels.config.schema.fallback import DEFAULT_DECISIONS

        return {**DEFAULT_DECISIONS, **(self.fallback.decisions if self.fallback else {})}

    @cached_property
    def _specialized(self) -> dict[str, str]:
        return {entry.values["domain"]: name for name, entry in self.content.configs.items() if entry.kind == "specialized_model"}

    def specialized(self, domain: str | None) -> SpecializedModel | None:
        """Return what `domain` asks of its models, when it says so."""
        name = self._specialized.get(domain or "")
        return cast("SpecializedModel", KINDS["specialized_model"].model.model_validate(self.content.values(name))) if name else None

    def names(self, kind: str) -> list[str]:
        """Return the names of the released configs of `kind`, sorted."""
        return sorted(name for name, entry in self.content.configs.items() if entry.kind == kind)

    def domains(self) -> tuple[str, ...]:
        """Return the domains that have a primary model, a chain or a specialised model."""
        return chains.domains(self.lab.model_integration, self.fallback, self._specialized)

    def route(self, domain: str | None) -> tuple[str, ...]:
        """Return who is asked for `domain`, in order, released or not."""
        return chains.route(domain, self.lab.model_integration, self.fallback).candidates

    def index(self, domain: str) -> EmbeddingDomain | None:
        """Return how the documents of `domain` are indexed, when a released embedding model says so."""
        from labmodels.config.schema.embedding_model import EmbeddingDomain

        for name in self.names("embedding_model"):
            declared = self.content.values(name)["domains"].get(domain)
            if declared is not None:
                return EmbeddingDomain.model_validate(declared)
        return None

    def default_profile(self, domain: str | None) -> Choice:
        """Return the profile of `domain` when nothing was switched: its own, else the lab's."""
        specialized = self.specialized(domain)
        if specialized is not None and specialized.profile is not None:
            return Choice(specialized.profile, f"profile of domain {domain}", is_switch=False)
        return Choice(self.lab.default_profile, "default profile", is_switch=False)

    def layers(self, name: str, domain: str | None, choice: Choice) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the layers over a language model's own values, lowest first, each with its name; empty ones are left out."""
        profile = self._overlay(choice.profile) if choice.profile else {}
        specialized = self._specialized.get(domain or "")
        domain_layer = (f"domain {domain}", self._overlay(specialized) if specialized else {})
        profile_layer = (f"profile {choice.profile}", profile)
        ordered = [domain_layer, (f"switch to {choice.profile}", profile)] if choice.is_switch else [profile_layer, domain_layer]
        ordered += [(override.layer, override.as_overlay()) for override in self.content.overrides if override.config == name]
        return [(label, overlay) for label, overlay in ordered if overlay]

    def values(self, name: str, domain: str | None, choice: Choice) -> dict[str, Any]:
        """Return a language model's values with every layer merged."""
        result = dict(self.content.configs[name].values)
        for _, overlay in self.layers(name, domain, choice):
            result = merge(result, overlay, merge_keys(KINDS["language_model"].model))
        return result

    def language_model(self, name: str, domain: str | None, choice: Choice) -> LanguageModel | None:
        """Return a language model as it is asked, or None when it is not released."""
        entry = self.content.configs.get(name)
        if entry is None or entry.kind != "language_model":
            return None
        return cast("LanguageModel", KINDS["language_model"].model.model_validate(self.values(name, domain, choice)))

    def _overlay(self, name: str) -> dict[str, Any]:
        return self.content.values(name).get("overlay") or {} if name in self.content.configs else {}


def check(content: Content) -> list[str]:
    """Return what is wrong with the content of a release: everything must be readable as it will be used. Empty when sound."""
    from pydantic import ValidationError

    from labmodels.config.layers import MergeConflict

    problems = []
    effective = Effective(content)
    for name, entry in {LAB: None, **content.configs}.items():
        try:
            KINDS[entry.kind if entry else "lab"].model.model_validate(content.values(name))
        except (ValidationError, MergeConflict) as error:
            problems.append(f"{name or 'labmodels.yaml'}: {_first(error)}")
    if problems:
        return problems
    choices = [
        Choice(profile, "", is_switch=is_switch)
        for profile in (None, *effective.names("performance_profile"))
        for is_switch in (False, True)
    ]
    for name in effective.names("language_model"):
        for domain in (None, *(domain for domain in effective.domains() if name in effective.route(domain))):
            for choice in choices:
                try:
                    effective.language_model(name, domain, choice)
                except (ValidationError, MergeConflict) as error:
                    problems.append(f"{name} under {choice.profile} for {domain or 'any domain'}: {_first(error)}")
    return problems


def _first(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    detail = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in detail["loc"])
    return f"{place}: {detail['msg']}" if place else detail["msg"]
