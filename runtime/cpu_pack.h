// Writes plain weights (KRSC or KCRS) into the layout that PackedWeights describes. Work is cut
// into units of one channel block of one panel, each a contiguous piece of the packed buffer, so
// that a parallel loop may run them in any order.
#pragma once

#include "compiler/cpu_schedule.h"
#include "convoke/conv_spec.h"

namespace convoke {

class WeightPacker {
 public:
  /// @throws Error kUnsupported for weights that are not f32, tf32, f16 or bf16.
  WeightPacker(const ConvSpec& spec, const PackedWeights& packed);
  std::int64_t units() const { return units_; }
  std::int64_t bytes() const { return packed_.bytes; }
  /// Packs units [begin, end). `w`: w_elements() of the spec's type; `packed`: bytes().
  void pack(const void* w, void* packed, std::int64_t begin, std::int64_t end) const;

 private:
  struct Slab;  // one tap of one unit
  template <class Load, class Store>
  void pack_as(const void* w, void* packed, std::int64_t begin, std::int64_t end) const;
  template <class Load, class Store>
  void pack_slab(const typename Load::Element* w, typename Store::Element* out,
                 const Slab& slab) const;

  PackedWeights packed_;
  DataType w_type_;
  std::int64_t filters_ = 0;  // of a group
  std::int64_t blocks_ = 0;   // channel blocks of a panel
  std::int64_t panels_ = 0;   // of a group
  std::int64_t units_ = 0;
  std::int64_t stride_k_ = 0, stride_r_ = 0, stride_s_ = 0,
               stride_c_ = 0;  // of the plain weights, in elements
};

}  // namespace convoke
