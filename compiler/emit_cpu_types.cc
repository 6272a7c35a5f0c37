// Typed loads and stores. Conversions of f16 and bf16 are integer arithmetic where the instruction
// set has none, so that no kernel ever calls into a runtime library.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "compiler/emit_cpu_common.h"
#include "compiler/quant_range.h"

namespace convoke {

using llvm::Value;

namespace {

llvm::Constant* bits(llvm::Type* type, std::uint32_t value) {
  return llvm::ConstantInt::get(type, value);
}

}  // namespace

Value* CpuEmitter::bf16_to_float(Value* value, int width) {
  llvm::Type* words = llvm::FixedVectorType::get(b.getInt32Ty(), static_cast<unsigned>(width));
  return b.CreateBitCast(b.CreateShl(b.CreateZExt(value, words), 16), vec(width));
}

Value* CpuEmitter::float_to_bf16(Value* value, int width) {
  llvm::Type* words = llvm::FixedVectorType::get(b.getInt32Ty(), static_cast<unsigned>(width));
  llvm::Type* halves = llvm::FixedVectorType::get(b.getInt16Ty(), static_cast<unsigned>(width));
  Value* word = b.CreateBitCast(value, words);
  Value* odd = b.CreateAnd(b.CreateLShr(word, 16), bits(words, 1));
  Value* rounded = b.CreateLShr(b.CreateAdd(b.CreateAdd(word, bits(words, 0x7fff)), odd), 16);
  Value* quiet = b.CreateOr(b.CreateLShr(word, 16), bits(words, 0x40));
  return b.CreateTrunc(b.CreateSelect(b.CreateFCmpUNO(value, value), quiet, rounded), halves);
}

Value* CpuEmitter::half_to_float(Value* value, int width) {
  auto count = static_cast<unsigned>(width);
  if (isa.has_fma()) {  // every level with FMA has F16C
    return b.CreateFPExt(b.CreateBitCast(value, llvm::FixedVectorType::get(b.getHalfTy(), count)),
                         vec(width));
  }
  llvm::Type* words = llvm::FixedVectorType::get(b.getInt32Ty(), count);
  Value* word = b.CreateZExt(value, words);
  Value* sign = b.CreateShl(b.CreateAnd(word, bits(words, 0x8000)), 16);
  Value* magnitude = b.CreateShl(b.CreateAnd(word, bits(words, 0x7fff)), 13);
  // Scaling by 2^112 moves the exponent and makes subnormals right at once.
  Value* scale = b.CreateBitCast(bits(words, 0x77800000), vec(width));
  Value* finite =
      b.CreateBitCast(b.CreateFMul(b.CreateBitCast(magnitude, vec(width)), scale), words);
  Value* special = b.CreateICmpUGE(magnitude, bits(words, 0x0f800000));
  Value* infinite = b.CreateOr(magnitude, bits(words, 0x7f800000));
  return b.CreateBitCast(b.CreateOr(b.CreateSelect(special, infinite, finite), sign), vec(width));
}

Value* CpuEmitter::float_to_half(Value* value, int width) {
  auto count = static_cast<unsigned>(width);
  llvm::Type* halves = llvm::FixedVectorType::get(b.getInt16Ty(), count);
  if (isa.has_fma()) {
    return b.CreateBitCast(b.CreateFPTrunc(value, llvm::FixedVectorType::get(b.getHalfTy(), count)),
                           halves);
  }
  llvm::Type* words = llvm::FixedVectorType::get(b.getInt32Ty(), count);
  Value* word = b.CreateBitCast(value, words);
  Value* sign = b.CreateLShr(b.CreateAnd(word, bits(words, 0x80000000u)), 16);
  Value* magnitude = b.CreateAnd(word, bits(words, 0x7fffffff));
  // Normal: rebias the exponent and round to nearest even on bit 13; an overflow carries into Inf.
  Value* odd = b.CreateAnd(b.CreateLShr(magnitude, 13), bits(words, 1));
  Value* normal =
      b.CreateLShr(b.CreateAdd(b.CreateAdd(magnitude, bits(words, 0xc8000fffu)), odd), 13);
  // Subnormal: adding 0.5 lets the FPU's own rounding place the bits.
  Value* half = b.CreateBitCast(bits(words, 0x3f000000), vec(width));
  Value* small = b.CreateSub(
      b.CreateBitCast(b.CreateFAdd(b.CreateBitCast(magnitude, vec(width)), half), words),
      bits(words, 0x3f000000));
  Value* huge = b.CreateSelect(b.CreateICmpUGT(magnitude, bits(words, 0x7f800000)),
                               bits(words, 0x7e00), bits(words, 0x7c00));
  Value* result =
      b.CreateSelect(b.CreateICmpULT(magnitude, bits(words, 0x38800000)), small, normal);
  result = b.CreateSelect(b.CreateICmpUGE(magnitude, bits(words, 0x47800000)), huge, result);
  return b.CreateTrunc(b.CreateOr(result, sign), halves);
}

Value* CpuEmitter::integer_to_float(Value* value, DataType type, int width) {
  llvm::Type* words = ivec(width);
  return b.CreateSIToFP(
      type == DataType::kU8 ? b.CreateZExt(value, words) : b.CreateSExt(value, words), vec(width));
}

Value* CpuEmitter::float_to_integer(Value* value, DataType type, int width) {
  const QuantRange range = quant_range(type);
  llvm::Constant* zero = llvm::Constant::getNullValue(vec(width));
  llvm::Constant* low = llvm::ConstantFP::get(vec(width), range.low);
  llvm::Constant* high = llvm::ConstantFP::get(vec(width), range.high);
  Value* number = b.CreateSelect(b.CreateFCmpUNO(value, value), zero, value);
  number = b.CreateSelect(b.CreateFCmpOLT(number, low), low, number);
  number = b.CreateSelect(b.CreateFCmpOGT(number, high), high, number);
  // Adding 1.5 * 2^23 rounds to the nearest even integer and leaves it in the low bits.
  llvm::Constant* shift = llvm::ConstantFP::get(vec(width), 12582912.0);
  Value* word = b.CreateBitCast(b.CreateFAdd(number, shift), ivec(width));
  return b.CreateTrunc(word,
                       llvm::FixedVectorType::get(b.getInt8Ty(), static_cast<unsigned>(width)));
}

Value* CpuEmitter::widen(Value* value, DataType type, int width) {
  if (is_integer(type)) return integer_to_float(value, type, width);
  return type == DataType::kBf16 ? bf16_to_float(value, width) : half_to_float(value, width);
}

Value* CpuEmitter::narrow(Value* value, DataType type, int width) {
  if (type == DataType::kS32)  // the sum itself
    return value->getType()->isFPOrFPVectorTy() ? b.CreateFPToSI(value, ivec(width)) : value;
  if (is_integer(type)) return float_to_integer(value, type, width);
  return type == DataType::kBf16 ? float_to_bf16(value, width) : float_to_half(value, width);
}

Value* CpuEmitter::add_pairs(Value* sum, Value* a, Value* c) {
  if (isa.has_vnni()) {
    llvm::Type* row = sum->getType();  // so the intrinsic has it
    return b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_vpdpwssd_512, {},
                             {sum, b.CreateBitCast(a, row), b.CreateBitCast(c, row)});
  }
  const llvm::Intrinsic::ID id = lanes == 16  ? llvm::Intrinsic::x86_avx512_pmaddw_d_512
                                 : lanes == 8 ? llvm::Intrinsic::x86_avx2_pmadd_wd
                                              : llvm::Intrinsic::x86_sse2_pmadd_wd;
  return b.CreateAdd(sum, b.CreateIntrinsic(id, {}, {a, c}));
}

Value* CpuEmitter::add_fours(Value* sum, Value* a, Value* c) {
  llvm::Type* row = sum->getType();  // so the intrinsic has it
  return b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_vpdpbusd_512, {},
                           {sum, b.CreateBitCast(a, row), b.CreateBitCast(c, row)});
}

Value* CpuEmitter::sums_before(Value* sums, Value* r, Value* s) {
  const PackedWeights& packed = schedule.weights;
  const std::int64_t column = 4 * packed.sums_filters, row = column * (packed.s.size() + 1);
  Value* at = add(mul(add(r, -packed.r.begin), row), mul(add(s, -packed.s.begin), column));
  return b.CreateAlignedLoad(sum_vec(), offset(sums, at), llvm::Align(4));
}

Value* CpuEmitter::first_sum(Value* sums, const TapRectangle& taps) {
  if (sums == nullptr) return zero_sum();
  const PackedWeights& packed = schedule.weights;
  // Where no tap is valid the range may lie beyond the packed ones, empty.
  Value* r_begin = min(taps.r_begin, i64(packed.r.end));
  Value* s_begin = min(taps.s_begin, i64(packed.s.end));
  Value* r_end = max(r_begin, taps.r_end);
  Value* s_end = max(s_begin, taps.s_end);
  const auto is_first = [](Value* tap, std::int64_t first) {
    auto* constant = llvm::dyn_cast<llvm::ConstantInt>(tap);
    return constant != nullptr && constant->getSExtValue() == first;
  };
  // Before the first tap in either axis there is nothing.
  const bool rows = !is_first(taps.r_begin, packed.r.begin);
  const bool columns = !is_first(taps.s_begin, packed.s.begin);
  // Sums wrap, as those of the products do: what is left in the end fits.
  Value* total = sums_before(sums, r_end, s_end);
  if (rows) total = b.CreateSub(total, sums_before(sums, r_begin, s_end));
  if (columns) total = b.CreateSub(total, sums_before(sums, r_end, s_begin));
  if (rows && columns) total = b.CreateAdd(total, sums_before(sums, r_begin, s_begin));
  Value* zero = i64(schedule.x_offset);
  if (x_zero != nullptr) zero = b.CreateAdd(zero, x_zero);
  return b.CreateMul(total, splat(b.CreateTrunc(b.CreateNeg(zero), b.getInt32Ty())));
}

llvm::Type* CpuEmitter::stored_type(DataType type) {
  if (type == DataType::kF32) return f32();
  return b.getIntNTy(static_cast<unsigned>(8 * size_of(type)));
}

Value* CpuEmitter::load_stored(Value* pointer, DataType type, int width, int count) {
  const bool is_float = type == DataType::kF32;
  llvm::Type* element = stored_type(type);
  const llvm::Align align(static_cast<unsigned>(size_of(type)));
  auto* stored = llvm::FixedVectorType::get(element, static_cast<unsigned>(width));
  Value* value = nullptr;
  if (count == width) {
    value = b.CreateAlignedLoad(stored, pointer, align);
  } else if (is_float && isa.level != IsaLevel::kSse2) {
    std::vector<llvm::Constant*> mask;
    for (int i = 0; i < width; ++i) mask.push_back(b.getInt1(i < count));
    value = b.CreateMaskedLoad(stored, pointer, align, llvm::ConstantVector::get(mask),
                               llvm::Constant::getNullValue(stored));
  } else {
    value = llvm::Constant::getNullValue(stored);
    for (int i = 0; i < count; ++i) {
      Value* one = b.CreateAlignedLoad(element, offset(pointer, i * size_of(type)), align);
      value = b.CreateInsertElement(value, one, i);
    }
  }
  return value;
}

Value* CpuEmitter::load_vector(Value* pointer, DataType type, int width, int count) {
  Value* value = load_stored(pointer, type, width, count);
  return type == DataType::kF32 ? value : widen(value, type, width);
}

Value* CpuEmitter::load_integers(Value* pointer, DataType type, int width, int count,
                                 llvm::Type* element) {
  Value* value = load_stored(pointer, type, width, count);
  auto* wide = llvm::FixedVectorType::get(element, static_cast<unsigned>(width));
  value = type == DataType::kU8 ? b.CreateZExt(value, wide) : b.CreateSExt(value, wide);
  if (x_zero == nullptr) return value;
  Value* zero = b.CreateVectorSplat(static_cast<unsigned>(width), b.CreateTrunc(x_zero, element));
  return b.CreateSub(value, zero);
}

Value* CpuEmitter::load_input(Value* pointer, int width, int count) {
  if (x_zero == nullptr) return load_vector(pointer, spec.x_type, width, count);
  // |x - x_zero| <= 255: f32 has it exactly.
  return b.CreateSIToFP(load_integers(pointer, spec.x_type, width, count, b.getInt32Ty()),
                        vec(width));
}

Value* CpuEmitter::load_input(Value* pointer) {
  return x_zero == nullptr ? load_scalar(pointer, spec.x_type)
                           : b.CreateExtractElement(load_input(pointer, 4, 1), std::uint64_t{0});
}

Value* CpuEmitter::load_scalar(Value* pointer, DataType type) {
  if (type == DataType::kF32) return b.CreateAlignedLoad(f32(), pointer, llvm::Align(4));
  return b.CreateExtractElement(load_vector(pointer, type, 4, 1), std::uint64_t{0});
}

void CpuEmitter::store_vector(Value* value, Value* pointer, DataType type, int count) {
  const bool is_float = type == DataType::kF32;
  const int width =
      static_cast<int>(llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements());
  Value* stored = is_float ? value : narrow(value, type, width);
  const llvm::Align align(static_cast<unsigned>(size_of(type)));
  if (count == width) {
    b.CreateAlignedStore(stored, pointer, align);
  } else if (is_float && isa.level != IsaLevel::kSse2) {
    std::vector<llvm::Constant*> mask;
    for (int i = 0; i < width; ++i) mask.push_back(b.getInt1(i < count));
    b.CreateMaskedStore(stored, pointer, align, llvm::ConstantVector::get(mask));
  } else {
    for (int i = 0; i < count; ++i) {
      b.CreateAlignedStore(b.CreateExtractElement(stored, i), offset(pointer, i * size_of(type)),
                           align);
    }
  }
}

void CpuEmitter::store_scalar(Value* value, Value* pointer, DataType type) {
  if (type == DataType::kF32) {
    b.CreateAlignedStore(value, pointer, llvm::Align(4));
    return;
  }
  auto* row = llvm::FixedVectorType::get(value->getType(), 4);
  Value* wide = b.CreateInsertElement(llvm::Constant::getNullValue(row), value, std::uint64_t{0});
  store_vector(wide, pointer, type, 1);
}

}  // namespace convoke
