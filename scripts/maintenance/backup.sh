#!/usr/bin/env bash
# Backs up what cannot be built anew: releases, the ledger, tuned models. Needs restic and sqlite3.
#   RESTIC_REPOSITORY=... RESTIC_PASSWORD_FILE=... backup.sh [LAB]
# Indexes are left out: update-embeddings builds them from the sources. On Sundays a tenth of the repository is read back.
set -euo pipefail

lab=${1:-${LABMODELS_LAB:-/opt/lab}}
: "${RESTIC_REPOSITORY:?is not set: where the backups go}"
: "${RESTIC_PASSWORD_FILE:?is not set: a file with mode 0600}"

say() { echo "backup: $*"; }

umask 077
copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT

# A database that is written to cannot be copied as a file: its newest rows stand in the -wal beside it.
if [ -f "$lab/.labmodels/ledger.db" ]; then
    say "copying the ledger"
    sqlite3 "$lab/.labmodels/ledger.db" ".timeout 10000" ".backup '$copies/ledger.db'"
    [ "$(sqlite3 "$copies/ledger.db" 'PRAGMA quick_check')" = ok ] || { say "the copy of the ledger is damaged"; exit 74; }
fi

folders=("$copies")
for folder in labmodels.yaml configs docs .labmodels/environments models experiments; do
    [ ! -e "$lab/$folder" ] || folders+=("$lab/$folder")
done

say "sending ${#folders[@]} folders"
restic backup --quiet --tag labmodels --host "$(hostname -s)" --group-by host,tags --exclude '*.partial' "${folders[@]}"

say "forgetting old snapshots"
restic forget --quiet --tag labmodels --host "$(hostname -s)" --group-by host,tags \
    --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --prune

if [ "$(date -u +%u)" -eq 7 ]; then
    say "reading a tenth of the repository back"
    restic check --quiet --read-data-subset=10%
fi
say "done"
