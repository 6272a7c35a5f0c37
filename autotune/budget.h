// Shares a budget of seconds over problems that are tuned one after the other. Pure arithmetic:
// it is told how much is left and what a first candidate took. Each problem is promised what its
// first candidate will probably take, whatever those before it could do with the time; the rest
// goes by predicted work.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace convoke {

class Budget {
 public:
  /// `work` of each problem in any unit; 0: nothing to do, and no share.
  explicit Budget(std::vector<double> work) : work_(std::move(work)) {}

  /// Seconds of problem i if `left` seconds were left when it began and it is the next one.
  double share(std::size_t i, double left) const;
  /// A problem had one configuration built, measured and verified after so many seconds.
  void first_took(double seconds);
  /// The mean of the last few: the very first problem waits for what the others find built. 0
  /// before there was one.
  double first_seconds() const { return first_seconds_; }

 private:
  std::vector<double> work_;
  double first_seconds_ = 0;
};

}  // namespace convoke
