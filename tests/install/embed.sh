#!/usr/bin/env bash
# Installs into a folder of its own and uses what is there as a program from outside would: the
# symbols, pkg-config, shared and static, examples/ticker.c; then takes everything back.
# usage: tests/install/embed.sh BUILD
set -euo pipefail
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "embed: $*" >&2
    exit 1
}

meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" >/dev/null
prefix=$work/root$(meson introspect "$build" --buildoptions |
    python3 -c 'import json,sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
pc=$(find "$prefix" -name freshet.pc)
lib=$(dirname "$(find "$prefix" -name 'libfreshet.so')")
[[ -n $pc && -x $prefix/bin/freshet && -f $prefix/include/freshet.h && -f $lib/libfreshet.a ]] ||
    fail "not everything is installed: $(find "$prefix" -type f)"

others=$(nm -D --defined-only "$lib/libfreshet.so" | awk '$3 !~ /^freshet_/ {print $3}')
[[ -z $others ]] || fail "visible beside freshet_*: $others"
# every function that the header names is there. No pipe into grep -q: it ends early, and what it
# doesn't read would end who writes it.
symbols=$(nm -D --defined-only "$lib/libfreshet.so")
for name in $(grep -oE '\bfreshet_[a-z_]+\(' "$prefix/include/freshet.h" | tr -d '(' | sort -u); do
    grep -q " T $name\$" <<<"$symbols" || fail "$name is not in the library"
done

export PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR=$work/root
[[ $(pkg-config --modversion freshet) == $("$prefix/bin/freshet" version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -1) ]] ||
    fail "pkg-config and the program name different versions"

lines=$(wc -l <"$root/examples/ticker.c")
((lines <= 150)) || fail "examples/ticker.c has $lines lines"
# Whoever includes the header needs nothing of ours; C++ reads it as well.
printf '#include <freshet.h>\nint main(void) { return !freshet_version(); }\n' >"$work/bare.c"
cc -std=c99 -pedantic -Wall -Wextra -Werror $(pkg-config --cflags freshet) -c "$work/bare.c" -o "$work/bare.o"
if command -v c++ >/dev/null; then
    c++ -x c++ -Wall -Werror $(pkg-config --cflags freshet) -c "$work/bare.c" -o "$work/barepp.o"
fi

run() { # name: the program follows its own prices, and ends
    local out
    out=$(timeout 60 "$work/$1" 127.0.0.1:0 5 2>"$work/err") || fail "$1: ended with $?: $(cat "$work/err")"
    [[ $(grep -c ' FRSH {"price":' <<<"$out") == 5 ]] || fail "$1: not 5 prices: $out"
    grep -q '^ended: draining$' <<<"$out" || fail "$1: its subscription was not ended: $out"
}

cc -std=c11 -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L "$root/examples/ticker.c" \
    $(pkg-config --cflags --libs freshet) -o "$work/shared"
LD_LIBRARY_PATH=$lib run shared
[[ $(ldd "$work/shared") == *libfreshet* ]] || fail "shared isn't linked against the library"

# The archive, with what it says it needs itself; those libraries are Debian's shared ones.
read -ra needs <<<"$(pkg-config --print-requires-private freshet | awk '{print $1}' | tr '\n' ' ')"
cc -std=c11 -D_POSIX_C_SOURCE=200809L "$root/examples/ticker.c" $(pkg-config --cflags freshet) \
    "$lib/libfreshet.a" $(PKG_CONFIG_SYSROOT_DIR= pkg-config --libs "${needs[@]}") -lm -lpthread -o "$work/static"
run static
[[ $(ldd "$work/static") != *libfreshet* ]] || fail "static still needs the shared library"
echo "shared, static, $(nm -D --defined-only "$lib/libfreshet.so" | wc -l) symbols"
