// Channel sparsity's last step: the sums of kept filters, side by side in scratch, go to the
// channels of y. A vector of channels takes as many sums as it has kept filters: one load, permuted
// by what the table of prefix counts says; pruned lanes are zero. The epilogue then runs on whole
// vectors of y, whatever was pruned.
#include <llvm/IR/IntrinsicsX86.h>

#include "compiler/emit_cpu_common.h"

namespace convoke {
namespace {

using llvm::Value;
using Task = CpuEmitter::Task;

/// Lane i of the result is lane index[i] of `from`.
Value* permute(CpuEmitter& e, Value* from, Value* index) {
  if (e.lanes == 16) {
    return e.b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_permvar_sf_512, {}, {from, index});
  }
  if (e.lanes == 8) return e.b.CreateIntrinsic(llvm::Intrinsic::x86_avx2_permps, {}, {from, index});
  Value* result = e.zero();
  for (int lane = 0; lane < e.lanes; ++lane) {
    Value* source = e.b.CreateExtractElement(index, lane);
    result = e.b.CreateInsertElement(result, e.b.CreateExtractElement(from, source), lane);
  }
  return result;
}

/// The sums of channels k to k + count - 1 of the group whose prefix counts are at `prefix`, `row`
/// being that of kept filter 0.
Value* spread(CpuEmitter& e, Value* prefix, Value* row, Value* k, int count) {
  auto* type = llvm::FixedVectorType::get(e.b.getInt32Ty(), static_cast<unsigned>(e.lanes));
  Value* at = e.offset(prefix, e.mul(k, 4));
  Value* first = e.b.CreateAlignedLoad(e.b.getInt32Ty(), at, llvm::Align(4));
  Value* place = e.offset(row, e.mul(e.b.CreateSExt(first, e.b.getInt64Ty()), 4));
  if (count == 1) {
    Value* next = e.b.CreateAlignedLoad(e.b.getInt32Ty(), e.offset(at, 4), llvm::Align(4));
    Value* sum = e.load_scalar(place, DataType::kF32);
    Value* kept = e.b.CreateICmpSGT(next, first);
    return e.b.CreateInsertElement(
        e.zero(), e.b.CreateSelect(kept, sum, llvm::ConstantFP::get(e.f32(), 0)), std::uint64_t{0});
  }
  Value* before = e.b.CreateAlignedLoad(type, at, llvm::Align(4));
  Value* after = e.b.CreateAlignedLoad(type, e.offset(at, 4), llvm::Align(4));
  Value* index = e.b.CreateSub(before, e.splat(first));
  Value* sums = e.load_vector(place, DataType::kF32, e.lanes, e.lanes);
  return e.b.CreateSelect(e.b.CreateICmpSGT(after, before), permute(e, sums, index), e.zero());
}

}  // namespace

void emit_spread(CpuEmitter& e, const Task& task) {
  const ConvSpec& spec = e.spec;
  const CpuSchedule& schedule = e.schedule;
  Value* prefix = e.offset(
      e.tables, e.add(e.mul(task.group, (spec.k_per_group() + 1) * 4), schedule.sparse.prefix));
  Value* first_block = e.mul(task.group, schedule.filter_blocks + 1);
  Value* begin = e.i64(0);
  Value* end = e.i64(spec.k_per_group());
  Value* kept_before = e.i64(0);
  if (schedule.filter_blocks > 1) {
    Value* block = e.add(first_block, e.div(task.panel_begin, schedule.panels_per_task));
    begin = e.table_i32(schedule.sparse.starts, block);
    end = e.table_i32(schedule.sparse.starts + 4, block);
    Value* count =
        e.b.CreateAlignedLoad(e.b.getInt32Ty(), e.offset(prefix, e.mul(begin, 4)), llvm::Align(4));
    kept_before = e.b.CreateSExt(count, e.b.getInt64Ty());
  }
  Value* group_k = e.mul(task.group, spec.k_per_group());
  e.loop(task.image_begin, task.image_end, 1, [&](Value* image) {
    e.loop(task.row_begin, task.row_end, 1, [&](Value* p) {
      e.loop(0, spec.q, 1, [&](Value* q) {
        Value* local = e.mul(e.sub(image, task.image_begin), schedule.rows_per_task);
        Value* row = e.add(e.mul(e.add(local, e.sub(p, task.row_begin)), spec.q), q);
        Value* element = e.sub(e.mul(row, schedule.sums_filters), kept_before);
        Value* sums = e.offset(e.scratch, e.add(e.mul(element, 4), schedule.sums));
        auto finish = [&](Value* k, int count) {
          Value* channel = e.add(group_k, k);
          e.finish(spread(e, prefix, sums, k, count), channel, e.y_offset(image, channel, p, q),
                   count);
        };
        Value* rest = e.rem(e.sub(end, begin), e.lanes);
        Value* whole = e.sub(end, rest);
        e.loop(begin, whole, e.lanes, [&](Value* k) { finish(k, e.lanes); });
        e.loop(whole, end, 1, [&](Value* k) { finish(k, 1); });
      });
    });
  });
}

}  // namespace convoke
