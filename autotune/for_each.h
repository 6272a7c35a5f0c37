// A parallel loop over an executor that may be missing: what the host computes for a check (data,
// references, comparisons) is spread over all cores.
#pragma once

#include <cstdint>

#include "convoke/convoke.hpp"

namespace convoke {

/// Calls body(i) for i in [0, tasks), on the executor if there is one.
template <typename Body>
void for_each(Executor* executor, std::int64_t tasks, const Body& body) {
  const auto range = [](void* context, std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) (*static_cast<const Body*>(context))(i);
  };
  void* context = const_cast<Body*>(&body);
  if (executor != nullptr)
    executor->parallel_for(tasks, range, context);
  else
    range(context, 0, tasks, 0);
}

}  // namespace convoke
