#!/usr/bin/env bash
# The systemd unit: systemd accepts it, and rates its exposure at most 2.5.
# usage: tests/install/unit.sh FRESHET
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
hub=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# verify looks for the program where the unit names it
sed "s#^ExecStart=/usr/bin/freshet#ExecStart=$hub#" "$root/packaging/systemd/freshet.service" >"$work/freshet.service"
said=$(systemd-analyze verify --man=no "$work/freshet.service" 2>&1) || { echo "verify: $said" >&2; exit 1; }
[[ -z $said ]] || { echo "verify says: $said" >&2; exit 1; }
systemd-analyze security --no-pager --offline=true --threshold=25 "$work/freshet.service" | tail -n 1
