#!/usr/bin/env bash
# What the models did in the last seven days, as text that can be mailed: figures, health, releases. Reads only.
#   weekly-report.sh [LAB] | mail -s "models, week $(date +%V)" ops@lab.example
set -euo pipefail

lab=${1:-${LABMODELS_LAB:-/opt/lab}}
environment=${LABMODELS_ENV:-production}

section() { printf '\n== %s\n' "$1"; }

echo "Lab $lab, environment $environment, until $(date -u +%Y-%m-%dT%H:%MZ)"

section "Models: requests, failures, latency, cost"
labmodels --lab "$lab" monitor --env "$environment" --since 7d

section "Breakers, limits and budgets, now"
labmodels --lab "$lab" router status --env "$environment"

section "Releases and switches"
labmodels --lab "$lab" history --env "$environment" | tail -n 20

section "Keys of the gateway"
labmodels --lab "$lab" serve keys list

section "Disk"
df -h "$lab" | tail -n 1
du -sh "$lab/.labmodels" "$lab/embeddings" "$lab/models" 2> /dev/null || true
