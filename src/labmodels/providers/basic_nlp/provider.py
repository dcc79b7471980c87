"""BasicNlp, the provider: refuses what quotes cannot honour, hands the task to its ability, abstains when that finds nothing.

The same request over the same documents gives the same bytes in every process. Every answer is marked as degraded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labmodels.providers.basic_nlp.classification import classify
from labmodels.providers.basic_nlp.configs import summarise_config
from labmodels.providers.basic_nlp.diffs import summarise_diff
from labmodels.providers.basic_nlp.documents import Retrieve, answer, answer_from
from labmodels.providers.basic_nlp.keyphrases import keyphrases
from labmodels.providers.basic_nlp.logs import summarise_log
from labmodels.providers.basic_nlp.quoting import Reply
from labmodels.providers.basic_nlp.summary import summarise
from labmodels.providers.basic_nlp.task import Task, task_of
from labmodels.providers.protocol import Answer, Embeddings, Finished, ProviderFault, Request, StreamEvent, TextDelta, Usage

ABSTENTION = "The lab's documents hold nothing that answers this."
_ABSTENTIONS = {
    "answer": "Neither the text that came with the question nor the lab's documents hold anything that answers this.",
    "summary": "There is too little here that can be summarised by quotation.",
    "keyphrases": "There is too little text here to tell its keyphrases.",
    "classification": "Neither the text nor the lab's documents tell which label fits.",
}
_NO_LABELS = 'Say which labels there are: "classify this as: hardware, network, storage".'
_NO_TOKENS = Usage(input_tokens=0, output_tokens=0)
_BY_SHAPE = {"log": summarise_log, "diff": summarise_diff, "config": summarise_config}


class BasicNlp:
    """Answers by quotation; `retrieve(query, domain)` finds passages of the lab's documents, the best first."""

    def __init__(self, retrieve: Retrieve) -> None:
        self._retrieve = retrieve

    def complete(self, request: Request) -> Answer:
        """Return quotes, or an abstention; raise invalid_request for a JSON schema, tools or images, which quotes cannot honour."""
        _require_honourable(request)
        task = task_of(request)
        reply = self._reply(task, request.domain)
        if reply is None:
            return _answer(_abstention(task), Reply([], []))
        return _answer("\n".join(reply.lines), reply)

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the answer in one piece."""
        answer = self.complete(request)
        yield TextDelta(answer.text)
        yield Finished(answer)

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Raise invalid_request: it has no vectors."""
        raise ProviderFault("invalid_request", "basic_nlp: it has no embeddings")

    def _reply(self, task: Task, domain: str) -> Reply | None:
        materials = [material for material, _ in task.materials]
        if task.kind == "summary":
            return _summary(task)
        if task.kind == "keyphrases":
            return keyphrases(materials)
        if task.kind == "classification":
            return classify(materials, task.labels, lambda label: self._retrieve(label, domain)) if task.labels else None
        found = answer_from(task.instruction, materials) if materials else None
        return found or answer(task.instruction, self._retrieve(task.instruction, domain))


def _summary(task: Task) -> Reply | None:
    """Return the summary of each material by its shape, in their order; those of prose are summarised together, where the first stands."""
    replies: list[Reply | None] = []
    prose = [material for material, shape in task.materials if shape == "prose"]
    for material, shape in task.materials:
        if shape != "prose":
            replies.append(_BY_SHAPE[shape](material))
        elif material is prose[0]:
            replies.append(summarise(prose, task.instruction))
    made = [reply for reply in replies if reply is not None]
    if not made:
        return None
    whole, *rest = made
    for reply in rest:
        whole.extend(reply)
    return whole


def _require_honourable(request: Request) -> None:
    """Raise invalid_request for what the answer would have to be or do, and cannot."""
    if request.json_schema is not None:
        raise ProviderFault("invalid_request", "basic_nlp: it quotes and cannot honour a JSON schema")
    if request.tool_choice not in ("auto", "none"):
        raise ProviderFault("invalid_request", f"basic_nlp: it calls no tools and cannot honour tool_choice {request.tool_choice}")
    if request.tools and request.tool_choice != "none":
        raise ProviderFault("invalid_request", "basic_nlp: it calls no tools")
    if any(message.images for message in request.messages):
        raise ProviderFault("invalid_request", "basic_nlp: it cannot see images")


def _abstention(task: Task) -> str:
    if task.kind == "answer" and not task.materials:
        return ABSTENTION
    return _NO_LABELS if task.kind == "classification" and not task.labels else _ABSTENTIONS[task.kind]


def _answer(text: str, reply: Reply) -> Answer:
    return Answer(text, "stop", _NO_TOKENS, "basic_nlp", sources=tuple(reply.sources), degraded=True)
