#!/usr/bin/env bash
# Installs what is missing, builds the dev preset (warnings are errors) and runs the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
usage: ./test.sh [--slow | --all | --upstream] [--preset dev|asan|tsan]

Installs missing Debian or Ubuntu packages (apt, as root or through sudo; says so first), builds and runs all tests but
those labelled slow or upstream.

  --slow         only the slow tests: the house test, headers compiled alone, a build without nvcc, newer architectures
  --all          the default tests and the slow ones
  --upstream     only FlashAttention-2 and Triton on the emulator: fetches both from PyPI (300 MB, kept in build/), compiles
  --preset NAME  dev (default), asan (AddressSanitizer and UndefinedBehaviorSanitizer) or tsan (ThreadSanitizer)
  --help         this text
TEXT
}

which=default
preset=dev
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --slow) which=slow; shift ;;
    --all) which=all; shift ;;
    --upstream) which=upstream; shift ;;
    --preset)
      case ${2:-} in
        dev | asan | tsan) preset=$2; shift 2 ;;
        *) echo "test.sh: --preset takes dev, asan or tsan" >&2; exit 2 ;;
      esac ;;
    *) echo "test.sh: unknown option '$1'; see ./test.sh --help" >&2; exit 2 ;;
  esac
done

. harness/cmake/setup.sh
[ "$which" != upstream ] || test_packages+=(python3-venv)
install_missing "${build_packages[@]}" "${test_packages[@]}"
build_preset "$preset"

selection=()
case $which in
  default) selection=(-LE 'slow|upstream') ;;
  slow) selection=(-L slow) ;;
  all) selection=(-LE upstream) ;;
  upstream) selection=(-L upstream) ;;
esac
log=build/$preset/test.log
status=0
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)" "${selection[@]}" 2>&1 |
  tee "$log" || status=$?

# Each line of a program's report counts its cases: Boost.Test's and the Python programs' alike.
passed=$(sed -nE 's/^ *([0-9]+) test cases? out of [0-9]+ passed.*/\1/p; s/^([0-9]+) passed, [0-9]+ failed$/\1/p' \
  "build/$preset"/Testing/Temporary/LastTest.log | awk '{sum += $1} END {print sum + 0}')
failed=$(sed -nE 's/^ *([0-9]+) test cases? out of [0-9]+ failed.*/\1/p; s/^[0-9]+ passed, ([0-9]+) failed$/\1/p' \
  "build/$preset"/Testing/Temporary/LastTest.log | awk '{sum += $1} END {print sum + 0}')
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed"
exit "$status"
