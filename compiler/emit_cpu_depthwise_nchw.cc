// Depthwise and small groups, nchw: lanes are pixels of a row, weights are broadcast. Which lanes a
// tap may read is known at compile time: at a border the others are neither loaded nor added to.
// One sum a vector is enough, since neighbouring vectors are independent and short.
#include <bit>

#include "compiler/emit_cpu_common.h"
#include "compiler/gemm_tiles.h"

namespace convoke {
namespace {

using llvm::AllocaInst;
using llvm::Value;
using Task = CpuEmitter::Task;

class PlanarEmitter {
 public:
  explicit PlanarEmitter(CpuEmitter& emitter)
      : e_(emitter), spec_(emitter.spec), sum_(emitter.variable(emitter.vec())) {}

  void emit() {
    const auto runs = make_tile_runs(spec_, spec_.q, e_.config.mr, false);
    e_.for_each_task([&](const Task& task) {
      Value* const k_end = e_.min(e_.mul(task.panel_end, e_.lanes), e_.i64(spec_.k));
      e_.loop(task.image_begin, task.image_end, 1, [&](Value* image) {
        e_.loop(e_.mul(task.panel_begin, e_.lanes), k_end, 1, [&](Value* k) {
          e_.loop(task.row_begin, task.row_end, 1, [&](Value* p) { emit_row(image, k, p, runs); });
        });
      });
    });
  }

 private:
  struct Row {
    Value *x, *weights, *k, *y, *r_begin, *r_end;
  };

  void emit_row(Value* image, Value* k, Value* p, const std::vector<TileRun>& runs) {
    const auto [r_begin, r_end] = e_.valid_r(p);
    Value* const channel = e_.mul(e_.div(k, spec_.k_per_group()), spec_.c_per_group());
    Value* const plane = e_.add(e_.mul(image, spec_.c), channel);
    Value* const h = e_.add(e_.mul(p, spec_.stride_h), -spec_.pad_h);
    Value* const element = e_.add(e_.mul(e_.add(e_.mul(plane, spec_.h), h), spec_.w), -spec_.pad_w);
    Value* const panel =
        e_.mul(e_.div(k, e_.lanes), e_.schedule.weights.kinds.front().panel_elements);
    const Row row{e_.offset(e_.x, e_.mul(element, size_of(spec_.x_type))),
                  e_.offset(e_.w, e_.mul(e_.add(panel, e_.rem(k, e_.lanes)), 4)),
                  k,
                  e_.y_offset(image, k, p, e_.i64(0)),
                  r_begin,
                  r_end};
    for (const TileRun& run : runs) {
      e_.loop(run.q, run.q + run.count * run.size, run.size,
              [&](Value* q) { emit_tile(row, q, run); });
    }
  }

  void emit_tile(const Row& row, Value* q, const TileRun& run) {
    const PackedWeights& packed = e_.schedule.weights;
    const std::int64_t size = size_of(spec_.x_type);
    e_.set(sum_, e_.zero());
    Value* const x = e_.offset(row.x, e_.mul(q, spec_.stride_w * size));
    e_.loop(row.r_begin, row.r_end, 1, [&](Value* r) {
      Value* const line = e_.offset(x, e_.mul(r, spec_.dilation_h * spec_.w * size));
      const std::int64_t row_bytes = packed.s.size() * spec_.c_per_group() * e_.lanes * 4;
      Value* const weights = e_.offset(row.weights, e_.mul(e_.add(r, -packed.r.begin), row_bytes));
      for (std::int64_t s = 0; s < packed.s.size(); ++s) {
        const std::uint64_t valid = run.valid[static_cast<std::size_t>(s)];
        if (valid == 0) continue;
        for (std::int64_t c = 0; c < spec_.c_per_group(); ++c) {
          const std::int64_t at = c * spec_.h * spec_.w + (packed.s.begin + s) * spec_.dilation_w;
          Value* const weight = e_.offset(weights, (s * spec_.c_per_group() + c) * e_.lanes * 4);
          add_tap(e_.offset(line, at * size), weight, valid, run.size);
        }
      }
    });
    e_.finish_row(e_.get(sum_), row.k, e_.add(row.y, q), static_cast<int>(run.size));
  }

  /// Valid lanes are always neighbours: the columns that they read are.
  void add_tap(Value* x, Value* weight, std::uint64_t valid, std::int64_t pixels) {
    const int first = std::countr_zero(valid), count = std::popcount(valid);
    Value* const input = load_pixels(x, first, count);
    Value* const factor = e_.splat(e_.load_scalar(weight, DataType::kF32));
    Value* const before = e_.get(sum_);
    Value* after = e_.fma(input, factor, before);
    if (count < pixels) {
      std::vector<llvm::Constant*> mask;
      for (int lane = 0; lane < e_.lanes; ++lane) mask.push_back(e_.b.getInt1(valid >> lane & 1));
      after = e_.b.CreateSelect(llvm::ConstantVector::get(mask), after, before);
    }
    e_.set(sum_, after);
  }

  /// Input of pixels first .. first + count - 1 in the lanes of these numbers; other lanes hold
  /// anything.
  Value* load_pixels(Value* x, int first, int count) {
    const int stride = static_cast<int>(spec_.stride_w);
    Value* const from = e_.offset(x, std::int64_t{first} * stride * size_of(spec_.x_type));
    Value* const loaded = e_.load_input(from, e_.lanes * stride, (count - 1) * stride + 1);
    if (first == 0 && stride == 1) return loaded;
    std::vector<int> lanes;
    for (int lane = 0; lane < e_.lanes; ++lane) {
      lanes.push_back(lane >= first && lane < first + count ? (lane - first) * stride : -1);
    }
    return e_.b.CreateShuffleVector(loaded, lanes);
  }

  CpuEmitter& e_;
  const ConvSpec& spec_;
  AllocaInst* sum_;
};

}  // namespace

void emit_depthwise_nchw(CpuEmitter& e) { PlanarEmitter(e).emit(); }

}  // namespace convoke
