// The problem that a kernel's constants stand for, with an open batch.
#pragma once

#include "convoke/conv_spec.h"
#include "templates/conv_types.h"

namespace convoke::cuda::test {

inline DataType data_type(Type type) {
  constexpr DataType kTypes[] = {DataType::kF32, DataType::kTf32, DataType::kF16, DataType::kBf16,
                                 DataType::kS8,  DataType::kU8,   DataType::kS32};
  return kTypes[static_cast<int>(type)];
}

/// Without epilogue and sparsity.
inline ConvSpec spec_of_config(const ConvConfig& c) {
  ConvSpec spec;
  spec.n = kOpenBatch;
  spec.c = c.c, spec.h = c.h, spec.w = c.w, spec.k = c.k, spec.r = c.r, spec.s = c.s;
  spec.p = c.p, spec.q = c.q, spec.groups = c.groups;
  spec.stride_h = c.stride_h, spec.stride_w = c.stride_w;
  spec.dilation_h = c.dilation_h, spec.dilation_w = c.dilation_w;
  spec.pad_h = c.pad_h, spec.pad_w = c.pad_w;
  spec.x_type = data_type(c.x_type), spec.y_type = data_type(c.y_type);
  spec.w_type = data_type(weight_type(c.x_type));
  if (c.zero_point) spec.quant = "zp";
  const auto layout = [](Layout l) {
    return l == Layout::kNhwc ? convoke::Layout::kNhwc : convoke::Layout::kNchw;
  };
  spec.x_layout = layout(c.x_layout), spec.y_layout = layout(c.y_layout);
  return spec;
}

}  // namespace convoke::cuda::test
