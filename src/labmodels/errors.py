"""The error tree and the exit codes: what an operator is told, and what a script can branch on.

LabmodelsError
├── Usage                 2   the command line or an argument is wrong
├── InvalidConfiguration  1   the configuration has errors (in config/diagnostics.py, with its findings)
├── NoVerdict             3   a verdict was asked for and there is no data for one
├── StalePlan             4   what a plan or a run relied on has moved
├── NoExport              4   a query needs an export of its model first (in embeddings/encoding/encoder.py)
├── GateFailed            5   a gate refused the candidate; the previous state is still live
├── RollbackFailed        6   flipping back failed: act now
├── NoProvider            7   every candidate failed or was skipped
├── Declined              8   somebody said no at the prompt
├── MissingExtra         69   an optional dependency is not installed
├── StorageFault         74   I/O error, no space, damage
├── MissingWeights       74   an embedding model is nowhere (in embeddings/encoding/weights.py)
├── BadVector            74   an encoder gave what is no vector of its space (in embeddings/encoding/protocol.py)
├── HubFault             74   a hub of models cannot be reached, or sent something else (in providers/hub.py)
└── Busy                 75   somebody else holds the lock: try again

A message states the fact with its path, line and value; the hint names the next command. Neither ever holds a secret.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process ends with; `meaning` is the text of the documented table."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        """Return the member for a value and its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "success, also when there was nothing to do"
    VERDICT_NO = 1, "it ran, and the verdict is no: invalid configuration, regression, alert firing"
    USAGE = 2, "usage: the command line or an argument is wrong"
    NO_VERDICT = 3, "no verdict (inconclusive, no data) where a verdict was asked for"
    STALE = 4, "what it relied on moved or is not valid: stale plan, invalid run, plan drift"
    GATE_FAILED = 5, "a gate failed and the previous state is still live"
    ROLLBACK_FAILED = 6, "a rollback failed: act now"
    NO_PROVIDER = 7, "no provider could answer"
    DECLINED = 8, "declined at the prompt"
    PARTLY_DONE = 9, "partly done, the rest is listed"
    CHANGES = 10, "changes or drift, only with --detailed-exitcode"
    MISSING_EXTRA = 69, "an extra is missing"
    BUG = 70, "a bug in labmodels"
    STORAGE = 74, "I/O error, no space left, or damage"
    BUSY = 75, "busy, or stopped after saving: try again"
    INTERRUPTED = 130, "stopped by SIGINT"
    TERMINATED = 143, "stopped by SIGTERM"


class LabmodelsError(Exception):
    """An expected fault: `str(error)` is the fact, `hint` the next step. Shown without a traceback."""

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def as_json(self) -> dict[str, object]:
        """Return the JSON error object that ends a failed `--json` command."""
        return {"error": type(self).__name__, "message": str(self), "hint": self.hint, "exit_code": int(self.exit_code)}


class Usage(LabmodelsError):
    """The command line, an argument or the place it was run in is wrong."""

    exit_code = ExitCode.USAGE


class NoVerdict(LabmodelsError):
    """A verdict was asked for and the data does not carry one."""

    exit_code = ExitCode.NO_VERDICT


class StalePlan(LabmodelsError):
    """The release or a source that the plan was made on has moved."""

    exit_code = ExitCode.STALE

    def __init__(self, plan: str, moved_key: str, planned: str, found: str) -> None:
        super().__init__(
            f"{plan} is stale: {moved_key} was {planned} when this was planned and is {found} now", hint="labmodels plan -o NEW.json"
        )


class GateFailed(LabmodelsError):
    """A gate refused the candidate, or the check after the flip failed; the previous release is live."""

    exit_code = ExitCode.GATE_FAILED


class RollbackFailed(LabmodelsError):
    """The candidate failed and the previous release could not be made live again."""

    exit_code = ExitCode.ROLLBACK_FAILED


class NoProvider(LabmodelsError):
    """Every candidate of the route failed or was skipped."""

    exit_code = ExitCode.NO_PROVIDER


class Declined(LabmodelsError):
    """Somebody said no at the prompt."""

    exit_code = ExitCode.DECLINED


class MissingExtra(LabmodelsError):
    """An optional dependency is not installed."""

    exit_code = ExitCode.MISSING_EXTRA

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package} is not installed", hint=f"pip install 'labmodels[{extra}]'")


class StorageFault(LabmodelsError):
    """The file system refused, is full, or holds something that labmodels did not write."""

    exit_code = ExitCode.STORAGE

    @classmethod
    def of(cls, error: OSError, doing: str) -> StorageFault:
        """Return the fault for an `OSError` met while `doing` something ("write /lab/x")."""
        import errno

        hints = {errno.ENOSPC: "free some space and run it again", errno.EDQUOT: "free some of the quota and run it again"}
        hint = hints.get(error.errno or 0, "check the folder's owner, mode and mount, then run it again")
        return cls(f"cannot {doing}: {error.strerror or error}", hint=hint)


class Busy(LabmodelsError):
    """Another process holds the lock, or the work was stopped after saving."""

    exit_code = ExitCode.BUSY
