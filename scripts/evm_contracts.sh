#!/usr/bin/env bash
# Fetches the contracts that `make evm-rate` runs, with npm, into sim/benches/evm/.contracts (once).
#
# Uniswap v2's contracts are under GPL-3.0: they are fetched, and never committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../sim/benches/evm"

package=@uniswap/v2-core@1.0.1
# What is unpacked is what was tried.
sha256=f01288aaf73a89d2ff541b7276cec215ce2c480cafbed33b0da9c89853f976a2

die() { printf 'evm_contracts: %s\n' "$@" >&2; exit 1; }

# The folder appears by one rename, so it is complete if it is there.
[ ! -e .contracts ] || exit 0
command -v npm >/dev/null || die "npm is needed once, to fetch $package. On Debian or Ubuntu: sudo apt-get install npm"

work=$(mktemp -d .contracts.XXXXXX.tmp)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "$package" >/dev/null || die "npm could not fetch $package (its reason is above)."
printf '%s  %s\n' "$sha256" "$work"/*.tgz | sha256sum --check --quiet || die "$package is not what it was."
tar -xzf "$work"/*.tgz -C "$work"
mv "$work/package" .contracts
