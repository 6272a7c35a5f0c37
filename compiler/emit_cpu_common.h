// What all families of CPU kernels share while their IR is built: the function and its arguments,
// loops, typed loads and stores, valid ranges of taps, the epilogue at one place of the output.
// Accumulators live in allocas of constant index, which LLVM turns into registers: families write
// straight-line code and never a phi.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <vector>

#include "compiler/cpu_kernel_args.h"
#include "compiler/cpu_schedule.h"
#include "compiler/epilogue.h"

namespace convoke {

/// Where a panel's weights begin and which channel of y is its first.
struct PanelPlace {
  llvm::Value *weights, *k;
  llvm::Value* picks = nullptr;  ///< kWindows
  llvm::Value* sums = nullptr;   ///< of weights before the first taps, if they are packed
};

/// Taps [r_begin, r_end) x [s_begin, s_end) of the filter; none if an end is not beyond its begin.
struct TapRectangle {
  llvm::Value *r_begin, *r_end, *s_begin, *s_end;
};

class CpuEmitter {
 public:
  using Value = llvm::Value;
  using Body = std::function<void(Value* index)>;

  CpuEmitter(llvm::Module& module, const ConvSpec& spec, const CpuConfig& config,
             const CpuIsa& isa);

  const ConvSpec& spec;
  const CpuConfig& config;
  const CpuIsa& isa;
  const CpuSchedule schedule;
  const Epilogue epilogue;
  const int lanes;  ///< f32 lanes of a vector
  llvm::IRBuilder<> b;
  llvm::Function* function;
  Value *x, *w, *y, *n, *scratch;  ///< of the arguments
  std::vector<Value*> operands;    ///< epilogue operand pointers
  Value* x_zero = nullptr;         ///< i64, if the spec has a zero point
  Value* tables = nullptr;  ///< of the pattern, as SparseTables says; null for a form without

  Value* i64(std::int64_t value) { return b.getInt64(static_cast<std::uint64_t>(value)); }
  llvm::Type* f32() { return b.getFloatTy(); }
  llvm::Type* vec() { return vec(lanes); }
  llvm::Type* vec(int count) {
    return llvm::FixedVectorType::get(f32(), static_cast<unsigned>(count));
  }
  Value* zero() { return llvm::Constant::getNullValue(vec()); }
  llvm::Type* ivec(int count) {
    return llvm::FixedVectorType::get(b.getInt32Ty(), static_cast<unsigned>(count));
  }
  /// Of sums: f32, or s32 where the schedule says so.
  llvm::Type* sum_vec() { return schedule.integer ? ivec(lanes) : vec(); }
  Value* zero_sum() { return llvm::Constant::getNullValue(sum_vec()); }

  /// base + bytes.
  Value* offset(Value* base, Value* bytes) { return b.CreateGEP(b.getInt8Ty(), base, bytes); }
  Value* offset(Value* base, std::int64_t bytes) {
    return bytes == 0 ? base : offset(base, i64(bytes));
  }
  Value* add(Value* a, Value* c) { return b.CreateAdd(a, c, "", false, true); }
  Value* add(Value* a, std::int64_t c) { return c == 0 ? a : add(a, i64(c)); }
  Value* sub(Value* a, Value* c) { return b.CreateSub(a, c, "", false, true); }
  Value* mul(Value* a, std::int64_t c) {
    return c == 1 ? a : b.CreateMul(a, i64(c), "", false, true);
  }
  Value* div(Value* a, std::int64_t c) { return c == 1 ? a : b.CreateUDiv(a, i64(c)); }
  Value* rem(Value* a, std::int64_t c) { return c == 1 ? i64(0) : b.CreateURem(a, i64(c)); }
  Value* min(Value* a, Value* c) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, c); }
  Value* max(Value* a, Value* c) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, a, c); }

  /// for (index = begin; index < end; index += step) body(index). Constant single trips are
  /// inlined.
  void loop(Value* begin, Value* end, std::int64_t step, const Body& body);
  void loop(std::int64_t begin, std::int64_t end, std::int64_t step, const Body& body) {
    loop(i64(begin), i64(end), step, body);
  }
  void if_then(Value* condition, const std::function<void()>& then);
  void if_else(Value* condition, const std::function<void()>& then,
               const std::function<void()>& otherwise);
  /// A register: an alloca in the entry block.
  llvm::AllocaInst* variable(llvm::Type* type);
  Value* get(llvm::AllocaInst* var) { return b.CreateLoad(var->getAllocatedType(), var); }
  void set(llvm::AllocaInst* var, Value* value) { b.CreateStore(value, var); }

  /// What a sum of these taps begins with: zero less what the offset of the images (x_offset, the
  /// zero point) adds to it. `sums`: PanelPlace's, of the vector's first filter; null: no offset.
  Value* first_sum(Value* sums, const TapRectangle& taps);
  /// sum + a * c of vectors of four times as many u8 and s8: to each lane of s32 four products.
  Value* add_fours(Value* sum, Value* a, Value* c);
  /// sum + a * c of vectors of s16, twice as many as lanes: to each lane of s32 both products.
  Value* add_pairs(Value* sum, Value* a, Value* c);
  /// a * c + acc; fused where the instruction set has it.
  Value* fma(Value* a, Value* c, Value* acc);
  Value* splat(Value* scalar) { return b.CreateVectorSplat(static_cast<unsigned>(lanes), scalar); }

  /// `count` consecutive elements of `type` at `pointer` as `width` f32 lanes (the rest are zero
  /// and not read).
  Value* load_vector(Value* pointer, DataType type, int width, int count);
  /// The same as they are stored, f16 and bf16 as i16.
  Value* load_stored(Value* pointer, DataType type, int width, int count);
  Value* load_scalar(Value* pointer, DataType type);
  /// The same of s8 or u8 images as integers of type `element`, less the zero point.
  Value* load_integers(Value* pointer, DataType type, int width, int count, llvm::Type* element);
  /// As load_vector, of the images, less the zero point: what families that multiply floats read.
  Value* load_input(Value* pointer, int width, int count);
  Value* load_input(Value* pointer);  ///< one element
  /// The first `count` lanes of a vector, rounded to nearest even into `type` (s8 and u8:
  /// saturated, NaN is 0; s32: whole numbers or s32), stored at `pointer`.
  void store_vector(Value* value, Value* pointer, DataType type, int count);
  void store_scalar(Value* value, Value* pointer, DataType type);

  /// Taps r that are valid at output row p, within the packed range: [first, second).
  std::pair<Value*, Value*> valid_r(Value* p);
  std::pair<Value*, Value*> valid_s(Value* q);

  /// Element offset in y (and tensor operands) of channel k, pixel (p, q) of image n.
  Value* y_offset(Value* image, Value* k, Value* p, Value* q);
  /// Distance in elements between channels / columns of y.
  std::int64_t y_channel_stride() const {
    return spec.y_layout == Layout::kNhwc ? 1 : spec.p * spec.q;
  }
  /// Applies the epilogue to `acc` (lanes are channels k..k+count-1, k the channel in all groups)
  /// and stores it at element offset `at` of y.
  /// `stored`: lanes that are stored, if more than `count` may be: what follows is written later.
  void finish(Value* acc, Value* k, Value* at, int count, int stored = 0);
  /// The same where lanes are `count` neighbouring columns of channel k, y nchw.
  void finish_row(Value* acc, Value* k, Value* at, int count);

  /// `lanes` vectors: lane j of the i-th becomes lane i of the j-th.
  std::vector<Value*> transpose(std::vector<Value*> rows);

  /// Decodes a task number by the schedule's order.
  struct Task {
    Value *group, *panel_begin, *panel_end, *image_begin, *image_end, *row_begin, *row_end;
  };
  /// Emits the loop over tasks [begin, end) and returns from the function after it.
  void for_each_task(const std::function<void(const Task&)>& body);

  PanelPlace panel_place(const Task& task, const PanelPiece& piece, Value* panel);

  /// Entry `index` of a table of i32 (i64) at a byte offset of `tables`, as i64.
  Value* table_i32(std::int64_t at, Value* index);
  Value* table_i64(std::int64_t at, Value* index);

 private:
  Value* pattern_tables(llvm::Module& module);
  Value* half_to_float(Value* bits, int width);
  Value* float_to_half(Value* value, int width);
  Value* bf16_to_float(Value* bits, int width);
  Value* float_to_bf16(Value* value, int width);
  Value* sum_to_float(Value* acc);
  Value* integer_to_float(Value* bits, DataType type, int width);
  Value* float_to_integer(Value* value, DataType type, int width);
  llvm::Type* stored_type(DataType type);
  Value* sums_before(Value* sums, Value* r, Value* s);
  Value* widen(Value* bits, DataType type, int width);
  Value* narrow(Value* value, DataType type, int width);
  std::pair<Value*, Value*> valid_taps(Value* at, Range live, std::int64_t stride, std::int64_t pad,
                                       std::int64_t dilation, std::int64_t extent);
  Value* strided_load(Value* base, Value* at, std::int64_t stride, DataType type, int count);

  llvm::BasicBlock* entry_;
  Value *task_begin_, *task_end_;
};

/// Converts the input that a task reads (CpuSchedule::staged) to [image][h][w][C/g] in scratch;
/// returns the pointer that stands for image 0, row 0.
llvm::Value* emit_staging(CpuEmitter& e, const CpuEmitter::Task& task);

/// The families; each emits the whole body of the function.
void emit_gemm(CpuEmitter& e);
void emit_direct(CpuEmitter& e);
void emit_amx(CpuEmitter& e);
void emit_planar(CpuEmitter& e);
/// Gives the sums of a task's kept filters (kChannels) to their channels, and those that are pruned
/// the epilogue of zero.
void emit_spread(CpuEmitter& e, const CpuEmitter::Task& task);
void emit_depthwise(CpuEmitter& e);  ///< nhwc; hands nchw on
void emit_depthwise_nchw(CpuEmitter& e);

}  // namespace convoke
