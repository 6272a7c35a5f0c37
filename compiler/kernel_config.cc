#include "compiler/kernel_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "compiler/amx_tiles.h"
#include "compiler/config_text.h"
#include "compiler/cpu_cost.h"
#include "compiler/cuda_config.h"
#include "compiler/depthwise_tiles.h"
#include "compiler/gemm_tiles.h"
#include "compiler/planar_tiles.h"
#include "compiler/sparsity.h"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"

namespace convoke {
namespace {

constexpr std::pair<CpuFamily, const char*> kFamilies[] = {{CpuFamily::kGemm, "gemm"},
                                                           {CpuFamily::kDirect, "direct"},
                                                           {CpuFamily::kDepthwise, "depthwise"},
                                                           {CpuFamily::kAmx, "amx"},
                                                           {CpuFamily::kSparse, "sparse"}};

struct IntField {
  const char* name;
  int CpuConfig::*member;
  int limit;
};
constexpr IntField kIntFields[] = {
    {"mr", &CpuConfig::mr, 64},
    {"nv", &CpuConfig::nv, 16},
    {"kc", &CpuConfig::kc, kMaxConfigField},
    {"rows", &CpuConfig::rows, kMaxConfigField},
    {"kb", &CpuConfig::kb, kMaxConfigField},
    {"unroll", &CpuConfig::unroll, 16},
    {"window", &CpuConfig::window, 16},
};

CpuFamily parse_family(std::string_view word) {
  for (const auto& [family, name] : kFamilies) {
    if (word == name) return family;
  }
  bad_config_word(word, "unknown family (known: gemm, direct, depthwise, amx, sparse)");
}

void parse_field(std::string_view word, std::string_view name, std::string_view value,
                 CpuConfig& config) {
  if (name == "axis") {
    if (value != "q" && value != "n") bad_config_word(word, "axis is q or n");
    config.axis = value == "q" ? TileAxis::kAxisQ : TileAxis::kAxisN;
    return;
  }
  if (name == "masked") {
    config.masked = parse_config_integer(word, name, value, 1) == 1;
    return;
  }
  for (const IntField& field : kIntFields) {
    if (name != field.name) continue;
    config.*field.member = parse_config_integer(word, name, value, field.limit);
    return;
  }
  bad_config_word(word,
                  "unknown field (known: axis, mr, nv, kc, rows, kb, unroll, window, masked)");
}

/// Why a field that the family does not read is set, or empty: equal code has one configuration.
std::string why_unused(const CpuConfig& config) {
  const bool gemm = config.family == CpuFamily::kGemm;
  const bool amx = config.family == CpuFamily::kAmx;
  const bool direct = config.family == CpuFamily::kDirect;
  const bool sparse = config.family == CpuFamily::kSparse;
  const auto says = [&](const char* field, int value) {
    return fmt::format("{} has no {} ({})", to_string(config.family), field, value);
  };
  if (!gemm && !sparse && config.kc != 0) return says("kc", config.kc);
  if (!gemm && !sparse && config.unroll != 0) return says("unroll", config.unroll);
  if (!gemm && config.window != 0) return says("window", config.window);
  if (sparse && config.nv != 0) return says("nv", config.nv);
  if (!gemm && !amx && !sparse && config.kb != 0) return says("kb", config.kb);
  if (direct && config.mr != 0) return says("mr", config.mr);
  if (!gemm && !amx && !sparse && config.axis != TileAxis::kAxisQ)
    return fmt::format("{} has no axis", to_string(config.family));
  return "";
}

/// Why a family cannot use the spec's pattern as `masked` says, or empty.
std::string why_not_sparse(const ConvSpec& spec, const CpuConfig& config) {
  if (spec.sparsity.empty()) {
    if (config.masked) return kMaskedNeedsSparsity;
    if (config.window != 0) return "window picks kept weights: the problem is dense";
    return config.family == CpuFamily::kSparse ? "sparse runs no dense weights" : "";
  }
  const SparsityKind kind = Sparsity::parse(spec.sparsity).kind;
  if (config.family == CpuFamily::kSparse)
    return config.masked ? "sparse has no masked form: its lists hold kept weights alone" : "";
  if (config.masked)
    return config.window == 0 ? "" : "masked=1 computes all weights, without window";
  if (config.family != CpuFamily::kGemm)
    return fmt::format("{} runs sparse specs with masked=1 alone", to_string(config.family));
  const bool single = kind == SparsityKind::kUnstructured || kind == SparsityKind::kNm;
  if (single && config.window == 0) {
    return fmt::format(
        "gemm runs {} with window or masked=1 alone: else a step is skipped for whole panels of "
        "filters",
        spec.sparsity);
  }
  if (!single && config.window != 0)
    return fmt::format("window is for unstructured and nm, not for {}", spec.sparsity);
  return "";
}

}  // namespace

const char* to_string(CpuFamily family) {
  for (const auto& [value, name] : kFamilies) {
    if (value == family) return name;
  }
  return "?";
}

std::string print_config(const KernelConfig& config) {
  if (config.target == TargetKind::kCuda) return print_cuda_config(config.cuda);
  const CpuConfig& cpu = config.cpu;
  std::string text = fmt::format("cpu:{}", to_string(cpu.family));
  if (cpu.family == CpuFamily::kGemm || cpu.family == CpuFamily::kAmx ||
      cpu.family == CpuFamily::kSparse) {
    text += cpu.axis == TileAxis::kAxisQ ? ",axis=q" : ",axis=n";
  }
  for (const IntField& field : kIntFields) {
    if (cpu.*field.member != 0) text += fmt::format(",{}={}", field.name, cpu.*field.member);
  }
  if (cpu.masked) text += ",masked=1";
  return text;
}

bool is_masked(const KernelConfig& config) {
  return config.target == TargetKind::kCuda ? config.cuda.masked : config.cpu.masked;
}

KernelConfig parse_config(std::string_view text) {
  constexpr std::string_view kCpu = "cpu:", kCuda = "cuda:";
  if (text.substr(0, kCuda.size()) == kCuda) return parse_cuda_config(text.substr(kCuda.size()));
  if (text.substr(0, kCpu.size()) == kCpu) text.remove_prefix(kCpu.size());
  CpuConfig config;
  parse_config_words(
      text, [&](std::string_view word) { config.family = parse_family(word); },
      [&](std::string_view word, std::string_view name, std::string_view value) {
        parse_field(word, name, value, config);
      });
  return config;
}

std::string why_not_integer(const ConvSpec& spec) {
  if (!is_integer(spec.x_type)) return "";
  if (spec.w_type != DataType::kS8)
    return fmt::format("weights of type {} are not built; with x of s8 or u8 they must be s8",
                       to_string(spec.w_type));
  if (spec.y_type == DataType::kS32 && !spec.epilogue.empty())
    return fmt::format("y of s32 is the sum itself and takes no epilogue ({})", spec.epilogue);
  const double most = largest_integer_sum(spec);
  if (most > std::numeric_limits<std::int32_t>::max())
    return fmt::format("a sum of {} products may reach {:.0f}, more than s32 holds: {} at most",
                       spec.c_per_group() * spec.r * spec.s, most,
                       std::numeric_limits<std::int32_t>::max());
  return "";
}

double largest_integer_sum(const ConvSpec& spec) {
  const bool wide = spec.x_type == DataType::kU8 || !spec.quant.empty();
  const double product = (wide ? 255.0 : 128.0) * 128.0;
  return product * static_cast<double>(spec.c_per_group()) * static_cast<double>(spec.r) *
         static_cast<double>(spec.s);
}

std::string why_inexact_in_f32(const ConvSpec& spec) {
  if (!is_integer(spec.x_type) || largest_integer_sum(spec) <= 0x1p24) return "";
  return fmt::format("a sum of {} products may reach {:.0f}, more than f32 holds exactly: 2^24",
                     spec.c_per_group() * spec.r * spec.s, largest_integer_sum(spec));
}

std::string why_unsupported_cpu(const ConvSpec& spec, const CpuIsa&) {
  auto floating = [](DataType type) {
    return type == DataType::kF32 || type == DataType::kF16 || type == DataType::kBf16;
  };
  if (spec.pass != Pass::kFprop) {
    return fmt::format("pass {} is not built for the CPU yet; only fprop is", to_string(spec.pass));
  }
  for (const DataType type : {spec.x_type, spec.w_type, spec.y_type}) {
    if (type == DataType::kTf32) return "tf32 exists on NVIDIA GPUs only; use f32 on the CPU";
    if (!floating(type) && !is_integer(spec.x_type)) {
      return fmt::format("type {} is not built for the CPU yet; f32, f16, bf16, s8 and u8 are",
                         to_string(type));
    }
  }
  if (std::string why = why_not_integer(spec); !why.empty()) return why;
  if (!spec.sparsity.empty()) {
    try {
      sparsity_units(spec);
    } catch (const Error& error) {
      return error.what();  // too many units
    }
  }
  return why_not_quantised(spec);
}

std::string why_illegal(const ConvSpec& spec, const KernelConfig& config, const CpuIsa& isa) {
  if (std::string why = why_unsupported_cpu(spec, isa); !why.empty()) return why;
  if (config.target != TargetKind::kCpu)
    return fmt::format("{} is a configuration of another target", print_config(config));
  if (std::string why = why_unused(config.cpu); !why.empty()) return why;
  if (std::string why = why_not_sparse(spec, config.cpu); !why.empty()) return why;
  switch (config.cpu.family) {
    case CpuFamily::kGemm:
      return why_illegal_gemm(spec, config.cpu, isa);
    case CpuFamily::kDirect:
      return why_illegal_direct(spec, config.cpu, isa);
    case CpuFamily::kDepthwise:
      return why_illegal_depthwise(spec, config.cpu, isa);
    case CpuFamily::kAmx:
      return why_illegal_amx(spec, config.cpu, isa);
    case CpuFamily::kSparse:
      return why_illegal_planar(spec, config.cpu, isa);
  }
  return "unknown family";
}

std::vector<KernelConfig> enumerate_cpu_configs(const ConvSpec& spec, const CpuIsa& isa,
                                                int threads) {
  std::vector<KernelConfig> configs;
  auto add_one = [&](const CpuConfig& cpu) {
    const KernelConfig config{cpu};
    if (why_illegal(spec, config, isa).empty() &&
        std::find(configs.begin(), configs.end(), config) == configs.end()) {
      configs.push_back(config);
    }
  };
  auto add = [&](CpuConfig cpu) {
    add_one(cpu);
    if (spec.sparsity.empty()) return;
    cpu.masked = true;
    add_one(cpu);
  };
  enumerate_planar(spec, isa, threads, add);
  enumerate_depthwise(spec, isa, threads, add);
  enumerate_gemm(spec, isa, threads, add);
  enumerate_amx(spec, isa, threads, add);
  enumerate_direct(spec, isa, threads, add);
  return configs;
}

KernelConfig default_cpu_config(const ConvSpec& spec, const CpuIsa& isa, int threads) {
  const std::vector<KernelConfig> configs = enumerate_cpu_configs(spec, isa, threads);
  std::vector<double> predicted;
  for (const KernelConfig& config : configs) {
    predicted.push_back(predict_cpu_us(spec, config.cpu, isa, threads));
  }
  // enumerate always holds `direct`, which runs every supported spec (a sparse one masked).
  return configs[static_cast<std::size_t>(std::min_element(predicted.begin(), predicted.end()) -
                                          predicted.begin())];
}

}  // namespace convoke
