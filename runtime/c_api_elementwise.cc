// The C ABI's quantisation, element by element; the rest of it is in c_api.cc.
#include "convoke/elementwise.h"
#include "runtime/c_api_handles.h"

using namespace convoke;
using c_api::given;
using c_api::guarded;
using c_api::to_cpp;

struct convoke_quantizer {
  std::shared_ptr<Executor> executor;  // before what uses it to its end
  Quantizer quantizer;
};

struct convoke_lsq {
  std::shared_ptr<Executor> executor;
  Lsq lsq;
};

namespace {

DataType to_cpp(const char* name, convoke_type type) {
  const int number = static_cast<int>(type);
  if (number < CONVOKE_F32 || number > CONVOKE_S32)
    throw Error(ErrorCode::kUsage, fmt::format("{} is {}: must be a convoke_type", name, number));
  return static_cast<DataType>(number);
}

ScaleChannels to_cpp(const convoke_scale_channels& channels) {
  return {channels.count, channels.inner};
}

QuantizerArgs to_cpp(const convoke_quantizer_args& a) {
  return {to_cpp(a.x), to_cpp(a.y), a.count, to_cpp(a.scales), a.scale, a.zero, a.stream};
}

}  // namespace

convoke_status convoke_quantizer_create(const convoke_device* device,
                                        const convoke_quantizer_spec* spec,
                                        convoke_quantizer** quantizer) {
  return guarded([&] {
    given(quantizer, "quantizer") = nullptr;
    const convoke_device& d = given(device, "device");
    const convoke_quantizer_spec all = CONVOKE_QUANTIZER_SPEC_INIT;
    const convoke_quantizer_spec& s = spec == nullptr ? all : *spec;
    *quantizer = new convoke_quantizer{
        d.executor, Quantizer(d.device, {to_cpp("real", s.real), to_cpp("integer", s.integer),
                                         s.bits, to_cpp(s.channels)})};
  });
}

convoke_status convoke_quantizer_quantize(const convoke_quantizer* quantizer,
                                          const convoke_quantizer_args* args) {
  return guarded(
      [&] { given(quantizer, "quantizer").quantizer.quantize(to_cpp(given(args, "args"))); });
}

convoke_status convoke_quantizer_dequantize(const convoke_quantizer* quantizer,
                                            const convoke_quantizer_args* args) {
  return guarded(
      [&] { given(quantizer, "quantizer").quantizer.dequantize(to_cpp(given(args, "args"))); });
}

void convoke_quantizer_destroy(convoke_quantizer* quantizer) { delete quantizer; }

convoke_status convoke_lsq_create(const convoke_device* device, const convoke_lsq_spec* spec,
                                  convoke_lsq** lsq) {
  return guarded([&] {
    given(lsq, "lsq") = nullptr;
    const convoke_device& d = given(device, "device");
    const convoke_lsq_spec all = CONVOKE_LSQ_SPEC_INIT;
    const convoke_lsq_spec& s = spec == nullptr ? all : *spec;
    *lsq = new convoke_lsq{d.executor, Lsq(d.device, {to_cpp("v", s.v), to_cpp("y", s.y), s.bits,
                                                      s.is_signed != 0, to_cpp(s.channels)})};
  });
}

convoke_status convoke_lsq_workspace_bytes(const convoke_lsq* lsq, int64_t count, int64_t* bytes) {
  return guarded([&] {
    const Lsq& l = given(lsq, "lsq").lsq;
    given(bytes, "bytes") = l.workspace_bytes(count);
  });
}

convoke_status convoke_lsq_forward(const convoke_lsq* lsq, const convoke_lsq_forward_args* args) {
  return guarded([&] {
    const convoke_lsq_forward_args& a = given(args, "args");
    given(lsq, "lsq").lsq.forward({to_cpp(a.v), to_cpp(a.step), to_cpp(a.y), a.count, a.stream});
  });
}

convoke_status convoke_lsq_backward(const convoke_lsq* lsq, const convoke_lsq_backward_args* args) {
  return guarded([&] {
    const convoke_lsq_backward_args& a = given(args, "args");
    given(lsq, "lsq")
        .lsq.backward({to_cpp(a.v), to_cpp(a.step), to_cpp(a.grad_y), to_cpp(a.grad_v),
                       to_cpp(a.grad_step), to_cpp(a.workspace), a.count, a.shared_by, a.stream});
  });
}

convoke_status convoke_lsq_initial_step(const convoke_lsq* lsq,
                                        const convoke_lsq_initial_step_args* args) {
  return guarded([&] {
    const convoke_lsq_initial_step_args& a = given(args, "args");
    given(lsq, "lsq")
        .lsq.initial_step({to_cpp(a.v), to_cpp(a.step), to_cpp(a.workspace), a.count, a.stream});
  });
}

void convoke_lsq_destroy(convoke_lsq* lsq) { delete lsq; }
