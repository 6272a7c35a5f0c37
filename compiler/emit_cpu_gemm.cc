// Implicit GEMM: pixels times packed panels of filters, in registers, without an im2col buffer. A
// tile is `size` pixels by `vectors` vectors of filters; each step broadcasts one channel of every
// pixel and multiplies it into the panel's row. Borders: with axis=q the valid pixels of each tap
// are constants of the code, with axis=n the valid taps are a runtime range that all pixels of a
// tile share.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <algorithm>

#include "compiler/cpu_windows.h"
#include "compiler/emit_cpu_common.h"
#include "compiler/gemm_tiles.h"

namespace convoke {
namespace {

using llvm::Value;
using Task = CpuEmitter::Task;

/// Longest run of steps that is unrolled whole.
constexpr std::int64_t kWholeSteps = 8;
constexpr std::int64_t kWholeMergedSteps = 64;
/// Pixels that several unrolled steps read would be loaded once and then spilled, for all registers
/// hold sums: 500 spills and a fifth of the speed in a 7x7 stem. A fence of the compiler (no
/// instruction) every few steps keeps them apart.
constexpr std::int64_t kStepsPerFence = 4;
/// Sums that hide the latency of a multiply-add: two begin each cycle, one takes four.
constexpr std::int64_t kHiddenSums = 8;

class Gemm {
 public:
  explicit Gemm(CpuEmitter& emitter)
      : e(emitter), spec(e.spec), schedule(e.schedule), packed(schedule.weights) {
    x_size_ = gemm_x_size(schedule);
    w_size_ = size_of(packed.type);
    pixel_bytes_ = gemm_pixel_bytes(spec, schedule);
    row_bytes_ = spec.w * pixel_bytes_;
    blocks_ = spec.c_per_group() / packed.kc;
    kc_ = packed.pairs() * packed.pair;
  }

  void emit() {
    e.for_each_task([&](const Task& task) {
      Value* x = e.offset(e.x, e.mul(task.group, spec.c_per_group() * x_size_));
      image_bytes_ = spec.h * row_bytes_;
      if (schedule.staged) {
        image_bytes_ = schedule.image_bytes;
        x = emit_staging(e, task);
      }
      for (const PanelPiece& piece : make_panel_pieces(schedule, packed.filters)) {
        panels(task, piece, x);
      }
      if (spread_) emit_spread(e, task);
    });
  }

 private:
  /// One tile: which code, and where it stands.
  struct Tile {
    const PanelPiece& piece;
    std::int64_t size;  ///< pixels
    Value* x;           ///< input at (image, h 0, w 0, first channel of the block)
    Value* weights;     ///< of this panel and channel block
    Value* picks;       ///< windows_: of this panel
    Value* block;       ///< channel block
    Value *image, *p, *q, *k;
    Value* list;         ///< lists_: number of the block's first list in the table
    Value* sums;         ///< spread_: of the task's pixel 0, filter 0 of the panel
    Value* weight_sums;  ///< PanelPlace::sums
  };
  /// The valid taps of a pixel of a tile.
  using Taps = std::function<TapRectangle(std::int64_t pixel)>;

  using Accumulators = std::vector<llvm::AllocaInst*>;  // [pixel * vectors + vector]

  void panels(const Task& task, const PanelPiece& piece, Value* x) {
    Value* first = e.max(task.panel_begin, e.i64(piece.first));
    Value* last = e.min(task.panel_end, e.i64(piece.first + piece.count));
    e.loop(first, last, 1, [&](Value* panel) {
      PanelPlace place = e.panel_place(task, piece, panel);
      Value* list = nullptr;
      if (lists_) {
        const std::int64_t panels = packed.kinds.back().first + packed.kinds.back().count;
        Value* number = e.add(e.mul(task.group, panels), panel);
        Value* base = e.table_i64(schedule.sparse.bases, number);
        place.weights = e.offset(e.w, base);
        if (windows_) {  // an eighth of the weights' bytes
          Value* picks = e.b.CreateAShr(base, 3, "", true);
          place.picks = e.offset(e.tables, e.add(picks, schedule.sparse.picks));
        }
        list = e.mul(number, blocks_ * taps() + 1);
      }
      Value* sums = spread_ ? spread_sums(task, panel) : nullptr;
      e.loop(0, blocks_, 1, [&](Value* block) {
        Tile tile{piece,   0,       x,       place.weights, place.picks, block,     nullptr,
                  nullptr, nullptr, place.k, list,          sums,        place.sums};
        if (lists_) {  // their entries hold the channel
          tile.list = e.add(list, e.mul(block, taps()));
        } else {
          tile.x = e.offset(x, e.mul(block, packed.kc * x_size_));
          tile.weights =
              e.offset(place.weights, e.mul(block, piece.panel_elements / blocks_ * w_size_));
        }
        if (e.config.axis == TileAxis::kAxisQ) {
          tiles_along_row(task, tile);
        } else {
          tiles_along_batch(task, tile);
        }
      });
    });
  }

  std::int64_t taps() const { return packed.r.size() * packed.s.size(); }

  /// The sums of the task's pixels begin at image image_begin, row row_begin.
  Value* spread_sums(const Task& task, Value* panel) {
    const int wide = packed.kinds.front().vectors, begin = packed.kinds.front().count;
    // Filters before a panel of the group: the first panels may be wider.
    auto filters_before = [&](Value* of) {
      Value* vectors = e.mul(e.min(of, e.i64(begin)), wide);
      if (packed.kinds.size() > 1) {
        Value* rest = e.max(e.sub(of, e.i64(begin)), e.i64(0));
        vectors = e.add(vectors, e.mul(rest, packed.kinds.back().vectors));
      }
      return e.mul(vectors, e.lanes);
    };
    Value* filter = e.sub(filters_before(panel), filters_before(task.panel_begin));
    Value* pixel = e.add(e.mul(task.image_begin, schedule.rows_per_task * spec.q),
                         e.mul(task.row_begin, spec.q));
    Value* at = e.sub(filter, e.mul(pixel, schedule.sums_filters));
    return e.offset(e.scratch, e.add(e.mul(at, 4), schedule.sums));
  }

  void tiles_along_row(const Task& task, Tile tile) {
    const std::int64_t length = schedule.flat ? schedule.rows_per_task * spec.q : spec.q;
    const std::vector<TileRun> runs = make_tile_runs(spec, length, e.config.mr, schedule.flat);
    tile.image = task.image_begin;
    tile.x = e.offset(tile.x, e.mul(task.image_begin, image_bytes_));
    auto row = [&](Value* p, Value* q) {
      for (const TileRun& run : runs) {
        e.loop(0, run.count, 1, [&](Value* index) {
          Tile one = tile;
          one.size = run.size;
          one.p = p;
          one.q = e.add(q, e.add(e.mul(index, run.size), run.q));
          row_tile(one, run);
        });
      }
    };
    if (schedule.flat) {
      row(e.i64(0), e.mul(task.row_begin, spec.q));
    } else {
      e.loop(task.row_begin, task.row_end, 1, [&](Value* p) { row(p, e.i64(0)); });
    }
  }

  void row_tile(const Tile& tile, const TileRun& run) {
    const auto [r_begin, r_end] =
        schedule.flat ? std::pair<Value*, Value*>{e.i64(0), e.i64(1)} : e.valid_r(tile.p);
    const std::int64_t s_count = packed.s.size();
    const Accumulators acc = start(tile, [&, from = r_begin, to = r_end](std::int64_t pixel) {
      const Range columns = run.columns(pixel);
      return TapRectangle{from, to, e.i64(packed.s.begin + columns.begin),
                          e.i64(packed.s.begin + columns.end)};
    });
    const std::int64_t tap_bytes = kc_ * tile.piece.vectors * e.lanes * w_size_;
    if (lists_) {
      row_lists(tile, acc, run, r_begin, r_end);
      finish(tile, acc, spec.y_layout == Layout::kNhwc ? spec.k : 1);
      return;
    }
    e.loop(r_begin, r_end, 1, [&](Value* r) {
      Value* x = e.offset(input_row(tile, r), e.mul(tile.q, spec.stride_w * pixel_bytes_));
      Value* weights =
          e.offset(tile.weights, e.mul(e.sub(r, e.i64(packed.r.begin)), s_count * tap_bytes));
      for (std::int64_t i = 0; i < s_count; ++i) {
        const std::uint64_t valid = run.valid[static_cast<std::size_t>(i)];
        if (valid == 0) continue;
        const bool whole_row = run.interior && schedule.merged;
        const std::int64_t column = (packed.s.begin + i) * spec.dilation_w - spec.pad_w;
        steps(tile, acc, valid, spec.stride_w * pixel_bytes_, e.offset(x, column * pixel_bytes_),
              e.offset(weights, i * tap_bytes), e.i64(whole_row ? s_count * kc_ : kc_));
        if (whole_row) break;
      }
    });
    finish(tile, acc, spec.y_layout == Layout::kNhwc ? spec.k : 1);
  }

  /// The lists of taps follow each other, so that where all columns are valid one loop does all.
  void row_lists(const Tile& tile, const Accumulators& acc, const TileRun& run, Value* r_begin,
                 Value* r_end) {
    const std::int64_t s_count = packed.s.size(), stride = spec.stride_w * pixel_bytes_;
    Value* x = list_origin(tile);
    auto list_of = [&](Value* r, std::int64_t s) {
      return e.add(tile.list, e.add(e.mul(e.sub(r, e.i64(packed.r.begin)), s_count), s));
    };
    if (run.interior) {
      Value* first = e.min(r_begin, r_end);  // no valid tap may mean any pair
      walk(tile, acc, run.valid.front(), stride, x, list_of(first, 0), list_of(r_end, 0));
      return;
    }
    e.loop(r_begin, r_end, 1, [&](Value* r) {
      for (std::int64_t s = 0; s < s_count; ++s) {
        const std::uint64_t valid = run.valid[static_cast<std::size_t>(s)];
        if (valid != 0) walk(tile, acc, valid, stride, x, list_of(r, s), list_of(r, s + 1));
      }
    });
  }

  /// Where tap (0, 0) of the tile's first pixel reads, inside the image or not.
  Value* list_origin(const Tile& tile) {
    Value* h = e.add(e.mul(tile.p, spec.stride_h), -spec.pad_h);
    Value* w = e.add(e.mul(tile.q, spec.stride_w), -spec.pad_w);
    Value* x = schedule.flat ? tile.x : e.offset(tile.x, e.mul(h, row_bytes_));
    return e.offset(x, e.mul(w, pixel_bytes_));
  }

  /// Multiplies the steps of lists [first, last).
  void walk(const Tile& tile, const Accumulators& acc, std::uint64_t valid,
            std::int64_t pixel_stride, Value* x, Value* first, Value* last) {
    const std::int64_t row_bytes = tile.piece.vectors * e.lanes * w_size_ * packed.pair;
    const std::int64_t unroll = e.config.unroll;
    auto run = [&](Value* entry, std::int64_t count) {
      Value* weights = e.offset(tile.weights, e.mul(entry, row_bytes));
      for (std::int64_t i = 0; i < count; ++i) {
        if (i % kStepsPerFence == 0) fence();
        Value* offset = e.table_i32(schedule.sparse.offsets + 4 * i, entry);
        if (windows_) {
          Value* picks =
              e.offset(tile.picks, e.add(e.mul(entry, row_bytes / 8), i * row_bytes / 8));
          window_step(tile, acc, i, valid, pixel_stride, e.offset(x, offset), picks,
                      e.offset(weights, i * row_bytes));
          continue;
        }
        step(tile, acc, valid, pixel_stride, e.offset(x, offset), 0,
             e.offset(weights, i * row_bytes));
      }
    };
    Value* begin = e.table_i32(schedule.sparse.begins, first);
    Value* end = e.table_i32(schedule.sparse.begins, last);
    Value* whole = begin;
    if (unroll > 1) {
      whole = e.sub(end, e.rem(e.sub(end, begin), unroll));
      e.loop(begin, whole, unroll, [&](Value* entry) { run(entry, unroll); });
    }
    e.loop(whole, end, 1, [&](Value* entry) { run(entry, 1); });
  }

  /// Of the compiler: no instruction.
  void fence() {
    e.b.CreateFence(llvm::AtomicOrdering::SequentiallyConsistent, llvm::SyncScope::SingleThread);
  }

  void tiles_along_batch(const Task& task, Tile tile) {
    const std::int64_t mr = e.config.mr;
    Value* count = e.sub(task.image_end, task.image_begin);
    Value* rest = e.rem(count, mr);
    Value* full_end = e.sub(task.image_end, rest);
    auto tiles = [&](Value* image, std::int64_t size) {
      Tile one = tile;
      one.size = size;
      one.image = image;
      one.x = e.offset(tile.x, e.mul(image, image_bytes_));
      e.loop(0, spec.p, 1, [&](Value* p) {
        e.loop(0, spec.q, 1, [&](Value* q) {
          one.p = p;
          one.q = q;
          batch_tile(one);
        });
      });
    };
    e.loop(task.image_begin, full_end, mr, [&](Value* image) { tiles(image, mr); });
    for (std::int64_t size = 1; size < mr; ++size) {
      e.if_then(e.b.CreateICmpEQ(rest, e.i64(size)), [&] { tiles(full_end, size); });
    }
  }

  void batch_tile(const Tile& tile) {
    const auto [r_begin, r_end] = e.valid_r(tile.p);
    const auto [s_begin, s_end] = e.valid_s(tile.q);
    const TapRectangle valid{r_begin, r_end, s_begin, s_end};
    const Accumulators acc = start(tile, [&](std::int64_t) { return valid; });
    const std::uint64_t all = (std::uint64_t{1} << tile.size) - 1;
    const std::int64_t s_count = packed.s.size();
    const std::int64_t tap_bytes = kc_ * tile.piece.vectors * e.lanes * w_size_;
    const std::int64_t unroll = e.config.unroll * packed.pair;
    const bool whole_row = schedule.merged && kc_ % unroll == 0;
    Value* s_taps = e.sub(s_end, s_begin);
    Value *s_from = s_begin, *s_to = s_end;
    if (lists_) {
      Value* x = list_origin(tile);
      e.loop(r_begin, r_end, 1, [&](Value* r) {
        Value* row = e.add(tile.list, e.mul(e.sub(r, e.i64(packed.r.begin)), s_count));
        Value* first = e.sub(e.min(s_from, s_to), e.i64(packed.s.begin));
        Value* last = e.sub(s_to, e.i64(packed.s.begin));
        walk(tile, acc, all, image_bytes_, x, e.add(row, first), e.add(row, last));
      });
      finish(tile, acc, spec.y_elements(1));
      return;
    }
    e.loop(r_begin, r_end, 1, [&](Value* r) {
      Value* x = e.offset(input_row(tile, r), e.mul(tile.q, spec.stride_w * pixel_bytes_));
      Value* weights =
          e.offset(tile.weights, e.mul(e.sub(r, e.i64(packed.r.begin)), s_count * tap_bytes));
      auto taps = [&](Value* s, Value* channel_steps) {
        Value* column = e.add(e.mul(s, spec.dilation_w), -spec.pad_w);
        steps(tile, acc, all, image_bytes_, e.offset(x, e.mul(column, pixel_bytes_)),
              e.offset(weights, e.mul(e.sub(s, e.i64(packed.s.begin)), tap_bytes)), channel_steps);
      };
      if (whole_row) {
        e.if_then(e.b.CreateICmpSGT(s_taps, e.i64(0)), [&] { taps(s_from, e.mul(s_taps, kc_)); });
      } else {
        e.loop(s_from, s_to, 1, [&](Value* s) { taps(s, e.i64(kc_)); });
      }
    });
    finish(tile, acc, spec.y_elements(1));
  }

  Value* input_row(const Tile& tile, Value* r) {
    if (schedule.flat) return tile.x;
    Value* h = e.add(e.add(e.mul(tile.p, spec.stride_h), e.mul(r, spec.dilation_h)), -spec.pad_h);
    return e.offset(tile.x, e.mul(h, row_bytes_));
  }

  /// Multiplies `count` consecutive channels: x advances by a channel, the panel by a row, each
  /// step. A count that is not a constant is a multiple of the unrolling.
  void steps(const Tile& tile, const Accumulators& acc, std::uint64_t valid,
             std::int64_t pixel_stride, Value* x, Value* weights, Value* count) {
    const std::int64_t pair = packed.pair;
    const std::int64_t row_bytes = tile.piece.vectors * e.lanes * w_size_ * pair;
    auto run = [&](Value* x_at, Value* w_at, std::int64_t n) {
      for (std::int64_t i = 0; i < n; ++i) {
        if (i % kStepsPerFence == 0) fence();
        step(tile, acc, valid, pixel_stride, x_at, i * pair * x_size_,
             e.offset(w_at, i * row_bytes));
      }
    };
    const std::int64_t unroll = e.config.unroll;
    auto* constant = llvm::dyn_cast<llvm::ConstantInt>(count);
    const std::int64_t total = constant ? constant->getSExtValue() / pair : 0;
    const std::int64_t whole = kc_ < kWholeSteps ? kWholeMergedSteps : kWholeSteps;
    if (constant && total <= whole) {
      run(x, weights, total);
      return;
    }
    Value* end = constant ? e.i64(total / unroll * unroll * pair) : count;
    e.loop(e.i64(0), end, unroll * pair, [&](Value* c) {
      run(e.offset(x, e.mul(c, x_size_)), e.offset(weights, e.mul(c, row_bytes / pair)), unroll);
    });
    if (constant && total % unroll != 0) {
      const std::int64_t done = total / unroll * unroll;
      run(e.offset(x, done * pair * x_size_), e.offset(weights, done * row_bytes), total % unroll);
    }
  }

  void step(const Tile& tile, const Accumulators& acc, std::uint64_t valid,
            std::int64_t pixel_stride, Value* x, std::int64_t x_offset, Value* weights) {
    const int vectors = tile.piece.vectors;
    auto count = static_cast<unsigned>(e.lanes);
    const bool pairs = packed.pair != 1;  // or fours
    llvm::Type* element = schedule.dot ? e.b.getBFloatTy()
                          : pairs      ? e.b.getIntNTy(32U / static_cast<unsigned>(packed.pair))
                                       : e.f32();
    llvm::Type* row =
        llvm::FixedVectorType::get(element, static_cast<unsigned>(packed.pair) * count);
    std::vector<Value*> filters;
    for (int v = 0; v < vectors; ++v) {
      filters.push_back(e.b.CreateAlignedLoad(row, e.offset(weights, std::int64_t{v} * e.lanes * 4),
                                              llvm::Align(16)));
    }
    for (std::int64_t i = 0; i < tile.size; ++i) {
      if ((valid >> i & 1) == 0) continue;
      Value* pointer = e.offset(x, i * pixel_stride + x_offset);
      llvm::Type* scalar = pairs ? static_cast<llvm::Type*>(e.b.getInt32Ty()) : e.f32();
      const llvm::Align align(static_cast<unsigned>(x_size_));
      Value* pixel = e.splat(e.b.CreateAlignedLoad(scalar, pointer, align));
      if (pairs) pixel = e.b.CreateBitCast(pixel, row);
      for (int v = 0; v < vectors; ++v) {
        llvm::AllocaInst* sum = acc[static_cast<std::size_t>(i * vectors + v)];
        e.set(sum, product(pixel, filters[static_cast<std::size_t>(v)], e.get(sum)));
      }
    }
  }

  /// sum + pixel * filters, or of pairs and fours all products.
  Value* product(Value* pixel, Value* filters, Value* sum) {
    if (schedule.dot)
      return e.b.CreateIntrinsic(llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512, {},
                                 {sum, pixel, filters});
    if (schedule.integer)
      return packed.pair == 4 ? e.add_fours(sum, pixel, filters) : e.add_pairs(sum, pixel, filters);
    return e.fma(pixel, filters, sum);
  }

  /// As step(), of a window: in each lane, the pixel's channel that its filter picks.
  void window_step(const Tile& tile, const Accumulators& acc, std::int64_t number,
                   std::uint64_t valid, std::int64_t pixel_stride, Value* x, Value* picks,
                   Value* weights) {
    const int vectors = tile.piece.vectors;
    const std::int64_t sums = tile.size * vectors, chain = number % chains(tile) * sums;
    const auto window = static_cast<int>(schedule.sparse.window);
    std::vector<Value*> lanes, filters;
    for (int v = 0; v < vectors; ++v) {
      lanes.push_back(lane_picks(e.offset(picks, v * e.lanes / 2)));
      filters.push_back(e.load_vector(e.offset(weights, std::int64_t{v} * e.lanes * 4),
                                      DataType::kF32, e.lanes, e.lanes));
    }
    std::vector<int> repeated;
    for (int i = 0; i < e.lanes; ++i) repeated.push_back(i % window);
    for (std::int64_t i = 0; i < tile.size; ++i) {
      if ((valid >> i & 1) == 0) continue;
      Value* pixel = e.load_vector(e.offset(x, i * pixel_stride), DataType::kF32, window, window);
      if (window < e.lanes) pixel = e.b.CreateShuffleVector(pixel, repeated);
      for (int v = 0; v < vectors; ++v) {
        llvm::AllocaInst* sum = acc[static_cast<std::size_t>(chain + i * vectors + v)];
        Value* picked =
            e.b.CreateIntrinsic(permutation(), {}, {pixel, lanes[static_cast<std::size_t>(v)]});
        e.set(sum, e.fma(picked, filters[static_cast<std::size_t>(v)], e.get(sum)));
      }
    }
  }

  /// The instruction looks at the low bits of each lane alone, as many as it needs.
  llvm::Intrinsic::ID permutation() const {
    if (e.lanes == 16) return llvm::Intrinsic::x86_avx512_permvar_sf_512;
    return schedule.sparse.window == 4 ? llvm::Intrinsic::x86_avx_vpermilvar_ps_256
                                       : llvm::Intrinsic::x86_avx2_permps;
  }

  Value* lane_picks(Value* picks) {
    const int words = e.lanes / 8;
    auto* row = llvm::FixedVectorType::get(e.b.getInt32Ty(), static_cast<unsigned>(e.lanes));
    Value* word = e.b.CreateAlignedLoad(e.b.getIntNTy(32 * words), picks, llvm::Align(4));
    Value* all = e.b.CreateBitCast(e.b.CreateVectorSplat(8, word), row);
    std::vector<std::uint32_t> shifts;
    for (int i = 0; i < e.lanes; ++i) shifts.push_back(kPickBits * (i / words));
    return e.b.CreateLShr(all, llvm::ConstantDataVector::get(e.b.getContext(), shifts));
  }

  /// Sums that take turns where a tile has too few to hide a multiply-add's latency.
  std::int64_t chains(const Tile& tile) const {
    if (!windows_) return 1;
    return std::clamp<std::int64_t>(kHiddenSums / (tile.size * tile.piece.vectors), 1,
                                    e.config.unroll);
  }

  /// Adds the chains to the first.
  void join_chains(const Tile& tile, const Accumulators& acc) {
    const auto sums = static_cast<std::size_t>(tile.size * tile.piece.vectors);
    for (std::size_t i = sums; i < acc.size(); ++i)
      e.set(acc[i % sums], e.b.CreateFAdd(e.get(acc[i % sums]), e.get(acc[i])));
  }

  int filters_in(const Tile& tile, int vector) const {
    return vector == tile.piece.vectors - 1 ? tile.piece.last_lanes : e.lanes;
  }

  /// Element offset in y of a pixel of the tile; pixel i stands i * stride elements further.
  Value* y_at(const Tile& tile, int vector) {
    return e.y_offset(tile.image, e.add(tile.k, std::int64_t{vector} * e.lanes), tile.p, tile.q);
  }

  Accumulators start(const Tile& tile, const Taps& taps) {
    Accumulators acc;
    for (std::int64_t i = 0; i < tile.size * tile.piece.vectors * chains(tile); ++i)
      acc.push_back(e.variable(e.sum_vec()));
    auto zeros = [&] {
      for (std::size_t i = 0; i < acc.size(); ++i) {
        const auto pixel = static_cast<std::int64_t>(i) / tile.piece.vectors;
        const auto vector = static_cast<std::int64_t>(i) % tile.piece.vectors;
        Value* sums = tile.weight_sums;
        if (sums != nullptr) sums = e.offset(sums, vector * e.lanes * 4);
        e.set(acc[i], e.first_sum(sums, taps(pixel)));
      }
    };
    if (blocks_ == 1) {
      zeros();
      return acc;
    }
    if (spread_) {
      e.if_else(e.b.CreateICmpEQ(tile.block, e.i64(0)), zeros, [&] {
        each_spread_sum(tile, acc, [&](llvm::AllocaInst* sum, Value* at) {
          e.set(sum, e.load_vector(at, DataType::kF32, e.lanes, e.lanes));
        });
      });
      return acc;
    }
    const std::int64_t stride = e.config.axis == TileAxis::kAxisQ ? spec.k : spec.y_elements(1);
    e.if_else(e.b.CreateICmpEQ(tile.block, e.i64(0)), zeros, [&] {
      each_sum(tile, acc, stride, [&](llvm::AllocaInst* sum, Value* at, int vector) {
        e.set(sum, e.load_vector(e.offset(e.y, e.mul(at, 4)), DataType::kF32, e.lanes,
                                 filters_in(tile, vector)));
      });
    });
    return acc;
  }

  void finish(const Tile& tile, const Accumulators& acc, std::int64_t pixel_stride) {
    join_chains(tile, acc);
    if (spread_) {
      each_spread_sum(tile, acc, [&](llvm::AllocaInst* sum, Value* at) {
        Value* value = e.get(sum);
        if (schedule.integer) value = e.b.CreateSIToFP(value, e.vec());
        e.store_vector(value, at, DataType::kF32, e.lanes);
      });
      return;
    }
    auto last = [&] {
      each_sum(tile, acc, pixel_stride, [&](llvm::AllocaInst* sum, Value* at, int vector) {
        e.finish(e.get(sum), e.add(tile.k, std::int64_t{vector} * e.lanes), at,
                 filters_in(tile, vector));
      });
    };
    if (blocks_ == 1) {
      last();
      return;
    }
    // Partial sums wait in y itself: f32 nhwc, as why_illegal demands.
    e.if_else(e.b.CreateICmpEQ(tile.block, e.i64(blocks_ - 1)), last, [&] {
      each_sum(tile, acc, pixel_stride, [&](llvm::AllocaInst* sum, Value* at, int vector) {
        e.store_vector(e.get(sum), e.offset(e.y, e.mul(at, 4)), DataType::kF32,
                       filters_in(tile, vector));
      });
    });
  }

  void each_spread_sum(const Tile& tile, const Accumulators& acc,
                       const std::function<void(llvm::AllocaInst*, Value*)>& body) {
    const std::int64_t image_pixels = schedule.rows_per_task * spec.q;
    Value* pixel = e.add(e.mul(tile.image, image_pixels), e.add(e.mul(tile.p, spec.q), tile.q));
    Value* first = e.offset(tile.sums, e.mul(pixel, schedule.sums_filters * 4));
    const std::int64_t stride =
        (e.config.axis == TileAxis::kAxisQ ? 1 : image_pixels) * schedule.sums_filters * 4;
    for (int v = 0; v < tile.piece.vectors; ++v)
      for (std::int64_t i = 0; i < tile.size; ++i)
        body(acc[static_cast<std::size_t>(i * tile.piece.vectors + v)],
             e.offset(first, i * stride + std::int64_t{v} * e.lanes * 4));
  }

  void each_sum(const Tile& tile, const Accumulators& acc, std::int64_t pixel_stride,
                const std::function<void(llvm::AllocaInst*, Value*, int)>& body) {
    for (int v = 0; v < tile.piece.vectors; ++v) {
      Value* at = y_at(tile, v);
      for (std::int64_t i = 0; i < tile.size; ++i) {
        body(acc[static_cast<std::size_t>(i * tile.piece.vectors + v)], e.add(at, i * pixel_stride),
             v);
      }
    }
  }

  CpuEmitter& e;
  const ConvSpec& spec;
  const CpuSchedule& schedule;
  const PackedWeights& packed;
  const bool windows_ = schedule.sparse.form == SparseForm::kWindows;
  const bool lists_ = schedule.sparse.form == SparseForm::kLists || windows_;
  const bool spread_ = schedule.sparse.form == SparseForm::kChannels;
  std::int64_t x_size_, w_size_, pixel_bytes_, row_bytes_, image_bytes_ = 0, blocks_;
  std::int64_t kc_;  ///< channels of a block, the missing ones of its last pair or four included
};

}  // namespace

void emit_gemm(CpuEmitter& e) { Gemm(e).emit(); }

}  // namespace convoke
