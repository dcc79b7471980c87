#!/usr/bin/env bash
# Keeps the search indexes true to their sources, and says when what is live is not what the files say. For cron, every night.
#   nightly-update.sh [LAB]
# Prints a line a step. Ends with the exit code of the first step that failed, or 10 for drift.
set -euo pipefail

lab=${1:-${LABMODELS_LAB:-/opt/lab}}
environment=${LABMODELS_ENV:-production}

say() { echo "nightly-update: $*"; }

# 75 is "busy, try again": somebody may be at work on the same index.
with_patience() {
    local status=0
    for pause_s in 60 300 900; do
        status=0
        "$@" || status=$?
        [ "$status" -eq 75 ] || return "$status"
        say "busy, trying again in $pause_s s"
        sleep "$pause_s"
    done
    "$@"
}

say "checking the configurations"
labmodels --lab "$lab" validate-config --quiet

say "updating the indexes"
with_patience labmodels --lab "$lab" update-embeddings --all --incremental

say "comparing $environment with its sources"
drift=0
labmodels --lab "$lab" status --env "$environment" --detailed-exitcode --quiet || drift=$?
if [ "$drift" -eq 10 ]; then
    say "$environment is not what the files say: labmodels plan --all --env $environment"
fi
say "done"
exit "$drift"
