#!/usr/bin/env bash
# From nothing to a report: installs what is missing, builds, runs the default sweep, writes the report.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
usage: ./run.sh [--sweep FILE.toml] [--store FILE.db] [--out DIR]

Installs missing Debian or Ubuntu packages (apt, as root or through sudo; says so first), builds Attest into
build/release, runs the sweep and writes the report. A sweep that was interrupted goes on where it stopped.

  --sweep FILE.toml  the sweep to run          (default: harness/sweeps/default.toml)
  --store FILE.db    where results are kept    (default: build/default.db)
  --out DIR          where the report goes     (default: build/report)
  --help             this text
TEXT
}

sweep=harness/sweeps/default.toml
store=build/default.db
out=build/report
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --sweep | --store | --out)
      if [ $# -lt 2 ]; then echo "run.sh: $1 takes a value; see ./run.sh --help" >&2; exit 2; fi
      case $1 in
        --sweep) sweep=$2 ;;
        --store) store=$2 ;;
        --out) out=$2 ;;
      esac
      shift 2 ;;
    *) echo "run.sh: unknown option '$1'; see ./run.sh --help" >&2; exit 2 ;;
  esac
done

. harness/cmake/setup.sh
install_missing "${build_packages[@]}"
build_preset release

attest=build/release/attest
status=0
"$attest" sweep "$sweep" --store "$store" || status=$?
case $status in
  0 | 1 | 3) ;;
  *) exit "$status" ;;
esac
"$attest" report "$store" --out "$out" --format md,html,latex,csv,json
exit "$status"
