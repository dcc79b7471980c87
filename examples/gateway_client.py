"""Asks a running gateway with nothing but the standard library: for hosts on which no SDK can be installed.

    python examples/gateway_client.py "what is drift?" --model documentation --key-file /etc/labmodels/gateway-key

A stream is read event by event; what follows `x-labmodels-candidate` in the headers says who answered. A 429 and a 503 are tried again
when the gateway says so, after as long as it says.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

MOST_TRIES = 3


def request_of(url: str, question: str, model: str, key: str | None) -> Request:
    """Return the HTTP request that asks `question`, streamed."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "stream": True}
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    return Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)


def events(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON of each server-sent event; comments, which are signs of life, are passed over."""
    for line in lines:
        name, _, data = line.decode().rstrip("\r\n").partition(": ")
        if name == "data" and data != "[DONE]":
            yield json.loads(data)


def ask(request: Request) -> Iterator[str]:
    """Yield the answer piece by piece. Raises RuntimeError where the stream ends with an error."""
    for attempt in range(1, MOST_TRIES + 1):
        try:
            response = urlopen(request, timeout=660)
            break
        except HTTPError as error:
            may_retry = error.headers.get("x-should-retry") == "true"
            if attempt == MOST_TRIES or not may_retry:
                raise
            time.sleep(float(error.headers.get("retry-after", 1)))
    with response:
        for event in events(response):
            if "error" in event:
                raise RuntimeError(event["error"]["message"])
            for choice in event["choices"]:
                yield choice["delta"].get("content") or ""


def main() -> int:
    """Read the command line, ask and print the answer as it comes."""
    parser = argparse.ArgumentParser(description="Ask a gateway.")
    parser.add_argument("question")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--key-file", type=Path)
    given = parser.parse_args()
    key = given.key_file.read_text(encoding="utf-8").strip() if given.key_file else None
    try:
        for piece in ask(request_of(given.url, given.question, given.model, key)):
            print(piece, end="", flush=True)
    except HTTPError as error:
        print(f"{error.code}: {json.loads(error.read())['error']['message']}", file=sys.stderr)
        return 1
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
