#include "compiler/emit_cuda.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/cache_key.h"
#include "compiler/cuda_config.h"
#include "compiler/cuda_sparse.h"
#include "compiler/cuda_weights.h"
#include "compiler/epilogue.h"
#include "compiler/sparsity.h"
#include "convoke/error.h"
#include "templates/conv_config.h"

namespace convoke {
namespace {

using cuda::ConvConfig;

static_assert(cuda::kMaxOperands == kMaxEpilogueOperands,
              "a kernel's argument holds as many operands as an epilogue can name");

cuda::Type template_type(DataType type) {
  switch (type) {
    case DataType::kF32:
      return cuda::Type::kF32;
    case DataType::kTf32:
      return cuda::Type::kTf32;
    case DataType::kF16:
      return cuda::Type::kF16;
    case DataType::kBf16:
      return cuda::Type::kBf16;
    case DataType::kS8:
      return cuda::Type::kS8;
    case DataType::kU8:
      return cuda::Type::kU8;
    case DataType::kS32:
      return cuda::Type::kS32;
    default:
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("no CUDA kernel of type {}", to_string(type)));
  }
}

cuda::Layout template_layout(Layout layout) {
  return layout == Layout::kNhwc ? cuda::Layout::kNhwc : cuda::Layout::kNchw;
}

const char* enumerator(cuda::Family family) {
  switch (family) {
    case cuda::Family::kMma:
      return "Family::kMma";
    case cuda::Family::kFma:
      return "Family::kFma";
    case cuda::Family::kDirect:
      return "Family::kDirect";
    case cuda::Family::kDepthwise:
      return "Family::kDepthwise";
    case cuda::Family::kSparse:
      return "Family::kSparse";
    case cuda::Family::kReference:
      return "Family::kReference";
  }
  return "?";
}

const char* enumerator(cuda::Type type) {
  switch (type) {
    case cuda::Type::kF32:
      return "Type::kF32";
    case cuda::Type::kTf32:
      return "Type::kTf32";
    case cuda::Type::kF16:
      return "Type::kF16";
    case cuda::Type::kBf16:
      return "Type::kBf16";
    case cuda::Type::kS8:
      return "Type::kS8";
    case cuda::Type::kU8:
      return "Type::kU8";
    case cuda::Type::kS32:
      return "Type::kS32";
  }
  return "?";
}

const char* enumerator(cuda::Layout layout) {
  return layout == cuda::Layout::kNhwc ? "Layout::kNhwc" : "Layout::kNchw";
}
const char* enumerator(cuda::PixelOrder order) {
  return order == cuda::PixelOrder::kImage ? "PixelOrder::kImage" : "PixelOrder::kBatch";
}
const char* enumerator(cuda::SplitBy by) {
  return by == cuda::SplitBy::kWorkspace ? "SplitBy::kWorkspace" : "SplitBy::kCluster";
}
const char* enumerator(cuda::Sparse sparse) {
  switch (sparse) {
    case cuda::Sparse::kDense:
      return "Sparse::kDense";
    case cuda::Sparse::kMasked:
      return "Sparse::kMasked";
    case cuda::Sparse::kFilters:
      return "Sparse::kFilters";
    case cuda::Sparse::kLists:
      return "Sparse::kLists";
    case cuda::Sparse::kPairs:
      return "Sparse::kPairs";
    case cuda::Sparse::kWeights:
      return "Sparse::kWeights";
    case cuda::Sparse::kCode:
      return "Sparse::kCode";
  }
  return "?";
}
template <typename Integer>
Integer enumerator(Integer value) {
  return value;
}

/// Designated initialisers of the fields that differ from the defaults, in lines of a page's width.
std::string initialisers(const ConvConfig& config) {
  constexpr std::size_t kWidth = 96;
  const ConvConfig defaults;
  std::string text, line;
  const auto add = [&](const char* name, auto ConvConfig::*member) {
    if (config.*member == defaults.*member) return;
    const std::string one = fmt::format(".{} = {},", name, enumerator(config.*member));
    if (!line.empty() && line.size() + 1 + one.size() > kWidth) {
      text += "    " + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + one;
  };
  line = fmt::format(".family = {},", enumerator(config.family));
  add("x_type", &ConvConfig::x_type), add("y_type", &ConvConfig::y_type);
  add("x_layout", &ConvConfig::x_layout), add("y_layout", &ConvConfig::y_layout);
  add("c", &ConvConfig::c), add("h", &ConvConfig::h), add("w", &ConvConfig::w);
  add("k", &ConvConfig::k), add("r", &ConvConfig::r), add("s", &ConvConfig::s);
  add("p", &ConvConfig::p), add("q", &ConvConfig::q), add("groups", &ConvConfig::groups);
  add("stride_h", &ConvConfig::stride_h), add("stride_w", &ConvConfig::stride_w);
  add("dilation_h", &ConvConfig::dilation_h), add("dilation_w", &ConvConfig::dilation_w);
  add("pad_h", &ConvConfig::pad_h), add("pad_w", &ConvConfig::pad_w);
  add("operands", &ConvConfig::operands);
  add("per_channel_operands", &ConvConfig::per_channel_operands);
  add("operand_types", &ConvConfig::operand_types);
  add("zero_point", &ConvConfig::zero_point);
  add("block_m", &ConvConfig::block_m), add("block_n", &ConvConfig::block_n);
  add("block_k", &ConvConfig::block_k);
  add("warps_m", &ConvConfig::warps_m), add("warps_n", &ConvConfig::warps_n);
  add("stages", &ConvConfig::stages), add("split_k", &ConvConfig::split_k);
  add("split_by", &ConvConfig::split_by), add("order", &ConvConfig::order);
  add("tile_p", &ConvConfig::tile_p), add("tile_q", &ConvConfig::tile_q);
  add("patch", &ConvConfig::patch);
  add("sparse", &ConvConfig::sparse), add("bound", &ConvConfig::bound);
  add("per_input", &ConvConfig::per_input), add("per_filter", &ConvConfig::per_filter);
  add("unit_k", &ConvConfig::unit_k), add("unit_c", &ConvConfig::unit_c);
  add("kept", &ConvConfig::kept);
  return text + "    " + line + "\n";
}

/// The include and the constant that every unit opens with.
std::string opening(const ConvConfig& config) {
  return fmt::format(
      "#include \"templates/{}.cuh\"\n\nnamespace convoke::cuda {{\n"
      "constexpr ConvConfig kConfig{{\n{}}};\n",
      to_string(config.family), initialisers(config));
}

/// An entry: what NVRTC calls by name, over the family's function. `bounds` of its launch.
std::string entry(const ConvConfig& config, const char* name, const std::string& bounds,
                  const std::string& function) {
  return fmt::format(
      "extern \"C\" __global__ void __launch_bounds__({})\n"
      "{}(const __grid_constant__ ConvArgs args) {{ {}({}); }}\n",
      bounds, name, function, cuda::bakes_pattern(config) ? "bake(args, kPattern)" : "args");
}
std::string kernel_entry(const ConvConfig& config, const std::string& function) {
  return entry(config, "convoke_kernel", "threads(kConfig), min_blocks(kConfig)", function);
}

constexpr char kClosing[] = "}  // namespace convoke::cuda\n";

}  // namespace

ConvConfig make_conv_config(const ConvSpec& spec, const CudaConfig& config) {
  ConvConfig c;
  c.family = config.family;
  c.x_type = template_type(spec.x_type), c.y_type = template_type(spec.y_type);
  c.x_layout = template_layout(spec.x_layout), c.y_layout = template_layout(spec.y_layout);
  c.c = spec.c, c.h = spec.h, c.w = spec.w;
  c.k = spec.k, c.r = spec.r, c.s = spec.s, c.p = spec.p, c.q = spec.q;
  c.groups = spec.groups;
  c.stride_h = spec.stride_h, c.stride_w = spec.stride_w;
  c.dilation_h = spec.dilation_h, c.dilation_w = spec.dilation_w;
  c.pad_h = spec.pad_h, c.pad_w = spec.pad_w;
  const Epilogue epilogue = Epilogue::parse(spec.epilogue);
  for (const EpilogueOperand& operand : epilogue.operands()) {
    if (operand.per_channel) c.per_channel_operands |= 1u << c.operands;
    if (operand.type)
      c.operand_types |= (static_cast<unsigned>(template_type(*operand.type)) + 1)
                         << 4 * c.operands;
    ++c.operands;
  }
  c.zero_point = Quant::parse(spec.quant).zero_point;
  c.block_m = config.bm, c.block_n = config.bn, c.block_k = config.bk;
  c.warps_m = config.wm, c.warps_n = config.wn;
  c.stages = config.stages;
  c.split_k = config.split == 0 ? 1 : config.split;
  c.split_by = config.split_by, c.order = config.order, c.patch = config.patch;
  c.tile_p = config.tp, c.tile_q = config.tq;
  set_sparsity(spec, config.masked, c);
  if (c.family == cuda::Family::kSparse) set_kept_weights(spec, config.code, c);
  return c;
}

EmittedKernel emit_cuda(const ConvSpec& spec, const CudaConfig& config) {
  const ConvConfig c = make_conv_config(spec, config);
  const bool packs = cuda::reads_packed_weights(c);
  std::string source = packs ? "#include \"templates/pack.cuh\"\n" : "";
  source += opening(c);
  if (cuda::bakes_pattern(c)) {
    if (spec.pattern == nullptr)
      throw Error(ErrorCode::kUsage,
                  fmt::format("sparsity {} says how much is kept, not what: set ConvSpec::pattern, "
                              "or add :bound",
                              spec.sparsity));
    source += emit_pattern_words(make_pattern_words(c, *spec.pattern));
  }
  const bool code = c.sparse == cuda::Sparse::kCode;
  if (code) source += emit_kept_code(c, *spec.pattern);
  // One rounding for each operation is what the result of 8-bit types is defined by.
  source += Epilogue::parse(spec.epilogue).lower_cuda(!is_integer(spec.x_type)) +
            kernel_entry(c, fmt::format("run_{}<kConfig, Epilogue{}>", to_string(c.family),
                                        code ? ", KeptCode" : ""));
  if (cuda::has_reduce(c))
    source += entry(c, "convoke_reduce", "reduce_threads(kConfig), kHelperBlocks",
                    "run_reduce<kConfig, Epilogue>");
  if (packs) source += entry(c, "convoke_pack", "kPackThreads, kHelperBlocks", "run_pack<kConfig>");
  return {source + kClosing, c};
}

EmittedKernel emit_cuda_reference_sums(const ConvSpec& spec) {
  ConvSpec sums = spec;
  sums.epilogue.clear();
  CudaConfig config;
  config.family = cuda::Family::kReference;
  const ConvConfig c = make_conv_config(sums, config);
  return {opening(c) + kernel_entry(c, "run_reference_sums<kConfig>") + kClosing, c};
}

std::string templates_digest(const std::vector<TemplateFile>& files) {
  std::vector<std::string> lines;
  for (const TemplateFile& file : files)
    lines.push_back(fmt::format("{} {}\n", file.name, sha256_hex(file.text)));
  std::sort(lines.begin(), lines.end());  // as cmake/embed_templates.cmake
  return sha256_hex(fmt::format("{}", fmt::join(lines, "")));
}

}  // namespace convoke
