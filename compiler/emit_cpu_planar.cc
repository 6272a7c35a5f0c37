// The sparse family. axis=q: lanes are pixels of a row; axis=n: images. The input of a task waits
// in scratch as planes [channel][row][phase][column] with zeros around the image (axis=n: a vector
// of images in each column), so that what a tap reads for a vector are neighbouring floats. For a
// tile of pixels and each filter the list of kept weights is walked: a broadcast and a multiply-add
// a vector. Sums wait in scratch until all channel blocks are done, and go through the epilogue as
// vectors along y. A flat schedule takes the rows of a task as one axis of pixels, those of the
// planes beside the outputs included: 10 columns are then 9 vectors for 5 rows, not 10.
//
// A zero beside the image times a weight is zero only if the weight is finite. Packing marks
// filters that hold another; those are summed pixel by pixel, without what lies outside.
#include "compiler/emit_cpu_common.h"
#include "compiler/emit_cpu_epilogue.h"
#include "compiler/gemm_tiles.h"

namespace convoke {
namespace {

using llvm::Value;
using Task = CpuEmitter::Task;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a <= 0 ? -(-a / b) : (a + b - 1) / b;
}

class Planar {
 public:
  explicit Planar(CpuEmitter& emitter)
      : e(emitter), spec(e.spec), schedule(e.schedule), shape(schedule.planar) {
    blocks_ = spec.c_per_group() / schedule.weights.kc;
    tile_pixels_ = shape.tile_rows * shape.tile_vectors * e.lanes;
    sums_pixels_ = schedule.flat ? shape.column_tiles * tile_pixels_ : tile_pixels_;
    if (e.config.unroll == 0) {
      tables_.resize(static_cast<std::size_t>(schedule.sparse.bytes));
      write_sparse_tables(spec, schedule, *spec.pattern, tables_.data());
    }
    for (std::int64_t i = 0; i < shape.tile_rows * shape.tile_vectors; ++i)
      acc_.push_back(e.variable(e.vec()));
    sum_ = e.variable(along_batch_ ? e.vec() : e.f32());
  }

  void emit() {
    e.for_each_task([&](const Task& task) {
      const std::int64_t images = schedule.images_per_task;
      e.loop(task.image_begin, task.image_end, images, [&](Value* image) {
        stage(task, image);
        const std::int64_t columns = shape.tile_vectors * (along_batch_ ? 1 : e.lanes);
        if (schedule.flat) return flat(task, image);
        e.loop(task.row_begin, task.row_end, shape.tile_rows, [&](Value* p) {
          e.loop(0, shape.column_tiles * columns, columns, [&](Value* q) {
            const Tile tile{task, image, p, q};
            sums(tile);
            along_batch_ ? finish_images(tile) : finish(tile);
          });
        });
      });
    });
  }

 private:
  struct Tile {
    const Task& task;
    Value *image, *p, *q;  ///< of its first pixel; flat: q counts all pixels of the task
  };

  /// Tiles along all rows of a task; sums of columns that no output has are left where they are.
  void flat(const Task& task, Value* image) {
    const std::int64_t columns = shape.tile_vectors * e.lanes;
    e.loop(0, shape.column_tiles * columns, columns, [&](Value* q) {
      sums(Tile{task, image, task.row_begin, q});
    });
    e.loop(task.row_begin, task.row_end, 1, [&](Value* p) {
      Value* row = e.mul(e.sub(p, task.row_begin), shape.pitch);
      for (std::int64_t q = 0; q < spec.q; q += e.lanes) {
        const int count = static_cast<int>(std::min<std::int64_t>(e.lanes, spec.q - q));
        finish_pixels(Tile{task, image, p, e.i64(q)}, p, e.i64(q), e.add(row, q), count);
      }
    });
  }

  // ---- Staging ----

  /// First input row (column) of the task's planes, inside the image or not.
  Value* first_row(const Task& task) {
    return e.add(e.mul(task.row_begin, spec.stride_h),
                 spec.live_r().begin * spec.dilation_h - spec.pad_h);
  }
  std::int64_t first_column() const { return spec.live_s().begin * spec.dilation_w - spec.pad_w; }

  void stage(const Task& task, Value* image) {
    if (along_batch_) {
      images_.clear();
      for (int i = 0; i < e.lanes; ++i)  // beyond the batch the last image again
        images_.push_back(e.min(e.add(image, i), e.add(e.n, -1)));
    }
    Value* top = first_row(task);
    if (gapless_) return stage_columns(task, image, top, 0, e.scratch, 0, shape.rows * shape.row);
    Value* last = e.add(e.mul(e.sub(e.add(task.row_end, -1), task.row_begin), spec.stride_h),
                        (spec.live_r().size() - 1) * spec.dilation_h + 1);
    // Rows beyond the last that a real output reads may hold anything.
    e.loop(e.i64(0), last, 1, [&](Value* row) {
      Value* h = e.add(top, row);
      Value* to = e.offset(e.scratch, e.mul(row, shape.row * 4));
      Value* inside = e.b.CreateICmpULT(h, e.i64(spec.h));
      e.if_else(
          inside,
          [&] {
            if (along_batch_) return stage_images(task, h, to);
            for (std::int64_t phase = 0; phase < spec.stride_w; ++phase)
              stage_phase(task, image, h, phase, e.offset(to, phase * shape.pitch * 4));
          },
          [&] { zero_columns(to, 0, shape.row); });
    });
  }

  /// Zeros in columns [begin, end) of a row of every plane.
  void zero_columns(Value* row, std::int64_t begin, std::int64_t end) {
    if (begin >= end) return;
    const std::int64_t whole = begin + (end - begin) / e.lanes * e.lanes;
    e.loop(0, spec.c_per_group(), 1, [&](Value* c) {
      Value* to = e.offset(row, e.mul(c, shape.plane * 4));
      e.loop(begin, whole, e.lanes, [&](Value* column) { put(e.zero(), to, column, e.lanes); });
      if (whole < end) put(e.zero(), to, e.i64(whole), static_cast<int>(end - whole));
    });
  }

  void put(Value* value, Value* row, Value* column, int count) {
    e.store_vector(value, e.offset(row, e.mul(column, 4)), DataType::kF32, count);
  }

  /// Columns of one phase: number i is input column first_column() + phase + i * stride_w.
  void stage_phase(const Task& task, Value* image, Value* h, std::int64_t phase, Value* to) {
    const std::int64_t first = first_column() + phase;
    const std::int64_t begin =
        std::min(shape.pitch, std::max<std::int64_t>(0, ceil_div(-first, spec.stride_w)));
    const std::int64_t end =
        std::max(begin, std::min(shape.pitch, ceil_div(spec.w - first, spec.stride_w)));
    zero_columns(to, 0, begin);
    zero_columns(to, end, shape.pitch);
    if (begin == end) return;
    stage_columns(task, image, h, first + begin * spec.stride_w, to, begin, end);
  }

  /// Columns [begin, end) of a phase, of which the first is input column `column`.
  void stage_columns(const Task& task, Value* image, Value* h, std::int64_t column, Value* to,
                     std::int64_t begin, std::int64_t end) {
    Value* channel = e.mul(task.group, spec.c_per_group());
    if (spec.x_layout == Layout::kNhwc) {
      Value* pixel = e.add(e.mul(e.add(e.mul(image, spec.h), h), spec.w), column);
      Value* from = e.add(e.mul(pixel, spec.c), channel);
      transpose(e.offset(e.x, e.mul(from, x_size())), e.offset(to, begin * 4), end - begin);
    } else {
      Value* plane = e.add(e.mul(image, spec.c), channel);
      Value* from = e.add(e.mul(e.add(e.mul(plane, spec.h), h), spec.w), column);
      copy(e.offset(e.x, e.mul(from, x_size())), e.offset(to, begin * 4), end - begin);
    }
  }

  /// A row of a vector of images.
  void stage_images(const Task& task, Value* h, Value* to) {
    const std::int64_t columns = shape.pitch / e.lanes, first = first_column();
    const std::int64_t begin = std::min(columns, std::max<std::int64_t>(0, -first));
    const std::int64_t end = std::max(begin, std::min(columns, spec.w - first));
    zero_columns(to, 0, begin * e.lanes);
    zero_columns(to, end * e.lanes, shape.pitch);
    const bool nhwc = spec.x_layout == Layout::kNhwc;
    // Squares of images by channels (nhwc) or by columns (nchw): what is contiguous.
    auto square = [&](Value* c, Value* column, int count) {
      std::vector<Value*> rows;
      for (Value* image : images_) {
        Value* channel = e.add(e.mul(task.group, spec.c_per_group()), c);
        Value* w = e.add(column, first);
        Value* element =
            nhwc ? e.add(e.mul(e.add(e.mul(e.add(e.mul(image, spec.h), h), spec.w), w), spec.c),
                         channel)
                 : e.add(
                       e.mul(e.add(e.mul(e.add(e.mul(image, spec.c), channel), spec.h), h), spec.w),
                       w);
        rows.push_back(e.load_input(e.offset(e.x, e.mul(element, x_size())), e.lanes, count));
      }
      rows = e.transpose(rows);
      Value* place = e.offset(to, e.add(e.mul(c, shape.plane * 4), e.mul(column, e.lanes * 4)));
      const std::int64_t stride = nhwc ? shape.plane : e.lanes;
      for (int i = 0; i < count; ++i)
        put(rows[static_cast<std::size_t>(i)], e.offset(place, i * stride * 4), e.i64(0), e.lanes);
    };
    if (begin == end) return;
    auto along = [&](std::int64_t from, std::int64_t until, const auto& body) {
      const std::int64_t whole = from + (until - from) / e.lanes * e.lanes;
      e.loop(from, whole, e.lanes, [&](Value* at) { body(at, e.lanes); });
      if (whole < until) body(e.i64(whole), static_cast<int>(until - whole));
    };
    if (nhwc) {
      e.loop(begin, end, 1, [&](Value* column) {
        along(0, spec.c_per_group(), [&](Value* c, int count) { square(c, column, count); });
      });
    } else {
      e.loop(0, spec.c_per_group(), 1, [&](Value* c) {
        along(begin, end, [&](Value* column, int count) { square(c, column, count); });
      });
    }
  }

  std::int64_t x_size() const { return size_of(spec.x_type); }

  /// `columns` pixels of nhwc to the rows of all planes.
  void transpose(Value* from, Value* to, std::int64_t columns) {
    const std::int64_t cg = spec.c_per_group(), lanes = e.lanes;
    const std::int64_t pixel = spec.c * spec.stride_w * x_size();
    auto block = [&](Value* c, int channels, Value* column, int pixels) {
      Value* source = e.offset(from, e.add(e.mul(column, pixel), e.mul(c, x_size())));
      std::vector<Value*> rows;
      for (int i = 0; i < lanes; ++i)
        rows.push_back(i < pixels ? e.load_input(e.offset(source, i * pixel), e.lanes, channels)
                                  : e.zero());
      rows = e.transpose(rows);
      Value* place = e.offset(to, e.mul(c, shape.plane * 4));
      for (int i = 0; i < channels; ++i)
        put(rows[static_cast<std::size_t>(i)], e.offset(place, i * shape.plane * 4), column,
            pixels);
    };
    auto pixels = [&](Value* c, int channels) {
      e.loop(0, columns / lanes * lanes, lanes,
             [&](Value* column) { block(c, channels, column, e.lanes); });
      if (columns % lanes != 0)
        block(c, channels, e.i64(columns / lanes * lanes), static_cast<int>(columns % lanes));
    };
    e.loop(0, cg / lanes * lanes, lanes, [&](Value* c) { pixels(c, e.lanes); });
    if (cg % lanes != 0) pixels(e.i64(cg / lanes * lanes), static_cast<int>(cg % lanes));
  }

  /// The same from nchw, whose rows are neighbouring columns.
  void copy(Value* from, Value* to, std::int64_t columns) {
    const std::int64_t plane = spec.h * spec.w * x_size();
    e.loop(0, spec.c_per_group(), 1, [&](Value* c) {
      Value* source = e.offset(from, e.mul(c, plane));
      Value* row = e.offset(to, e.mul(c, shape.plane * 4));
      if (spec.stride_w > 1) {
        e.loop(0, columns, 1, [&](Value* column) {
          Value* value = e.load_input(e.offset(source, e.mul(column, spec.stride_w * x_size())));
          e.store_scalar(value, e.offset(row, e.mul(column, 4)), DataType::kF32);
        });
        return;
      }
      const std::int64_t whole = columns / e.lanes * e.lanes;
      auto move = [&](Value* column, int count) {
        put(e.load_input(e.offset(source, e.mul(column, x_size())), e.lanes, count), row, column,
            count);
      };
      e.loop(0, whole, e.lanes, [&](Value* column) { move(column, e.lanes); });
      if (whole < columns) move(e.i64(whole), static_cast<int>(columns - whole));
    });
  }

  // ---- Sums ----

  /// Sums of a filter of the task, f32 [row][column] of the tile.
  Value* sums_of(const Tile& tile, Value* filter) {
    Value* index = e.sub(filter, tile.task.panel_begin);
    Value* place = e.mul(index, sums_pixels_ * 4);
    if (schedule.flat) place = e.add(place, e.mul(tile.q, 4));
    return e.offset(e.scratch, e.add(place, shape.sums));
  }

  void sums(const Tile& tile) {
    // Tap (0, 0) of the tile's first pixel.
    Value* row = e.mul(e.sub(tile.p, tile.task.row_begin), spec.stride_h * shape.row);
    Value* column = along_batch_ ? e.mul(tile.q, shape.step) : tile.q;
    Value* x = e.offset(e.scratch, e.mul(e.add(row, column), 4));
    if (!tables_.empty()) straight(tile, x);
    if (!tables_.empty() && !padded_) return;
    e.loop(0, blocks_, 1, [&](Value* block) {
      Value* lists = e.mul(e.add(e.mul(tile.task.group, blocks_), block), spec.k_per_group());
      e.loop(tile.task.panel_begin, tile.task.panel_end, 1, [&](Value* filter) {
        Value* list = e.add(lists, filter);
        Value* begin = e.table_i32(schedule.sparse.begins, list);
        Value* end = e.table_i32(schedule.sparse.begins + 4, list);
        Value* to = sums_of(tile, filter);
        auto by_pixel = [&] { walk_pixels(tile, x, begin, end, block, to); };
        if (!padded_) return walk(x, begin, end, block, to);
        if (!tables_.empty()) return e.if_then(all_finite(tile, filter, false), by_pixel);
        e.if_else(
            all_finite(tile, filter, true), [&] { walk(x, begin, end, block, to); }, by_pixel);
      });
    });
  }

  /// Whether all kept weights of a filter are finite (or, if not `finite`, whether one is not).
  Value* all_finite(const Tile& tile, Value* filter, bool finite) {
    Value* flags = e.offset(e.w, schedule.sparse.entries * 4);
    Value* k = e.add(e.mul(tile.task.group, spec.k_per_group()), filter);
    Value* flag =
        e.b.CreateAlignedLoad(e.b.getInt32Ty(), e.offset(flags, e.mul(k, 4)), llvm::Align(4));
    return e.b.CreateICmp(finite ? llvm::CmpInst::ICMP_EQ : llvm::CmpInst::ICMP_NE, flag,
                          e.b.getInt32(0));
  }

  /// unroll=0: the lists written out. No list has an end to look for, a branch to guess or an
  /// offset to load: a tenth of the time where filters keep a few weights each.
  void straight(const Tile& tile, Value* x) {
    const auto* begins =
        reinterpret_cast<const std::int32_t*>(tables_.data() + schedule.sparse.begins);
    const auto* offsets =
        reinterpret_cast<const std::int32_t*>(tables_.data() + schedule.sparse.offsets);
    for (std::int64_t k = 0; k < spec.k; ++k) {
      Value* to = sums_of(tile, e.i64(k));
      each_vector([&](llvm::AllocaInst* sum, std::int64_t, std::int64_t) { e.set(sum, e.zero()); });
      for (std::int32_t entry = begins[k]; entry < begins[k + 1]; ++entry) {
        // Of the compiler, no instruction: else pixels that several weights read would be kept, on
        // the stack, and every order of all loads be weighed.
        e.b.CreateFence(llvm::AtomicOrdering::SequentiallyConsistent,
                        llvm::SyncScope::SingleThread);
        step(e.offset(x, offsets[entry]), e.offset(e.w, std::int64_t{entry} * 4));
      }
      each_vector([&](llvm::AllocaInst* sum, std::int64_t place, std::int64_t) {
        e.store_vector(e.get(sum), e.offset(to, place), DataType::kF32, e.lanes);
      });
    }
  }

  /// body(sum, bytes to its place among the sums, bytes to its pixels) for the vectors of a tile.
  template <typename Body>
  void each_vector(const Body& body) {
    for (std::int64_t i = 0; i < shape.tile_rows; ++i)
      for (std::int64_t v = 0; v < shape.tile_vectors; ++v) {
        const std::int64_t number = i * shape.tile_vectors + v;
        body(acc_[static_cast<std::size_t>(number)], number * e.lanes * 4,
             (i * spec.stride_h * shape.row + v * shape.step) * 4);
      }
  }

  /// One kept weight times the pixels of the tile, `from` those of its first.
  void step(Value* from, Value* weight_at) {
    Value* weight = e.splat(e.load_scalar(weight_at, DataType::kF32));
    each_vector([&](llvm::AllocaInst* sum, std::int64_t, std::int64_t at) {
      Value* pixels = e.load_vector(e.offset(from, at), DataType::kF32, e.lanes, e.lanes);
      e.set(sum, e.fma(weight, pixels, e.get(sum)));
    });
  }

  /// For the first block 0, for the others what the ones before have left at `from`.
  void start(llvm::AllocaInst* sum, Value* block, Value* from) {
    auto* type = sum->getAllocatedType();
    Value* zero = llvm::Constant::getNullValue(type);
    if (blocks_ == 1) return e.set(sum, zero);
    Value* before = e.b.CreateAlignedLoad(type, from, llvm::Align(4));
    e.set(sum, e.b.CreateSelect(e.b.CreateICmpEQ(block, e.i64(0)), zero, before));
  }

  void walk(Value* x, Value* begin, Value* end, Value* block, Value* to) {
    each_vector([&](llvm::AllocaInst* sum, std::int64_t place, std::int64_t) {
      start(sum, block, e.offset(to, place));
    });
    auto listed = [&](Value* entry, std::int64_t i) {
      step(e.offset(x, e.table_i32(schedule.sparse.offsets + 4 * i, entry)),
           e.offset(e.w, e.add(e.mul(entry, 4), 4 * i)));
    };
    const std::int64_t unroll = e.config.unroll;
    Value* whole = begin;
    if (unroll > 1) {
      whole = e.sub(end, e.rem(e.sub(end, begin), unroll));
      e.loop(begin, whole, unroll, [&](Value* entry) {
        for (std::int64_t i = 0; i < unroll; ++i) listed(entry, i);
      });
    }
    e.loop(whole, end, 1, [&](Value* entry) { listed(entry, 0); });
    each_vector([&](llvm::AllocaInst* sum, std::int64_t place, std::int64_t) {
      e.store_vector(e.get(sum), e.offset(to, place), DataType::kF32, e.lanes);
    });
  }

  /// The same one pixel (of all images) at a time, weights that meet padding left out.
  void walk_pixels(const Tile& tile, Value* x, Value* begin, Value* end, Value* block, Value* to) {
    const std::int64_t columns = shape.tile_vectors * (along_batch_ ? 1 : e.lanes);
    const std::int64_t width = along_batch_ ? e.lanes : 1;
    auto load = [&](Value* from) {
      return along_batch_ ? e.load_vector(from, DataType::kF32, e.lanes, e.lanes)
                          : e.load_scalar(from, DataType::kF32);
    };
    e.loop(0, shape.tile_rows, 1, [&](Value* i) {
      e.loop(0, columns, 1, [&](Value* j) {
        Value* place = e.offset(to, e.mul(e.add(e.mul(i, columns), j), width * 4));
        start(sum_, block, place);
        Value *p = e.add(tile.p, i), *q = e.add(tile.q, j);
        if (schedule.flat) p = e.add(tile.p, e.div(q, shape.pitch)), q = e.rem(q, shape.pitch);
        Value* h0 = e.add(e.mul(p, spec.stride_h), -spec.pad_h);
        Value* w0 = e.add(e.mul(q, spec.stride_w), -spec.pad_w);
        Value* column = e.mul(j, along_batch_ ? shape.step : 1);
        Value* pixel = e.offset(x, e.mul(e.add(e.mul(i, spec.stride_h * shape.row), column), 4));
        e.loop(begin, end, 1, [&](Value* entry) {
          Value* tap = e.div(e.table_i32(schedule.sparse.sources, entry), spec.c_per_group());
          Value* h = e.add(h0, e.mul(e.div(tap, spec.s), spec.dilation_h));
          Value* w = e.add(w0, e.mul(e.rem(tap, spec.s), spec.dilation_w));
          Value* inside = e.b.CreateAnd(e.b.CreateICmpULT(h, e.i64(spec.h)),
                                        e.b.CreateICmpULT(w, e.i64(spec.w)));
          e.if_then(inside, [&] {
            Value* value = load(e.offset(pixel, e.table_i32(schedule.sparse.offsets, entry)));
            Value* weight = e.load_scalar(e.offset(e.w, e.mul(entry, 4)), DataType::kF32);
            e.set(sum_, e.fma(along_batch_ ? e.splat(weight) : weight, value, e.get(sum_)));
          });
        });
        e.b.CreateAlignedStore(e.get(sum_), place, llvm::Align(4));
      });
    });
  }

  // ---- Output ----

  void finish(const Tile& tile) {
    Value* p_end = e.min(e.add(tile.p, shape.tile_rows), tile.task.row_end);
    e.loop(tile.p, p_end, 1, [&](Value* p) {
      const std::int64_t columns = shape.tile_vectors * e.lanes;
      Value* row = e.mul(e.sub(p, tile.p), columns);
      for (std::int64_t column = 0; column < columns; column += e.lanes) {
        Value* q = e.add(tile.q, column);
        auto pixels = [&](int count) { finish_pixels(tile, p, q, e.add(row, column), count); };
        if (shape.column_tiles == 1) {
          const std::int64_t count = std::min<std::int64_t>(e.lanes, spec.q - column);
          if (count > 0) pixels(static_cast<int>(count));
          continue;
        }
        // The last tile of a row may end anywhere in it.
        const int rest = static_cast<int>(spec.q % e.lanes);
        e.if_then(e.b.CreateICmpSLE(e.add(q, e.lanes), e.i64(spec.q)), [&] { pixels(e.lanes); });
        if (rest != 0) e.if_then(e.b.CreateICmpEQ(q, e.i64(spec.q - rest)), [&] { pixels(rest); });
      }
    });
  }

  /// `count` pixels (p, q...) of all filters of the task; `at` is their place in a filter's sums.
  void finish_pixels(const Tile& tile, Value* p, Value* q, Value* at, int count) {
    Value* group_k = e.mul(tile.task.group, spec.k_per_group());
    Value* sums = e.offset(e.scratch, e.add(e.mul(at, 4), shape.sums));
    auto row_of = [&](Value* filter) {
      Value* index = e.sub(filter, tile.task.panel_begin);
      return e.offset(sums, e.mul(index, sums_pixels_ * 4));
    };
    if (spec.y_layout == Layout::kNchw) {
      e.loop(tile.task.panel_begin, tile.task.panel_end, 1, [&](Value* filter) {
        Value* k = e.add(group_k, filter);
        Value* sum = e.load_vector(row_of(filter), DataType::kF32, e.lanes, e.lanes);
        e.finish_row(sum, k, e.y_offset(tile.image, k, p, q), count);
      });
      return;
    }
    auto filters = [&](Value* filter, int channels) {
      std::vector<Value*> rows;
      Value* from = row_of(filter);
      for (int i = 0; i < e.lanes; ++i)
        rows.push_back(i < channels ? e.load_vector(e.offset(from, i * sums_pixels_ * 4),
                                                    DataType::kF32, e.lanes, e.lanes)
                                    : e.zero());
      rows = e.transpose(rows);
      Value* k = e.add(group_k, filter);
      Value* y = e.y_offset(tile.image, k, p, q);
      for (int i = 0; i < count; ++i) {
        // Partial stores are slow: where all channels are one partial vector, what it has too much
        // belongs to pixels that follow at once.
        const bool room = spec.k == channels && i * spec.k + e.lanes <= count * spec.k;
        e.finish(rows[static_cast<std::size_t>(i)], k, e.add(y, i * spec.k), channels,
                 room ? e.lanes : 0);
      }
    };
    const int rest = static_cast<int>(spec.k_per_group() % e.lanes);
    Value* whole = e.min(tile.task.panel_end, e.i64(spec.k_per_group() - rest));
    e.loop(tile.task.panel_begin, whole, e.lanes, [&](Value* filter) { filters(filter, e.lanes); });
    if (rest != 0) {
      e.if_then(e.b.CreateICmpEQ(tile.task.panel_end, e.i64(spec.k_per_group())),
                [&] { filters(e.i64(spec.k_per_group() - rest), rest); });
    }
  }

  /// Rows of outputs of a vector of images.
  void finish_images(const Tile& tile) {
    Value* group_k = e.mul(tile.task.group, spec.k_per_group());
    Value* p_end = e.min(e.add(tile.p, shape.tile_rows), tile.task.row_end);
    const bool nhwc = spec.y_layout == Layout::kNhwc;
    /// Lane i of sums number j, `stride` bytes apart, to lane j of image i.
    auto square = [&](Value* from, std::int64_t stride, int count, const auto& store) {
      std::vector<Value*> rows;
      for (int j = 0; j < e.lanes; ++j)
        rows.push_back(
            j < count ? e.load_vector(e.offset(from, j * stride), DataType::kF32, e.lanes, e.lanes)
                      : e.zero());
      rows = e.transpose(rows);
      for (int i = 0; i < e.lanes; ++i) {
        Value* image = e.add(tile.image, i);
        auto one = [&] { store(image, rows[static_cast<std::size_t>(i)]); };
        i == 0 ? one() : e.if_then(e.b.CreateICmpSLT(image, tile.task.image_end), one);
      }
    };
    auto sums_at = [&](Value* filter, Value* p, Value* q) {
      Value* vector = e.add(e.mul(e.sub(p, tile.p), shape.tile_vectors), q);
      return e.offset(sums_of(tile, filter), e.mul(vector, e.lanes * 4));
    };
    auto channels = [&](Value* filter, Value* p, Value* q, int count) {
      Value* k = e.add(group_k, filter);
      square(sums_at(filter, p, q), tile_pixels_ * 4, count, [&](Value* image, Value* sums) {
        e.finish(sums, k, e.y_offset(image, k, p, q), count);
      });
    };
    e.loop(tile.p, p_end, 1, [&](Value* p) {
      if (!nhwc) {
        e.loop(tile.task.panel_begin, tile.task.panel_end, 1, [&](Value* filter) {
          Value* k = e.add(group_k, filter);
          for (std::int64_t column = 0; column < spec.q; column += e.lanes) {
            const int count = static_cast<int>(std::min<std::int64_t>(e.lanes, spec.q - column));
            Value* q = e.i64(column);
            square(sums_at(filter, p, q), e.lanes * 4, count, [&](Value* image, Value* sums) {
              e.finish_row(sums, k, e.y_offset(image, k, p, q), count);
            });
          }
        });
        return;
      }
      const int rest = static_cast<int>(spec.k_per_group() % e.lanes);
      Value* whole = e.min(tile.task.panel_end, e.i64(spec.k_per_group() - rest));
      e.loop(0, spec.q, 1, [&](Value* q) {
        e.loop(tile.task.panel_begin, whole, e.lanes,
               [&](Value* filter) { channels(filter, p, q, e.lanes); });
        if (rest == 0) return;
        e.if_then(e.b.CreateICmpEQ(tile.task.panel_end, e.i64(spec.k_per_group())),
                  [&] { channels(e.i64(spec.k_per_group() - rest), p, q, rest); });
      });
    });
  }

  CpuEmitter& e;
  const ConvSpec& spec;
  const CpuSchedule& schedule;
  const PlanarShape& shape;
  const bool along_batch_ = e.config.axis == TileAxis::kAxisN;
  std::vector<Value*> images_;  // of a vector
  /// Whether zeros beside the image are multiplied: then they must meet no infinity.
  const bool padded_ =
      interior_rows(spec) != Range{0, spec.p} || interior_columns(spec) != Range{0, spec.q};
  /// Whether the rows of a task follow each other in the planes as in the input.
  const bool gapless_ = schedule.flat && !padded_ && shape.pitch == spec.w &&
                        schedule.row_blocks == 1 && spec.live_s().size() == spec.s;
  std::vector<std::uint8_t> tables_;  ///< unroll=0: of the pattern
  std::int64_t blocks_ = 1, tile_pixels_ = 0;
  std::int64_t sums_pixels_ = 0;        // of a filter
  std::vector<llvm::AllocaInst*> acc_;  // [row * tile_vectors + vector]
  llvm::AllocaInst* sum_ = nullptr;
};

}  // namespace

void emit_planar(CpuEmitter& e) { Planar(e).emit(); }

}  // namespace convoke
