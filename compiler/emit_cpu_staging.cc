// Converts the images of a gemm or amx task, where they are not what is multiplied: to nhwc in
// scratch, of f32; or of s16, less the zero point; or as they are, but for the offset that makes s8
// u8. Where two or four channels are multiplied at once, their number is made whole with zeros,
// which meet weights of zero.
#include "compiler/emit_cpu_common.h"

namespace convoke {
namespace {

using llvm::Value;
using Task = CpuEmitter::Task;

class Staging {
 public:
  explicit Staging(CpuEmitter& emitter)
      : e(emitter),
        spec(e.spec),
        schedule(e.schedule),
        x_size_(gemm_x_size(schedule)),
        pixel_bytes_(gemm_pixel_bytes(spec, schedule)),
        row_bytes_(spec.w * pixel_bytes_) {}

  Value* stage(const Task& task) {
    Value* h_begin = e.i64(0);
    Value* h_end = e.i64(spec.h);
    if (e.config.axis == TileAxis::kAxisQ) {
      Value* first = e.add(e.mul(task.row_begin, spec.stride_h),
                           schedule.weights.r.begin * spec.dilation_h - spec.pad_h);
      Value* last = e.add(e.mul(e.add(task.row_end, -1), spec.stride_h),
                          (schedule.weights.r.end - 1) * spec.dilation_h - spec.pad_h + 1);
      h_begin = e.min(e.max(first, e.i64(0)), e.i64(spec.h));
      h_end = e.max(e.min(last, e.i64(spec.h)), h_begin);
    }
    e.loop(task.image_begin, task.image_end, 1, [&](Value* image) {
      Value* to = e.offset(e.scratch, e.mul(e.sub(image, task.image_begin), schedule.image_bytes));
      e.loop(h_begin, h_end, 1, [&](Value* h) {
        stage_row(task, image, h, e.offset(to, e.mul(e.sub(h, h_begin), row_bytes_)));
      });
    });
    Value* origin =
        e.add(e.mul(h_begin, row_bytes_), e.mul(task.image_begin, schedule.image_bytes));
    return e.offset(e.scratch, e.sub(e.i64(0), origin));
  }

 private:
  void stage_row(const Task& task, Value* image, Value* h, Value* to) {
    const std::int64_t cg = spec.c_per_group();
    const int size = size_of(spec.x_type);
    Value* channel = e.mul(task.group, cg);
    const bool padded = pixel_bytes_ != cg * x_size_;
    if (spec.x_layout == Layout::kNhwc) {
      Value* row = e.mul(e.add(e.mul(image, spec.h), h), spec.w * spec.c);
      Value* from = e.offset(e.x, e.mul(e.add(row, channel), size));
      if (spec.groups == 1 && !padded) {
        convert(from, to, spec.w * cg);
        return;
      }
      std::int64_t done = 0;
      if (spec.groups == 1 && padded && width_ % (pixel_bytes_ / x_size_) == 0) {
        const std::int64_t pixels = width_ * x_size_ / pixel_bytes_;
        done = spec.w / pixels * pixels;
        e.loop(0, done, pixels, [&](Value* col) {
          convert_narrow(e.offset(from, e.mul(col, cg * size)),
                         e.offset(to, e.mul(col, pixel_bytes_)), pixels, cg,
                         pixel_bytes_ / x_size_);
        });
      }
      e.loop(done, spec.w, 1, [&](Value* col) {
        Value* pixel = e.offset(to, e.mul(col, pixel_bytes_));
        convert(e.offset(from, e.mul(col, spec.c * size)), pixel, cg);
      });
      return;
    }
    // nchw: square blocks are transposed in registers, what is left over element by element.
    const std::int64_t plane = spec.h * spec.w * size;
    Value* first =
        e.mul(e.add(e.mul(e.add(e.mul(image, spec.c), channel), spec.h), h), spec.w * size);
    Value* from = e.offset(e.x, first);
    if (x_size_ != 4) {
      e.loop(0, spec.w, 1, [&](Value* col) {
        Value* pixel = e.offset(to, e.mul(col, pixel_bytes_));
        auto element = [&](Value* c, std::int64_t padded) {
          convert_narrow(e.offset(from, e.add(e.mul(c, plane), e.mul(col, size))),
                         e.offset(pixel, e.mul(c, x_size_)), 1, 1, padded);
        };
        e.loop(0, cg - 1, 1, [&](Value* c) { element(c, 1); });
        element(e.i64(cg - 1), pixel_bytes_ / x_size_ - (cg - 1));
      });
      return;
    }
    const std::int64_t whole_c = cg / e.lanes * e.lanes;
    const std::int64_t whole_w = spec.w / e.lanes * e.lanes;
    e.loop(0, whole_c, e.lanes, [&](Value* c) {
      e.loop(0, whole_w, e.lanes, [&](Value* col) {
        transpose_block(e.offset(from, e.add(e.mul(c, plane), e.mul(col, size))), plane,
                        e.offset(to, e.add(e.mul(col, cg * 4), e.mul(c, 4))), cg * 4);
      });
    });
    auto elements = [&](Value* c, Value* col) {
      Value* value = e.load_input(e.offset(from, e.add(e.mul(c, plane), e.mul(col, size))));
      e.store_scalar(value, e.offset(to, e.add(e.mul(col, cg * 4), e.mul(c, 4))), DataType::kF32);
    };
    e.loop(0, whole_c, 1,
           [&](Value* c) { e.loop(whole_w, spec.w, 1, [&](Value* col) { elements(c, col); }); });
    e.loop(whole_c, cg, 1,
           [&](Value* c) { e.loop(0, spec.w, 1, [&](Value* col) { elements(c, col); }); });
  }

  /// `count` elements that follow each other; of a narrow pixel also those that it is padded
  /// with.
  void convert(Value* from, Value* to, std::int64_t count) {
    const int size = size_of(spec.x_type);
    const int width = static_cast<int>(width_);
    const std::int64_t whole = count / width * width;
    auto block = [&](Value* at, int elements) {
      if (x_size_ != 4) {
        const std::int64_t pair = schedule.weights.pair;
        return convert_narrow(e.offset(from, e.mul(at, size)), e.offset(to, e.mul(at, x_size_)), 1,
                              elements, (elements + pair - 1) / pair * pair);
      }
      Value* value = e.load_input(e.offset(from, e.mul(at, size)), e.lanes, elements);
      e.store_vector(value, e.offset(to, e.mul(at, 4)), DataType::kF32, elements);
    };
    e.loop(0, whole, width, [&](Value* at) { block(at, width); });
    if (count != whole) block(e.i64(whole), static_cast<int>(count - whole));
  }

  /// `pixels` of `channels` elements that follow each other, each padded to `padded` with zeros.
  void convert_narrow(Value* from, Value* to, std::int64_t pixels, std::int64_t channels,
                      std::int64_t padded) {
    const auto elements = static_cast<int>(pixels * channels);
    Value* value = nullptr;
    if (x_size_ == size_of(spec.x_type)) {
      value = e.load_stored(from, spec.x_type, elements, elements);
      if (schedule.x_offset != 0)  // + 128 modulo 256
        value = e.b.CreateXor(value, llvm::ConstantInt::get(value->getType(), 0x80));
    } else {
      value = e.load_integers(from, spec.x_type, elements, elements, e.b.getInt16Ty());
    }
    if (padded != channels) {
      std::vector<int> order;
      for (std::int64_t i = 0; i < pixels * padded; ++i) {
        const std::int64_t pixel = i / padded, channel = i % padded;
        order.push_back(channel < channels ? static_cast<int>(pixel * channels + channel)
                                           : elements);
      }
      value = e.b.CreateShuffleVector(value, llvm::Constant::getNullValue(value->getType()), order);
    }
    e.b.CreateAlignedStore(value, to, llvm::Align(1));
  }

  void transpose_block(Value* from, std::int64_t from_stride, Value* to, std::int64_t to_stride) {
    std::vector<Value*> rows;
    for (int i = 0; i < e.lanes; ++i) {
      rows.push_back(e.load_input(e.offset(from, i * from_stride), e.lanes, e.lanes));
    }
    rows = e.transpose(rows);
    for (int i = 0; i < e.lanes; ++i) {
      e.store_vector(rows[static_cast<std::size_t>(i)], e.offset(to, i * to_stride), DataType::kF32,
                     e.lanes);
    }
  }

  CpuEmitter& e;
  const ConvSpec& spec;
  const CpuSchedule& schedule;
  const std::int64_t x_size_, pixel_bytes_, row_bytes_;
  const std::int64_t width_ =
      schedule.weights.pair * std::int64_t{e.lanes};  ///< elements of a vector
};

}  // namespace

llvm::Value* emit_staging(CpuEmitter& e, const CpuEmitter::Task& task) {
  return Staging(e).stage(task);
}

}  // namespace convoke
