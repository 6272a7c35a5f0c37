// Runs kernels in buffers that end, and in a second run begin, at a page that cannot be read: they
// may not touch a byte outside, not even to read it. A violation is a SIGSEGV, whose handler names
// the problem and ends the process, so the test fails.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "runtime/target.h"
#include "tests/fenced_buffer.h"
#include "tests/random_spec.h"

namespace convoke::test {

/// What runs now; the signal handler prints it.
inline char current_fenced[1024];

inline void on_segv(int) {
  constexpr char kText[] = "touched memory outside its buffers: ";
  // Nothing more can be done where write fails.
  if (write(STDERR_FILENO, kText, sizeof kText - 1) < 0 ||
      write(STDERR_FILENO, current_fenced, std::strlen(current_fenced)) < 0)
    _exit(2);
  _exit(1);
}

inline void run_fenced(const Kernel& kernel, const ConvSpec& spec, std::int64_t images,
                       WeightForm form, Side side) {
  const auto buffer = [&](std::int64_t elements, DataType type) {
    return std::make_unique<FencedBuffer>(elements * size_of(type), side, size_of(type));
  };
  const auto x = buffer(spec.x_elements(images), spec.x_type);
  const auto w = buffer(spec.w_elements(), spec.w_type);
  const auto y = buffer(spec.y_elements(images), spec.y_type);
  const FencedBuffer packed(kernel.packed_weight_bytes(), side, 64);
  const FencedBuffer tables(kernel.pattern_bytes(), side, 64);
  std::vector<std::byte> host_tables(static_cast<std::size_t>(kernel.pattern_bytes()));
  if (!host_tables.empty()) {
    kernel.pack_pattern(*SparsityPattern::random(spec, 1), host_tables.data());
    std::memcpy(tables.data(), host_tables.data(), host_tables.size());
  }
  const void* pattern = host_tables.empty() ? nullptr : tables.data();
  const FencedBuffer workspace(kernel.workspace_bytes(images, form), side, 64);
  std::vector<std::unique_ptr<FencedBuffer>> operands;
  std::vector<ConstBuffer> operand_buffers;
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  for (const EpilogueOperand& operand : epilogue.operands()) {
    const std::int64_t elements = operand.elements(spec, images);
    const DataType type = operand.element_type(spec.y_type);
    operands.push_back(buffer(elements, type));
    operand_buffers.push_back(
        {operands.back()->data(), static_cast<std::size_t>(elements * size_of(type))});
  }
  const bool packs = form == WeightForm::kPacked;
  if (packs) kernel.prepack(w->data(), pattern, packed.data(), nullptr);
  LaunchArgs args;
  args.x = {x->data(), static_cast<std::size_t>(spec.x_elements(images) * size_of(spec.x_type))};
  args.w = {packs ? packed.data() : w->data(),
            static_cast<std::size_t>(packs ? kernel.packed_weight_bytes()
                                           : spec.w_elements() * size_of(spec.w_type))};
  args.y = {y->data(), static_cast<std::size_t>(spec.y_elements(images) * size_of(spec.y_type))};
  args.operands = operand_buffers.data();
  args.operand_count = operand_buffers.size();
  args.workspace = {workspace.data(),
                    static_cast<std::size_t>(kernel.workspace_bytes(images, form))};
  args.pattern = {pattern, host_tables.size()};
  args.batch = images;
  args.x_zero = spec.quant.empty() ? 0 : 3;
  kernel.launch(args, form);
}

/// Both sides, and plain and packed weights.
inline void check_fenced(Target& target, const ConvSpec& spec, const KernelConfig& config,
                         std::int64_t images) {
  struct sigaction action = {}, before = {};
  action.sa_handler = on_segv;
  if (sigaction(SIGSEGV, &action, &before) != 0)
    throw std::system_error(errno, std::generic_category(), "sigaction");
  const std::string text = print_spec(spec) + " --config " + print_config(config) + "\n";
  std::strncpy(current_fenced, text.c_str(), sizeof current_fenced - 1);
  const auto kernel = target.get(spec, config);
  for (const Side side : {Side::kEnd, Side::kBegin})
    for (const WeightForm form : {WeightForm::kPlain, WeightForm::kPacked})
      if (form == WeightForm::kPlain || kernel->packed_weight_bytes() > 0)
        run_fenced(*kernel, spec, images, form, side);
  sigaction(SIGSEGV, &before, nullptr);
}

}  // namespace convoke::test
