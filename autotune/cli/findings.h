// What `convoke doctor` looked at: one topic a finding, with what to do where something is missing.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "convoke/error.h"

namespace convoke::cli {

/// One thing that doctor looked at. `todo` says what to do and is empty where all is well.
struct Finding {
  std::string topic, found, todo;
  int exit_code = 0;  ///< what it asks for; a missing optional part asks for nothing
};

class Findings {
 public:
  void fine(std::string topic, std::string found) {
    list_.push_back({std::move(topic), std::move(found), "", 0});
  }
  void missing(std::string topic, std::string found, std::string todo, ErrorCode code) {
    list_.push_back({std::move(topic), std::move(found), std::move(todo), static_cast<int>(code)});
  }
  /// Worth a hint, no failure.
  void hint(std::string topic, std::string found, std::string todo) {
    list_.push_back({std::move(topic), std::move(found), std::move(todo), 0});
  }
  const std::vector<Finding>& list() const { return list_; }

 private:
  std::vector<Finding> list_;
};

/// Driver, GPUs, clocks, NVRTC, templates, nvdisasm, a small kernel from spec to loaded
/// (doctor_cuda.cc). On a machine without a GPU nothing of it is a failure.
void look_at_cuda(Findings& findings);
/// What CONVOKE_SYSTEM_CACHE holds, by architecture.
void look_at_kernel_folder(Findings& findings, const std::string& folder);

}  // namespace convoke::cli
