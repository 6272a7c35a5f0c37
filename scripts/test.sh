#!/bin/sh
# From a fresh clone to the test report: installs what is missing, builds everything with warnings as errors, runs CTest.
set -eu
cd "$(dirname "$0")/.."

scripts/install_deps.sh test
cmake --preset ci
cmake --build --preset ci
exec ctest --preset ci "$@"
