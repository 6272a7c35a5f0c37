// The C ABI over the C++ API: handles own C++ objects, exceptions become a status and a sentence of
// the calling thread. Nothing is decided here.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "compiler/epilogue.h"
#include "compiler/spec_text.h"
#include "convoke/convoke.h"
#include "convoke/convoke.hpp"
#include "runtime/c_api_handles.h"
#include "runtime/target.h"

using namespace convoke;
using c_api::given;
using c_api::guarded;
using c_api::to_cpp;

namespace {

/// A host's pool behind the interface of the CPU target.
class HostExecutor final : public Executor {
 public:
  explicit HostExecutor(const convoke_executor& host) : host_(host) {}
  int workers() const override { return host_.workers; }
  void parallel_for(std::int64_t tasks, Body body, void* context) override {
    host_.parallel_for(host_.self, tasks, body, context);
  }

 private:
  convoke_executor host_;
};

}  // namespace

struct convoke_plan {
  std::shared_ptr<Executor> executor;  // before the plan, which uses it to its end
  Plan plan;
  std::string config;
  std::vector<convoke_plan_step> steps;
  std::vector<const char*> operand_names;
};

namespace {

// A message that could not be copied for want of memory is a fixed one.
thread_local std::string last_message;
thread_local const char* last_error = "";

PlanOptions to_cpp(const convoke_plan_options& options) {
  PlanOptions result;
  if (options.config != nullptr) result.config = options.config;
  if (options.workspace_limit < -1)
    throw Error(ErrorCode::kUsage,
                fmt::format("workspace_limit is {}: give bytes, or -1 for no limit",
                            options.workspace_limit));
  result.workspace_limit = options.workspace_limit;
  if (options.weights != CONVOKE_WEIGHTS_PLAIN && options.weights != CONVOKE_WEIGHTS_PACKED)
    throw Error(ErrorCode::kUsage,
                fmt::format("weights is {}: must be CONVOKE_WEIGHTS_PLAIN or _PACKED",
                            static_cast<int>(options.weights)));
  if (options.weights == CONVOKE_WEIGHTS_PACKED) result.weights = WeightForm::kPacked;
  return result;
}

std::shared_ptr<Executor> make_executor(const convoke_device_options* options) {
  if (options == nullptr || options->executor == nullptr) return nullptr;
  const convoke_executor& host = *options->executor;
  if (host.workers < 1)
    throw Error(ErrorCode::kUsage,
                fmt::format("executor: {} workers, must be 1 or more", host.workers));
  if (host.parallel_for == nullptr)
    throw Error(ErrorCode::kUsage, "executor: parallel_for is null");
  return std::make_shared<HostExecutor>(host);
}

// Two lists of the same names, kept in step by the compiler.
static_assert(CONVOKE_FPROP == static_cast<int>(Pass::kFprop) &&
              CONVOKE_DGRAD == static_cast<int>(Pass::kDgrad) &&
              CONVOKE_WGRAD == static_cast<int>(Pass::kWgrad));
static_assert(CONVOKE_F32 == static_cast<int>(DataType::kF32) &&
              CONVOKE_TF32 == static_cast<int>(DataType::kTf32) &&
              CONVOKE_F16 == static_cast<int>(DataType::kF16) &&
              CONVOKE_BF16 == static_cast<int>(DataType::kBf16) &&
              CONVOKE_S8 == static_cast<int>(DataType::kS8) &&
              CONVOKE_U8 == static_cast<int>(DataType::kU8) &&
              CONVOKE_E4M3 == static_cast<int>(DataType::kE4m3) &&
              CONVOKE_S32 == static_cast<int>(DataType::kS32));
static_assert(CONVOKE_NHWC == static_cast<int>(Layout::kNhwc) &&
              CONVOKE_NCHW == static_cast<int>(Layout::kNchw));
static_assert(CONVOKE_OPEN_BATCH == kOpenBatch);
static_assert(CONVOKE_WRONG_RESULT == static_cast<int>(ErrorCode::kWrongResult) &&
              CONVOKE_USAGE == static_cast<int>(ErrorCode::kUsage) &&
              CONVOKE_UNSUPPORTED == static_cast<int>(ErrorCode::kUnsupported) &&
              CONVOKE_DEVICE == static_cast<int>(ErrorCode::kDevice) &&
              CONVOKE_CACHE == static_cast<int>(ErrorCode::kCache));

}  // namespace

convoke_status c_api::fail(convoke_status status, const char* message) noexcept {
  try {
    last_message = message;
    last_error = last_message.c_str();
  } catch (const std::exception&) {
    last_error = "out of memory";
  }
  return status;
}

const char* convoke_version(void) { return version(); }
const char* convoke_last_error(void) { return last_error; }

convoke_status convoke_spec_parse(const char* text, convoke_spec** spec) {
  return guarded([&] {
    given(spec, "spec") = nullptr;
    *spec = new convoke_spec(parse_problem(&given(text, "text")));
  });
}

convoke_status convoke_spec_read_list(const char* path, convoke_spec** specs, size_t capacity,
                                      size_t* count) {
  return guarded([&] {
    given(count, "count");
    if (capacity > 0) given(specs, "specs");
    std::vector<Problem> problems = read_problem_list(&given(path, "path"));
    std::vector<std::unique_ptr<convoke_spec>> made;
    for (std::size_t i = 0; i < std::min(capacity, problems.size()); ++i)
      made.push_back(std::make_unique<convoke_spec>(std::move(problems[i])));
    for (std::size_t i = 0; i < made.size(); ++i) specs[i] = made[i].release();
    *count = problems.size();
  });
}

convoke_status convoke_spec_override(convoke_spec* spec, const char* words) {
  return guarded([&] {
    Problem problem = given(spec, "spec").problem;
    problem.spec = override_spec(problem.spec, &given(words, "words"));
    *spec = convoke_spec(std::move(problem));
  });
}

convoke_status convoke_spec_get(const convoke_spec* spec, convoke_spec_fields* fields) {
  return guarded([&] {
    const Problem& problem = given(spec, "spec").problem;
    const ConvSpec& s = problem.spec;
    convoke_spec_fields f{};
    f.pass = static_cast<convoke_pass>(s.pass);
    f.n = s.n;
    f.c = s.c, f.h = s.h, f.w = s.w;
    f.k = s.k, f.r = s.r, f.s = s.s;
    f.p = s.p, f.q = s.q;
    f.groups = s.groups;
    f.stride_h = s.stride_h, f.stride_w = s.stride_w;
    f.dilation_h = s.dilation_h, f.dilation_w = s.dilation_w;
    f.pad_h = s.pad_h, f.pad_w = s.pad_w;
    f.pad_h_high = s.pad_h_high(), f.pad_w_high = s.pad_w_high();
    f.x_type = static_cast<convoke_type>(s.x_type);
    f.w_type = static_cast<convoke_type>(s.w_type);
    f.y_type = static_cast<convoke_type>(s.y_type);
    f.x_layout = static_cast<convoke_layout>(s.x_layout);
    f.y_layout = static_cast<convoke_layout>(s.y_layout);
    f.x_image_bytes = s.x_elements(1) * size_of(s.x_type);
    f.w_bytes = s.w_elements() * size_of(s.w_type);
    f.y_image_bytes = s.y_elements(1) * size_of(s.y_type);
    f.macs_image = s.nominal_macs(1);
    f.epilogue = s.epilogue.c_str();
    f.sparsity = s.sparsity.c_str();
    f.has_pattern = s.pattern != nullptr ? 1 : 0;
    f.text = spec->text.c_str();
    f.name = problem.name.c_str();
    f.count = problem.count;
    given(fields, "fields") = f;
  });
}

void convoke_spec_destroy(convoke_spec* spec) { delete spec; }

convoke_status convoke_device_open(const char* target, const convoke_device_options* options,
                                   convoke_device** device) {
  return guarded([&] {
    given(device, "device") = nullptr;
    const std::shared_ptr<Executor> executor = make_executor(options);
    const Device opened = Device::open(&given(target, "target"),
                                       {options != nullptr ? options->threads : 0, executor.get()});
    *device = new convoke_device{executor, opened, opened.name(), opened.description()};
  });
}

const char* convoke_device_name(const convoke_device* device) {
  return device == nullptr ? nullptr : device->name.c_str();
}
const char* convoke_device_description(const convoke_device* device) {
  return device == nullptr ? nullptr : device->description.c_str();
}

convoke_status convoke_device_limit_us(convoke_device* device, const convoke_spec* spec,
                                       double* microseconds) {
  return guarded([&] {
    const ConvSpec& s = given(spec, "spec").problem.spec;
    const Device& d = given(device, "device").device;
    given(microseconds, "microseconds") = d.limit_us(s);
  });
}

void convoke_device_destroy(convoke_device* device) { delete device; }

convoke_status convoke_plan_create(const convoke_device* device, const convoke_spec* spec,
                                   const convoke_plan_options* options, convoke_plan** plan) {
  return guarded([&] {
    given(plan, "plan") = nullptr;
    given(device, "device");
    auto made = std::make_unique<convoke_plan>(
        convoke_plan{device->executor,
                     Plan(device->device, given(spec, "spec").problem.spec,
                          options == nullptr ? PlanOptions{} : to_cpp(*options)),
                     {},
                     {},
                     {}});
    made->config = made->plan.config();
    for (const PlanStep& step : made->plan.steps())
      made->steps.push_back({step.name.c_str(), step.workspace_bytes});
    for (const std::string& name : made->plan.operand_names())
      made->operand_names.push_back(name.c_str());
    *plan = made.release();
  });
}

convoke_status convoke_plan_get(const convoke_plan* plan, int64_t batch, convoke_plan_info* info) {
  return guarded([&] {
    const Plan& p = given(plan, "plan").plan;
    given(info, "info") = {plan->config.c_str(),
                           p.workspace_bytes(batch),
                           p.packed_weight_bytes(),
                           p.pattern_bytes(),
                           p.alignment(),
                           plan->steps.data(),
                           plan->steps.size(),
                           plan->operand_names.data(),
                           plan->operand_names.size(),
                           p.from_cache() ? 1 : 0};
  });
}

convoke_status convoke_plan_pack_pattern(const convoke_plan* plan, const convoke_pattern* pattern,
                                         convoke_buffer tables) {
  return guarded([&] {
    given(plan, "plan").plan.pack_pattern(*given(pattern, "pattern").pattern, to_cpp(tables));
  });
}

convoke_status convoke_plan_prepack(const convoke_plan* plan, convoke_const_buffer w,
                                    convoke_const_buffer pattern, convoke_buffer packed,
                                    void* stream) {
  return guarded([&] {
    given(plan, "plan").plan.prepack(to_cpp(w), to_cpp(packed), stream, to_cpp(pattern));
  });
}

convoke_status convoke_plan_launch(const convoke_plan* plan, const convoke_launch_args* args) {
  return guarded([&] {
    const convoke_launch_args& a = given(args, "args");
    // More than an epilogue can name is refused by the plan for their number alone.
    ConstBuffer operands[kMaxEpilogueOperands];
    const std::size_t count =
        a.operands == nullptr ? 0 : std::min(a.operand_count, std::size(operands));
    for (std::size_t i = 0; i < count; ++i) operands[i] = to_cpp(a.operands[i]);
    LaunchArgs real;
    real.x = to_cpp(a.x);
    real.w = to_cpp(a.w);
    real.y = to_cpp(a.y);
    real.operands = a.operands == nullptr ? nullptr : operands;
    real.operand_count = a.operand_count;
    real.pattern = to_cpp(a.pattern);
    real.workspace = to_cpp(a.workspace);
    real.batch = a.batch;
    real.x_zero = a.x_zero;
    real.stream = a.stream;
    given(plan, "plan").plan.launch(real);
  });
}

void convoke_plan_destroy(convoke_plan* plan) { delete plan; }
