"""Program: asks in one way, again and again: `python -m benchmarks.router_calls WAY PROVIDER OTHER LAB`; both are loopback ports.

For each line on stdin, which says how often, it asks and prints the CPU seconds of a call. LiteLLM's interpreter runs it as well, so
what a way needs is imported by that way alone. Nothing but this process is measured: a way has all of its interpreter to itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY = "a-key-that-opens-nothing"
MODEL = "gpt-6-luna"  # of the starter lab's gpt-4
MESSAGES: list[Any] = [{"role": "user", "content": "What is the answer? " * 20}]
STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}  # as the router asks

Call = Callable[[], object]


def sdk(provider: str, other: str, lab: str) -> Call:
    create = _sdk(provider).chat.completions.create
    return lambda: create(model=MODEL, messages=MESSAGES).choices[0].message.content


def sdk_streamed(provider: str, other: str, lab: str) -> Call:
    create = _sdk(provider).chat.completions.create
    return lambda: "".join(_pieces(create(model=MODEL, messages=MESSAGES, **STREAMED)))


def router(provider: str, other: str, lab: str) -> Call:
    """The router as its lab's models say: streamed from the provider, or whole where they cannot stream."""
    from labmodels.lab import Lab
    from labmodels.router.question import Question
    from labmodels.wiring.router import LabRouter

    os.environ |= {"OPENAI_BASE_URL": _url(provider), "OPENAI_API_KEY": KEY}
    os.environ |= {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{other}", "ANTHROPIC_API_KEY": KEY}
    opened = LabRouter(Lab(Path(lab)), "dev")
    question = Question.of(MESSAGES[0]["content"])
    return lambda: opened.ask(question).answer.text


def litellm(provider: str, other: str, lab: str) -> Call:
    """LiteLLM's Router with its defaults: one model, two deployments."""
    completion = _litellm([("lab", provider), ("lab", provider)]).completion
    return lambda: completion(model="lab", messages=MESSAGES).choices[0].message.content


def litellm_streamed(provider: str, other: str, lab: str) -> Call:
    completion = _litellm([("lab", provider), ("lab", provider)]).completion
    return lambda: "".join(_pieces(completion(model="lab", messages=MESSAGES, **STREAMED)))


def litellm_fallback(provider: str, other: str, lab: str) -> Call:
    """LiteLLM's Router with its defaults, and another model to fall back on."""
    completion = _litellm([("lab", provider), ("other", other)], fallbacks=[{"lab": ["other"]}]).completion
    return lambda: completion(model="lab", messages=MESSAGES).choices[0].message.content


def _sdk(provider: str) -> Any:
    import openai

    return openai.OpenAI(base_url=_url(provider), api_key=KEY, max_retries=0)


def _litellm(deployments: list[tuple[str, str]], **options: Any) -> Any:
    from litellm import Router  # type: ignore[import-not-found]  # in an interpreter of its own

    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{MODEL}", "api_base": _url(provider), "api_key": KEY}}
        for name, provider in deployments
    ]
    return Router(model_list=models, **options)


def _pieces(events: Any) -> list[str]:
    return [event.choices[0].delta.content or "" for event in events if event.choices]


def _url(provider: str) -> str:
    return f"http://127.0.0.1:{provider}/v1"


WAYS = {way.__name__: way for way in (sdk, sdk_streamed, router, litellm, litellm_streamed, litellm_fallback)}


def main(way: str, *where: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # a library may print
    call = WAYS[way](*where)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        count = int(line)
        began = time.process_time()
        for _ in range(count):
            if "42." not in str(call()):  # a degraded answer is a cheap one
                raise SystemExit(f"{way}: another answer than the provider gives")
        print((time.process_time() - began) / count, file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
