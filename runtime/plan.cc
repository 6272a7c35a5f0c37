#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "compiler/epilogue.h"
#include "compiler/kernel_config.h"
#include "compiler/quant_range.h"
#include "convoke/convoke.hpp"
#include "runtime/buffer_checks.h"
#include "runtime/pattern_checks.h"
#include "runtime/target.h"

namespace convoke {
namespace {

/// The config that a plan will use. @throws Error kUsage, kUnsupported
KernelConfig choose(Target& target, const ConvSpec& spec, const PlanOptions& options) {
  KernelConfig config;
  if (!options.config.empty()) {
    config = parse_config(options.config);
    if (const std::string why = target.why_illegal(spec, config); !why.empty())
      throw Error(ErrorCode::kUsage, fmt::format("configuration {}: {}", options.config, why));
  } else if (const ChooseConfigFn hook = choose_config_hook(); hook != nullptr) {
    const std::string tuned = hook(target, spec);
    config = tuned.empty() ? target.default_config(spec) : parse_config(tuned);
  } else {
    config = target.default_config(spec);
  }
  const std::int64_t limit = options.workspace_limit;
  if (limit < 0) return config;
  const auto bytes = [&](const KernelConfig& c) {
    return target.workspace_bytes(spec, c, options.weights);
  };
  if (bytes(config) <= limit) return config;
  if (!options.config.empty())
    throw Error(ErrorCode::kUsage,
                fmt::format("configuration {} needs {} bytes of workspace, the limit is {}",
                            options.config, bytes(config), limit));
  std::int64_t least = bytes(config);
  double best_us = 0;
  const KernelConfig* best = nullptr;
  const std::vector<KernelConfig> all = target.enumerate(spec);
  for (const KernelConfig& candidate : all) {
    const std::int64_t needed = bytes(candidate);
    least = std::min(least, needed);
    if (needed > limit) continue;
    const double us = target.predict_us(spec, candidate);
    if (best == nullptr || us < best_us) best = &candidate, best_us = us;
  }
  if (best == nullptr)
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format(
            "a workspace limit of {} bytes: the smallest that any configuration needs is {}{}",
            limit, least,
            options.weights == WeightForm::kPlain ? "; prepacked weights need less" : ""));
  return *best;
}

constexpr std::size_t kWideAlignment = 64;  // of packed weights, tables and workspaces
constexpr std::size_t kHostTableAlignment = alignof(std::max_align_t);

}  // namespace

struct Plan::Impl {
  std::shared_ptr<Target> target;  // before the kernel: it is destroyed after it
  std::shared_ptr<const Kernel> kernel;
  ConvSpec spec;
  std::string config;
  WeightForm form = WeightForm::kPlain;
  bool bound = false;
  bool from_cache = false;
  std::vector<std::string> operand_names;
  std::vector<EpilogueOperand> operands;
  std::vector<PlanStep> steps;           // of n images, or of one if the batch is open
  std::size_t x_image = 0, y_image = 0;  // bytes of one image
  std::size_t x_align = 1, y_align = 1;
  std::size_t w_plain = 0, w_align = 1;
  std::size_t w_bytes = 0, w_launch_align = 1;  // of what launch() takes
  std::int64_t max_batch = 0;

  /// Bytes to which a tensor of that type must be aligned.
  std::size_t alignment(DataType type) const {
    return std::max(kernel->alignment(), static_cast<std::size_t>(size_of(type)));
  }

  std::int64_t real_batch(std::int64_t batch) const {
    if (!spec.open_batch()) {
      if (batch != 0 && batch != spec.n)
        refuse(fmt::format(
            "batch {}: this plan is for {} images; leave the batch open (mb?) for others", batch,
            spec.n));
      return spec.n;
    }
    if (batch < 1 || batch > max_batch)
      refuse(fmt::format("batch {}: the batch of this plan is open, give 1 to {} images", batch,
                         max_batch));
    return batch;
  }

  void check_operands(const LaunchArgs& args, std::size_t n, const Extent& y,
                      const Extent& workspace) const {
    if (args.operand_count != operands.size() || (args.operands == nullptr && !operands.empty()))
      refuse(fmt::format("{} operands: the epilogue {} needs {}",
                         args.operands == nullptr ? 0 : args.operand_count, spec.epilogue,
                         operands.size()));
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const char* name = operands[i].name.c_str();
      const DataType type = operands[i].element_type(spec.y_type);
      const auto need = static_cast<std::size_t>(
                            operands[i].elements(spec, static_cast<std::int64_t>(n))) *
                        static_cast<std::size_t>(size_of(type));
      check_buffer(name, args.operands[i].data, args.operands[i].bytes, need,
                   operands[i].per_channel ? alignof(float) : alignment(type));
      check_disjoint(y, {name, args.operands[i].data, need});
      if (workspace.bytes > 0) check_disjoint(workspace, {name, args.operands[i].data, need});
    }
  }

  std::size_t table_bytes() const { return static_cast<std::size_t>(kernel->pattern_bytes()); }

  void check_tables(const ConstBuffer& pattern, const Extent& written) const {
    if (!bound) {
      if (pattern.data != nullptr)
        refuse(fmt::format("a pattern is given, but that of this plan ({}) is no operand",
                           spec.sparsity.empty() ? "dense" : spec.sparsity));
      return;
    }
    if (table_bytes() == 0) return;
    check_buffer("the pattern", pattern.data, pattern.bytes, table_bytes(), kWideAlignment);
    if (written.bytes > 0) check_disjoint(written, {"the pattern", pattern.data, table_bytes()});
  }

  void check(const LaunchArgs& args, std::int64_t batch) const {
    const auto n = static_cast<std::size_t>(batch);
    const Extent x{"x", args.x.data, n * x_image}, w{"w", args.w.data, w_bytes},
        y{"y", args.y.data, n * y_image};
    const Extent workspace{"workspace", args.workspace.data,
                           static_cast<std::size_t>(kernel->workspace_bytes(batch, form))};
    check_buffer(x.name, x.data, args.x.bytes, x.bytes, x_align);
    check_buffer(w.name, w.data, args.w.bytes, w.bytes, w_launch_align);
    check_buffer(y.name, y.data, args.y.bytes, y.bytes, y_align);
    check_disjoint(y, x);
    check_disjoint(y, w);
    check_tables(args.pattern, y);
    if (workspace.bytes > 0) {
      check_buffer(workspace.name, workspace.data, args.workspace.bytes, workspace.bytes,
                   kWideAlignment);
      for (const Extent* other : {&x, &w, &y}) check_disjoint(workspace, *other);
      check_tables(args.pattern, workspace);
    }
    check_operands(args, n, y, workspace);
    check_zero_point(args.x_zero);
  }

  void check_zero_point(std::int32_t zero) const {
    if (zero == 0) return;
    if (spec.quant.empty())
      refuse(fmt::format("x_zero is {}, but this plan has no zero point: add quant=zp", zero));
    const QuantRange range = quant_range(spec.x_type);
    if (zero < range.low || zero > range.high)
      refuse(fmt::format("x_zero is {}: a zero point of {} is {} to {}", zero,
                         to_string(spec.x_type), range.low, range.high));
  }
};

Plan::Plan(const Device& device, const ConvSpec& spec, const PlanOptions& options)
    : impl_(std::make_unique<Impl>()) {
  spec.validate();
  Impl& p = *impl_;
  p.target = device.target_;
  p.spec = spec;
  p.form = options.weights;
  p.bound = takes_pattern(spec);
  if (const std::string why = p.target->why_unsupported(spec); !why.empty())
    throw Error(ErrorCode::kUnsupported, why);
  const KernelConfig config = choose(*p.target, spec, options);
  CacheSource source{};
  p.kernel = p.target->get(spec, config, &source);
  p.config = print_config(config);
  p.from_cache = source != CacheSource::kCompiled;
  p.steps = p.kernel->steps(spec.open_batch() ? 1 : spec.n, p.form);
  p.operands = Epilogue::parse(spec.epilogue).operands();
  for (const EpilogueOperand& operand : p.operands) p.operand_names.push_back(operand.name);
  const auto element_bytes = [](DataType type) { return static_cast<std::size_t>(size_of(type)); };
  p.x_align = p.alignment(spec.x_type);
  p.y_align = p.alignment(spec.y_type);
  p.w_align = p.alignment(spec.w_type);
  p.x_image = static_cast<std::size_t>(spec.x_elements(1)) * element_bytes(spec.x_type);
  p.y_image = static_cast<std::size_t>(spec.y_elements(1)) * element_bytes(spec.y_type);
  p.w_plain = static_cast<std::size_t>(spec.w_elements()) * element_bytes(spec.w_type);
  const bool packed = p.form == WeightForm::kPacked && p.kernel->packed_weight_bytes() > 0;
  p.w_bytes = packed ? static_cast<std::size_t>(p.kernel->packed_weight_bytes()) : p.w_plain;
  p.w_launch_align = packed ? kWideAlignment : p.w_align;
  p.max_batch = kMaxElements / std::max(spec.x_elements(1), spec.y_elements(1));
}

Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;
Plan::~Plan() = default;

const ConvSpec& Plan::spec() const { return impl_->spec; }
std::string Plan::config() const { return impl_->config; }
const std::vector<PlanStep>& Plan::steps() const { return impl_->steps; }
const std::vector<std::string>& Plan::operand_names() const { return impl_->operand_names; }
std::int64_t Plan::packed_weight_bytes() const { return impl_->kernel->packed_weight_bytes(); }
std::size_t Plan::alignment() const {
  std::size_t most = std::max(impl_->x_align, impl_->y_align);
  for (const EpilogueOperand& operand : impl_->operands)
    if (!operand.per_channel)
      most = std::max(most, impl_->alignment(operand.element_type(impl_->spec.y_type)));
  return most;
}
bool Plan::from_cache() const { return impl_->from_cache; }

std::int64_t Plan::workspace_bytes(std::int64_t batch) const {
  return impl_->kernel->workspace_bytes(impl_->real_batch(batch), impl_->form);
}

std::int64_t Plan::pattern_bytes() const { return impl_->kernel->pattern_bytes(); }

void Plan::pack_pattern(const SparsityPattern& pattern, Buffer tables) const {
  const Impl& p = *impl_;
  if (!p.bound)
    refuse(fmt::format("the plan of {} takes no pattern: its sparsity is not bound",
                       to_string(p.spec)));
  check_bound_pattern(p.spec, pattern);
  if (p.table_bytes() > 0)
    check_buffer("the tables' buffer", tables.data, tables.bytes, p.table_bytes(),
                 kHostTableAlignment);
  p.kernel->pack_pattern(pattern, tables.data);
}

void Plan::prepack(ConstBuffer w, Buffer packed, void* stream, ConstBuffer pattern) const {
  const Impl& p = *impl_;
  const auto bytes = static_cast<std::size_t>(p.kernel->packed_weight_bytes());
  if (bytes == 0)
    refuse(fmt::format(
        "configuration {} reads plain weights (packed_weight_bytes() is 0): give them to launch()",
        p.config));
  check_buffer("w", w.data, w.bytes, p.w_plain, p.w_align);
  check_buffer("the packed buffer", packed.data, packed.bytes, bytes, kWideAlignment);
  check_disjoint({"the packed buffer", packed.data, bytes}, {"w", w.data, p.w_plain});
  p.check_tables(pattern, {"the packed buffer", packed.data, bytes});
  p.kernel->prepack(w.data, p.bound ? pattern.data : nullptr, packed.data, stream);
}

void Plan::launch(const LaunchArgs& args) const {
  const Impl& p = *impl_;
  LaunchArgs real = args;
  real.batch = p.real_batch(args.batch);
  p.check(args, real.batch);
  p.kernel->launch(real, p.form);
}

}  // namespace convoke
