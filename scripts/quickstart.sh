#!/bin/sh
# The main job on the lab in the current folder, from checking it to an answer. Works a second time: nothing to deploy is no error.
set -eu
run() {
    echo "> labmodels $1"
    eval "labmodels $1"
}
run 'validate-config'
run 'plan --all --env dev'
run 'deploy-config --all --env dev --yes'
run 'switch-config --profile high_accuracy --domain code_analysis --env dev'
run 'ask "how do I roll back a release?" --domain documentation --env dev'
