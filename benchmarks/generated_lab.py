"""Writes a valid lab of any size: language models that differ in numbers, four profiles, two specialised models, chains."""

from __future__ import annotations

from pathlib import Path

LAB = """\
kind: lab
name: generated
default_profile: profile_0
model_integration:
  primary_models:
    language: "model_0000"
    code: "model_0001"
  fallback_strategy:
    enabled: true
    fallback_order: ["model_0002", "model_0003", "basic_nlp"]
    failure_threshold: 3
environments:
  production:
    default_profile: profile_1
"""

# 57 lines, the shape of what an operator keeps for one model.
MODEL = """\
# yaml-language-server: $schema=../../schemas/language_model.schema.json
# Model {number} of the generated lab: the fast one for everyday questions.
kind: language_model
name: model_{number:04}
description: "Everyday questions, number {number}"
owner: platform@lab.example
provider: openai
model: vendor-model-{number}
base_url: https://models.lab.example/v1
credentials:
  api_key: env:GENERATED_API_KEY
context_tokens: 128000
max_output_tokens: 16384
capabilities:
  tools: true
  json_schema: true
  streaming: true
parameters:
  temperature: 0.{temperature}
  top_p: 0.95
  max_output_tokens: {output}
timeouts:
  connect: "5 seconds"
  first_token: "20 seconds"
  between_tokens: "10 seconds"
  total: "90 seconds"
retries:
  attempts: 2
  backoff: "500 ms"
rate_limits:
  requests_per_minute: {requests}
  tokens_per_minute: 2000000
prices:
  input: "$2.00 / 1M tokens"
  cache_read: "$0.50 / 1M tokens"
  output: "$8.00 / 1M tokens"
budgets:
  request: "$0.50"
  day: "$40.00"
  month: "$600.00"
output_checks:
  - name: not_empty
    min_chars: 1
environments:
  dev:
    parameters:
      max_output_tokens: 512
    budgets:
      day: "$2.00"
  test:
    rate_limits:
      requests_per_minute: 300
  production:
    parameters:
      temperature: 0.1
    retries:
      attempts: 3
"""

PROFILE = """\
kind: performance_profile
name: profile_{number}
weights:
  cost: 0.{number}
  latency: 0.2
  quality: 0.{rest}
demand:
  requests_per_minute: 60
overlay:
  parameters:
    temperature: 0.{number}
  timeouts:
    total: "{seconds} seconds"
  output_checks:
    - name: not_empty
      min_chars: {number}
"""

SPECIALIZED = """\
kind: specialized_model
name: {name}
domain: {name}
task: {task}
profile: profile_2
requires:
  tools: true
  context_tokens: 32000
overlay:
  parameters:
    max_output_tokens: 2048
"""

FALLBACK = """\
kind: fallback
name: fallback_config
may_drop: [tools, json_schema, streaming, vision, context_tokens]
chains:
"""
CHAIN = """\
  {domain}:
    candidates: [{candidates}, basic_nlp]
    may_drop: [tools, json_schema, streaming, vision, context_tokens]
"""


def generate(lab: Path, models: int) -> list[Path]:
    """Write the lab below `lab` and return the files of its `models` language models (at least 24)."""
    files: dict[str, str] = {"labmodels.yaml": LAB}
    for number in range(4):
        profile = PROFILE.format(number=number, rest=8 - number, seconds=60 + 30 * number)
        files[f"configs/performance_profiles/profile_{number}.yaml"] = profile
    for name, task in (("code", "code_analysis"), ("summaries", "summarization")):
        files[f"configs/specialized_models/{name}.yaml"] = SPECIALIZED.format(name=name, task=task)
    files["configs/language_models/fallback_config.yaml"] = FALLBACK + _chain("code", range(4, 14)) + _chain("summaries", range(14, 24))
    names = [f"configs/language_models/model_{number:04}.yaml" for number in range(models)]
    for number, name in enumerate(names):
        files[name] = MODEL.format(number=number, temperature=number % 9 + 1, output=1024 + number, requests=500 + number)
    for name, text in files.items():
        path = lab / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [lab / name for name in names]


def _chain(domain: str, numbers: range) -> str:
    return CHAIN.format(domain=domain, candidates=", ".join(f"model_{number:04}" for number in numbers))
