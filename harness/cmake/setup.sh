# Sourced by run.sh and test.sh: installs what is missing, configures and builds. Works without network once installed.

build_packages=(
  g++ cmake ninja-build pkg-config git
  libbenchmark-dev libboost-math-dev libcli11-dev libfmt-dev libopenblas-openmp-dev librandom123-dev libsqlite3-dev
  libtomlplusplus-dev libxtensor-dev libxxhash-dev libzip-dev nlohmann-json3-dev
  gnuplot-nox
)
test_packages=(
  libboost-test-dev librapidcheck-dev python3 python3-numpy clang-format-14 chromium
)

# install_missing PACKAGE...: by apt, as root or through sudo, and says so first.
install_missing() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is neither Debian nor Ubuntu; install the equivalents of: $*" >&2
    return 0
  fi
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "setup: not root and no sudo; have these installed: ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "setup: installing with apt: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build_preset PRESET: configures and builds; the log is shown only when something fails.
build_preset() {
  local preset=$1 log
  mkdir -p "build/$preset"
  log=build/$preset/setup.log
  echo "setup: building preset $preset (log: $log)"
  if ! cmake --preset "$preset" >"$log" 2>&1 || ! cmake --build --preset "$preset" >>"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "setup: the build of preset $preset failed; the whole log is $log" >&2
    return 1
  fi
}
