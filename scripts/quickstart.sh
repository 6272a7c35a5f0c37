#!/bin/sh
# From a fresh clone to the main job: installs what is missing, builds, then tunes and verifies every forward convolution
# of ResNet-18 (32x32 images) and of LeNet on the best target there is. A second run answers from the caches.
set -eu
cd "$(dirname "$0")/.."

scripts/install_deps.sh build

build=build/quickstart
if [ ! -f $build/build.ninja ]; then
  echo "convoke: configuring (log: $build/configure.log)" >&2
  mkdir -p $build
  cmake --preset release -B $build -DCONVOKE_TESTS=OFF -DCONVOKE_BENCH=OFF >$build/configure.log 2>&1 ||
    { cat $build/configure.log >&2; exit 4; }
fi
cmake --build $build --target convoke_cli convoke_cpu >&2 || exit 4

lists=examples/problems
exec $build/bin/convoke tune --problems $lists/resnet18_cifar.txt --problems $lists/lenet_k3.txt \
  --problems $lists/lenet_k5.txt --problems $lists/lenet_k7.txt --batch 128 --budget 90 "$@"
