#!/usr/bin/env bash
# Writes the generated pages of the documentation again; with `charts`, the charts of the gallery too.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build -q --release
skmem=${CARGO_TARGET_DIR:-target}/release/skmem
"$skmem" list kernels --markdown >docs/kernels.md
"$skmem" list memory --markdown >docs/memory.md
"$skmem" list --markdown >docs/gallery.md
"$skmem" check --format markdown >docs/claims.md || echo "some claims fell short: see skmem check" >&2
[ "${1:-}" = charts ] || exit 0
out=$(mktemp -d)
trap 'rm -r "$out"' EXIT
"$skmem" sweep overrun-map -o "$out/map" >"$out/rows.txt"
cp "$out/map/charts/heat-window_at_first_drop.png" docs/images/sweeps/overrun-map.png
mkdir -p docs/images/gallery
names=$("$skmem" list | awk 'NR > 1 { print $1 }')
# Exit code 1 says that an expectation is not met; that is judged by the tests.
# shellcheck disable=SC2086 # one word per scenario
"$skmem" run $names --quiet --trace none --plot png -o "$out/all" || [ $? = 1 ]
for name in $names; do
    for chart in chart side-by-side; do
        if [ -f "$out/all/$name/$chart.png" ]; then
            cp "$out/all/$name/$chart.png" "docs/images/gallery/$name.png"
        fi
    done
done
