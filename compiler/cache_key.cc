#include "compiler/cache_key.h"

#include <fmt/format.h>
#include <sha256.h>

#include <array>

#include "convoke/sparsity_pattern.h"

namespace convoke {

std::string sha256_hex(std::string_view bytes) {
  std::array<char, SHA256_DIGEST_STRING_LENGTH> hex{};
  SHA256Data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), hex.data());
  return std::string(hex.data());
}

std::string cpu_key_text(const ConvSpec& s, const KernelConfig& config, const CpuIsa& isa) {
  std::string text;
  const auto line = [&text](const char* name, const auto& value) {
    text += fmt::format("{} {}\n", name, value);
  };
  // Out: n. A CPU kernel takes the number of images at launch, and its tiles are those of the
  // config whatever the batch, so that an open and every fixed batch share one image. Out, because
  // they are no part of the two structs that decide the code: the name and the count of a problem,
  // the number of threads, cache sizes (they steer the choice of a config, not its code).
  line("pass", to_string(s.pass));
  // In: channels, filters and groups are loop bounds and strides of the addresses.
  line("c", s.c), line("k", s.k), line("groups", s.groups);
  // In: the image and the output size give row strides and decide, with stride, dilation and low
  // padding, which taps each output has. High padding follows from these and is left out.
  line("h", s.h), line("w", s.w), line("r", s.r), line("s", s.s), line("p", s.p), line("q", s.q);
  line("stride_h", s.stride_h), line("stride_w", s.stride_w);
  line("dilation_h", s.dilation_h), line("dilation_w", s.dilation_w);
  line("pad_h", s.pad_h), line("pad_w", s.pad_w);
  // In: each type has loads, stores and arithmetic of its own; tf32 and f32 differ in arithmetic.
  line("x_type", to_string(s.x_type));
  line("w_type", to_string(s.w_type));
  line("y_type", to_string(s.y_type));
  line("x_layout", to_string(s.x_layout)), line("y_layout", to_string(s.y_layout));
  // In, as canonical text: the epilogue is inlined; of sparsity and quantisation the signature
  // decides the loops, while scales and the indices of a bound pattern are operands.
  line("epilogue", s.epilogue), line("sparsity", s.sparsity), line("quant", s.quant);
  // In: a baked pattern is tables in the code, and what the kernel's packing reads by.
  if (s.pattern != nullptr) line("pattern", s.pattern->hash());
  line("config", print_config(config));
  line("isa", isa_key(isa));
  return text;
}

std::string cpu_cache_key(const ConvSpec& spec, const KernelConfig& config, const CpuIsa& isa,
                          std::string_view compiler_version) {
  return sha256_hex(fmt::format("{}emitter {}\ncompiler {}\n", cpu_key_text(spec, config, isa),
                                cpu_emitter_digest(), compiler_version));
}

}  // namespace convoke
