#!/usr/bin/env bash
# Lists the secret files that configurations refer to, and complains about old ones and about ones that others may read.
#   check-keys.sh [LAB] [MOST_DAYS]
# Reads names, ages and modes; never a key. Ends with 1 when something has to be done.
set -euo pipefail

lab=${1:-${LABMODELS_LAB:-/opt/lab}}
most_days=${2:-90}
now_s=$(date +%s)
bad=0

references() {
    grep -rhoE --include='*.yaml' '(api_key|password|token): *"?file:[^" #]+' "$lab/configs" "$lab/labmodels.yaml" | sed -E 's/.*file://' | sort -u
}

while read -r file; do
    [ -n "$file" ] || continue
    if [ ! -f "$file" ]; then
        echo "$file: is not there"
        bad=1
        continue
    fi
    age_days=$(((now_s - $(stat -c %Y "$file")) / 86400))
    mode=$(stat -c %a "$file")
    told="$age_days days old, mode $mode"
    case $mode in
        600 | 400) ;;
        *) told="$told: others may use it, chmod 600"; bad=1 ;;
    esac
    if [ "$age_days" -gt "$most_days" ]; then
        told="$told: older than $most_days days, see docs/procedures/rotate-a-provider-key.md"
        bad=1
    fi
    echo "$file: $told"
done < <(references || true)
exit "$bad"
