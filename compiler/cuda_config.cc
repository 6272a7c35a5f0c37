#include "compiler/cuda_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compiler/config_text.h"
#include "compiler/cuda_cost.h"
#include "compiler/cuda_direct.h"
#include "compiler/cuda_weights.h"
#include "compiler/emit_cuda.h"
#include "compiler/sparsity.h"

namespace convoke {
namespace {

using cuda::Family;

constexpr std::pair<Family, const char*> kFamilies[] = {
    {Family::kMma, "mma"},       {Family::kFma, "fma"},
    {Family::kDirect, "direct"}, {Family::kDepthwise, "depthwise"},
    {Family::kSparse, "sparse"}, {Family::kReference, "reference"}};

struct IntField {
  const char* name;
  int CudaConfig::*member;
  int limit;
};
constexpr IntField kIntFields[] = {
    {"bm", &CudaConfig::bm, 512},      {"bn", &CudaConfig::bn, 512},
    {"bk", &CudaConfig::bk, 256},      {"wm", &CudaConfig::wm, 16},
    {"wn", &CudaConfig::wn, 16},       {"stages", &CudaConfig::stages, 8},
    {"split", &CudaConfig::split, 64}, {"patch", &CudaConfig::patch, 1},
    {"tp", &CudaConfig::tp, 512},      {"tq", &CudaConfig::tq, 512},
};

Family parse_family(std::string_view word) {
  for (const auto& [family, name] : kFamilies)
    if (word == name) return family;
  bad_config_word(word, "unknown family (known: mma, fma, direct, depthwise, sparse, reference)");
}

void parse_field(std::string_view word, std::string_view name, std::string_view value,
                 CudaConfig& config) {
  if (name == "split_by") {
    if (value != "workspace" && value != "cluster")
      bad_config_word(word, "split_by is workspace or cluster");
    config.split_by = value == "cluster" ? cuda::SplitBy::kCluster : cuda::SplitBy::kWorkspace;
    return;
  }
  if (name == "order") {
    if (value != "image" && value != "batch") bad_config_word(word, "order is image or batch");
    config.order = value == "batch" ? cuda::PixelOrder::kBatch : cuda::PixelOrder::kImage;
    return;
  }
  if (name == "masked" || name == "code") {
    (name == "code" ? config.code : config.masked) =
        parse_config_integer(word, name, value, 1) == 1;
    return;
  }
  for (const IntField& field : kIntFields) {
    if (name != field.name) continue;
    config.*field.member = parse_config_integer(word, name, value, field.limit);
    return;
  }
  bad_config_word(
      word,
      "unknown field (known: bm, bn, bk, wm, wn, stages, split, patch, split_by, order, tp, "
      "tq, code, masked)");
}

/// Why a field is set that nothing reads, or empty: equal code has one configuration.
std::string why_unused(const CudaConfig& config) {
  if (config.split == 0 && config.split_by != cuda::SplitBy::kWorkspace)
    return "split_by needs a split of 2 or more";
  const bool gemm = cuda::is_gemm(config.family), sparse = config.family == Family::kSparse;
  const char* family = to_string(config.family);
  for (const IntField& field : kIntFields) {
    const auto is_one_of = [&field](auto... members) { return ((field.member == members) || ...); };
    bool read = config.family != Family::kReference;
    if (is_one_of(&CudaConfig::wm, &CudaConfig::wn)) read = gemm || sparse;
    if (is_one_of(&CudaConfig::stages, &CudaConfig::split)) read = gemm;
    if (is_one_of(&CudaConfig::tp, &CudaConfig::tq)) read = sparse;
    if (is_one_of(&CudaConfig::patch)) read = config.family == Family::kMma;
    if (config.*field.member != 0 && !read)
      return fmt::format("{} has no {} ({})", family, field.name, config.*field.member);
  }
  if (config.code && !sparse) return fmt::format("{} has no code", family);
  if (gemm) return "";
  if (config.order != cuda::PixelOrder::kImage) return fmt::format("{} has no order", family);
  return "";
}

/// What the template itself refuses: the same function that its static_assert calls.
const char* why_template_refuses(const cuda::ConvConfig& config, const CudaDevice& device) {
  if (const char* why = cuda::why_illegal_sparse(config); why != nullptr) return why;
  switch (config.family) {
    case Family::kMma:
    case Family::kFma:
      return cuda::why_illegal_gemm(config, device.capability, device.shared_bytes_block);
    case Family::kDirect:
      return cuda::why_illegal_direct(config);
    case Family::kDepthwise:
      return cuda::why_illegal_depthwise(config);
    case Family::kSparse:
      return cuda::why_illegal_weights(config, device.shared_bytes_block);
    case Family::kReference:
      return nullptr;
  }
  return "unknown family";
}

}  // namespace

const char* to_string(Family family) {
  for (const auto& [value, name] : kFamilies)
    if (value == family) return name;
  return "?";
}

std::string print_cuda_config(const CudaConfig& config) {
  std::string text = fmt::format("cuda:{}", to_string(config.family));
  for (const IntField& field : kIntFields)
    if (config.*field.member != 0) text += fmt::format(",{}={}", field.name, config.*field.member);
  if (config.split_by == cuda::SplitBy::kCluster) text += ",split_by=cluster";
  if (config.order == cuda::PixelOrder::kBatch) text += ",order=batch";
  if (config.code) text += ",code=1";
  if (config.masked) text += ",masked=1";
  return text;
}

CudaConfig parse_cuda_config(std::string_view text) {
  CudaConfig config;
  parse_config_words(
      text, [&](std::string_view word) { config.family = parse_family(word); },
      [&](std::string_view word, std::string_view name, std::string_view value) {
        parse_field(word, name, value, config);
      });
  if (config.split == 1) config.split = 0;  // the same code, hence the same configuration
  return config;
}

std::string why_unsupported_cuda(const ConvSpec& spec, const CudaDevice& device) {
  if (device.capability < 75)
    return fmt::format("the GPU is sm_{}; sm_75 or later is needed", device.capability);
  if (spec.pass != Pass::kFprop)
    return fmt::format("pass {} is not built for CUDA yet; only fprop is", to_string(spec.pass));
  const auto floating = [](DataType type) {
    return type == DataType::kF32 || type == DataType::kF16 || type == DataType::kBf16;
  };
  if (is_integer(spec.x_type)) {
    if (std::string why = why_not_integer(spec); !why.empty()) return why;
    return why_not_quantised(spec);
  }
  if (!floating(spec.x_type) && spec.x_type != DataType::kTf32)
    return fmt::format("type {} is not built for CUDA yet; f32, tf32, f16, bf16, s8 and u8 are",
                       to_string(spec.x_type));
  if (spec.w_type != spec.x_type)
    return fmt::format("weights of type {} beside images of type {} are not built for CUDA yet",
                       to_string(spec.w_type), to_string(spec.x_type));
  if (!floating(spec.y_type))
    return fmt::format("outputs of type {} are not built for CUDA yet; f32, f16 and bf16 are",
                       to_string(spec.y_type));
  return why_not_quantised(spec);
}

std::string why_illegal_cuda(const ConvSpec& spec, const CudaConfig& config,
                             const CudaDevice& device) {
  if (std::string why = why_unsupported_cuda(spec, device); !why.empty()) return why;
  if (std::string why = why_unused(config); !why.empty()) return why;
  if (config.masked && spec.sparsity.empty()) return kMaskedNeedsSparsity;
  if (std::string why = why_illegal_code(spec, config); !why.empty()) return why;
  const cuda::ConvConfig conv = make_conv_config(spec, config);
  const char* why = why_template_refuses(conv, device);
  if (why == nullptr && !spec.open_batch() && !grid_holds(conv, spec.n))
    why = "a batch of that many images needs more than 2^31 - 1 blocks: larger tiles or direct";
  return why == nullptr ? "" : fmt::format("{}: {}", print_cuda_config(config), why);
}

std::vector<KernelConfig> enumerate_cuda_configs(const ConvSpec& spec, const CudaDevice& device) {
  std::vector<KernelConfig> configs;
  const auto add = [&](const CudaConfig& config) {
    if (why_illegal_cuda(spec, config, device).empty() &&
        std::find(configs.begin(), configs.end(), KernelConfig(config)) == configs.end())
      configs.push_back(config);
  };
  enumerate_cuda_gemm(spec, device, add);
  enumerate_cuda_sparse(spec, add);
  // Families that skip nothing serve a sparse spec as dense ones.
  const auto add_dense = [&](CudaConfig config) {
    config.masked = !spec.sparsity.empty();
    add(config);
  };
  enumerate_cuda_depthwise(spec, add_dense);
  enumerate_cuda_direct(spec, add_dense);
  return configs;
}

KernelConfig default_cuda_config(const ConvSpec& spec, const CudaDevice& device) {
  const std::vector<KernelConfig> configs = enumerate_cuda_configs(spec, device);
  std::vector<double> predicted;
  for (const KernelConfig& config : configs)
    predicted.push_back(predict_cuda_us(spec, config.cuda, device));
  // Never empty: `direct` runs every supported spec.
  return configs[static_cast<std::size_t>(std::min_element(predicted.begin(), predicted.end()) -
                                          predicted.begin())];
}

}  // namespace convoke
