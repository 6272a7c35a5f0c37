#include "autotune/expected.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autotune/for_each.h"
#include "autotune/sparse_data.h"
#include "autotune/tolerance.h"

namespace convoke {

std::vector<const void*> Inputs::operand_pointers() const {
  std::vector<const void*> pointers;
  for (const Bytes& operand : operands) pointers.push_back(operand.data());
  return pointers;
}

std::size_t byte_size(std::int64_t elements, DataType type) {
  return static_cast<std::size_t>(elements) * static_cast<std::size_t>(size_of(type));
}

namespace {

/// Near the data where they are small, but not the 1 that most of them may be; else an end of the
/// range or far from zero.
std::int32_t zero_point(const ConvSpec& spec, FillKind kind, std::uint64_t seed) {
  if (spec.quant.empty()) return 0;
  if (kind == FillKind::kIntegers) return 2;
  constexpr std::int32_t kS8[] = {-128, 127, -77}, kU8[] = {255, 131, 0};
  return (spec.x_type == DataType::kU8 ? kU8 : kS8)[seed % 3];
}

}  // namespace

Inputs make_inputs(const ConvSpec& spec, const Epilogue& epilogue, std::int64_t batch,
                   FillKind kind, std::uint64_t seed) {
  Inputs inputs;
  inputs.x_zero = zero_point(spec, kind, seed);
  inputs.x.resize(byte_size(spec.x_elements(batch), spec.x_type));
  inputs.w.resize(byte_size(spec.w_elements(), spec.w_type));
  fill(inputs.x, spec.x_type, TensorRole::kX, kind, spec, seed);
  fill(inputs.w, spec.w_type, TensorRole::kW, kind, spec, seed);
  for (std::size_t i = 0; i < epilogue.operands().size(); ++i) {
    const EpilogueOperand& operand = epilogue.operands()[i];
    const DataType type = operand.element_type(spec.y_type);
    Bytes& bytes = inputs.operands.emplace_back(byte_size(operand.elements(spec, batch), type));
    fill(bytes, type, operand.per_channel ? TensorRole::kChannelOperand : TensorRole::kOperand,
         kind, spec, seed + 1000 * (i + 1));
  }
  return inputs;
}

std::int64_t channel_of(const ConvSpec& spec, std::int64_t index) {
  return spec.y_layout == Layout::kNhwc ? index % spec.k : index / (spec.p * spec.q) % spec.k;
}

namespace {

ConvSpec problem_of_sums(const ConvSpec& spec) {
  ConvSpec sums = dense_problem(spec);
  sums.epilogue.clear();
  return sums;
}

/// Sums before the epilogue: by the device's own naive kernel where it has one, else by loops here.
ReferenceResult reference_sums(Target* target, const ConvSpec& spec, const Inputs& inputs,
                               std::int64_t batch, Executor* executor, bool want_magnitude) {
  const ConvSpec sums = problem_of_sums(spec);
  const ReferenceArgs args{inputs.x.data(), inputs.w.data(), {}, batch, inputs.x_zero};
  ReferenceResult result;
  result.value.resize(spec.y_elements(batch));
  if (target == nullptr ||
      !target->reference_sums(sums, batch, args.x, args.w, args.x_zero, result.value.data()))
    return reference_fprop(sums, args, executor, want_magnitude);
  if (want_magnitude) result.magnitude = reference_magnitude(sums, args, executor);
  return result;
}

}  // namespace

Expected make_expected(Target* target, const ConvSpec& spec, const Epilogue& epilogue,
                       const Inputs& inputs, std::int64_t batch, FillKind kind,
                       Executor* executor) {
  const bool integers = kind == FillKind::kIntegers;
  const bool whole = integers || is_integer(spec.x_type);  // sums are integers
  const ReferenceResult reference = reference_sums(target, spec, inputs, batch, executor, !whole);
  // 8-bit problems have one right result: the sum is an integer, and the formula is in f32.
  const bool formula = is_integer(spec.x_type) && epilogue.is_exact();
  // What a product too many or too few changes.
  const double change = integers ? 1 : kTypicalByteProduct;
  const bool exact = formula || (integers && integer_range(spec).exact);
  const double relative = sum_error(spec.c_per_group() * spec.r * spec.s);
  const auto pointers = inputs.operand_pointers();
  Expected expected;
  expected.value.resize(reference.value.size());
  if (!exact) expected.tolerance.resize(reference.value.size());
  // Chunks keep counts of their own: sums of whole numbers, the same in any order.
  constexpr std::int64_t kChunk = 16384;
  const auto count = static_cast<std::int64_t>(reference.value.size());
  std::vector<double> telling((count + kChunk - 1) / kChunk), comparable(telling.size());
  for_each(executor, static_cast<std::int64_t>(telling.size()), [&](std::int64_t chunk) {
    for (std::int64_t i = chunk * kChunk; i < std::min((chunk + 1) * kChunk, count); ++i) {
      double operands[kMaxEpilogueOperands];
      load_operands(spec, epilogue, pointers, channel_of(spec, i), i, operands);
      const double sum = reference.value[i];
      // An epilogue begins with the sum in f32.
      const double acc =
          is_integer(spec.x_type) ? static_cast<double>(static_cast<float>(sum)) : sum;
      const Bounded result = evaluate_bounded(
          epilogue, {acc, whole ? 0 : relative * reference.magnitude[i]}, operands);
      const Bounded limit = stored(result, spec.y_type);
      if (exact) {
        const double value = !formula ? result.value
                             : spec.y_type == DataType::kS32
                                 ? sum
                                 : epilogue.evaluate_f32(static_cast<float>(sum), operands);
        expected.value[i] = round_to(spec.y_type, value);
        telling[chunk] += is_sensitive(epilogue, spec.y_type, sum, operands, change);
      } else if (is_integer(spec.y_type)) {
        // Saturation and rounding keep the order: what the ends of the bound become bounds the
        // output.
        const double low = round_to(spec.y_type, result.value - result.error);
        const double high = round_to(spec.y_type, result.value + result.error);
        expected.value[i] = (low + high) / 2;
        expected.tolerance[i] = static_cast<float>((high - low) / 2);
        telling[chunk] += low == high && is_sensitive(epilogue, spec.y_type, sum, operands, change);
      } else {
        expected.value[i] = result.value;
        expected.tolerance[i] = static_cast<float>(limit.error * (1 + 0x1p-20));
        const auto moves = [&](double to) {
          return std::abs(evaluate_bounded(epilogue, {to, 0}, operands).value - result.value);
        };
        telling[chunk] += sum != 0 && std::max(moves(sum + 1), moves(sum - 1)) > limit.error;
      }
      // 8-bit outputs saturate, and the formula says which sums become infinite.
      comparable[chunk] += formula || is_integer(spec.y_type) ||
                           (exact ? std::isfinite(expected.value[i]) : std::isfinite(limit.error));
    }
  });
  expected.telling = std::accumulate(telling.begin(), telling.end(), 0.0);
  expected.comparable = std::accumulate(comparable.begin(), comparable.end(), 0.0);
  return expected;
}

void build_reference(Target& target, const ConvSpec& spec) {
  target.build_reference_sums(problem_of_sums(spec));
}

double reachable_outputs(const ConvSpec& spec, std::int64_t batch) {
  double rows = 0;
  double columns = 0;
  for (std::int64_t p = 0; p < spec.p; ++p) rows += spec.valid_r(p).size() > 0;
  for (std::int64_t q = 0; q < spec.q; ++q) columns += spec.valid_s(q).size() > 0;
  return rows * columns * static_cast<double>(batch * spec.k);
}

}  // namespace convoke
