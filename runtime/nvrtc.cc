#include "runtime/nvrtc.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "convoke/error.h"
#include "runtime/dynamic_library.h"
#include "runtime/env.h"

namespace convoke {
namespace {

[[noreturn]] void refuse(const std::string& sentence) { throw Error(ErrorCode::kDevice, sentence); }

/// In order of preference, newest major first.
std::vector<std::string> candidates(int newest_major) {
  std::vector<std::string> names;
  for (int major = newest_major; major >= kMinNvrtcMajor; --major) {
    const std::string file = fmt::format("libnvrtc.so.{}", major);
    names.push_back(file);  // the loader's own search
    for (const char* folder : {"/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib",
                               "/usr/local/cuda/targets/sbsa-linux/lib", "/opt/cuda/lib64"})
      names.push_back(fmt::format("{}/{}", folder, file));
    names.push_back(fmt::format("/usr/local/cuda-{}/lib64/{}", major, file));
  }
  return names;
}

}  // namespace

std::string ptx_compiler_version(std::string_view ptx) {
  constexpr std::string_view kBefore = "Cuda compilation tools, release ";
  const std::size_t line = ptx.find(kBefore);
  if (line == ptx.npos) return "";
  const std::size_t comma = ptx.find(", V", line + kBefore.size());
  if (comma == ptx.npos) return "";
  const std::size_t begin = comma + 3;
  return std::string(ptx.substr(begin, ptx.find_first_not_of("0123456789.", begin) - begin));
}

Nvrtc::Nvrtc(const std::string& library) {
  std::string why;
  const DynamicLibrary opened = open_library(library, why);
  if (opened.handle == nullptr) refuse(fmt::format("{} could not be opened ({})", library, why));
  path_ = opened.path;
#define CONVOKE_FIND(name, parameters)                                  \
  name = reinterpret_cast<decltype(name)>(dlsym(opened.handle, #name)); \
  if (name == nullptr) refuse(fmt::format("{} is not NVRTC: it has no " #name, path_));
  CONVOKE_NVRTC_FUNCTIONS(CONVOKE_FIND)
#undef CONVOKE_FIND
  check(nvrtcVersion(&major_, &minor_), "nvrtcVersion");
  if (major_ < kMinNvrtcMajor)
    refuse(fmt::format("{} is NVRTC {}.{}: {}.0 or later is needed", path_, major_, minor_,
                       kMinNvrtcMajor));
  int count = 0;
  check(nvrtcGetNumSupportedArchs(&count), "nvrtcGetNumSupportedArchs");
  architectures_.resize(static_cast<std::size_t>(count));
  check(nvrtcGetSupportedArchs(architectures_.data()), "nvrtcGetSupportedArchs");
  std::sort(architectures_.begin(), architectures_.end());
  if (architectures_.empty()) refuse(fmt::format("{} compiles for no architecture", path_));
  name_ = find_name();
}

void Nvrtc::check(cu::NvrtcResult result, const char* what) const {
  if (result != cu::NvrtcResult::kSuccess)
    refuse(fmt::format("{} of {} failed with code {}", what, path_, static_cast<int>(result)));
}

/// nvrtcVersion() knows no patch number, and two patches make different code: the head of a PTX
/// text tells it. Costs an empty compilation (tens of milliseconds) once a process.
std::string Nvrtc::find_name() const {
  const std::string arch = fmt::format("--gpu-architecture=compute_{}", architectures_.front());
  const std::string version = ptx_compiler_version(compile("", "version.cu", {}, {arch}).ptx);
  return version.empty() ? fmt::format("NVRTC {}.{}", major_, minor_) : "NVRTC " + version;
}

Nvrtc::Output Nvrtc::compile(const std::string& source, const std::string& file,
                             const std::vector<Header>& headers,
                             const std::vector<std::string>& options) const {
  std::vector<const char*> names, texts, words;
  for (const Header& header : headers) {
    names.push_back(header.first.c_str());
    texts.push_back(header.second.c_str());
  }
  for (const std::string& option : options) words.push_back(option.c_str());
  cu::NvrtcProgram program = nullptr;
  check(nvrtcCreateProgram(&program, source.c_str(), file.c_str(), static_cast<int>(names.size()),
                           texts.data(), names.data()),
        "nvrtcCreateProgram");
  const std::shared_ptr<void> owner(program, [this](void* p) {
    auto handle = static_cast<cu::NvrtcProgram>(p);
    nvrtcDestroyProgram(&handle);
  });
  const cu::NvrtcResult result =
      nvrtcCompileProgram(program, static_cast<int>(words.size()), words.data());
  const auto text = [&](auto size_of_text, auto get, const char* what) {
    std::size_t bytes = 0;
    check(size_of_text(program, &bytes), what);
    std::string content(bytes, '\0');
    if (bytes > 0) check(get(program, content.data()), what);
    return content;
  };
  Output out;
  out.log = text(nvrtcGetProgramLogSize, nvrtcGetProgramLog, "nvrtcGetProgramLog");
  while (!out.log.empty() && out.log.back() == '\0') out.log.pop_back();
  if (result != cu::NvrtcResult::kSuccess) {
    // Of a failure without a word (out of memory, an internal error) the code is all there is.
    if (out.log.empty()) check(result, "nvrtcCompileProgram");
    return out;
  }
  out.compiled = true;
  out.ptx = text(nvrtcGetPTXSize, nvrtcGetPTX, "nvrtcGetPTX");
  while (!out.ptx.empty() && out.ptx.back() == '\0') out.ptx.pop_back();
  out.cubin = text(nvrtcGetCUBINSize, nvrtcGetCUBIN, "nvrtcGetCUBIN");
  return out;
}

namespace {

/// Newer than the driver, whoever named it: its cubins would not load.
void require_major(const Nvrtc& library, int driver_major) {
  if (driver_major > 0 && library.major() > driver_major)
    refuse(
        fmt::format("{} is NVRTC {}.{}, the driver is for CUDA {}: update the driver, or install "
                    "NVRTC {} and set CONVOKE_NVRTC to its path",
                    library.path(), library.major(), library.minor(), driver_major, driver_major));
}

std::unique_ptr<const Nvrtc> open_nvrtc(int driver_major) {
  if (const std::string asked = env_value(EnvVar::kNvrtc); !asked.empty()) {
    try {
      auto library = std::make_unique<const Nvrtc>(asked);
      require_major(*library, driver_major);
      return library;
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("no NVRTC: {}; CONVOKE_NVRTC names it: correct it or "
                                            "unset it",
                                            error.what()));
    }
  }
  const int newest = driver_major > 0 ? std::min(driver_major, kMaxNvrtcMajor) : kMaxNvrtcMajor;
  std::vector<std::string> tried;
  for (const std::string& name : candidates(newest)) {
    try {
      return std::make_unique<const Nvrtc>(name);
    } catch (const Error& error) {
      const std::string_view why = error.what();
      const bool absent = why.find("No such file") != why.npos;
      tried.push_back(absent ? name : std::string(why));
    }
  }
  refuse(fmt::format(
      "no NVRTC of version {}{}: looked for {}; install the package cuda-nvrtc of CUDA {} or set "
      "CONVOKE_NVRTC to the library's path",
      newest == kMinNvrtcMajor ? fmt::to_string(newest)
                               : fmt::format("{} to {}", kMinNvrtcMajor, newest),
      newest < kMaxNvrtcMajor ? ", the newest whose code this driver loads" : "",
      fmt::join(tried, ", "), newest));
}

}  // namespace

const Nvrtc& nvrtc(int driver_major) {
  static std::mutex mutex;
  static std::map<int, std::unique_ptr<const Nvrtc>> opened;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<const Nvrtc>& library = opened[driver_major];
  if (library == nullptr) library = open_nvrtc(driver_major);
  return *library;
}

}  // namespace convoke
