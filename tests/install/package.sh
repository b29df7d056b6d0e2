#!/usr/bin/env bash
# The Debian package builds, holds what it should, and what it holds runs.
# usage: tests/install/package.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
pid=
finish() {
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() {
    echo "package: $*" >&2
    exit 1
}

package=$("$root/packaging/debian/build" "$work")
dpkg-deb -x "$package" "$work/root"
dpkg-deb -e "$package" "$work/control"
for file in usr/bin/freshet usr/include/freshet.h lib/systemd/system/freshet.service \
    etc/freshet/freshet.yaml usr/share/doc/freshet/{operations,troubleshooting,embedding}.md; do
    [[ -f $work/root/$file ]] || fail "$file is missing"
done
for script in postinst prerm postrm; do
    [[ -x $work/control/$script ]] && sh -n "$work/control/$script" || fail "$script"
done
# every library that the program needs comes with a package it depends on
depends=$(dpkg-deb -f "$package" Depends)
for name in libuv1 libsqlite3-0 libcurl4 libssl3 libyaml-0-2 libc6; do
    [[ $depends == *"$name"* ]] || fail "Depends lacks $name: $depends"
done
hub=$work/root/usr/bin/freshet
[[ $("$hub" version) == *"$(dpkg-deb -f "$package" Version)"* ]] || fail "the version"

# Its configuration, with a folder and ports of this test.
sed -e "s#/var/lib/freshet#$work#; s#^listen: .*#listen: 127.0.0.1:0#; s#^metrics_listen: .*#metrics_listen: 127.0.0.1:0#" \
    "$work/root/etc/freshet/freshet.yaml" >"$work/freshet.yaml"
"$hub" check --config "$work/freshet.yaml" >/dev/null || fail "its configuration is not accepted"
"$hub" serve --config "$work/freshet.yaml" >"$work/out" 2>"$work/err" &
pid=$!
for ((i = 0; i < 200; i++)); do
    grep -q '^listening on' "$work/out" && break
    kill -0 "$pid" 2>/dev/null || fail "it ended: $(cat "$work/err")"
    sleep 0.05
done
url=$(sed -n 's/^listening on //p' "$work/out")
[[ $(curl -s -o /dev/null -w '%{http_code}' "$url/readyz") == 200 ]] || fail "not ready: $(cat "$work/err")"
[[ $(curl -s -o /dev/null -w '%{http_code}' "$url/v1/stream?channel=a") == 401 ]] || fail "it lets everybody in"
kill -TERM "$pid"
wait "$pid" || fail "it ended with $?"
pid=
echo "$(basename "$package"): $(dpkg-deb -c "$package" | grep -c '^-') files"
