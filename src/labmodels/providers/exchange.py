"""One HTTP exchange through a provider's SDK: the call, its body or its events, and every failure as a ProviderFault.

The SDK builds, signs and sends the request; the body is read here, because the SDKs pass off as success what is none: a page of
HTML becomes a `str`, a stream that just ends is taken for a finished one. What a complete answer looks like is the adapter's.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx2

from labmodels.providers.deadline import Watch, bound_reads
from labmodels.providers.faults import classify, error_of, retry_after
from labmodels.providers.protocol import ProviderFault

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import ErrorClass
    from labmodels.config.schema.language_model import Timeouts

_LARGEST_ANSWER = 8 * 1024 * 1024  # bytes; far above any text that a model writes
_DONE = "[DONE]"


def http_client(owner: object, default_client: Callable[..., httpx2.Client], timeouts: Timeouts) -> httpx2.Client:
    """Return a client that is closed with `owner`, obeys the watch of each call and follows no redirect (a key must not travel on)."""
    limits = httpx2.Timeout(timeouts.total, connect=timeouts.connect)
    client = default_client(follow_redirects=False, timeout=limits)
    bound_reads(client)
    weakref.finalize(owner, client.close)
    return client


class Exchange:
    """One request and its response. `sdk` is the SDK's module: both name their errors alike."""

    def __init__(self, provider: str, sdk: Any, watch: Watch, largest_body: int = _LARGEST_ANSWER) -> None:
        self.provider = provider
        self.watch = watch
        self._largest_body = largest_body
        self._sdk = sdk
        self._is_answering = False

    @contextmanager
    def open(self, send: Callable[[], AbstractContextManager[Any]]) -> Iterator[httpx2.Response]:
        """Send, and yield the response once its headers say success."""
        with self._translated(), self.watch.over_reads():
            held = send()
            response: httpx2.Response = held.__enter__().http_response
        self._is_answering = True
        try:
            yield response
        finally:
            held.__exit__(None, None, None)

    def body(self, response: httpx2.Response) -> dict[str, Any]:
        """Return the JSON object of a response; raise malformed for anything else, and the in-band error where it is one."""
        data = b"".join(self._chunks(response))
        try:
            decoded = json.loads(data)
        except ValueError:
            kind = response.headers.get("content-type", "no content type")
            raise self.fault("malformed" if data.strip() else "empty", f"the answer is no JSON ({kind}, {len(data)} bytes)") from None
        return self._checked(decoded)

    def events(self, response: httpx2.Response) -> Iterator[dict[str, Any] | None]:
        """Yield the JSON object of each server-sent event; None stands for the [DONE] terminator. Each counts as progress."""
        kind = response.headers.get("content-type", "")
        if "text/event-stream" not in kind:
            if "json" in kind:
                self.body(response)  # raises the error that it may hold
            raise self.fault("malformed", f"asked for a stream of events, got {kind or 'no content type'}")
        for data in _event_data(self._chunks(response)):
            if data.strip() == _DONE:
                yield None
                return
            try:
                event = self._checked(json.loads(data))
            except ValueError:
                raise self.fault("malformed", "an event of the stream is no JSON") from None
            if event.get("type") != "ping":  # a service that only says that it lives makes no progress
                self.watch.token()
            yield event

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
            with self._translated(), self.watch.over_reads():
                chunk = next(chunks, None)
            if chunk is None:
                return
            size += len(chunk)
            if size > self._largest_body:
                raise self.fault("malformed", f"the answer is larger than {self._largest_body} bytes")
            yield chunk

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ProviderFault:
            raise
        except self._sdk.APIStatusError as error:
            raise self._of_status(error) from None
        except (self._sdk.APITimeoutError, httpx2.TimeoutException) as error:
            raise self._of_timeout(error) from None
        except (self._sdk.APIConnectionError, httpx2.HTTPError, httpx2.StreamError) as error:
            raise self._of_connection(error) from None
        except (self._sdk.APIError, ValueError, TypeError, httpx2.InvalidURL) as error:
            # What the SDK will not even send: a parameter, an address or a key that it cannot encode. Its text may quote the key.
            raise self.fault("invalid_request", f"the request cannot be sent ({type(error).__name__})") from None

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
        return self.fault(
            limit,
            {"timeout_first_token": "no first token in time", "timeout_between_tokens": "silent between tokens"}.get(
                limit, "not done in time"
            ),
        )

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
