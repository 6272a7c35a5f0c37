#include "autotune/sparse_data.h"

#include <map>

#include "autotune/fill.h"
#include "autotune/reference.h"

namespace convoke {
namespace {

/// For each tap (r * S + s): whether filter k keeps a weight there.
std::vector<bool> taps_of(const ConvSpec& spec, const SparsityPattern& pattern, std::int64_t k) {
  std::vector<bool> taps;
  for (std::int64_t r = 0; r < spec.r; ++r)
    for (std::int64_t s = 0; s < spec.s; ++s) {
      bool kept = false;
      for (std::int64_t c = 0; c < spec.c_per_group() && !kept; ++c)
        kept = pattern.keeps(k, r, s, c);
      taps.push_back(kept);
    }
  return taps;
}

/// Outputs (p, q) of one filter and image of which a tap in `taps` reads the image.
double reached(const ConvSpec& spec, const std::vector<bool>& taps) {
  // below[r][s]: kept taps above and left of (r, s), so that a rectangle of taps costs four looks.
  const std::size_t width = static_cast<std::size_t>(spec.s) + 1;
  std::vector<std::int64_t> below((static_cast<std::size_t>(spec.r) + 1) * width);
  for (std::size_t r = 0; r < static_cast<std::size_t>(spec.r); ++r)
    for (std::size_t s = 0; s + 1 < width; ++s)
      below[(r + 1) * width + s + 1] = below[r * width + s + 1] + below[(r + 1) * width + s] -
                                       below[r * width + s] + taps[r * (width - 1) + s];
  std::map<std::pair<std::int64_t, std::int64_t>, double> columns;  // ranges of s, how often
  for (std::int64_t q = 0; q < spec.q; ++q)
    if (const Range s = spec.valid_s(q); s.size() > 0) ++columns[{s.begin, s.end}];
  double count = 0;
  for (std::int64_t p = 0; p < spec.p; ++p) {
    const Range rows = spec.valid_r(p);
    if (rows.size() == 0) continue;
    const auto kept = [&](std::int64_t r, std::int64_t s) {
      return below[static_cast<std::size_t>(r) * width + static_cast<std::size_t>(s)];
    };
    for (const auto& [s, times] : columns)
      if (kept(rows.end, s.second) - kept(rows.begin, s.second) - kept(rows.end, s.first) +
              kept(rows.begin, s.first) >
          0)
        count += times;
  }
  return count;
}

}  // namespace

ConvSpec dense_problem(ConvSpec spec) {
  spec.sparsity.clear();
  spec.pattern = nullptr;
  return spec;
}

std::int64_t weight_index(const ConvSpec& spec, std::int64_t k, std::int64_t c, std::int64_t r,
                          std::int64_t s) {
  return image_index(spec.x_layout, k, c, r, s, spec.c_per_group(), spec.r, spec.s);
}

void overwrite_pruned(const ConvSpec& spec, const SparsityPattern& pattern, double value,
                      std::vector<std::byte>& w) {
  for (std::int64_t k = 0; k < spec.k; ++k)
    for (std::int64_t r = 0; r < spec.r; ++r)
      for (std::int64_t s = 0; s < spec.s; ++s)
        for (std::int64_t c = 0; c < spec.c_per_group(); ++c)
          if (!pattern.keeps(k, r, s, c))
            store_element(w.data(), weight_index(spec, k, c, r, s), spec.w_type, value);
}

double reachable_outputs(const ConvSpec& spec, const SparsityPattern& pattern, std::int64_t batch) {
  std::map<std::vector<bool>, double> filters;  // by their taps
  for (std::int64_t k = 0; k < spec.k; ++k) ++filters[taps_of(spec, pattern, k)];
  double outputs = 0;
  for (const auto& [taps, count] : filters) outputs += count * reached(spec, taps);
  return outputs * static_cast<double>(batch);
}

}  // namespace convoke
