#!/bin/sh
# The main job on the lab in the current folder, from checking it to an answer. Works a second time: nothing to deploy is no error.
set -eu
labmodels validate-config --format concise
labmodels plan --all --env dev
labmodels deploy-config --all --env dev --yes
labmodels switch-config --profile high_accuracy --domain code_analysis --env dev
labmodels ask "how do I roll back a release?" --domain documentation --env dev
