#include "autotune/peer.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "convoke/error.h"

namespace convoke {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> candidates(const std::string& name) {
  if (name.find('/') != std::string::npos) return {name};
  const std::string file = "libconvoke_peer_" + name + ".so";
  std::vector<std::string> paths;
  std::error_code ignored;
  Dl_info info{};
  // The library that holds this code, and the program: they differ where convoke is a shared
  // library.
  const bool known =
      dladdr(reinterpret_cast<const void*>(&candidates), &info) != 0 && info.dli_fname != nullptr;
  for (const fs::path& object :
       {fs::path(known ? info.dli_fname : ""), fs::path("/proc/self/exe")}) {
    const fs::path directory = fs::canonical(object, ignored).parent_path();
    if (directory.empty()) continue;
    paths.push_back(directory / file);
    paths.push_back((directory / "../lib" / file).lexically_normal());
  }
  paths.push_back(file);  // the loader's own search
  return paths;
}

std::optional<std::int32_t> peer_type(const ConvSpec& spec) {
  const DataType weights = is_integer(spec.x_type) ? DataType::kS8 : spec.x_type;
  if (spec.w_type != weights || spec.y_type != spec.x_type) return std::nullopt;
  switch (spec.x_type) {
    case DataType::kF32:
      return CONVOKE_PEER_F32;
    case DataType::kBf16:
      return CONVOKE_PEER_BF16;
    case DataType::kF16:
      return CONVOKE_PEER_F16;
    case DataType::kS8:
      return CONVOKE_PEER_S8;
    case DataType::kU8:
      return CONVOKE_PEER_U8;
    default:
      return std::nullopt;
  }
}

std::string why_not_a_peers(const ConvSpec& spec) {
  if (spec.pass != Pass::kFprop)
    return fmt::format("a peer computes pass fprop, not {}", to_string(spec.pass));
  if (!spec.epilogue.empty()) return fmt::format("a peer has no epilogue: '{}'", spec.epilogue);
  if (!spec.sparsity.empty())
    return fmt::format("a peer computes dense weights, not '{}'", spec.sparsity);
  if (!spec.quant.empty()) return fmt::format("a peer does not quantise: '{}'", spec.quant);
  if (spec.open_batch()) return "a peer needs a fixed batch";
  if (spec.x_layout != spec.y_layout) return "a peer has one layout for x and y";
  if (!peer_type(spec))
    return fmt::format("a peer computes f32, bf16, f16, s8 or u8 throughout, not {} x {} -> {}",
                       to_string(spec.x_type), to_string(spec.w_type), to_string(spec.y_type));
  return {};
}

}  // namespace

Peer::Peer(const std::string& name) : name_(name) {
  std::vector<std::string> tried;
  for (const std::string& path : candidates(name)) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const char* why = dlerror();
      tried.emplace_back(why == nullptr ? path : why);
      continue;
    }
    const auto getter = reinterpret_cast<ConvokePeerGetter>(dlsym(library, "convoke_peer"));
    if (getter == nullptr) {
      tried.push_back(path + ": it has no symbol convoke_peer");
    } else if (const ConvokePeer* table = getter(); table->abi != CONVOKE_PEER_ABI) {
      tried.push_back(fmt::format("{}: its interface has number {}, {} is needed", path, table->abi,
                                  CONVOKE_PEER_ABI));
    } else {
      table_ = table;
      return;
    }
    dlclose(library);
  }
  throw Error(ErrorCode::kDevice,
              fmt::format("cannot open the peer '{}' (bench/README.md says how to build it): {}",
                          name, fmt::join(tried, "; ")));
}

PeerConv Peer::create(const ConvSpec& spec, const void* weights, int threads) const {
  const std::string why = why_not_a_peers(spec);
  if (!why.empty()) throw Error(ErrorCode::kUnsupported, why);
  ConvokePeerConv conv{};
  conv.n = spec.n, conv.c = spec.c, conv.h = spec.h, conv.w = spec.w;
  conv.k = spec.k, conv.r = spec.r, conv.s = spec.s, conv.p = spec.p, conv.q = spec.q;
  conv.groups = spec.groups;
  conv.stride_h = spec.stride_h, conv.stride_w = spec.stride_w;
  conv.dilation_h = spec.dilation_h, conv.dilation_w = spec.dilation_w;
  conv.pad_h = spec.pad_h, conv.pad_w = spec.pad_w;
  conv.pad_h_high = spec.pad_h_high(), conv.pad_w_high = spec.pad_w_high();
  conv.type = *peer_type(spec);
  conv.layout = spec.x_layout == Layout::kNhwc ? CONVOKE_PEER_NHWC : CONVOKE_PEER_NCHW;
  conv.threads = threads;
  void* handle = nullptr;
  char error[512] = "";
  const std::int32_t code = table_->create(&conv, weights, &handle, error, sizeof error);
  if (code != 0) throw Error(static_cast<ErrorCode>(code), fmt::format("{}: {}", version(), error));
  return {*table_, handle};
}

void PeerConv::run(const void* x, void* y) const {
  if (const std::int32_t code = table_->run(handle_.get(), x, y); code != 0)
    throw Error(ErrorCode::kDevice,
                fmt::format("{} failed with status {}", table_->version(), code));
}

}  // namespace convoke
