#!/bin/sh
# Installs the Debian packages that are missing, and nothing if none is.
#   install_deps.sh build    what the command line and libconvoke_cpu.so need
#   install_deps.sh test     that, and what the tests and benchmarks need
set -eu

build="cmake ninja-build g++ pkg-config llvm-19-dev libspdlog-dev libfmt-dev libcli11-dev nlohmann-json3-dev
  libsqlite3-dev libmd-dev zlib1g-dev libzstd-dev"
test="libgtest-dev libgmock-dev libbenchmark-dev libdnnl-dev"

case "${1:-}" in
  build) wanted=$build ;;
  test) wanted="$build $test" ;;
  *) echo "usage: $0 build|test" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "convoke: no apt here; if the build fails, install the equivalents of these Debian 12 packages first:" $wanted >&2
  exit 0
fi

installed=$(dpkg-query -W -f '${Package}=${db:Status-Status} ' $wanted 2>/dev/null || true)
missing=""
for package in $wanted; do
  case " $installed" in
    *" $package=installed "*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "convoke: these packages are missing and there is no sudo to install them; as root: apt-get install$missing" >&2
    exit 4
  fi
  as_root="sudo"
fi
echo "convoke: installing$missing" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >&2
