#include "autotune/budget.h"

#include <algorithm>

namespace convoke {

double Budget::share(std::size_t i, double left) const {
  if (work_[i] <= 0) return 0;
  double work = 0;
  int problems = 0;
  for (std::size_t j = i; j < work_.size(); ++j) {
    if (work_[j] <= 0) continue;
    work += work_[j];
    ++problems;
  }
  const double spare = left - problems * first_seconds_;
  if (spare <= 0) return std::max(left, 0.0) / problems;
  return first_seconds_ + spare * work_[i] / work;
}

void Budget::first_took(double seconds) {
  first_seconds_ = first_seconds_ > 0 ? (first_seconds_ + seconds) / 2 : seconds;
}

}  // namespace convoke
