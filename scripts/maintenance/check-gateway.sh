#!/usr/bin/env bash
# Asks a gateway whether it lives, whether it is ready, and whether a key opens it. Costs nothing: no model is asked.
#   check-gateway.sh [URL]        GATEWAY_KEY_FILE names a file with a key of the gateway, where it needs one
# Ends with 1 when it is not healthy, with a line that says what is wrong.
set -euo pipefail

url=${1:-http://127.0.0.1:8080}
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
# In a file and not on the command line, where every user could read it.
if [ -n "${GATEWAY_KEY_FILE:-}" ]; then
    printf 'x-api-key: %s\n' "$(cat "$GATEWAY_KEY_FILE")" > "$headers"
fi

status_of() {
    curl --silent --output /dev/null --max-time 10 --header "@$headers" --write-out '%{http_code}' "$url$1" || true
}

fail() {
    echo "check-gateway: $url $1"
    exit 1
}

[ "$(status_of /healthz)" = 200 ] || fail "does not answer: is the service running?"
[ "$(status_of /readyz)" = 200 ] || fail "is not ready: nothing is live, the ledger cannot be read, or it is stopping"
models=$(status_of /v1/models)
case $models in
    200) echo "check-gateway: $url is well" ;;
    401) fail "wants a key: set GATEWAY_KEY_FILE" ;;
    *) fail "says $models to /v1/models" ;;
esac
