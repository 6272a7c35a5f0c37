#!/bin/sh
# Writes tests/golden anew from the emitters as they are. Look at `git diff tests/golden` before committing.
set -eu
cd "$(dirname "$0")/.."
[ -f build/dev/build.ninja ] || cmake --preset dev
cmake --build --preset dev --target golden_test golden_cuda_test
for test in golden_test golden_cuda_test; do
  build/dev/bin/$test --update --gtest_filter='*SourceIsAsBefore*'
done
