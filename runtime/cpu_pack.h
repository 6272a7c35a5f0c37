// Writes plain weights (KRSC or KCRS) into the layout that PackedWeights describes. Work is cut
// into units of one channel block of one panel (sparse: a list of steps, or a filter), which a
// parallel loop may run in any order. Pruned weights, as the tables of a pattern say, are never
// read.
#pragma once

#include <optional>

#include "compiler/cpu_schedule.h"
#include "compiler/sparsity_units.h"
#include "convoke/conv_spec.h"

namespace convoke {

class WeightPacker {
 public:
  /// @throws Error kUnsupported for weights that are not f32, tf32, f16 or bf16.
  WeightPacker(const ConvSpec& spec, const PackedWeights& packed, const SparseTables& sparse = {});
  std::int64_t units() const { return units_; }
  std::int64_t bytes() const { return packed_.bytes; }
  /// Packs units [begin, end). `w`: w_elements() of the spec's type; `packed`: bytes(); `tables`:
  /// as write_sparse_tables wrote them, null if dense.
  void pack(const void* w, void* packed, std::int64_t begin, std::int64_t end,
            const void* tables = nullptr) const;

 private:
  struct Slab;  // one tap of one unit
  template <class Load, class Store>
  void pack_as(const void* w, void* packed, std::int64_t begin, std::int64_t end,
               const std::byte* tables) const;
  template <class Load, class Store>
  void pack_slab(const typename Load::Element* w, typename Store::Element* out,
                 const Slab& slab) const;
  template <class Load, class Store>
  void pack_sparse_slab(const typename Load::Element* w, typename Store::Element* out,
                        const Slab& slab, const std::byte* tables) const;
  void pack_sums(const std::int8_t* unit, std::byte* packed, const Slab& slab) const;
  template <class Load, class Store>
  void pack_list(const typename Load::Element* w, std::byte* packed, std::int64_t unit,
                 const std::byte* tables) const;
  template <class Load>
  void pack_windows(const typename Load::Element* w, std::byte* packed, std::int64_t unit,
                    const std::byte* tables) const;
  template <class Load>
  void pack_filter(const typename Load::Element* w, std::byte* packed, std::int64_t k,
                   const std::byte* tables) const;
  const PanelKind& kind_of(std::int64_t panel) const;
  bool keeps(const std::byte* tables, std::int64_t k, std::int64_t r, std::int64_t s,
             std::int64_t c) const;
  std::int64_t place(std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c) const {
    return k * stride_k_ + r * stride_r_ + s * stride_s_ + c * stride_c_;
  }

  PackedWeights packed_;
  SparseTables sparse_;
  std::optional<UnitGrid> grid_;  // of a sparse spec
  std::int64_t channels_ = 0, filter_columns_ = 0, k_per_group_ = 0;
  DataType w_type_;
  std::int64_t filters_ = 0;  // of a group
  std::int64_t blocks_ = 0;   // channel blocks of a panel
  std::int64_t panels_ = 0;   // of a group
  std::int64_t units_ = 0;
  std::int64_t stride_k_ = 0, stride_r_ = 0, stride_s_ = 0,
               stride_c_ = 0;  // of the plain weights, in elements
};

}  // namespace convoke
