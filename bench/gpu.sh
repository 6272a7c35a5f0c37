#!/bin/sh
# Everything that Convoke does on a machine with an NVIDIA GPU, with numbers:
#
#   bench/gpu.sh BUILD_DIR OUT_DIR [test|verify|tune|bench|all]
#
# BUILD_DIR is a build with bin/ and lib/, made here or carried here (preset portable); no compiler is needed.
# OUT_DIR receives NAME.jsonl (what a step printed), NAME.log (its progress and tables) and steps_PART.txt (status, seconds).
#   test    doctor, the GPU tests, compute-sanitizer on small problems of every family
#   verify  kernels of all lists compiled ahead of time by all cores, then verified: f16, bf16, tf32, f32, s8, u8
#   tune    resnet50 and resnet18_cifar, batch 128, f16 and f32; resnet50 in s8 and in f16 with the same epilogue;
#           samples go to OUT_DIR/samples.jsonl
#   bench   beside cuDNN (needs PyTorch), launch overhead; with the samples of OUT_DIR/samples.jsonl
# Each step has a time limit of its own, and a failure stops no other step. Variables: PYTHON (python3), CONVOKE_CACHE_DIR
# (OUT_DIR/cache), CONVOKE_GPU_VERIFY_BATCH (2), CONVOKE_GPU_TUNE_SECONDS (170), CONVOKE_GPU_BENCH_SECONDS (1, a layer),
# CONVOKE_COMMIT (named in the results where there is no git).
# Exit status: 0 if all went well, 4 without a GPU that works, else 1.
set -u
usage() { sed -n '2,20s/^# \{0,1\}//p' "$0" >&2; exit 2; }
if [ $# -lt 2 ] || [ $# -gt 3 ]; then usage; fi
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" 2>/dev/null && pwd) || { echo "gpu.sh: no build in '$1'" >&2; exit 2; }
part=${3:-all}
case $part in test | verify | tune | bench | all) ;; *) usage ;; esac
convoke=$build/bin/convoke
[ -x "$convoke" ] || { echo "gpu.sh: $convoke is not there: give the folder of a build, with bin/ and lib/" >&2; exit 2; }
mkdir -p "$2" || exit 2
out=$(cd "$2" && pwd)
export CONVOKE_CACHE_DIR="${CONVOKE_CACHE_DIR:-$out/cache}"
python=${PYTHON:-python3}
lists=$here/examples/problems
batch=${CONVOKE_GPU_VERIFY_BATCH:-2}
epilogue='relu(acc*scale[k]+bias[k])' # of 8-bit problems in bench/cudnn.py, and of the f16 ones beside them
wrong=0
merged=no  # yes: a step's stdout goes to its log too
mkdir -p "$CONVOKE_CACHE_DIR"
steps=$out/steps_$part.txt
: >"$steps"

# step NAME SECONDS COMMAND...: runs it under its limit and notes how it ended.
step() {
  name=$1 limit=$2
  shift 2
  begin=$(date +%s)
  printf '%s ...\n' "$name" >&2
  if [ "$merged" = yes ]; then
    timeout -k 10 "$limit" "$@" >"$out/$name.log" 2>&1 </dev/null
  else
    timeout -k 10 "$limit" "$@" >"$out/$name.jsonl" 2>"$out/$name.log" </dev/null
  fi
  status=$?
  seconds=$(($(date +%s) - begin))
  case $status in
    0) verdict=fine ;;
    124 | 137) verdict="stopped after $limit s" wrong=1 ;;
    *) verdict="exit $status" wrong=1 ;;
  esac
  note=$(grep -v '^[[:space:]]*$' "$out/$name.log" | tail -n 1 | cut -c 1-160)
  printf '%-34s %-20s %5s s  %s\n' "$name" "$verdict" "$seconds" "$note" | tee -a "$steps" >&2
  return $status
}

wants() { [ "$part" = all ] || [ "$part" = "$1" ]; }

run_tests() {
  merged=yes
  for program in "$build"/bin/gpu_*_test; do
    step "$(basename "$program")" 240 "$program" --gtest_brief=1 --gtest_color=no
  done
  merged=no
  sanitize
}

# Small problems that reach every family, tail, layout and split; --config picks the family.
sanitize() {
  tool=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
  if [ ! -x "$tool" ]; then
    echo 'compute-sanitizer is neither on the PATH nor in /usr/local/cuda/bin: not run' | tee "$out/sanitizer.log" >&2
    return
  fi
  while read -r family config problem; do
    for check in memcheck racecheck initcheck; do
      # shellcheck disable=SC2086 # a problem is several words
      step "sanitizer_${check}_$family" 120 "$tool" --tool "$check" --error-exitcode 9 --print-limit 20 \
        "$convoke" verify --target cuda --json --config "$config" $problem
    done
  done <<'EOF'
mma cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2 mb2ic64ih9oc40kh3sh2ph1 dtype=f16
mma_odd cuda:mma,bm=32,bn=32,bk=32,wm=2,wn=2,stages=3 mb2ic13ih9oc21kh3ph1 dtype=bf16
mma_split cuda:mma,bm=64,bn=64,bk=32,wm=2,wn=2,stages=3,split=4 mb2ic64ih7oc64kh3ph1 dtype=f16
mma_cluster cuda:mma,bm=64,bn=64,bk=32,wm=2,wn=2,stages=3,split=2,split_by=cluster mb2ic64ih7oc64kh3ph1 dtype=tf32
mma_batch cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2,order=batch mb33ic64ih2oc64kh3ph1 dtype=f16
fma cuda:fma,bm=64,bn=64,bk=16,wm=2,wn=2,stages=3 mb2ic20ih9oc40kh3ph1
direct cuda:direct,bm=4,bn=4,bk=1 mb2ic3ih17oc10kh7sh2ph3 dtype=f16
depthwise cuda:depthwise,bm=4,bn=2,bk=2 g16mb2ic16ih14oc16kh3ph1 dtype=f16
mma_s8 cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=3 mb2ic48ih9oc40kh3sh2ph1 x=u8 w=s8 y=s8 quant=zp epilogue=acc*0.1
mma_s8_odd cuda:mma,bm=32,bn=32,bk=64,wm=2,wn=2,stages=3 mb2ic13ih9oc21kh3ph1 x=s8 w=s8 y=s32
mma_s8_pairs cuda:mma,bm=64,bn=32,bk=128,wm=2,wn=1,stages=3 mb2ic64ih9oc40kh3ph1 x=s8 w=s8 y=f32 quant=zp sparsity=nm:2:4
direct_u8 cuda:direct,bm=4,bn=4,bk=16 mb2ic32ih9oc10kh3ph1 x=u8 w=s8 y=f16 quant=zp epilogue=acc*0.1
depthwise_s8 cuda:depthwise,bm=4,bn=4,bk=2 g16mb2ic16ih14oc16kh3ph1 dtype=s8
EOF
}

run_verify() {
  for dtype in f16 bf16 tf32 f32 s8 u8; do
    set --
    for list in "$lists"/*.txt; do set -- "$@" --problems "$list"; done
    step "compile_$dtype" 300 "$convoke" compile --target cuda --json --batch "$batch" --dtype "$dtype" "$@" -o "$out/kernels"
    step "verify_$dtype" 300 env "CONVOKE_SYSTEM_CACHE=$out/kernels" \
      "$convoke" verify --target cuda --json --batch "$batch" --dtype "$dtype" "$@"
  done
}

run_tune() {
  seconds=${CONVOKE_GPU_TUNE_SECONDS:-170}
  for dtype in f16 f32; do
    for net in resnet50 resnet18_cifar; do
      step "tune_${net}_b128_$dtype" $((seconds + 60)) "$convoke" tune --target cuda --json --budget "$seconds" \
        --problems "$lists/$net.txt" --batch 128 --dtype "$dtype"
    done
  done
  for dtype in s8 f16; do
    step "tune_resnet50_b128_${dtype}_scaled" $((seconds + 60)) "$convoke" tune --target cuda --json --budget "$seconds" \
      --problems "$lists/resnet50.txt" --batch 128 --dtype "$dtype" --epilogue "$epilogue"
  done
  "$convoke" cache export -o "$out/samples.jsonl" || wrong=1
}

run_bench() {
  [ ! -f "$out/samples.jsonl" ] || "$convoke" cache import "$out/samples.jsonl" >&2 || wrong=1
  for dtype in f16 f32; do
    for net in resnet50 resnet18_cifar; do
      set --
      [ "$dtype" != f16 ] || set -- --study
      step "cudnn_${net}_b128_$dtype" 240 "$python" "$here/bench/cudnn.py" --library "$build/lib/libconvoke.so" \
        --problems "$lists/$net.txt" --batch 128 --dtype "$dtype" --seconds "${CONVOKE_GPU_BENCH_SECONDS:-1}" "$@"
    done
  done
  if [ -f "$build/lib/libconvoke_cudnn_int8.so" ]; then
    step cudnn_resnet50_b128_s8 590 "$python" "$here/bench/cudnn.py" --library "$build/lib/libconvoke.so" \
      --problems "$lists/resnet50.txt" --batch 128 --dtype s8 --against-f16 --seconds "${CONVOKE_GPU_BENCH_SECONDS:-1}"
  else
    echo "$build/lib/libconvoke_cudnn_int8.so is not in the build: 8 bits not compared (bench/README.md)" >&2
  fi
  if [ -x "$build/bin/cuda_overhead" ]; then
    step launch_overhead 60 "$python" "$here/bench/report.py" record "$out/overhead.jsonl" -- "$build/bin/cuda_overhead"
  else
    echo "$build/bin/cuda_overhead is not in the build: launch overhead not measured" >&2
  fi
}

step doctor 60 "$convoke" doctor --json
# Whether there is a GPU at all, before anything is tried on it.
step gpu 120 "$convoke" verify --target cuda --json mb1ic8ih4oc8kh1
code=$?
if [ $code -ne 0 ]; then
  echo "gpu.sh: no kernel runs on a GPU here (exit $code): $(tail -n 1 "$out/gpu.log")" >&2
  exit 4
fi
! wants test || run_tests
! wants verify || run_verify
! wants tune || run_tune
! wants bench || run_bench

echo
cat "$steps"
exit $wrong
