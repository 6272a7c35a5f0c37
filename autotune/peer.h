// Another library's convolution to measure against, opened by name at run time. A peer computes the
// same forward convolution on the same buffers with the same number of threads; it has no epilogue.
#pragma once

#include <memory>
#include <string>

#include "autotune/peer_abi.h"
#include "convoke/conv_spec.h"

namespace convoke {

/// One convolution of a peer, ready to run. Must not outlive its Peer.
class PeerConv {
 public:
  PeerConv(const ConvokePeer& table, void* handle)
      : table_(&table), handle_(handle, table.destroy) {}
  /// x and y: dense tensors of the spec, aligned to 64 bytes. @throws Error kDevice if the peer
  /// fails.
  void run(const void* x, void* y) const;
  /// "jit:avx2"
  std::string implementation() const { return table_->implementation(handle_.get()); }

 private:
  const ConvokePeer* table_;
  std::unique_ptr<void, void (*)(void*)> handle_;
};

class Peer {
 public:
  /// `name`: "onednn" (any libconvoke_peer_NAME.so beside this program or library, in ../lib, or
  /// where the loader looks), or the path of such a library. @throws Error kDevice with the places
  /// tried.
  explicit Peer(const std::string& name);

  const std::string& name() const { return name_; }
  /// "oneDNN 2.6.3 omp"
  std::string version() const { return table_->version(); }
  /// `weights`: plain, in the spec's layout; read only here.
  /// @throws Error kUnsupported with the reason: the peer, or what a peer is asked for at all,
  /// lacks it.
  PeerConv create(const ConvSpec& spec, const void* weights, int threads) const;

 private:
  std::string name_;
  const ConvokePeer* table_ =
      nullptr;  // the library stays open: its threads may not end before the process does
};

}  // namespace convoke
