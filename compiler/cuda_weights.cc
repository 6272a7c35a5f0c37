#include "compiler/cuda_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "compiler/cpu_sparse.h"
#include "compiler/sparsity.h"
#include "convoke/error.h"

namespace convoke {
namespace {

using cuda::ConvConfig;
using cuda::Sparse;

/// Channels of a chunk.
struct Chunk {
  std::int64_t begin, end;
};
Chunk chunk_of(const ConvConfig& c, std::int64_t chunk) {
  const std::int64_t begin = chunk * c.block_k;
  return {begin, std::min(begin + c.block_k, static_cast<std::int64_t>(cuda::c_per_group(c)))};
}

/// Calls body(r, s, channel) for the taps and channels of a chunk, in the order of every list.
template <typename Body>
void for_each_position(const ConvConfig& c, std::int64_t chunk, const Body& body) {
  const cuda::TapSpan rows = cuda::span_r(c), columns = cuda::span_s(c);
  const Chunk channels = chunk_of(c, chunk);
  for (std::int64_t channel = channels.begin; channel < channels.end; ++channel)
    for (std::int64_t r = rows.begin; r < rows.end; ++r)
      for (std::int64_t s = columns.begin; s < columns.end; ++s) body(r, s, channel);
}

/// Filters of a tile, of those of all groups.
struct Filters {
  std::int64_t begin, end;
};
Filters filters_of(const ConvConfig& c, std::int64_t group_tile) {
  const std::int64_t tiles = cuda::sparse_tiles_n(c), filters = cuda::k_per_group(c);
  const std::int64_t group = group_tile / tiles * filters;
  const std::int64_t first = group_tile % tiles * c.block_n;
  return {group + first, group + std::min(first + c.block_n, filters)};
}

/// Calls body(filter, r, s, channel) for the weights of a chunk of a tile, as code takes them.
template <typename Body>
void for_each_of_code(const ConvConfig& c, const SparsityPattern& pattern, std::int64_t group_tile,
                      std::int64_t chunk, const Body& body) {
  const Filters filters = filters_of(c, group_tile);
  for_each_position(c, chunk, [&](std::int64_t r, std::int64_t s, std::int64_t channel) {
    for (std::int64_t k = filters.begin; k < filters.end; ++k)
      if (pattern.keeps(k, r, s, channel)) body(k, r, s, channel);
  });
}

std::int64_t tiles_of_all(const ConvConfig& c) { return c.groups * cuda::sparse_tiles_n(c); }

/// The same count where units are single weights, from those that are kept: a layer of millions
/// keeps few enough for code.
std::int64_t most_single_weights(const ConvConfig& c, const SparsityPattern& pattern) {
  const cuda::TapSpan rows = cuda::span_r(c), columns = cuda::span_s(c);
  const std::int64_t channels = cuda::c_per_group(c), filters = cuda::k_per_group(c);
  std::vector<std::int64_t> counts(static_cast<std::size_t>(tiles_of_all(c)));
  for (const std::int64_t unit : pattern.kept()) {
    const std::int64_t tap = unit / channels, s = tap % c.s, r = tap / c.s % c.r;
    const std::int64_t k = tap / c.s / c.r;
    if (r < rows.begin || r >= rows.end || s < columns.begin || s >= columns.end) continue;
    ++counts[static_cast<std::size_t>(k / filters * cuda::sparse_tiles_n(c) +
                                      k % filters / c.block_n)];
  }
  return *std::max_element(counts.begin(), counts.end());
}

/// Weights of the fullest tile of filters, a multiple of four, at least four.
std::int64_t most_of_a_tile(const ConvSpec& spec, const ConvConfig& c) {
  std::int64_t most = 1;
  if (spec.pattern == nullptr) {  // for the cost model; nothing is emitted without a pattern
    const std::int64_t all = c.block_n * cuda::c_per_group(c) * c.r * c.s;
    most = std::max(most, std::min(all, most_kept_weights(spec)));
  } else if (c.unit_k == 1 && c.unit_c == 1 && !c.per_filter && !c.per_input) {
    most = std::max(most, most_single_weights(c, *spec.pattern));
  } else {
    for (std::int64_t tile = 0; tile < tiles_of_all(c); ++tile) {
      std::int64_t count = 0;
      for (std::int64_t chunk = 0; chunk < cuda::sparse_chunks(c); ++chunk)
        for_each_of_code(c, *spec.pattern, tile, chunk, [&](auto...) { ++count; });
      most = std::max(most, count);
    }
  }
  return cuda::ceil_div(most, 4) * 4;
}

std::int64_t plain_index(const ConvConfig& c, std::int64_t k, std::int64_t r, std::int64_t s,
                         std::int64_t channel) {
  const std::int64_t channels = cuda::c_per_group(c);
  if (c.x_layout == cuda::Layout::kNhwc) return ((k * c.r + r) * c.s + s) * channels + channel;
  return ((k * channels + channel) * c.r + r) * c.s + s;
}

std::vector<std::uint32_t> code_words(const ConvConfig& c, const SparsityPattern& pattern) {
  std::vector<std::uint32_t> words;
  for (std::int64_t tile = 0; tile < tiles_of_all(c); ++tile) {
    for (std::int64_t chunk = 0; chunk < cuda::sparse_chunks(c); ++chunk)
      for_each_of_code(
          c, pattern, tile, chunk,
          [&](std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t channel) {
            words.push_back(static_cast<std::uint32_t>(plain_index(c, k, r, s, channel)));
          });
    words.resize(static_cast<std::size_t>((tile + 1) * c.kept), cuda::kPruned);
  }
  return words;
}

std::vector<std::uint32_t> list_words(const ConvConfig& c, const SparsityPattern& pattern) {
  const auto lists = static_cast<std::size_t>(cuda::weight_lists(c));
  std::vector<std::uint32_t> words(static_cast<std::size_t>(cuda::pattern_words(c)));
  std::uint32_t end = 0;
  std::size_t list = 0;
  std::int64_t kept = 0;
  for (std::int64_t tile = 0; tile < tiles_of_all(c); ++tile) {
    const Filters filters = filters_of(c, tile);
    for (std::int64_t chunk = 0; chunk < cuda::sparse_chunks(c); ++chunk)
      for (std::int64_t k = filters.begin; k < filters.begin + c.block_n; ++k) {
        std::uint32_t count = 0;
        if (k < filters.end)
          for_each_position(c, chunk, [&](std::int64_t r, std::int64_t s, std::int64_t channel) {
            count += pattern.keeps(k, r, s, channel);
          });
        if (count > 0) end = (end + 1) / 2 * 2 + count;
        kept += count;
        words[++list] = end;
      }
  }
  if (kept > c.kept)
    throw Error(ErrorCode::kUsage,
                fmt::format("the pattern {} keeps more weights than the {} that this plan has room "
                            "for",
                            pattern.description(), c.kept));
  for (const std::int64_t unit : pattern.kept())
    words[lists + 1 + static_cast<std::size_t>(unit / 32)] |= 1u << unit % 32;
  return words;
}

}  // namespace

void set_kept_weights(const ConvSpec& spec, bool code, ConvConfig& c) {
  if (spec.sparsity.empty() || c.sparse == Sparse::kMasked) return;
  c.sparse = code ? Sparse::kCode : Sparse::kWeights;
  if (!code)
    c.kept = most_kept_weights(spec);
  else if (c.block_n > 0 && c.block_k > 0)  // else it is refused before they matter
    c.kept = most_of_a_tile(spec, c);
}

std::string why_illegal_code(const ConvSpec& spec, const CudaConfig& config) {
  if (!config.code || spec.sparsity.empty()) return "";
  if (Sparsity::parse(spec.sparsity).bound)
    return "code=1 needs a pattern at hand: bound ones come with the launch";
  const std::int64_t kept =
      spec.pattern == nullptr ? most_kept_weights(spec) : spec.pattern->kept_weights();
  // Each is an instruction a pixel of the thread: 64 KiB of them, and seconds of the compiler.
  const std::int64_t pixels = std::max(1, config.bm / (32 * std::max(1, config.wm)));
  if (kept * pixels <= cuda::kMaxCodeWeights) return "";
  return fmt::format(
      "{} kept weights at {} pixels a thread are too many for code=1, which takes {} "
      "multiplications: fewer pixels a thread, or tables without it",
      kept, pixels, cuda::kMaxCodeWeights);
}

std::vector<std::uint32_t> make_weight_words(const ConvConfig& c, const SparsityPattern& pattern) {
  return c.sparse == Sparse::kCode ? code_words(c, pattern) : list_words(c, pattern);
}

std::vector<CodeStep> kept_code(const ConvConfig& c, const SparsityPattern& pattern,
                                std::int64_t number) {
  using Call = CodeStep::Call;
  const cuda::StagedPitch pitch = cuda::staged_pitch(c);
  const std::int64_t tile = number / cuda::sparse_chunks(c);
  const std::int64_t chunk = number % cuda::sparse_chunks(c);
  const std::int64_t first_filter = filters_of(c, tile).begin;
  std::int64_t place = 0;  // of the tile's weights
  for (std::int64_t before = 0; before < chunk; ++before)
    for_each_of_code(c, pattern, tile, before, [&](auto...) { ++place; });
  std::vector<CodeStep> steps;
  std::int64_t loaded_quad = -1;
  std::array<std::int64_t, 3> loaded{-1, -1, -1};
  for_each_of_code(
      c, pattern, tile, chunk,
      [&](std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t channel) {
        if (const std::array here{r, s, channel}; here != loaded) {
          const std::int64_t of_chunk = channel - chunk * c.block_k;
          steps.push_back({Call::kPixels, cuda::staged_weight(c, pitch, r, s, of_chunk)});
          loaded = here;
        }
        if (place / 4 != loaded_quad) steps.push_back({Call::kWeights, loaded_quad = place / 4});
        steps.push_back({Call::kMultiply, k - first_filter, place++ % 4});
      });
  return steps;
}

std::string emit_kept_code(const ConvConfig& c, const SparsityPattern& pattern) {
  constexpr std::size_t kWidth = 96;
  std::string text =
      "struct KeptCode {\n  template <typename Sums>\n"
      "  static __device__ __forceinline__ void part(int number, Sums& t) {\n"
      "    switch (number) {\n";
  for (std::int64_t part = 0; part < tiles_of_all(c) * cuda::sparse_chunks(c); ++part) {
    const std::vector<CodeStep> steps = kept_code(c, pattern, part);
    if (steps.empty()) continue;
    std::string line = fmt::format("      case {}:", part);
    for (const CodeStep& step : steps) {
      const char name = static_cast<char>(step.call);
      const std::string one = step.call == CodeStep::Call::kMultiply
                                  ? fmt::format(" t.{}({},{});", name, step.a, step.b)
                                  : fmt::format(" t.{}({});", name, step.a);
      if (line.size() + one.size() > kWidth) {
        text += line + "\n";
        line = "       ";
      }
      line += one;
    }
    text += line + "\n        return;\n";
  }
  return text + "    }\n  }\n};\n";
}

}  // namespace convoke
