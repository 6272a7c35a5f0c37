// The numbers that follow from spec + config and that both the emitter and the launcher need:
// packed weight layout, scratch per worker, how the work is cut into tasks. Computed here once; the
// emitter never derives a size of its own. Pure integer arithmetic, no LLVM.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/cpu_isa.h"
#include "compiler/cpu_sparse.h"
#include "compiler/kernel_config.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// Output channels of one group are cut into panels of whole vectors, as equal as can be: the first
/// panels may be one vector wider than the rest. Panels of one width are a kind: one piece of code.
struct PanelKind {
  int first = 0, count = 0;         ///< panels [first, first + count) of a group
  int vectors = 0;                  ///< width in vectors
  std::int64_t offset = 0;          ///< elements from the group's start to panel `first`
  std::int64_t panel_elements = 0;  ///< elements of one panel: all channel blocks, all packed taps
  std::int64_t first_filter = 0;    ///< filter (within the group) at which panel `first` begins
};

/// A panel by itself.
struct Panel {
  std::int64_t first = 0, end = 0;  ///< filters of the group
  std::int64_t row_bytes = 0;       ///< packed weights of one step
};

/// Elements of packed weights. 8-bit weights stay so where four channels are multiplied at once
/// (kS8), and are widened to 16 bits where it is two (kS16), else to 32.
enum class PackedType { kF32, kBf16, kS8, kS16, kS32 };
constexpr std::int64_t size_of(PackedType type) {
  return type == PackedType::kS8                                 ? 1
         : type == PackedType::kBf16 || type == PackedType::kS16 ? 2
                                                                 : 4;
}
/// Channels that one instruction multiplies and adds up: four bytes of them.
constexpr int channels_of(PackedType type) { return static_cast<int>(4 / size_of(type)); }

/// How packed weights are laid out:
///   [group][panel][block of kc channels][packed r][packed s][channel / pair][filter in
///   panel][pair]
/// Filters beyond the group's last and the missing channels of the last pair are zero. `pair` is 1,
/// or 2 or 4 for the dot-product types. Packed taps are the ranges live_r x live_s of the spec.
/// Sparse kernels (cpu_sparse.h) have only the kept filters of a group (kChannels), or
///   [group][panel][list entry][filter in panel][pair]  (kLists, kWindows)
///   [list entry] as f32, then u32 [channel of y]       (kPlanar): not 0 if a kept weight is not
/// finite.
struct PackedWeights {
  PackedType type = PackedType::kF32;
  int pair = 1;
  int lanes = 1;  ///< filters of a vector
  std::int64_t groups =
      1;  ///< as packed: the spec's, or 1 where panels run across its groups (depthwise)
  std::int64_t filters =
      0;  ///< output channels of a packed group; filter f of group i is channel i*filters + f
  std::vector<PanelKind> kinds;
  std::int64_t kc = 0;              ///< channels of a block; divides C/g
  Range r, s;                       ///< packed taps
  std::int64_t group_elements = 0;  ///< elements of one group
  /// Behind the weights, where images are multiplied with an offset (CpuSchedule::x_offset, zero
  /// points): byte offset of s32 [group][r][s][filter, of whole panels], the sums of the packed
  /// weights of all channels and of the packed taps before r and before s. So any rectangle of taps
  /// takes four of them. 0: none.
  std::int64_t sums = 0;
  std::int64_t sums_filters = 0;  ///< length of the last axis
  std::int64_t bytes = 0;         ///< whole buffer, all groups

  /// Pairs of a block's channels, the missing channels of the last one included.
  std::int64_t pairs() const { return (kc + pair - 1) / pair; }
  /// Byte offset of the sums of group `group` before taps (r, s), of filter 0.
  std::int64_t sums_at(std::int64_t group, std::int64_t r_before, std::int64_t s_before) const {
    return sums +
           4 * sums_filters * ((group * (r.size() + 1) + r_before) * (s.size() + 1) + s_before);
  }
};

/// Most scratch of a worker: an image is converted whole only where that is not more than this.
inline constexpr std::int64_t kMaxScratchBytes = std::int64_t{64} << 20;

/// The scratch of the sparse family (planar_tiles.h). A tile is tile_rows output rows by
/// tile_vectors vectors of columns. Tiles cover a task's rows and columns and may reach beyond: the
/// scratch does too, and what is computed there is not stored.
struct PlanarShape {
  std::int64_t tile_rows = 1, tile_vectors = 1;
  std::int64_t row_tiles = 1, column_tiles = 1;  ///< of a full task
  std::int64_t pitch = 0;                        ///< floats of one phase of a row
  std::int64_t phases = 1;  ///< axis=q: the stride, so that what a vector reads is contiguous
  std::int64_t column = 1;  ///< floats of a column: axis=n keeps a vector of images in each
  std::int64_t step = 0;    ///< floats between what neighbouring vectors of a tile read
  std::int64_t row = 0, plane = 0;  ///< floats
  std::int64_t rows = 0;            ///< of a plane
  std::int64_t sums = 0;            ///< byte offset in scratch of [filter][tile]
  /// Bytes from tap (0, 0), channel 0 to another.
  std::int64_t offset(const ConvSpec& spec, std::int64_t c, std::int64_t r, std::int64_t s) const {
    const Range live_r = spec.live_r(), live_s = spec.live_s();
    const std::int64_t column = (s - live_s.begin) * spec.dilation_w;
    return 4 * (c * plane + (r - live_r.begin) * spec.dilation_h * row + column % phases * pitch +
                column / phases * this->column);
  }
};

/// Tasks are numbered ((group block * filter blocks + filter block) * image blocks + image block) *
/// row blocks + row block, so that neighbouring tasks share weights.
struct CpuSchedule {
  PackedWeights weights;
  std::int64_t scratch_bytes = 0;  ///< per worker
  std::int64_t image_bytes = 0;    ///< gemm: of an image's converted input in scratch
  std::int64_t images_per_task = 1;
  std::int64_t row_blocks = 1, rows_per_task = 1;
  std::int64_t group_blocks = 1, groups_per_task = 1;
  std::int64_t filter_blocks = 1, panels_per_task = 1;
  bool flat = false;  ///< a 1x1 filter without stride or padding: the rows of a task form one axis
                      ///< of pixels
  bool staged = false;   ///< the input of a task is first converted to nhwc in scratch, of the
                         ///< packed weights' type, with a multiple of `pair` channels
  bool merged = false;   ///< the taps of a filter row follow each other in the input and in a panel
  bool dot = false;      ///< bf16 pairs are multiplied by vdpbf16ps
  bool integer = false;  ///< sums are s32: of pairs of s16 or fours of u8 by s8 (gemm), of fours of
                         ///< s8 (amx) or of s32 (direct)
  /// gemm on fours: what staging adds to each s8 of an image, for the instruction takes u8.
  std::int64_t x_offset = 0;
  SparseTables sparse;
  PlanarShape planar;  ///< kPlanar
  /// Byte offset in scratch of sums on their way to y. kChannels: f32 [image][row][column][filter
  /// of the task], and the length of the last axis, whole panels. amx: of one register tile.
  std::int64_t sums = 0, sums_filters = 0;

  std::int64_t image_blocks(std::int64_t n) const {
    return (n + images_per_task - 1) / images_per_task;
  }
  std::int64_t tasks(std::int64_t n) const {
    return image_blocks(n) * row_blocks * group_blocks * filter_blocks;
  }
};

/// Panels of a group that share one piece of code: a kind, less its last panel if that has a
/// partial vector.
struct PanelPiece {
  int first = 0, count = 0, vectors = 0;  ///< as in PanelKind
  std::int64_t offset = 0, panel_elements = 0, first_filter = 0;
  int last_lanes = 0;  ///< filters in the last vector
};
std::vector<PanelPiece> make_panel_pieces(const CpuSchedule& schedule, std::int64_t filters);

/// All panels of a group.
std::vector<Panel> make_panels(const PackedWeights& packed);

/// Length-`size` runs of equal tiles along an axis of `length` pixels: tiles are as equal as can be
/// and none exceeds `largest`.
struct AxisTiles {
  std::int64_t count = 0;   ///< tiles in all
  std::int64_t larger = 0;  ///< the first `larger` tiles have size + 1 pixels
  std::int64_t size = 0;
};
AxisTiles split_axis(std::int64_t length, std::int64_t largest);

/// Packed layout for panels of at most `nv` vectors.
PackedWeights make_packed_weights(const ConvSpec& spec, int nv, int lanes, std::int64_t kc,
                                  PackedType type = PackedType::kF32);

/// What gemm and amx pack the weights of a problem as.
PackedType gemm_packed_type(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);

/// The depthwise family's: panels of one vector that run across the groups of the spec.
CpuSchedule make_depthwise_schedule(const ConvSpec& spec, const CpuConfig& config,
                                    const CpuIsa& isa);

/// @pre why_illegal(spec, config, isa) is empty.
CpuSchedule make_cpu_schedule(const ConvSpec& spec, const CpuConfig& config, const CpuIsa& isa);

}  // namespace convoke
