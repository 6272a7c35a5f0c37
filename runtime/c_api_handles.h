// What the files of the C ABI share: the handles that more than one of them opens, and how an
// exception becomes a status and a sentence of the calling thread.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "compiler/spec_text.h"
#include "convoke/convoke.h"
#include "convoke/convoke.hpp"
#include "convoke/error.h"
#include "convoke/sparsity_pattern.h"

struct convoke_pattern {
  convoke::SparsityPattern::Ptr pattern;
  std::string text;
};

struct convoke_spec {
  explicit convoke_spec(convoke::Problem p)
      : problem(std::move(p)), text(convoke::print_spec(problem.spec)) {}
  convoke::Problem problem;
  std::string text;
};

struct convoke_device {
  /// A host's pool, or null. Whatever runs on the device uses it to its end and so shares it.
  std::shared_ptr<convoke::Executor> executor;
  convoke::Device device;
  std::string name, description;
};

namespace convoke::c_api {

inline ConstBuffer to_cpp(const convoke_const_buffer& b) { return {b.data, b.bytes}; }
inline Buffer to_cpp(const convoke_buffer& b) { return {b.data, b.bytes}; }

/// Keeps the sentence for convoke_last_error(); returns `status`.
convoke_status fail(convoke_status status, const char* message) noexcept;

/// Runs `body`; what it throws becomes a status.
template <typename Body>
convoke_status guarded(Body body) noexcept {
  try {
    body();
    return CONVOKE_OK;
  } catch (const Error& error) {
    return fail(static_cast<convoke_status>(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(CONVOKE_DEVICE, "out of memory: free some, or use a smaller batch");
  } catch (const std::exception& error) {
    return fail(CONVOKE_DEVICE, error.what());
  } catch (...) {
    return fail(CONVOKE_DEVICE, "an exception that is none of ours: a host's executor threw it?");
  }
}

template <typename T>
T& given(T* pointer, const char* name) {
  if (pointer == nullptr) throw Error(ErrorCode::kUsage, fmt::format("{} is null", name));
  return *pointer;
}

}  // namespace convoke::c_api
