// An NVRTC that compiles nothing: libfake_nvrtc.so answers with an "image" that holds the source
// and the options. Read at every call:
//  FAKE_NVRTC_VERSION  major version, 13
//  FAKE_NVRTC_LOG      what the log says besides one line of ptxas
//  FAKE_NVRTC_FAIL     "1": nothing compiles
//  FAKE_NVRTC_COUNT    a file that gets a line for each compilation
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "runtime/cuda_abi.h"

namespace convoke::cu {
struct NvrtcProgramOpaque {
  std::string source, cubin, ptx, log;
};
}  // namespace convoke::cu

namespace {

using convoke::cu::NvrtcProgram;
using convoke::cu::NvrtcResult;

std::string env(const char* name, const char* fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : text;
}

}  // namespace

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))

FAKE_EXPORT NvrtcResult nvrtcVersion(int* major, int* minor) {
  *major = std::atoi(env("FAKE_NVRTC_VERSION", "13").c_str());
  *minor = 0;
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  *count = 3;
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetSupportedArchs(int* archs) {
  archs[0] = 75, archs[1] = 80, archs[2] = 90;
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcCreateProgram(NvrtcProgram* program, const char* source, const char*,
                                           int, const char* const*, const char* const*) {
  *program = new convoke::cu::NvrtcProgramOpaque{source, "", "", ""};
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcDestroyProgram(NvrtcProgram* program) {
  delete *program;
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcCompileProgram(NvrtcProgram p, int count, const char* const* options) {
  if (const std::string file = env("FAKE_NVRTC_COUNT", ""); !file.empty() && !p->source.empty())
    std::ofstream(file, std::ios::app) << "compiled\n";
  if (env("FAKE_NVRTC_FAIL", "0") == "1") {
    p->log = "convoke_kernel.cu(1): error: the fake says no\n";
    return NvrtcResult::kCompilation;
  }
  std::string words;
  bool virtual_arch = false;
  for (int i = 0; i < count; ++i) {
    words += std::string(options[i]) + " ";
    virtual_arch = virtual_arch || std::strstr(options[i], "=compute_") != nullptr;
  }
  const std::string text = words + "\n" + p->source;
  p->ptx = "// Cuda compilation tools, release 13.0, V13.0.1\n.version 9.0\n" + text;
  if (!virtual_arch)
    p->cubin =
        "\x7f"
        "ELF fake cubin " +
        text;
  p->log = "ptxas info    : Used 40 registers, used 1 barriers\n" + env("FAKE_NVRTC_LOG", "");
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetPTXSize(NvrtcProgram p, std::size_t* bytes) {
  *bytes = p->ptx.size() + 1;
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetPTX(NvrtcProgram p, char* ptx) {
  std::memcpy(ptx, p->ptx.c_str(), p->ptx.size() + 1);
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetCUBINSize(NvrtcProgram p, std::size_t* bytes) {
  *bytes = p->cubin.size();
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetCUBIN(NvrtcProgram p, char* cubin) {
  std::memcpy(cubin, p->cubin.data(), p->cubin.size());
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetProgramLogSize(NvrtcProgram p, std::size_t* bytes) {
  *bytes = p->log.size() + 1;
  return NvrtcResult::kSuccess;
}
FAKE_EXPORT NvrtcResult nvrtcGetProgramLog(NvrtcProgram p, char* log) {
  std::memcpy(log, p->log.c_str(), p->log.size() + 1);
  return NvrtcResult::kSuccess;
}
