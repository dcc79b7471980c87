"""labmodels serve: the lab's models over HTTP, in the shapes that OpenAI's and Anthropic's clients speak."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labmodels.cli.options import Environment, environment_of
from labmodels.errors import Usage
from labmodels.lab import Lab

Port = Annotated[int, typer.Option("--port", metavar="N", help="The port; 0 takes a free one.", min=0, max=65535)]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address; anything but loopback needs keys.")]
Workers = Annotated[int, typer.Option("--workers", metavar="N", help="Processes that share the port.", min=1, max=64)]
Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="N", help="Requests that run at once in a process; as many wait in line.", min=1, max=1024)
]
MaxBody = Annotated[float, typer.Option("--max-body", metavar="MB", help="The largest body of a request.", min=0.001, max=1024)]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long a request may take.", min=1)]
Drain = Annotated[float, typer.Option("--drain", metavar="SECONDS", help="How long answers go on after SIGTERM.", min=0)]
OpenMetrics = Annotated[bool, typer.Option("--open-metrics", help="Show /metrics without a key.")]


def serve(
    lab: Lab,
    port: Port = 8080,
    host: Host = "127.0.0.1",
    workers: Workers = 1,
    concurrency: Concurrency = 32,
    max_body: MaxBody = 10,
    timeout: Timeout = 600,
    drain: Drain = 30,
    open_metrics: OpenMetrics = False,
    env: Environment = None,
) -> int:
    """Serve the lab's models over HTTP.

    The official clients of OpenAI (at URL/v1) and Anthropic (at URL) work unchanged; a model name asks for a model, a domain or auto.
    The URL is printed on stdout once clients may come, a line for each request on stderr. SIGTERM lets answers end.
    """
    from labmodels.gateway.limits import Limits
    from labmodels.gateway.server import Service, address_of, bind, require_packages, run
    from labmodels.ledger import callers
    from labmodels.terminal.output import is_quiet, say, write
    from labmodels.wiring import default_environment, ledger_of, live_of
    from labmodels.wiring.gateway import LabBackend

    require_packages()
    environment = environment_of(env, default_environment(lab))
    label = live_of(lab, environment).release.label  # nothing is live: said before a port is taken
    with ledger_of(lab) as ledger:
        has_keys = any(key.revoked_at is None for key in callers.keys(ledger))
    limits = Limits(concurrency, body_bytes=int(max_body * 1_000_000), request_s=timeout, drain_s=drain)
    if limits.body_bytes < 1:
        raise Usage(f"--max-body {max_body} is no size", hint="--max-body 10")

    def log(line: str) -> None:
        write(f"{line}\n", sys.stderr)

    service = Service(lambda: LabBackend(lab, environment), limits, log, None if is_quiet() else log, open_metrics)
    with bind(host, port, has_keys=has_keys) as listener:
        write(f"{address_of(listener)}\n")
        say(f"serving {environment}, {label}; {'keys are needed' if has_keys else 'without keys, to this machine only'}")
        return run(service, listener, workers)
