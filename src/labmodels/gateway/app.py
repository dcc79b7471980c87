"""The gateway as an ASGI application: routes, who may pass, what a thread does for a request, and how its answer is sent.

What a request means is the wires', what is answered the Backend's. The router is synchronous: each request that runs has one of a
bounded set of threads, reads its body there, too, and hands bytes to the event loop (`relay`).
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from labmodels.errors import LabmodelsError
from labmodels.gateway import metrics
from labmodels.gateway.anthropic_wire import AnthropicWire
from labmodels.gateway.embeddings_wire import vectors_body, wanted_vectors
from labmodels.gateway.faults import Fault, fault_of, stopping
from labmodels.gateway.fences import fenced
from labmodels.gateway.fields import decoded
from labmodels.gateway.keys import Doorkeeper
from labmodels.gateway.limits import Limits, Line, read_body
from labmodels.gateway.openai_wire import OpenAIWire
from labmodels.gateway.relay import Head, Headers, Relay
from labmodels.router.outcome import Answered, Began, Outcome, RouteSpent, Switched
from labmodels.secrets import redact

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from labmodels.gateway.backend import Backend
    from labmodels.gateway.wire import Wanted, Wire
    from labmodels.router.question import Caller

OPENAI, ANTHROPIC = OpenAIWire(), AnthropicWire()
_PING_S = 15.0  # a stream that is silent for so long says that it lives
_SLOW_READER_S = 30.0  # what a client may take longer than its request
_JSON = (b"content-type", b"application/json")
_EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]

Work = Callable[["Visit"], None]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request in the hands of its thread."""

    wire: Wire
    headers: Mapping[bytes, bytes]
    body: bytes
    caller: Caller | None
    relay: Relay


class Gateway:
    """One process's gateway. `log` takes a line about what went wrong inside; `totals` the counts of all workers."""

    def __init__(
        self,
        backend: Backend,
        limits: Limits,
        *,
        totals: Callable[[], list[float]],
        log: Callable[[str], None],
        has_open_metrics: bool = False,
    ) -> None:
        self.backend = backend
        self.limits = limits
        self.line = Line(limits)
        self.threads = ThreadPoolExecutor(limits.running, "ask")
        self.aside = ThreadPoolExecutor(2, "aside")  # for what must not stand in line: keys, probes, metrics
        self.doorkeeper = Doorkeeper(backend.keys, self.aside)
        self.relays: set[Relay] = set()
        self.is_stopping = False
        self._totals = totals
        self._log = log
        self._has_open_metrics = has_open_metrics
        self.routes = Starlette(
            routes=[
                Route("/v1/chat/completions", _Endpoint(self, OPENAI, self._answer), methods=["POST"]),
                Route("/v1/messages", _Endpoint(self, ANTHROPIC, self._answer), methods=["POST"]),
                Route("/v1/embeddings", _Endpoint(self, OPENAI, self._embed), methods=["POST"]),
                Route("/v1/models", self._list),
                Route("/v1/models/{name:path}", self._one),
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
                Route("/metrics", self._metrics),
            ],
            exception_handlers={HTTPException: self._astray, Exception: self._failed},
        )

    # -- stopping

    def begin_stop(self) -> None:
        """Take on nothing more; what runs goes on."""
        self.is_stopping = True
        self.line.close()

    def cut(self) -> None:
        """End what still runs, with an error in its stream."""
        for relay in tuple(self.relays):
            relay.cut()

    # -- in the thread of a request

    def _answer(self, visit: Visit) -> None:
        wanted = visit.wire.wanted(decoded(visit.body))
        question = fenced(wanted.question, visit.headers, visit.caller, self.limits.request_s)
        if wanted.is_streamed:
            self._stream(visit, replace(wanted, question=replace(question, can_restart=False)))
            return
        outcome = self.backend.ask(question)
        visit.relay.whole(Head(200, [_JSON, *_facts(outcome)]), _dumped(visit.wire.answer(wanted, outcome)))

    def _stream(self, visit: Visit, wanted: Wanted) -> None:
        """Send the status only with the first output: a failure before it is an error of the right class, not a broken stream."""
        relay, switches = visit.relay, 0
        with closing(self.backend.stream(wanted.question)) as events:
            for event in events:
                if relay.is_gone or relay.is_cut:
                    return
                if isinstance(event, Began):
                    writer = visit.wire.writer(wanted, event)
                    relay.begin(Head(200, [*_EVENTS, *_names(event.request_id, event.candidate)]), writer.began())
                elif isinstance(event, Switched):
                    switches += 1
                elif isinstance(event, Answered):
                    relay.end(writer.ended(event.outcome, switches))
                else:
                    relay.put(writer.delta(event))

    def _embed(self, visit: Visit) -> None:
        wanted = wanted_vectors(decoded(visit.body))
        name, embeddings = self.backend.embed(wanted.texts, wanted.model, visit.caller)
        head = Head(200, [_JSON, (b"x-labmodels-candidate", name.encode())])
        visit.relay.whole(head, _dumped(vectors_body(wanted, name, embeddings)))

    def work(self, work: Work, visit: Visit) -> None:
        """Do the work of a request; whatever happens, its relay is ended and holds an answer or an error."""
        relay, wire = visit.relay, visit.wire
        try:
            work(visit)
        except Exception as error:
            fault = self.told(error)
            if relay.head is None:
                request_id = error.attempts[0].request_id if isinstance(error, RouteSpent) and error.attempts else ""
                relay.whole(_fault_head(wire, fault, request_id), _dumped(wire.error(fault)))
            elif not relay.is_ended:
                relay.end(wire.error_event(fault))
        finally:
            if not relay.is_ended:  # nobody reads it
                relay.end()

    def told(self, error: Exception) -> Fault:
        """Return what a client is told of `error`; what it is not told is logged."""
        fault = fault_of(error)
        if fault.code in ("internal_error", "unavailable"):
            is_expected = isinstance(error, LabmodelsError)
            self._log(redact(f"error: {error}" if is_expected else "".join(traceback.format_exception(error)).rstrip()))
        return fault

    # -- looking

    async def _list(self, request: Request) -> Response:
        wire = _wire_of(request.scope)
        caller = await self.doorkeeper.admit(dict(request.scope["headers"]))
        models = await self._aside(self.backend.models)
        return _json_response(wire.listing([one for one in models.values() if _is_open_to(caller, one.name, one.kind)]))

    async def _one(self, request: Request) -> Response:
        wire = _wire_of(request.scope)
        caller = await self.doorkeeper.admit(dict(request.scope["headers"]))
        listed = (await self._aside(self.backend.models)).get(request.path_params["name"])
        if listed is None or not _is_open_to(caller, listed.name, listed.kind):
            raise Fault(404, "model_not_found", f"no model is called {request.path_params['name']}", param="model")
        return _json_response(wire.model(listed))

    async def _healthz(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, request: Request) -> Response:
        if self.is_stopping:
            return PlainTextResponse("stopping\n", 503)
        try:
            return PlainTextResponse(f"{await self._aside(self.backend.live_label)}\n")
        except LabmodelsError as error:
            self._log(redact(f"not ready: {error}"))
            return PlainTextResponse("not ready: the log says why\n", 503)

    async def _metrics(self, request: Request) -> Response:
        if not self._has_open_metrics:
            await self.doorkeeper.admit(dict(request.scope["headers"]))
        text = metrics.render(self._totals()) + await self._aside(self.backend.render_metrics)
        return Response(text, headers={"content-type": metrics.CONTENT_TYPE})

    async def _aside(self, function: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.aside, function)

    async def _astray(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        known = {404: "unknown_url", 405: "method_not_allowed"}
        what = "the gateway has no such address" if status == 404 else "the address does not take this method"
        return await self._failed(request, Fault(status, known.get(status, "invalid_request"), f"{what}: {request.url.path}"))

    async def _failed(self, request: Request, error: Exception) -> Response:
        wire, fault = _wire_of(request.scope), self.told(error)
        response = _json_response(wire.error(fault), wire.status(fault))
        response.raw_headers.extend(fault.headers)
        return response


class _Endpoint:
    """An address that is answered by a thread."""

    def __init__(self, gateway: Gateway, wire: Wire, work: Work) -> None:
        self._gateway = gateway
        self._wire = wire
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gateway = self._gateway
        headers = dict(scope["headers"])
        loop = asyncio.get_running_loop()
        try:
            caller = await gateway.doorkeeper.admit(headers)
            body = await read_body(headers, receive, gateway.limits.body_bytes)
        except ConnectionError:
            return
        except Exception as error:
            await self._refuse(error, send)
            return
        relay = Relay(loop, gateway.line.leave)
        watch = loop.create_task(_watch(receive, relay))
        try:
            await self._run(Visit(self._wire, headers, body, caller, relay), send)
        finally:
            watch.cancel()

    async def _run(self, visit: Visit, send: Send) -> None:
        gateway, relay = self._gateway, visit.relay
        try:
            await gateway.line.enter()
        except Fault as fault:
            await self._refuse(fault, send)
            return
        if relay.is_gone:  # while it stood in line: nothing is asked, nothing is spent
            gateway.line.leave()
            return
        gateway.relays.add(relay)
        try:
            gateway.threads.submit(gateway.work, self._work, visit)
            async with asyncio.timeout(gateway.limits.request_s + _SLOW_READER_S):
                await self._send(relay, send)
        except TimeoutError:  # the connection is closed without the end of the answer
            pass
        finally:
            relay.is_gone = True
            gateway.relays.discard(relay)

    async def _send(self, relay: Relay, send: Send) -> None:
        """Send what the thread hands over, until its end, or until it is cut or nobody reads."""
        is_begun = False
        while True:
            await relay.wait(_PING_S)
            if relay.is_gone:
                return
            is_ended, piece = relay.is_ended, relay.take()  # in this order: the last piece comes before the end
            if relay.is_cut and not is_ended:
                if relay.head is None:
                    await self._refuse(stopping(), send)
                    return
                is_ended, piece = True, piece + self._wire.error_event(stopping())
            if relay.head is not None and not is_begun:
                is_begun = True
                await send(
                    {"type": "http.response.start", "status": relay.head.status, "headers": _with_length(relay.head, piece, is_ended)}
                )
            if is_ended:
                await send({"type": "http.response.body", "body": piece, "more_body": False})
                return
            if is_begun:
                await send({"type": "http.response.body", "body": piece or self._wire.ping, "more_body": True})

    async def _refuse(self, error: Exception, send: Send) -> None:
        fault = self._gateway.told(error)
        body = _dumped(self._wire.error(fault))
        head = _fault_head(self._wire, fault)
        await send({"type": "http.response.start", "status": head.status, "headers": _with_length(head, body, is_whole=True)})
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def _watch(receive: Receive, relay: Relay) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    relay.hang_up()


def _wire_of(scope: Scope) -> Wire:
    is_anthropic = scope["path"].startswith("/v1/messages") or any(name == b"anthropic-version" for name, _ in scope["headers"])
    return ANTHROPIC if is_anthropic else OPENAI


def _is_open_to(caller: Caller | None, name: str, kind: str) -> bool:
    return caller is None or not caller.domains or kind != "domain" or name in caller.domains


def _facts(outcome: Outcome) -> Headers:
    degraded = (b"x-labmodels-degraded", b"true" if outcome.answer.degraded else b"false")
    return [degraded, *_names(outcome.request_id, outcome.attempts[-1].candidate)]


def _names(request_id: str, candidate: str = "") -> Headers:
    """Return what a request and whoever answers it are called; the SDKs look for the last two."""
    names = (b"x-labmodels-request-id", b"x-request-id", b"request-id")
    answering = [(b"x-labmodels-candidate", candidate.encode())] if candidate else []
    return [*answering, *((name, request_id.encode()) for name in names)]


def _fault_head(wire: Wire, fault: Fault, request_id: str = "") -> Head:
    return Head(wire.status(fault), [_JSON, *fault.headers, *(_names(request_id) if request_id else [])])


def _with_length(head: Head, piece: bytes, is_whole: bool) -> Headers:
    return [*head.headers, (b"content-length", str(len(piece)).encode())] if is_whole else head.headers


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _json_response(value: Any, status: int = 200) -> Response:
    return Response(_dumped(value), status, media_type="application/json")
