// Depthwise and small groups, nhwc: lanes are output channels and a tile of pixels along q stays in
// registers. A column of the input is loaded once for all the taps and pixels of a row that it
// meets; which those are is known at compile time, borders too. Rows of taps are a loop with valid
// bounds. Channels run innermost: input and output then pass by in the order of memory, weights
// stay cached.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "compiler/emit_cpu_common.h"
#include "compiler/gemm_tiles.h"

namespace convoke {
namespace {

using llvm::AllocaInst;
using llvm::Value;
using Task = CpuEmitter::Task;

/// An image of this size is near enough without prefetching (the second level of most processors).
constexpr std::int64_t kNearBytes = 256 << 10;

/// Column `at` of a tile (0: what tap 0 of pixel 0 reads) and the products that use it.
struct Column {
  struct Use {
    int pixel;
    std::int64_t tap;  ///< packed s
  };
  std::int64_t at = 0;
  std::vector<Use> uses;
};

std::vector<Column> columns_of(const ConvSpec& spec, const TileRun& run) {
  const Range taps = spec.live_s();
  std::vector<Column> columns;
  for (std::int64_t s = 0; s < taps.size(); ++s) {
    for (int i = 0; i < run.size; ++i) {
      if ((run.valid[static_cast<std::size_t>(s)] >> i & 1) == 0) continue;
      const std::int64_t at = i * spec.stride_w + (taps.begin + s) * spec.dilation_w;
      auto place = columns.begin();
      while (place != columns.end() && place->at < at) ++place;
      if (place == columns.end() || place->at != at) place = columns.insert(place, Column{at, {}});
      place->uses.push_back({i, s});
    }
  }
  return columns;
}

/// Neighbouring columns add to the same pixels, and an addition must wait for the one before it:
/// deals the columns out of several stretches in turn, so that kDistance products lie between such
/// two.
std::vector<Column> interleave(const std::vector<Column>& columns) {
  constexpr std::size_t kDistance =
      8;  // latency of a multiply-add times those that start in a cycle
  std::size_t uses = 0;
  for (const Column& column : columns) uses += column.uses.size();
  const std::size_t stretches =
      (kDistance * columns.size() + uses - 1) / std::max<std::size_t>(uses, 1);
  const std::size_t length = (columns.size() + stretches - 1) / std::max<std::size_t>(stretches, 1);
  std::vector<Column> result;
  for (std::size_t i = 0; i < length; ++i) {
    for (std::size_t j = i; j < columns.size(); j += length) result.push_back(columns[j]);
  }
  return result;
}

class DepthwiseEmitter {
 public:
  DepthwiseEmitter(CpuEmitter& emitter) : e_(emitter), spec_(emitter.spec) {}

  void emit() {
    const auto runs = make_tile_runs(spec_, spec_.q, e_.config.mr, false);
    for (const TileRun& run : runs) columns_.push_back(interleave(columns_of(spec_, run)));
    for (int i = 0; i < e_.config.mr; ++i) sums_.push_back(e_.variable(e_.vec()));
    e_.for_each_task([&](const Task& task) {
      e_.loop(task.image_begin, task.image_end, 1, [&](Value* image) {
        e_.loop(task.panel_begin, task.panel_end, e_.config.nv, [&](Value* panel) {
          Value* const end = e_.min(e_.add(panel, e_.config.nv), task.panel_end);
          e_.loop(task.row_begin, task.row_end, 1, [&](Value* p) {
            const auto [r_begin, r_end] = e_.valid_r(p);
            const Place row{image, p, nullptr, r_begin, r_end};
            for (std::size_t i = 0; i < runs.size(); ++i)
              emit_run(row, panel, end, runs[i], columns_[i]);
          });
        });
      });
    });
  }

 private:
  struct Place {
    Value *image, *p, *q, *r_begin, *r_end;
  };

  void emit_run(const Place& row, Value* begin, Value* end, const TileRun& run,
                const std::vector<Column>& columns) {
    e_.loop(run.q, run.q + run.count * run.size, run.size, [&](Value* q) {
      Place place = row;
      place.q = q;
      for (const PanelPiece& piece : make_panel_pieces(e_.schedule, spec_.k)) {
        e_.loop(e_.max(begin, e_.i64(piece.first)), e_.min(end, e_.i64(piece.first + piece.count)),
                1, [&](Value* panel) { emit_tile(place, panel, piece, run, columns); });
      }
    });
  }

  void emit_tile(const Place& at, Value* panel, const PanelPiece& piece, const TileRun& run,
                 const std::vector<Column>& columns) {
    const PackedWeights& packed = e_.schedule.weights;
    const int size = size_of(spec_.x_type);
    for (int i = 0; i < run.size; ++i) e_.set(sums_[i], e_.zero());
    Value* const k = e_.mul(panel, e_.lanes);
    Value* const weights = e_.offset(e_.w, e_.mul(panel, piece.panel_elements * 4));
    Value* const group = e_.div(k, spec_.k_per_group());
    Value* const channel = e_.mul(group, spec_.c_per_group());
    const std::int64_t row_bytes = spec_.w * spec_.c * size;
    const std::int64_t weight_bytes = packed.s.size() * spec_.c_per_group() * e_.lanes * 4;
    // Of input row -pad_h, and of column -pad_w there: nothing outside the image is ever loaded.
    Value* const row =
        e_.add(e_.add(e_.mul(at.image, spec_.h), e_.mul(at.p, spec_.stride_h)), -spec_.pad_h);
    Value* const column = e_.add(e_.mul(at.q, spec_.stride_w), -spec_.pad_w);
    Value* const element = e_.add(e_.mul(e_.add(e_.mul(row, spec_.w), column), spec_.c), channel);
    Value* const x = e_.offset(e_.x, e_.mul(element, size));
    e_.loop(at.r_begin, at.r_end, 1, [&](Value* r) {
      Value* const tap_row = e_.add(r, -packed.r.begin);
      emit_tap_row(e_.offset(x, e_.mul(r, spec_.dilation_h * row_bytes)),
                   e_.offset(weights, e_.mul(tap_row, weight_bytes)), piece.last_lanes, columns);
    });
    Value* const y = e_.y_offset(at.image, k, at.p, at.q);
    const std::int64_t y_stride = spec_.y_layout == Layout::kNhwc ? spec_.k : 1;
    if (spec_.h * spec_.w * spec_.c * size > kNearBytes) {
      prefetch_input(x, run);
      if (spec_.y_layout == Layout::kNhwc) prefetch_output(y, run);
    }
    for (int i = 0; i < run.size; ++i) {
      e_.finish(e_.get(sums_[i]), k, e_.add(y, i * y_stride), piece.last_lanes);
    }
  }

  /// The input rows that the next output row is the first to read.
  void prefetch_input(Value* x, const TileRun& run) {
    // Wider strides skip lines, and would make code of every skipped column.
    if (spec_.stride_w > 2 || spec_.stride_h > 2) return;
    const std::int64_t pixel_bytes = spec_.c * size_of(spec_.x_type);
    const Range taps = spec_.live_r();
    for (std::int64_t r = std::max(taps.begin, taps.end - spec_.stride_h); r < taps.end; ++r) {
      const std::int64_t row = r * spec_.dilation_h + spec_.stride_h;
      for (std::int64_t i = 0; i < run.size * spec_.stride_w; ++i) {
        prefetch(e_.offset(x, (row * spec_.w + spec_.pad_w + i) * pixel_bytes), false);
      }
    }
  }

  void prefetch_output(Value* y, const TileRun& run) {
    for (std::int64_t i = 0; i < run.size; ++i) {
      Value* const element = e_.add(y, (spec_.q + i) * spec_.k);
      prefetch(e_.offset(e_.y, e_.mul(element, size_of(spec_.y_type))), true);
    }
  }

  void prefetch(Value* pointer, bool to_write) {
    llvm::IRBuilder<>& b = e_.b;
    b.CreateIntrinsic(llvm::Intrinsic::prefetch, {b.getPtrTy()},
                      {pointer, b.getInt32(to_write), b.getInt32(3), b.getInt32(1)});
  }

  /// All taps s of one r for the pixels of a tile.
  void emit_tap_row(Value* x, Value* weights, int filters, const std::vector<Column>& columns) {
    const int channels = static_cast<int>(spec_.c_per_group());
    for (const Column& column : columns) {
      Value* const loaded =
          load_groups(e_.offset(x, column.at * spec_.c * size_of(spec_.x_type)), filters);
      for (int c = 0; c < channels; ++c) {
        Value* const input = spread(loaded, c);
        for (const Column::Use& use : column.uses) {
          const std::int64_t index = use.tap * channels + c;
          Value* const weight = e_.load_vector(e_.offset(weights, index * e_.lanes * 4),
                                               DataType::kF32, e_.lanes, e_.lanes);
          e_.set(sums_[use.pixel], e_.fma(input, weight, e_.get(sums_[use.pixel])));
        }
      }
    }
  }

  int groups_of(int filters) const {
    return static_cast<int>(std::max<std::int64_t>(filters / spec_.k_per_group(), 1));
  }

  /// The input channels of the groups that `filters` lanes belong to.
  Value* load_groups(Value* x, int filters) {
    const int channels = static_cast<int>(spec_.c_per_group());
    return e_.load_input(x, groups_of(e_.lanes) * channels, groups_of(filters) * channels);
  }

  /// Channel c of its own group in every lane.
  Value* spread(Value* loaded, int c) {
    const int channels = static_cast<int>(spec_.c_per_group());
    if (channels == 1 && spec_.k_per_group() == 1) return loaded;
    std::vector<int> lanes;
    for (int lane = 0; lane < e_.lanes; ++lane) {
      const int group = groups_of(e_.lanes) == 1 ? 0 : lane / static_cast<int>(spec_.k_per_group());
      lanes.push_back(group * channels + c);
    }
    return e_.b.CreateShuffleVector(loaded, lanes);
  }

  CpuEmitter& e_;
  const ConvSpec& spec_;
  std::vector<std::vector<Column>> columns_;
  std::vector<AllocaInst*> sums_;
};

}  // namespace

void emit_depthwise(CpuEmitter& e) {
  if (e.spec.x_layout == Layout::kNchw) {
    emit_depthwise_nchw(e);
  } else {
    DepthwiseEmitter(e).emit();
  }
}

}  // namespace convoke
