// Implicit GEMM on AMX tiles: a tile register of pixels is loaded straight from the nhwc image (one
// row a pixel, any constant distance between pixels) and multiplied into packed weights, two bf16
// or four s8 of them at a time. Images of another layout, or whose channels are no multiple of
// those, are staged in scratch. Where a filter row's taps follow each other in the image, few
// channels fill a register together. All pixels of a tile must see the same taps, and padding may
// not be multiplied, not even by zero: so tiles run along the row where its columns see every tap,
// down the column at the borders, or along the batch.
#include <llvm/IR/IntrinsicsX86.h>

#include <algorithm>

#include "compiler/amx_tiles.h"
#include "compiler/emit_cpu_common.h"

namespace convoke {
namespace {

using llvm::Value;
using Task = CpuEmitter::Task;

class Amx {
 public:
  explicit Amx(CpuEmitter& emitter)
      : e(emitter),
        spec(e.spec),
        schedule(e.schedule),
        tiles_(e.config.mr / kAmxRows),
        depth_(amx_depth(schedule)),
        x_size_(gemm_x_size(schedule)),
        pair_(schedule.weights.pair),
        pixel_bytes_(gemm_pixel_bytes(spec, schedule)),
        row_bytes_(spec.w * pixel_bytes_),
        image_bytes_(schedule.staged ? schedule.image_bytes : spec.h * row_bytes_),
        y_column_(spec.y_layout == Layout::kNhwc ? spec.k : 1) {}

  void emit() {
    e.for_each_task([&](const Task& task) {
      Value* x = schedule.staged ? emit_staging(e, task)
                                 : e.offset(e.x, e.mul(task.group, spec.c_per_group() * x_size_));
      for (const PanelPiece& piece : make_panel_pieces(schedule, spec.k_per_group())) {
        Value* first = e.max(task.panel_begin, e.i64(piece.first));
        Value* last = e.min(task.panel_end, e.i64(piece.first + piece.count));
        llvm::GlobalVariable* tap_shapes = shape_table(piece, depth_.tap);
        llvm::GlobalVariable* row_shapes =
            depth_.row == 0 ? nullptr : shape_table(piece, depth_.row);
        e.loop(first, last, 1, [&](Value* panel) {
          const PanelPlace place = e.panel_place(task, piece, panel);
          const Panel at{piece, tap_shapes, row_shapes, x, place.weights, place.k, place.sums};
          if (e.config.axis == TileAxis::kAxisN) {
            along_batch(task, at);
          } else if (schedule.flat) {
            along_flat(task, at);
          } else {
            along_row(task, at);
            along_columns(task, at);
          }
        });
      }
    });
    // for_each_task ends with a return; the tiles are given back before it.
    e.b.SetInsertPoint(&e.b.GetInsertBlock()->back());
    e.b.CreateIntrinsic(llvm::Intrinsic::x86_tilerelease, {}, {});
  }

 private:
  struct Panel {
    const PanelPiece& piece;
    llvm::GlobalVariable *tap_shapes, *row_shapes;  ///< for AmxDepth::tap and ::row
    Value *x, *weights, *k;
    Value* sums;  ///< PanelPlace::sums
  };

  /// Where a tile stands: its first pixel and the distance to the next one.
  struct Place {
    Value *image, *p, *q;
    std::int64_t x_stride;  ///< bytes
    std::int64_t y_stride;  ///< elements
    bool whole_rows;        ///< all taps of a filter row are multiplied as one
  };

  llvm::Value* tile_number(int number) { return e.b.getInt8(static_cast<std::uint8_t>(number)); }
  int accumulator(int tile, int vector, int vectors) const { return tile * vectors + vector; }

  /// Tile configurations (palette 1) for 1..mr pixels, 64 bytes each.
  llvm::GlobalVariable* shape_table(const PanelPiece& piece, std::int64_t depth) {
    std::vector<std::uint8_t> bytes;
    for (int pixels = 1; pixels <= e.config.mr; ++pixels) {
      const std::size_t one = bytes.size();
      bytes.resize(one + 64);
      bytes[one] = 1;
      auto shape = [&](int number, int rows, std::int64_t row_bytes) {
        const std::size_t at = one + static_cast<std::size_t>(number);
        bytes[at + 16 + static_cast<std::size_t>(number)] = static_cast<std::uint8_t>(row_bytes);
        bytes[at + 48] = static_cast<std::uint8_t>(rows);
      };
      const AmxSplit split = amx_split(pixels, tiles_);
      for (int tile = 0; tile < tiles_; ++tile) {
        const int rows = split.size[static_cast<std::size_t>(tile)];
        for (int v = 0; v < piece.vectors; ++v)
          shape(accumulator(tile, v, piece.vectors), rows, 64);
        shape(tiles_ * piece.vectors + tile, rows, depth * x_size_);
      }
      for (int number = tiles_ * piece.vectors + tiles_; number < kAmxRegisters; ++number) {
        shape(number, static_cast<int>(depth / pair_), 64);
      }
    }
    auto* data = llvm::ConstantDataArray::get(e.b.getContext(), bytes);
    auto* table = new llvm::GlobalVariable(*e.function->getParent(), data->getType(), true,
                                           llvm::GlobalValue::PrivateLinkage, data, "tile_shapes");
    table->setAlignment(llvm::Align(64));
    return table;
  }

  void configure(const Panel& panel, Value* pixels, bool whole_rows) {
    Value* shapes = whole_rows ? panel.row_shapes : panel.tap_shapes;
    Value* shape = e.offset(shapes, e.mul(e.add(pixels, -1), 64));
    e.b.CreateIntrinsic(llvm::Intrinsic::x86_ldtilecfg, {}, {shape});
  }

  /// Runs body(first pixel, pixels) over the equal tiles of [0, length).
  void equal_tiles(const Panel& panel, std::int64_t length, bool whole_rows,
                   const std::function<void(Value*, Value*)>& body) {
    if (length <= 0) return;
    const AxisTiles split = split_axis(length, e.config.mr);
    auto run = [&](std::int64_t begin, std::int64_t count, std::int64_t size) {
      if (count == 0) return;
      configure(panel, e.i64(size), whole_rows);
      e.loop(begin, begin + count * size, size, [&](Value* first) { body(first, e.i64(size)); });
    };
    run(0, split.larger, split.size + 1);
    run(split.larger * (split.size + 1), split.count - split.larger, split.size);
  }

  void along_flat(const Task& task, const Panel& panel) {
    Value* base = e.mul(task.row_begin, spec.q);
    equal_tiles(panel, schedule.rows_per_task * spec.q, false, [&](Value* first, Value* pixels) {
      const Place place{task.image_begin, e.i64(0),  e.add(base, first),
                        pixel_bytes_,     y_column_, false};
      tile(panel, place, pixels);
    });
  }

  void along_row(const Task& task, const Panel& panel) {
    const Range columns = interior_columns(spec);
    e.loop(task.row_begin, task.row_end, 1, [&](Value* p) {
      equal_tiles(panel, columns.size(), depth_.row != 0, [&](Value* first, Value* pixels) {
        const Place place{task.image_begin,
                          p,
                          e.add(first, columns.begin),
                          spec.stride_w * pixel_bytes_,
                          y_column_,
                          depth_.row != 0};
        tile(panel, place, pixels);
      });
    });
  }

  void along_columns(const Task& task, const Panel& panel) {
    const Range columns = interior_columns(spec);
    const Range rows = interior_rows(spec);
    e.loop(0, spec.q - columns.size(), 1, [&](Value* index) {
      Value* right = e.b.CreateICmpSGE(index, e.i64(columns.begin));
      Value* q = e.b.CreateSelect(right, e.add(index, columns.size()), index);
      auto run = [&](Value* p, Value* pixels) {
        configure(panel, pixels, false);
        const Place place{task.image_begin,   p,    q, spec.stride_h * row_bytes_,
                          spec.q * y_column_, false};
        tile(panel, place, pixels);
      };
      // Rows that see every tap go in tiles, the others one by one.
      Value* first = e.min(e.max(task.row_begin, e.i64(rows.begin)), task.row_end);
      Value* last = e.max(e.min(task.row_end, e.i64(rows.end)), first);
      e.loop(first, last, e.config.mr,
             [&](Value* p) { run(p, e.min(e.sub(last, p), e.i64(e.config.mr))); });
      Value* before = e.sub(first, task.row_begin);
      Value* others = e.add(before, e.sub(task.row_end, last));
      e.loop(e.i64(0), others, 1, [&](Value* other) {
        Value* above = e.b.CreateICmpSLT(other, before);
        run(e.b.CreateSelect(above, e.add(task.row_begin, other),
                             e.add(last, e.sub(other, before))),
            e.i64(1));
      });
    });
  }

  void along_batch(const Task& task, const Panel& panel) {
    e.loop(task.image_begin, task.image_end, e.config.mr, [&](Value* image) {
      Value* pixels = e.min(e.sub(task.image_end, image), e.i64(e.config.mr));
      configure(panel, pixels, false);
      e.loop(0, spec.p, 1, [&](Value* p) {
        e.loop(0, spec.q, 1, [&](Value* q) {
          tile(panel, {image, p, q, image_bytes_, spec.y_elements(1), false}, pixels);
        });
      });
    });
  }

  void tile(const Panel& panel, const Place& place, Value* pixels) {
    const int vectors = panel.piece.vectors;
    for (int i = 0; i < tiles_ * vectors; ++i) {
      e.b.CreateIntrinsic(llvm::Intrinsic::x86_tilezero, {}, {tile_number(i)});
    }
    // Where the second pixel tile begins depends on the number of pixels alone (amx_split).
    Value* second = e.min(e.div(e.add(pixels, 1), 2), e.add(pixels, -1));
    const auto [r_begin, r_end] =
        schedule.flat ? std::pair<Value*, Value*>{e.i64(0), e.i64(1)} : e.valid_r(place.p);
    const auto [s_begin, s_end] =
        schedule.flat ? std::pair<Value*, Value*>{e.i64(0), e.i64(1)} : e.valid_s(place.q);
    Value *s_from = s_begin, *s_to = s_end;
    Value* image = e.offset(panel.x, e.mul(place.image, image_bytes_));
    const Range& packed_r = schedule.weights.r;
    const Range& packed_s = schedule.weights.s;
    const std::int64_t tap_bytes = depth_.channels * vectors * e.lanes * x_size_;
    e.loop(r_begin, r_end, 1, [&](Value* r) {
      Value* h =
          e.add(e.add(e.mul(place.p, spec.stride_h), e.mul(r, spec.dilation_h)), -spec.pad_h);
      const auto taps = [&](Value* s, std::int64_t elements, std::int64_t depth) {
        Value* column =
            e.add(e.add(e.mul(place.q, spec.stride_w), e.mul(s, spec.dilation_w)), -spec.pad_w);
        Value* x = e.offset(image, e.add(e.mul(h, row_bytes_), e.mul(column, pixel_bytes_)));
        Value* tap = e.add(e.mul(e.sub(r, e.i64(packed_r.begin)), packed_s.size()),
                           e.sub(s, e.i64(packed_s.begin)));
        multiply(panel, x, place.x_stride, e.mul(second, place.x_stride),
                 e.offset(panel.weights, e.mul(tap, tap_bytes)), elements, depth);
      };
      if (place.whole_rows) {
        taps(e.i64(packed_s.begin), packed_s.size() * depth_.channels, depth_.row);
      } else {
        e.loop(s_from, s_to, 1, [&](Value* s) { taps(s, depth_.channels, depth_.tap); });
      }
    });
    // All pixels of a tile see the same taps, so that a zero point takes as much from each of them.
    std::vector<Value*> first_sums;
    for (int v = 0; v < vectors && panel.sums != nullptr; ++v)
      first_sums.push_back(e.first_sum(e.offset(panel.sums, std::int64_t{v} * e.lanes * 4),
                                       {r_begin, r_end, s_begin, s_end}));
    store(panel, place, pixels, second, first_sums);
  }

  void multiply(const Panel& panel, Value* x, std::int64_t x_stride, Value* second, Value* weights,
                std::int64_t elements, std::int64_t depth) {
    const int vectors = panel.piece.vectors;
    const int first_pixels = tiles_ * vectors;
    const int first_weights = first_pixels + tiles_;
    const std::int64_t row_bytes = std::int64_t{vectors} * e.lanes * 4;  // of a pair of channels
    const llvm::Intrinsic::ID dot = spec.x_type == DataType::kU8   ? llvm::Intrinsic::x86_tdpbusd
                                    : spec.x_type == DataType::kS8 ? llvm::Intrinsic::x86_tdpbssd
                                                                   : llvm::Intrinsic::x86_tdpbf16ps;
    e.loop(0, elements, depth, [&](Value* c) {
      Value* x_at = e.offset(x, e.mul(c, x_size_));
      Value* w_at = e.offset(weights, e.mul(c, row_bytes / pair_));
      for (int t = 0; t < tiles_; ++t) {
        e.b.CreateIntrinsic(llvm::Intrinsic::x86_tileloadd64, {},
                            {tile_number(first_pixels + t), t == 0 ? x_at : e.offset(x_at, second),
                             e.i64(x_stride)});
      }
      for (int v = 0; v < vectors; ++v) {
        Value* number = tile_number(first_weights + v % (kAmxRegisters - first_weights));
        e.b.CreateIntrinsic(
            llvm::Intrinsic::x86_tileloadd64, {},
            {number, e.offset(w_at, std::int64_t{v} * e.lanes * 4), e.i64(row_bytes)});
        for (int t = 0; t < tiles_; ++t) {
          e.b.CreateIntrinsic(
              dot, {},
              {tile_number(accumulator(t, v, vectors)), tile_number(first_pixels + t), number});
        }
      }
    });
  }

  void store(const Panel& panel, const Place& place, Value* pixels, Value* second,
             const std::vector<Value*>& first_sums) {
    const int vectors = panel.piece.vectors;
    const std::int64_t row_bytes = std::int64_t{vectors} * e.lanes * 4;
    Value* scratch = e.offset(e.scratch, schedule.sums);
    // Pixel tile t in scratch: rows of all vectors of a pixel, 16 rows a tile.
    for (int t = 0; t < tiles_; ++t) {
      for (int v = 0; v < vectors; ++v) {
        Value* to = e.offset(scratch, t * kAmxRows * row_bytes + std::int64_t{v} * e.lanes * 4);
        e.b.CreateIntrinsic(llvm::Intrinsic::x86_tilestored64, {},
                            {tile_number(accumulator(t, v, vectors)), to, e.i64(row_bytes)});
      }
    }
    Value* at = e.y_offset(place.image, panel.k, place.p, place.q);
    e.loop(e.i64(0), pixels, 1, [&](Value* pixel) {
      Value* row = pixel;
      if (tiles_ > 1) {
        Value* later = e.b.CreateICmpSGE(pixel, e.max(second, e.i64(1)));
        row = e.b.CreateSelect(later, e.add(e.sub(pixel, second), kAmxRows), pixel);
      }
      Value* from = e.offset(scratch, e.mul(row, row_bytes));
      Value* pixel_at = e.add(at, e.mul(pixel, place.y_stride));
      for (int v = 0; v < vectors; ++v) {
        Value* sum = e.b.CreateAlignedLoad(
            e.sum_vec(), e.offset(from, std::int64_t{v} * e.lanes * 4), llvm::Align(4));
        if (!first_sums.empty()) sum = e.b.CreateAdd(sum, first_sums[static_cast<std::size_t>(v)]);
        const std::int64_t filter = std::int64_t{v} * e.lanes;
        e.finish(sum, e.add(panel.k, filter), e.add(pixel_at, filter * e.y_channel_stride()),
                 v == vectors - 1 ? panel.piece.last_lanes : e.lanes);
      }
    });
  }

  CpuEmitter& e;
  const ConvSpec& spec;
  const CpuSchedule& schedule;
  const int tiles_;
  const AmxDepth depth_;
  const std::int64_t x_size_, pair_, pixel_bytes_, row_bytes_, image_bytes_, y_column_;
};

}  // namespace

void emit_amx(CpuEmitter& e) { Amx(e).emit(); }

}  // namespace convoke
