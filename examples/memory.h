// Where an example's tensors live: aligned host memory for plans of the CPU, device memory for
// plans of a GPU. The driver is opened at run time, so that the example builds and runs without
// CUDA; a host that uses CUDA anyway calls cudaMalloc and cudaMemcpy instead.
#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace example {

class Memory {
 public:
  virtual ~Memory() = default;
  virtual void* allocate(std::size_t bytes) = 0;  ///< aligned to 64 at least
  virtual void free(void* pointer) = 0;
  virtual void copy_in(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_out(void* to, const void* from, std::size_t bytes) = 0;
  virtual void wait() = 0;  ///< until all that was launched is done
};

class HostMemory final : public Memory {
 public:
  void* allocate(std::size_t bytes) override {
    return std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  }
  void free(void* pointer) override { std::free(pointer); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void wait() override {}
};

/// Of GPU `ordinal`, whose primary context becomes this thread's.
class GpuMemory final : public Memory {
 public:
  explicit GpuMemory(int ordinal) {
    void* driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (driver == nullptr) throw std::runtime_error("no libcuda.so.1");
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(driver, name));
      if (function == nullptr) throw std::runtime_error(std::string("libcuda lacks ") + name);
    };
    int (*init)(unsigned);
    int (*retain)(void**, int);
    int (*set_current)(void*);
    find(init, "cuInit"), find(retain, "cuDevicePrimaryCtxRetain");
    find(set_current, "cuCtxSetCurrent");
    find(alloc_, "cuMemAlloc_v2"), find(free_, "cuMemFree_v2");
    find(in_, "cuMemcpyHtoD_v2"), find(out_, "cuMemcpyDtoH_v2");
    find(wait_, "cuCtxSynchronize");
    void* context = nullptr;
    check(init(0)), check(retain(&context, ordinal)), check(set_current(context));
  }
  void* allocate(std::size_t bytes) override {
    unsigned long long pointer = 0;
    check(alloc_(&pointer, bytes));
    return reinterpret_cast<void*>(pointer);
  }
  void free(void* pointer) override { free_(reinterpret_cast<unsigned long long>(pointer)); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    check(in_(reinterpret_cast<unsigned long long>(to), from, bytes));
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    check(out_(to, reinterpret_cast<unsigned long long>(from), bytes));
  }
  void wait() override { check(wait_()); }

 private:
  static void check(int result) {
    if (result != 0) throw std::runtime_error("CUDA driver error " + std::to_string(result));
  }
  int (*alloc_)(unsigned long long*, std::size_t);
  int (*free_)(unsigned long long);
  int (*in_)(unsigned long long, const void*, std::size_t);
  int (*out_)(void*, unsigned long long, std::size_t);
  int (*wait_)();
};

/// For a device named "cpu" or "cuda:N".
inline std::unique_ptr<Memory> memory_of(const std::string& device) {
  if (device == "cpu") return std::make_unique<HostMemory>();
  return std::make_unique<GpuMemory>(std::stoi(device.substr(device.find(':') + 1)));
}

/// A tensor, packed weights or a workspace; null if it has no bytes.
class Buffer {
 public:
  Buffer(Memory& memory, std::size_t bytes)
      : memory_(memory), data_(bytes > 0 ? memory.allocate(bytes) : nullptr), bytes_(bytes) {}
  ~Buffer() {
    if (data_ != nullptr) memory_.free(data_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Memory& memory_;
  void* data_;
  std::size_t bytes_;
};

}  // namespace example
