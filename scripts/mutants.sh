#!/usr/bin/env bash
# Puts faults into the code one at a time, each with a build of its own, as cargo-mutants does, and names those
# that no test notices: the cross-check of `make mutants`, which tries all of them in one build.
#   scripts/mutants.sh [SHARD [AREA…]]
#
# SHARD is all (the default; about a day) or K/N, every N-th fault from the K-th on. AREA is markets, protocols
# or chain (`sim::chain`); all three where none is named. AREA:FILE is one file of it, as in
# `scripts/mutants.sh all protocols:flash_loan.rs`. A fault meets its crate's own tests first, then, if it
# lives, the recorded contracts and every other test of `sim`. What lives through both is listed in
# AREA/survivors.txt below target/mutants/single; a survivor that docs/mutants-argued.txt does not name is an error.
#
# One fault at a time: two in one target folder would run each other's binaries. For two at a time start the
# script twice, with K/N of its own and a folder each (MUTANTS_OUT). Compound's recordings are used where
# ../shared/data/vectors has them. Installs cargo-mutants if it is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shard=${1:-all}
shift || true
areas=("$@")
[ ${#areas[@]} -gt 0 ] || areas=(markets protocols chain)
[ "$shard" = all ] && sharding=() || sharding=(--shard "$shard")

cargo mutants --version >/dev/null 2>&1 || cargo install --locked cargo-mutants

mkdir -p "${MUTANTS_OUT:=target/mutants/single}"
out=$(cd "$MUTANTS_OUT" && pwd)
argued=docs/mutants-argued.txt
export CARGO_TARGET_DIR=$out/build
export CARGO_INCREMENTAL=1
# A counterexample need not be small here, and random sequences are long elsewhere.
export PROPTEST_MAX_SHRINK_ITERS=0
export BALLAST_TRANSACTIONS=${BALLAST_TRANSACTIONS:-20000}
if [ -z "${BALLAST_VECTORS:-}" ] && [ -d ../shared/data/vectors ]; then
    BALLAST_VECTORS=$(cd ../shared/data/vectors && pwd)
    export BALLAST_VECTORS
fi

# pass NAME PACKAGE SELECTION… -- TESTS…: the survivors end up in $out/NAME/mutants.out/missed.txt.
pass() {
    local name=$1 rc=0
    shift
    mkdir -p "$out/$name"
    cargo mutants --baseline=skip --timeout 120 --build-timeout 600 \
        --output "$out/$name" --colors never --no-shuffle "$@" || rc=$?
    # 0: all noticed; 2: some lived; 3: some ran out of time, which is noticed too.
    case $rc in 0 | 2 | 3) ;; *) exit "$rc" ;; esac
}

failed=0
for area in "${areas[@]}"; do
    files='**'
    [[ $area != *:* ]] || files=${area#*:}
    area=${area%%:*}
    case $area in
    markets)
        faults=(--package markets --file "markets/src/$files")
        # All but `price_moments`, whose statistics take long.
        own=(--test-package markets -- --lib --test it -- --skip price_moments)
        all=(--test-package markets,sim -- --lib --test it)
        ;;
    protocols)
        faults=(--package protocols --file "protocols/src/$files")
        own=(--test-package protocols -- --lib --test it)
        all=(--test-package sim -- --lib --test it)
        ;;
    chain)
        faults=(--package sim --file "sim/src/chain/$files")
        own=(--test-package sim -- --lib --test it -- --skip sequences::)
        all=(--test-package sim -- --lib --test it)
        ;;
    *)
        echo "mutants: no area $area (markets, protocols, chain)" >&2
        exit 64
        ;;
    esac
    rm -rf "${out:?}/$area"
    echo "==> $area, its own tests"
    pass "$area/own" "${faults[@]}" "${sharding[@]}" "${own[@]}"

    lived=()
    while IFS= read -r line; do
        lived+=(--file "${line%%:*}" --re "^$(sed 's/[][\.*+?(){}|^$]/\\&/g' <<<"$line")\$")
    done <"$out/$area/own/mutants.out/missed.txt"
    : >"$out/$area/survivors.txt"
    if [ ${#lived[@]} -gt 0 ]; then
        echo "==> $area, $((${#lived[@]} / 4)) that lived: every test"
        pass "$area/all" "${faults[@]:0:2}" "${lived[@]}" "${all[@]}"
        # cargo-mutants tries deleted fields whatever it is asked for: those of other faults do not count.
        grep -xFf "$out/$area/own/mutants.out/missed.txt" "$out/$area/all/mutants.out/missed.txt" \
            >"$out/$area/survivors.txt" || true
    fi

    # Lines move; the place and the fault do not.
    while IFS= read -r line; do
        fault=$(sed -E 's/:[0-9]+:[0-9]+:/:/' <<<"$line")
        grep -qxF -- "$fault" "$argued" || {
            echo "SURVIVED, and $argued has no word about it: $line"
            failed=1
        }
    done <"$out/$area/survivors.txt"
    echo "$area: $(wc -l <"$out/$area/own/mutants.out/caught.txt") noticed by its own tests," \
        "$(cat "$out/$area"/{own,all}/mutants.out/timeout.txt 2>/dev/null | wc -l) ran out of time," \
        "$(wc -l <"$out/$area/survivors.txt") survived"
done
exit $failed
