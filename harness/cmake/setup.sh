# Sourced by run.sh and test.sh: installs what is missing, configures and builds. Works without network once installed.

build_packages=(
  g++ cmake ninja-build pkg-config git
  libbenchmark-dev libboost-math-dev libcli11-dev libfmt-dev libopenblas-openmp-dev librandom123-dev libsqlite3-dev
  libtomlplusplus-dev libxtensor-dev libxxhash-dev libzip-dev nlohmann-json3-dev
  gnuplot-nox
)
test_packages=(
  libboost-test-dev librapidcheck-dev python3 python3-numpy clang-format-14 chromium
  latexmk texlive-latex-recommended texlive-pictures lmodern librsvg2-bin poppler-utils
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

# NVIDIA's compiler as Python packages, all of one toolkit; cuda_bf16.h needs a header of the last.
nvcc_wheels=(
  nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96
  nvidia-cuda-cccl==13.0.85
)

# find_nvcc: sets ATTEST_NVCC, unless it is set: the machine's own nvcc, the one that was installed into build/cuda before,
# or that, installed now (100 MB); none where it cannot be had, and then the build goes on without CUDA kernels.
find_nvcc() {
  local installed=build/cuda/nvidia/cu13/bin/nvcc place
  [ -z "${ATTEST_NVCC:-}" ] || return 0
  for place in "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc "$PWD/$installed"; do
    if [ -x "$place" ] && "$place" --version >/dev/null 2>&1; then
      ATTEST_NVCC=$place
      return 0
    fi
  done
  ATTEST_NVCC=none
  case $(uname -m) in
    x86_64 | aarch64) ;;
    *) echo "setup: NVIDIA has no nvcc for $(uname -m); building without CUDA kernels" >&2; return 0 ;;
  esac
  # Into another folder first: what was cut off is not taken for an nvcc.
  local fresh=build/cuda.new
  rm -rf "$fresh"
  mkdir -p "$fresh"
  echo "setup: no nvcc is here; installing NVIDIA's Python packages into build/cuda: ${nvcc_wheels[*]}"
  if install_missing python3 python3-venv && /usr/bin/python3 -m venv "$fresh/venv" >"$fresh/log" 2>&1 &&
    "$fresh/venv/bin/pip" install --disable-pip-version-check --quiet --no-deps --target "$fresh" "${nvcc_wheels[@]}" \
      >>"$fresh/log" 2>&1; then
    rm -rf "$fresh/venv" build/cuda
    mv "$fresh" build/cuda
    ATTEST_NVCC=$PWD/$installed
  else
    tail -n 3 "$fresh/log" >&2 || true
    echo "setup: nvcc could not be installed (log: $fresh/log); building without CUDA kernels" >&2
  fi
}

# build_preset PRESET: configures and builds; the log is shown only when something fails.
build_preset() {
  local preset=$1 log
  mkdir -p "build/$preset"
  log=build/$preset/setup.log
  find_nvcc
  echo "setup: building preset $preset (log: $log)"
  if ! cmake --preset "$preset" -DATTEST_NVCC="$ATTEST_NVCC" >"$log" 2>&1 || ! cmake --build --preset "$preset" >>"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "setup: the build of preset $preset failed; the whole log is $log" >&2
    return 1
  fi
}
