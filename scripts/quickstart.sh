#!/bin/sh
# The main job on the lab in the current folder, from checking it to an answer. Works a second time: nothing to deploy is no error.
# Of the checks and the plan the line that says it all is shown, last or first; the commands by themselves show the rest.
set -eu
said=$(mktemp)
trap 'rm -f "$said"' EXIT
run() {
    echo "> labmodels $1"
    [ $# -gt 1 ] || { eval "labmodels $1"; return; }
    eval "labmodels $1" > "$said" || { status=$?; cat "$said"; exit "$status"; }
    "$2" -n 1 "$said"
}
run 'validate-config' tail
run 'plan --all --env dev' head
run 'deploy-config --all --env dev --yes'
run 'switch-config --profile high_accuracy --domain code_analysis --env dev'
run 'update-embeddings --domain documentation --incremental --env dev' tail
run 'search "how do I roll back a release?" --domain documentation -k 1 --env dev --quiet'
run 'ask "how do I roll back a release?" --domain documentation --env dev'
