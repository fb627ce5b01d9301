#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECS seconds each, at low priority: scripts/fuzz.sh [TARGET…]
#
# Needs a nightly compiler and cargo-fuzz, and installs what is missing. Corpora are kept in fuzz/corpus and
# seeded from the scenario library, a tape of this build, and random bytes; findings are in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

secs=${FUZZ_SECS:-300}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(transactions scenario tape)

if ! rustup toolchain list | grep -q '^nightly'; then
    rustup toolchain install nightly --profile minimal
fi
cargo +nightly fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz

corpus=fuzz/corpus
mkdir -p "$corpus"/{transactions,scenario,tape}
cp scenarios/library/*.ron "$corpus/scenario/"
for n in 1 2 3 4; do
    [ -e "$corpus/transactions/random-$n" ] || head -c 1024 /dev/urandom >"$corpus/transactions/random-$n"
done
# A tape of another version is of no use: its states do not decode.
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cargo run --quiet --no-default-features -- run scenarios/library/calm.ron \
    --set episode_hours=1 --set block_secs=60 --out "$made/run" >/dev/null
# The first byte says how the target means the rest.
for mode in 0 1 2; do
    name=$(printf '%s\n' plain mended states | sed -n "$((mode + 1))p")
    { printf "\\x0$mode"; cat "$made/run/tape.bin"; } >"$corpus/tape/$name"
done
printf '\x03\x02\x00\x00' >"$corpus/tape/block"

# No unsafe code of ours runs, so no sanitiser is built in: assertions and overflow checks are.
for target in "${targets[@]}"; do
    echo "==> $target, $secs s"
    nice -n 15 cargo +nightly fuzz run -s none "$target" -- \
        -max_total_time="$secs" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        -max_len="$([ "$target" = transactions ] && echo 4096 || echo 65536)"
done
