#!/bin/sh
# Writes tests/golden anew from the emitter as it is. Look at `git diff tests/golden` before committing.
set -eu
cd "$(dirname "$0")/.."
[ -f build/dev/build.ninja ] || cmake --preset dev
cmake --build --preset dev --target golden_test
exec build/dev/bin/golden_test --update --gtest_filter='*SourceIsAsBefore*'
