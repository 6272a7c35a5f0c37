#include "compiler/gemm_tiles.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/cpu_windows.h"
#include "compiler/sparsity.h"

namespace convoke {
namespace {

/// Fused multiply-adds in the code of one kernel: about 0.1 s of compile time (measured, LLVM 19).
constexpr std::int64_t kMaxCodeFmas = 12000;
/// Elements of an image of which several are walked side by side: more would share no cache line's
/// neighbourhood, and gain nothing over axis=q.
constexpr std::int64_t kMaxBatchedImage = std::int64_t{1} << 28;
/// Displacements in the code are signed 32-bit.
constexpr std::int64_t kMaxDisplacement = std::int64_t{1} << 30;

struct RegisterTile {
  int mr, nv;
};

/// Tiles whose accumulators, one row of weights and a broadcast fit the registers, largest first.
std::vector<RegisterTile> register_tiles(const CpuIsa& isa) {
  if (isa.vector_registers() == 32) {
    return {{14, 2}, {9, 3}, {7, 4}, {28, 1}, {12, 2}, {8, 3},
            {6, 4},  {5, 5}, {8, 2}, {4, 4},  {4, 6},  {16, 1}};
  }
  if (!isa.has_fma()) return {{4, 2}, {3, 3}, {2, 4}, {8, 1}, {3, 2}};
  return {{6, 2}, {4, 3}, {3, 4}, {12, 1}, {5, 2}, {4, 2}, {2, 5}, {8, 1}, {7, 1}};
}

/// Accumulators that leave room for a row of weights, a broadcast and, without FMA, a product.
int most_accumulators(const CpuIsa& isa) {
  return isa.vector_registers() - (isa.has_fma() ? 2 : 4);
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a <= 0 ? -(-a / b) : (a + b - 1) / b;
}

std::vector<std::int64_t> divisors(std::int64_t value) {
  std::vector<std::int64_t> result;
  for (std::int64_t d = 1; d * d <= value; ++d) {
    if (value % d != 0) continue;
    result.push_back(d);
    if (d * d != value) result.push_back(value / d);
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// Outputs in [0, length) at which all `live` taps fall into [0, extent).
Range interior(std::int64_t length, Range live, std::int64_t stride, std::int64_t pad,
               std::int64_t dilation, std::int64_t extent) {
  const std::int64_t before = pad - live.begin * dilation;
  const std::int64_t reach = extent - 1 + pad - (live.end - 1) * dilation;
  const std::int64_t begin = before <= 0 ? 0 : std::min(length, ceil_div(before, stride));
  const std::int64_t end = reach < 0 ? 0 : std::min(length, reach / stride + 1);
  return {begin, std::max(begin, end)};
}

/// Multiply-adds that the emitter writes: see emit_cpu_gemm's row_tile, batch_tile and steps.
std::int64_t code_fmas(const ConvSpec& spec, const CpuConfig& config, const CpuSchedule& schedule) {
  const SparseForm form = schedule.sparse.form;
  const bool lists = form == SparseForm::kLists || form == SparseForm::kWindows;
  const std::int64_t steps =
      lists ? config.unroll + (config.unroll > 1 ? 1 : 0)
            : std::min<std::int64_t>(schedule.weights.kc, std::max(config.unroll, 8));
  const std::int64_t taps = schedule.weights.s.size();
  std::int64_t pixels = 0;
  if (config.axis == TileAxis::kAxisN) {
    pixels = std::int64_t{config.mr} * (config.mr + 1) / 2;
  } else {
    const std::int64_t length = schedule.flat ? schedule.rows_per_task * spec.q : spec.q;
    for (const TileRun& run : make_tile_runs(spec, length, config.mr, schedule.flat)) {
      const bool one_loop =
          run.interior && (lists || (schedule.merged && schedule.weights.kc >= 8));
      pixels += run.size * (one_loop ? 1 : taps);
    }
  }
  std::int64_t vectors = 0;
  for (const PanelPiece& piece : make_panel_pieces(schedule, schedule.weights.filters))
    vectors += piece.vectors;
  return pixels * steps * vectors;
}

}  // namespace

Range interior_columns(const ConvSpec& spec) {
  return interior(spec.q, spec.live_s(), spec.stride_w, spec.pad_w, spec.dilation_w, spec.w);
}

Range interior_rows(const ConvSpec& spec) {
  return interior(spec.p, spec.live_r(), spec.stride_h, spec.pad_h, spec.dilation_h, spec.h);
}

Range TileRun::columns(std::int64_t pixel) const {
  const auto is_valid = [&](std::uint64_t pixels) { return (pixels >> pixel & 1) != 0; };
  const auto first = std::find_if(valid.begin(), valid.end(), is_valid);
  const auto last = std::find_if_not(first, valid.end(), is_valid);
  return {first - valid.begin(), last - valid.begin()};
}

std::vector<TileRun> make_tile_runs(const ConvSpec& spec, std::int64_t length, int mr, bool flat) {
  const AxisTiles tiles = split_axis(length, mr);
  const Range taps = spec.live_s();
  auto valid_taps = [&](std::int64_t q, std::int64_t size) {
    std::vector<std::uint64_t> valid(static_cast<std::size_t>(taps.size()), 0);
    for (std::int64_t i = 0; i < size; ++i) {
      const Range range = flat ? taps : spec.valid_s(q + i);
      for (std::int64_t s = range.begin; s < range.end; ++s) {
        valid[static_cast<std::size_t>(s - taps.begin)] |= std::uint64_t{1} << i;
      }
    }
    return valid;
  };
  const Range interior = flat ? Range{0, length} : interior_columns(spec);
  std::vector<TileRun> runs;
  std::int64_t q = 0;
  for (std::int64_t t = 0; t < tiles.count;) {
    TileRun run;
    run.q = q;
    run.size = tiles.size + (t < tiles.larger ? 1 : 0);
    run.count = 1;
    run.interior = q >= interior.begin && q + run.size <= interior.end;
    run.valid = valid_taps(q, run.size);
    if (run.interior) {
      const std::int64_t same_size = (t < tiles.larger ? tiles.larger : tiles.count) - t;
      run.count = std::min(same_size, (interior.end - q) / run.size);  // all alike
    }
    t += run.count;
    q += run.count * run.size;
    if (!runs.empty() && runs.back().size == run.size && runs.back().valid == run.valid) {
      runs.back().count += run.count;
    } else {
      runs.push_back(std::move(run));
      if (runs.size() > kMaxTileRuns) break;
    }
  }
  return runs;
}

namespace {

std::string why_no_windows(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  if (isa.lanes() < 8)
    return fmt::format("{} has no permutation for window: avx2 has", to_string(isa.level));
  if (config.window != 4 && config.window != isa.lanes())
    return fmt::format("window is 4 or {}, the lanes ({})", isa.lanes(), config.window);
  if (config.kc != 0) return fmt::format("window takes all channels at once, not kc={}", config.kc);
  CpuConfig whole = config;
  whole.window = 0, whole.masked = true;
  const std::int64_t run = window_runs(spec, make_cpu_schedule(spec, whole, isa)).length;
  if (run < config.window)
    return fmt::format("window={} does not fit into the {} inputs that follow each other",
                       config.window, run);
  return "";
}

}  // namespace

std::string why_illegal_batch(const ConvSpec& spec, const CpuConfig& config) {
  if (config.axis != TileAxis::kAxisN) return "";
  if (config.rows < 1) return "axis=n needs rows (images of a task) of at least 1";
  const std::int64_t image = std::max(spec.x_elements(1), spec.y_elements(1));
  if (image <= kMaxBatchedImage) return "";
  return fmt::format("axis=n takes images of at most {} elements ({})", kMaxBatchedImage, image);
}

std::string why_illegal_gemm(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa) {
  const int most = most_accumulators(isa);
  if (config.mr < 1 || config.mr > 32 || config.nv < 1) {
    return fmt::format("gemm needs mr from 1 to 32 and nv of at least 1 (mr={}, nv={})", config.mr,
                       config.nv);
  }
  if (config.mr * config.nv > most) {
    return fmt::format("mr*nv = {} accumulators exceed the {} that {} leaves",
                       config.mr * config.nv, most, to_string(isa.level));
  }
  if (config.unroll < 1 || config.unroll > 16)
    return fmt::format("gemm needs unroll from 1 to 16 ({})", config.unroll);
  if (config.kc != 0 && (spec.c_per_group() % config.kc != 0 || config.kc == spec.c_per_group())) {
    return fmt::format("kc={} must properly divide C/g={}", config.kc, spec.c_per_group());
  }
  if (is_integer(spec.x_type)) {
    if (config.kc != 0) return fmt::format("kc={} keeps partial sums in f32", config.kc);
    if (config.window != 0)
      if (std::string why = why_inexact_in_f32(spec); !why.empty()) return why;
    if (spec.y_type == DataType::kS32 && sparse_form(spec, config) == SparseForm::kChannels)
      return "kept filters wait in f32 for their channels, which does not hold y of s32";
  }
  // The sums of kept filters wait in scratch, whatever y is.
  const bool sums_in_y = sparse_form(spec, config) != SparseForm::kChannels;
  if (config.kc != 0 && sums_in_y &&
      (spec.y_type != DataType::kF32 || spec.y_layout != Layout::kNhwc)) {
    return fmt::format("kc={} keeps partial sums in y, which must be f32 nhwc", config.kc);
  }
  if (spec.live_r().size() == 0 || spec.live_s().size() == 0)
    return "no tap is live; direct does this";
  if (std::string why = why_illegal_batch(spec, config); !why.empty()) return why;
  if (config.axis == TileAxis::kAxisQ && spec.live_s().size() > kMaxColumnTaps) {
    return fmt::format("axis=q takes at most {} columns of the filter ({})", kMaxColumnTaps,
                       spec.live_s().size());
  }
  // In floating point: the products of legal but huge dimensions overflow 64 bits.
  const double reach = static_cast<double>(spec.stride_w) * config.mr +
                       static_cast<double>(spec.s) * static_cast<double>(spec.dilation_w) +
                       static_cast<double>(spec.pad_w);
  if (static_cast<double>(spec.c) * reach > kMaxDisplacement / 4.0) {
    return "a row of the image is too large for gemm";
  }
  // Tables hold offsets and numbers of weights in 32 bits.
  if (static_cast<double>(spec.r) * static_cast<double>(spec.dilation_h) *
              static_cast<double>(spec.w) * static_cast<double>(spec.c) >
          kMaxDisplacement / 4.0 &&
      (sparse_form(spec, config) == SparseForm::kLists || config.window != 0)) {
    return "the rows of a filter are too far apart for the lists of gemm";
  }
  if (config.window != 0) {
    if (std::string why = why_no_windows(spec, config, isa); !why.empty()) return why;
  }
  const CpuSchedule schedule = make_cpu_schedule(spec, config, isa);
  if (schedule.sparse.entries > kMaxDisplacement) {
    return fmt::format("the lists of the pattern have {} entries, more than {}",
                       schedule.sparse.entries, kMaxDisplacement);
  }
  if (schedule.scratch_bytes > kMaxScratchBytes) {
    return fmt::format("the converted input and the sums of a task take {} bytes, more than {}",
                       schedule.scratch_bytes, kMaxScratchBytes);
  }
  if (config.axis == TileAxis::kAxisQ) {
    if (schedule.flat && spec.p % schedule.rows_per_task != 0) {
      return fmt::format("rows={} must divide P={} for a 1x1 filter", config.rows, spec.p);
    }
    const std::int64_t length = schedule.flat ? schedule.rows_per_task * spec.q : spec.q;
    if (make_tile_runs(spec, length, config.mr, schedule.flat).size() > kMaxTileRuns) {
      return fmt::format("more than {} kinds of border tiles", kMaxTileRuns);
    }
  }
  const std::int64_t fmas = code_fmas(spec, config, schedule);
  if (fmas > kMaxCodeFmas)
    return fmt::format("{} multiply-adds of code exceed {}", fmas, kMaxCodeFmas);
  return "";
}

std::string why_illegal_direct(const ConvSpec&, const CpuConfig& config, const CpuIsa& isa) {
  const int most = isa.vector_registers() - 2;
  if (config.nv < 1 || config.nv > most) {
    return fmt::format("direct needs nv from 1 to {} ({})", most, config.nv);
  }
  return "";
}

namespace {

void enumerate_windows(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add) {
  const SparsityKind kind = Sparsity::parse(spec.sparsity).kind;
  if (kind != SparsityKind::kUnstructured && kind != SparsityKind::kNm) return;
  const std::int64_t vectors = (spec.k_per_group() + isa.lanes() - 1) / isa.lanes();
  CpuConfig config;
  config.family = CpuFamily::kGemm;
  config.unroll = 4;
  for (const RegisterTile& tile :
       {RegisterTile{1, 1}, {2, 1}, {4, 1}, {6, 1}, {10, 1}, {5, 2}, {4, 2}})
    for (const int window : {4, isa.lanes()})
      for (const bool whole : {true, false}) {
        if (tile.nv > vectors) continue;
        config.mr = tile.mr;
        config.nv = tile.nv;
        config.window = window;
        config.axis = TileAxis::kAxisQ;
        const std::int64_t share = (spec.p + threads - 1) / threads;
        config.rows = whole ? 0 : static_cast<int>(std::min<std::int64_t>(share, kMaxConfigField));
        config.kb = whole ? 0
                          : static_cast<int>(std::min<std::int64_t>(
                                (vectors + threads - 1) / threads, kMaxConfigField));
        add(config);
        config.axis = TileAxis::kAxisN;
        config.rows = tile.mr * (whole ? 4 : 1);
        if (spec.open_batch() || spec.n >= tile.mr) add(config);
      }
}

}  // namespace

void enumerate_gemm(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add) {
  if (Sparsity::parse(spec.sparsity).kind == SparsityKind::kChannel) {
    // Half as many filters want other panels than all of them do.
    CpuConfig sparse;
    sparse.family = CpuFamily::kGemm;
    const std::int64_t kept = packed_filters(spec, sparse);
    if (kept != spec.k_per_group()) {
      ConvSpec compact = spec;
      compact.k = spec.groups * kept;
      compact.sparsity.clear();
      enumerate_gemm(compact, isa, threads, add);
    }
  }
  const std::int64_t vectors = (spec.k_per_group() + isa.lanes() - 1) / isa.lanes();
  const std::int64_t taps = spec.live_r().size() * spec.live_s().size();
  std::vector<int> kcs{0};
  for (const std::int64_t kc : divisors(spec.c_per_group())) {
    // A block's panel should fill a good part of L1, never less than a few hundred steps.
    if (kc * taps >= 96 && kc * taps <= 1152 && kc < spec.c_per_group() && kc % 4 == 0)
      kcs.push_back(static_cast<int>(kc));
  }
  enumerate_windows(spec, isa, threads, add);
  for (const RegisterTile& tile : register_tiles(isa)) {
    if (tile.nv > vectors) continue;
    for (const int kc : kcs) {
      CpuConfig config;
      config.family = CpuFamily::kGemm;
      config.mr = tile.mr;
      config.nv = tile.nv;
      config.kc = kc;
      config.unroll = isa.vector_registers() == 32 ? 2 : 4;
      const AxisTiles panels = split_axis(vectors, tile.nv);
      // Panels whose weights stay in half of L2 while the images pass by.
      const std::int64_t panel_bytes =
          std::max<std::int64_t>(spec.c_per_group() * taps * tile.nv * isa.lanes() *
                                     size_of(gemm_packed_type(spec, config, isa)),
                                 1);
      std::vector<int> kbs{0};
      const std::int64_t resident = std::max<std::int64_t>(isa.l2_bytes / 2 / panel_bytes, 1);
      if (resident < panels.count && resident <= kMaxConfigField)
        kbs.push_back(static_cast<int>(resident));
      const std::int64_t per_thread = (panels.count + threads - 1) / threads;
      if (per_thread < panels.count && per_thread != resident && per_thread <= kMaxConfigField)
        kbs.push_back(static_cast<int>(per_thread));
      for (const int kb : kbs) {
        config.kb = kb;
        config.axis = TileAxis::kAxisQ;
        std::vector<std::int64_t> rows{0};
        for (const std::int64_t r : divisors(spec.p)) {
          const std::int64_t pixels = r * spec.q;
          if (r < spec.p && pixels >= tile.mr * 4 && pixels <= 2048) rows.push_back(r);
        }
        if (rows.size() > 5)
          rows = {0, rows[1], rows[rows.size() / 3], rows[rows.size() * 2 / 3], rows.back()};
        for (const std::int64_t r : rows) {
          config.rows = static_cast<int>(r);
          add(config);
        }
        config.axis = TileAxis::kAxisN;
        for (const int images : {1, 2, 4, 8}) {
          if (images * tile.mr > 64) continue;
          config.rows = images * tile.mr;
          if (spec.open_batch() || spec.n >= tile.mr) add(config);
        }
      }
    }
  }
}

void enumerate_direct(const ConvSpec& spec, const CpuIsa& isa, int threads, const AddConfig& add) {
  const std::int64_t vectors = (spec.k_per_group() + isa.lanes() - 1) / isa.lanes();
  CpuConfig config;
  config.family = CpuFamily::kDirect;
  for (const int nv : {8, 4, 2, 1}) {
    if (nv > vectors && nv != 1) continue;
    config.nv = nv;
    config.rows = static_cast<int>(
        std::clamp<std::int64_t>(spec.p / (threads * std::int64_t{4}), 1, kMaxConfigField));
    add(config);
  }
}

}  // namespace convoke
