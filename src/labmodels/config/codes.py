"""The catalogue of finding codes: title and usual severity here, explanations and examples in explanations/*.md, read only when asked for.

The checks that report a code decide its message and its place; nothing here judges a configuration.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from labmodels.config.diagnostics import Severity
from labmodels.errors import Usage

_FOLDER = Path(__file__).parent / "explanations"
_FILES = {"LM0": "reading.md", "LM1": "scalars.md", "LM2": "schema.md", "LM3": "references.md", "LM4": "secrets.md"}


class Code(NamedTuple):
    """One kind of finding."""

    code: str
    title: str
    severity: Severity

    @property
    def explanation(self) -> str:
        """What it means and why it matters."""
        return _sections(_FILES[self.code[:3]])[self.code].partition("\nWrong:\n")[0].strip()

    @property
    def example(self) -> str:
        """A wrong example and a right one, indented under "Wrong:" and "Right:"."""
        return "Wrong:\n" + _sections(_FILES[self.code[:3]])[self.code].partition("\nWrong:\n")[2].rstrip()


def _catalogue(severity: Severity, **titles: str) -> dict[str, Code]:
    return {code: Code(code, title, severity) for code, title in titles.items()}


CODES: dict[str, Code] = dict(
    sorted(
        {
            **_catalogue(
                Severity.ERROR,
                LM001="file cannot be read",
                LM002="not UTF-8",
                LM003="file too large",
                LM004="empty file",
                LM005="YAML syntax error",
                LM006="duplicate key",
                LM007="key that is not text",
                LM008="several documents in a file",
                LM009="unknown tag",
                LM010="aliases expand too far",
                LM011="nested too deep",
                LM012="merge key",
                LM201="unknown or missing kind",
                LM202="unknown key",
                LM203="missing key",
                LM204="wrong type",
                LM205="out of range",
                LM206="value without a valid unit",
                LM207="not one of the choices",
                LM208="wrong format",
                LM209="keys contradict each other",
                LM210="a layer changes a value's shape",
                LM211="!delete of a key that is not there",
                LM301="unknown target",
                LM302="fallback cycle or repeated candidate",
                LM307="two configs share a name",
                LM310="local model that is asked elsewhere",
                LM401="literal secret",
                LM403="malformed secret reference",
            ),
            **_catalogue(
                Severity.WARNING,
                LM101="unquoted yes, no, on or off",
                LM102="leading zero",
                LM103="unquoted number with colons",
                LM104="trailing zero is lost",
                LM105="number in short scientific notation",
                LM303="a fallback drops a capability",
                LM304="a fallback has less context",
                LM305="a ceiling that cannot do its work",
                LM306="a profile's demand exceeds a rate limit",
                LM308="budget without prices",
            ),
            **_catalogue(
                Severity.INFO,
                LM309="custom model that is not installed yet",
                LM402="undefined secret reference",
            ),
        }.items()
    )
)


def find_code(text: str) -> Code:
    """Return the code an operator means by `text` ("LM204", "lm204", "204"); raise `Usage` with the nearest ones when there is none."""
    wanted = text.strip().upper()
    code = CODES.get(wanted) or CODES.get(f"LM{wanted}")
    if code is None:
        same_group = [known for known in CODES if wanted[:3] == known[:3]]
        raise Usage(f"unknown code {text}", hint=f"one of {', '.join(same_group)}" if same_group else "labmodels explain lists them all")
    return code


def explain(text: str) -> str:
    """Return what `labmodels explain CODE` prints; raise `Usage` for an unknown code."""
    code = find_code(text)
    return f"{code.code} {code.title} ({code.severity.value})\n\n{code.explanation}\n\n{code.example}\n"


@lru_cache
def _sections(file_name: str) -> dict[str, str]:
    """Return the text under each "## LMnnn" heading of a file."""
    parts = (_FOLDER / file_name).read_text(encoding="utf-8").split("\n## ")[1:]
    return {part[:5]: part.partition("\n")[2] for part in parts}
