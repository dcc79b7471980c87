"""One HTTP exchange through a provider's SDK: the call, its body or its events, and every failure as a ProviderFault.

The SDK builds, signs and sends the request; the body is read here, because the SDKs pass off as success what is none: a page of
HTML becomes a `str`, a stream that just ends is taken for a finished one. What a complete answer looks like is the adapter's.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import httpx2

from labmodels.providers.deadline import Watch, bound_reads
from labmodels.providers.endpoint import NO_KEY, Endpoint, endpoint
from labmodels.providers.faults import classify, error_of, retry_after
from labmodels.providers.protocol import ProviderFault

if TYPE_CHECKING:
    import ssl

    from labmodels.config.schema.fallback import ErrorClass
    from labmodels.config.schema.language_model import LanguageModel

_LARGEST_ANSWER = 8 * 1024 * 1024  # bytes; far above any text that a model writes
_CONNECTIONS = httpx2.Limits(max_connections=None, max_keepalive_connections=256)  # how many calls run at once is the router's to say
_AFTER_THE_END_S = 0.05  # a wait for the end of a finished stream delays its answer
_DONE = "[DONE]"
_LIMITS: dict[ErrorClass, str] = {
    "timeout_first_token": "no first token in time",
    "timeout_between_tokens": "silent between tokens",
    "timeout_throughput": "slower than least_tokens_per_second for ten seconds",
    "timeout_total": "not done in time",
}


@cache
def _tls() -> ssl.SSLContext:
    """Return the one TLS context of this process: reading the certificates takes longer than all else that a client needs."""
    return httpx2.create_ssl_context()


class Service:
    """A provider's API: where it is asked, with which key, and the SDK's client for that. Several threads may use it at once.

    `sdk` is the SDK's module; both name their parts alike. The address and the key are read at each call; the client is kept until
    one of them changes.
    """

    def __init__(
        self, sdk: Any, sdk_client: Callable[..., Any], own_url: str, model: LanguageModel, environ: Mapping[str, str] | None
    ) -> None:
        self._sdk = sdk
        self._sdk_client = sdk_client
        self._own_url = own_url  # given, so that the SDK reads no variable by itself
        self._model = model
        self._environ = environ
        self._known: tuple[Endpoint, Any] | None = None
        # No redirect is followed: a key must not travel on.
        limits = httpx2.Timeout(model.timeouts.total, connect=model.timeouts.connect)
        self._http = sdk.DefaultHttpxClient(follow_redirects=False, timeout=limits, limits=_CONNECTIONS, verify=_tls())
        bound_reads(self._http)
        weakref.finalize(self, self._http.close)

    def exchange(self, deadline_s: float | None, *, streaming: bool, largest_body: int = _LARGEST_ANSWER) -> Exchange:
        """Return a new exchange, on the clock from now; raise an auth fault without a key."""
        where = endpoint(self._model, self._environ)
        watch = Watch(self._model.timeouts, deadline_s, streaming=streaming)
        return Exchange(self._model.provider, self._sdk, partial(self._client, where), watch, largest_body, is_own=where.base_url is None)

    def _client(self, where: Endpoint) -> Any:
        known = self._known  # read once: another thread may set it
        if known is None or known[0] != where:
            known = self._known = (
                where,
                self._sdk_client(
                    api_key=where.key.reveal() if where.key else NO_KEY,
                    base_url=where.base_url or self._own_url,
                    max_retries=0,
                    http_client=self._http,
                ),
            )
        return known[1]


class Exchange:
    """One request and its response. `is_own` says that the provider itself is asked, not a server that speaks its language."""

    def __init__(self, provider: str, sdk: Any, client: Callable[[], Any], watch: Watch, largest_body: int, *, is_own: bool) -> None:
        self.provider = provider
        self.watch = watch
        self.is_own = is_own
        self._sdk = sdk
        self._client = client
        self._largest_body = largest_body
        self._is_answering = False

    @contextmanager
    def post(self, path: str, body: Mapping[str, Any]) -> Iterator[httpx2.Response]:
        """Send `body` as it stands, and yield the response once its headers say success."""
        try:
            with self.watch:
                response: httpx2.Response = self._client().post(
                    path, body=body, cast_to=httpx2.Response, stream=True, stream_cls=self._sdk.Stream
                )
        except Exception as error:
            raise self._translated(error) from None
        self._is_answering = True
        try:
            yield response
        finally:
            response.close()

    def body(self, response: httpx2.Response) -> dict[str, Any]:
        """Return the JSON object of a response; raise malformed for anything else, and the in-band error where it is one."""
        data = b"".join(self._chunks(response))
        try:
            decoded = json.loads(data)
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "no content type")
            raise self.fault("malformed" if data.strip() else "empty", f"the answer is no JSON ({kind}, {len(data)} bytes)") from None
        return self._checked(decoded)

    def events(self, response: httpx2.Response, last: str | None = None) -> Iterator[dict[str, Any] | None]:
        """Yield the JSON object of each server-sent event up to the terminator: [DONE], for which None stands, or the type `last`.

        What each event is worth as progress, the adapter tells the watch.
        """
        kind = response.headers.get("content-type", "")
        if "text/event-stream" not in kind:
            if "json" in kind:
                self.body(response)  # raises the error that it may hold
            raise self.fault("malformed", f"asked for a stream of events, got {kind or 'no content type'}")
        chunks = self._chunks(response)
        for data in _event_data(chunks):
            event = None if data.strip() == _DONE else self._event(data)
            if event is None or (last is not None and event.get("type") == last):
                self._drain(chunks)
                yield event
                return
            self.watch.pause()
            yield event
            self.watch.resume()

    def _event(self, data: str) -> dict[str, Any]:
        try:
            decoded = json.loads(data)
        except (ValueError, RecursionError):
            raise self.fault("malformed", "an event of the stream is no JSON") from None
        return self._checked(decoded)

    def _drain(self, chunks: Iterator[bytes]) -> None:
        """Read what follows the terminator, if it is there: a connection that was read to its end is used again."""
        self.watch.end_within(_AFTER_THE_END_S)
        with suppress(ProviderFault):
            for _ in chunks:
                pass

    def fault(self, error_class: ErrorClass, message: str, **details: Any) -> ProviderFault:
        """Return a fault that names this provider."""
        return ProviderFault(error_class, f"{self.provider}: {message}", **details)

    def _checked(self, decoded: object) -> dict[str, Any]:
        if not isinstance(decoded, dict):
            raise self.fault("malformed", "the answer is no JSON object")
        error = error_of(decoded) if decoded.get("error") or decoded.get("type") == "error" else None
        if error is not None:
            message = str(error.get("message") or "an error without a message")
            raise self.fault(classify(None, error, message), message)
        return decoded

    def _chunks(self, response: httpx2.Response) -> Iterator[bytes]:
        chunks, size = response.iter_bytes(), 0
        while True:
            try:
                with self.watch:
                    chunk = next(chunks, None)
            except Exception as error:
                raise self._translated(error) from None
            if chunk is None:
                return
            size += len(chunk)
            if size > self._largest_body:
                raise self.fault("malformed", f"the answer is larger than {self._largest_body} bytes")
            yield chunk

    def _translated(self, error: Exception) -> Exception:
        """Return the fault that an error of the SDK or of its HTTP client is; any other error, which is a bug, as it is."""
        sdk = self._sdk
        if isinstance(error, sdk.APIStatusError):
            return self._of_status(error)
        if isinstance(error, (sdk.APITimeoutError, httpx2.TimeoutException)):
            return self._of_timeout(error)
        if isinstance(error, (sdk.APIConnectionError, httpx2.HTTPError, httpx2.StreamError)):
            return self._of_connection(error)
        if isinstance(error, (sdk.APIError, ValueError, TypeError, httpx2.InvalidURL)):
            # What the SDK will not even send: a parameter, an address or a key that it cannot encode. Its text may quote the key.
            return self.fault("invalid_request", f"the request cannot be sent ({type(error).__name__})")
        return error

    def _of_status(self, error: Any) -> ProviderFault:
        body = error_of(error.body) or {}
        status = int(error.status_code)
        message = str(body.get("message") or "no message that could be read")
        return self.fault(
            classify(status, body, message),
            f"HTTP {status}: {message}",
            status=status,
            retry_after_s=retry_after(error.response.headers),
        )

    def _of_timeout(self, error: Exception) -> ProviderFault:
        cause = error if isinstance(error, httpx2.TimeoutException) else error.__cause__
        if isinstance(cause, (httpx2.ConnectTimeout, httpx2.PoolTimeout)) and self.watch.left_s() > 0:
            return self.fault("timeout_connect", "no connection in time")
        limit = self.watch.exceeded()
        return self.fault(limit, _LIMITS[limit])

    def _of_connection(self, error: Exception) -> ProviderFault:
        cause = error if isinstance(error, (httpx2.HTTPError, httpx2.StreamError)) else error.__cause__
        if isinstance(cause, (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, UnicodeError)):
            return self.fault("invalid_request", f"the request cannot be sent ({type(cause).__name__})")
        if isinstance(cause, httpx2.DecodingError):
            return self.fault("malformed", "the answer's compression is broken")
        if self._is_answering:
            return self.fault("truncated", f"the connection broke before the answer was complete ({type(cause).__name__})")
        return self.fault("connection", f"{type(cause).__name__}: {cause}")


def _event_data(chunks: Iterator[bytes]) -> Iterator[str]:
    """Yield the data of each complete server-sent event; an event that the end of the stream cuts is dropped."""
    pending: list[bytes] = []
    data: list[str] = []
    for chunk in chunks:
        pending.append(chunk)
        if b"\n" not in chunk:  # one long line is not joined anew with every piece of it
            continue
        *lines, rest = b"".join(pending).replace(b"\r\n", b"\n").split(b"\n")
        pending = [rest]
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:].decode("utf-8", "replace").removeprefix(" "))
            elif not line.rstrip(b"\r") and data:
                yield "\n".join(data)
                data = []


def count(usage: Mapping[str, Any], *keys: str) -> int | None:
    """Return a token count at a path of keys; None unless it is there and makes sense."""
    value: Any = usage
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
