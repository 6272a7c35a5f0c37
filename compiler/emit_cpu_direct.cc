// The universal fallback: one output pixel at a time, all borders decided at run time, in little
// code. Vectors run over the filters of a group; any layout, type, stride, dilation and padding.
#include "compiler/emit_cpu_common.h"

namespace convoke {
namespace {

using llvm::Value;
using Task = CpuEmitter::Task;

/// Adds tap (r, s) of the pixel: one channel after another, broadcast into the panel's row.
void accumulate(CpuEmitter& e, Value* x, Value* weights, int vectors,
                const std::vector<llvm::AllocaInst*>& acc) {
  const ConvSpec& spec = e.spec;
  const bool nhwc = spec.x_layout == Layout::kNhwc;
  const std::int64_t x_stride = (nhwc ? 1 : spec.h * spec.w) * size_of(spec.x_type);
  const bool integer = e.schedule.integer;
  e.loop(0, spec.c_per_group(), 1, [&](Value* c) {
    Value* at = e.offset(x, e.mul(c, x_stride));
    Value* pixel = nullptr;
    if (integer) {
      Value* one = e.load_integers(at, spec.x_type, 1, 1, e.b.getInt32Ty());
      pixel = e.splat(e.b.CreateExtractElement(one, std::uint64_t{0}));
    } else {
      pixel = e.splat(e.load_scalar(at, spec.x_type));
    }
    Value* row = e.offset(weights, e.mul(c, std::int64_t{vectors} * e.lanes * 4));
    for (int v = 0; v < vectors; ++v) {
      Value* filters = e.b.CreateAlignedLoad(
          e.sum_vec(), e.offset(row, std::int64_t{v} * e.lanes * 4), llvm::Align(4));
      llvm::AllocaInst* sum = acc[static_cast<std::size_t>(v)];
      e.set(sum, integer ? e.b.CreateAdd(e.b.CreateMul(pixel, filters), e.get(sum))
                         : e.fma(pixel, filters, e.get(sum)));
    }
  });
}

void emit_pixel(CpuEmitter& e, const Task& task, Value* image, Value* p, Value* q, Value* weights,
                Value* filter, int vectors, int last_lanes) {
  const ConvSpec& spec = e.spec;
  const PackedWeights& packed = e.schedule.weights;
  std::vector<llvm::AllocaInst*> acc;
  for (int v = 0; v < vectors; ++v) {
    acc.push_back(e.variable(e.sum_vec()));
    e.set(acc.back(), e.zero_sum());
  }
  const auto [r_begin, r_end] = e.valid_r(p);
  const auto [s_begin, s_end] = e.valid_s(q);
  Value *s_from = s_begin, *s_to = s_end;
  const std::int64_t tap_bytes = spec.c_per_group() * vectors * e.lanes * 4;
  Value* channel = e.mul(task.group, spec.c_per_group());
  e.loop(r_begin, r_end, 1, [&](Value* r) {
    Value* h = e.add(e.add(e.mul(p, spec.stride_h), e.mul(r, spec.dilation_h)), -spec.pad_h);
    e.loop(s_from, s_to, 1, [&](Value* s) {
      Value* col = e.add(e.add(e.mul(q, spec.stride_w), e.mul(s, spec.dilation_w)), -spec.pad_w);
      Value* element = nullptr;
      if (spec.x_layout == Layout::kNhwc) {
        Value* pixel = e.add(e.mul(e.add(e.mul(image, spec.h), h), spec.w), col);
        element = e.add(e.mul(pixel, spec.c), channel);
      } else {
        Value* plane = e.add(e.mul(image, spec.c), channel);
        element = e.add(e.mul(e.add(e.mul(plane, spec.h), h), spec.w), col);
      }
      Value* tap = e.add(e.mul(e.sub(r, e.i64(packed.r.begin)), packed.s.size()),
                         e.sub(s, e.i64(packed.s.begin)));
      accumulate(e, e.offset(e.x, e.mul(element, size_of(spec.x_type))),
                 e.offset(weights, e.mul(tap, tap_bytes)), vectors, acc);
    });
  });
  for (int v = 0; v < vectors; ++v) {
    Value* k = e.add(filter, std::int64_t{v} * e.lanes);
    e.finish(e.get(acc[static_cast<std::size_t>(v)]), k, e.y_offset(image, k, p, q),
             v == vectors - 1 ? last_lanes : e.lanes);
  }
}

}  // namespace

void emit_direct(CpuEmitter& e) {
  const ConvSpec& spec = e.spec;
  e.for_each_task([&](const Task& task) {
    for (const PanelPiece& piece : make_panel_pieces(e.schedule, spec.k_per_group())) {
      e.loop(e.max(task.panel_begin, e.i64(piece.first)),
             e.min(task.panel_end, e.i64(piece.first + piece.count)), 1, [&](Value* panel) {
               const PanelPlace place = e.panel_place(task, piece, panel);
               e.loop(task.image_begin, task.image_end, 1, [&](Value* image) {
                 e.loop(task.row_begin, task.row_end, 1, [&](Value* p) {
                   e.loop(0, spec.q, 1, [&](Value* q) {
                     emit_pixel(e, task, image, p, q, place.weights, place.k, piece.vectors,
                                piece.last_lanes);
                   });
                 });
               });
             });
    }
  });
}

}  // namespace convoke
