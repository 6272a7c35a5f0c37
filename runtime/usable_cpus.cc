#include "runtime/usable_cpus.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

namespace convoke {
namespace {

/// CPUs of one quota, or 0 for none ("max", -1, unreadable).
int quota_cpus(const std::string& quota, const std::string& period) {
  const double q = std::strtod(quota.c_str(), nullptr);
  const double p = std::strtod(period.c_str(), nullptr);
  return q > 0 && p > 0 ? std::max(1, static_cast<int>(std::ceil(q / p))) : 0;
}

std::string read_word(const std::string& path) {
  std::string word;
  std::ifstream(path) >> word;
  return word;
}

int limit_of_directory(const std::string& directory, bool v2) {
  if (!v2)
    return quota_cpus(read_word(directory + "/cpu.cfs_quota_us"),
                      read_word(directory + "/cpu.cfs_period_us"));
  std::string quota, period;
  std::ifstream(directory + "/cpu.max") >> quota >> period;
  return quota_cpus(quota, period);
}

/// The tightest quota from `path` up to the mount itself. Inside a container the path may name a
/// directory of the host that is not mounted here: then only the directories that exist count.
int tightest(const std::string& mount, std::string path, bool v2) {
  int limit = 0;
  for (;;) {
    const int here = limit_of_directory(mount + path, v2);
    if (here > 0) limit = limit == 0 ? here : std::min(limit, here);
    if (path.empty()) return limit;
    path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

}  // namespace

std::vector<int> affinity_cpus() {
  // The mask of a machine with more than 1024 CPUs does not fit in a cpu_set_t: grow until it does.
  for (std::size_t words = 1024 / (8 * sizeof(unsigned long)); words <= (1u << 16); words *= 2) {
    std::vector<unsigned long> mask(words, 0);
    auto* set = reinterpret_cast<cpu_set_t*>(mask.data());
    const std::size_t bytes = words * sizeof(unsigned long);
    if (sched_getaffinity(0, bytes, set) != 0) {
      if (errno == EINVAL) continue;
      break;
    }
    std::vector<int> cpus;
    for (std::size_t cpu = 0; cpu < bytes * 8; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(static_cast<int>(cpu));
    return cpus;
  }
  return {};
}

int cgroup_cpu_limit(const std::string& proc_cgroup, const std::string& mount) {
  std::ifstream file(proc_cgroup);
  int limit = 0;
  // Lines are "number:controllers:path"; version 2 has number 0 and no controllers.
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    int here = 0;
    if (controllers.empty()) {
      here = tightest(mount, path, true);
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      here = tightest(mount + "/" + controllers, path, false);
      if (here == 0) here = tightest(mount + "/cpu", path, false);
    }
    if (here > 0) limit = limit == 0 ? here : std::min(limit, here);
  }
  return limit;
}

int usable_cpus() {
  int cpus = static_cast<int>(affinity_cpus().size());
  if (cpus == 0) cpus = static_cast<int>(std::thread::hardware_concurrency());
  const int limit = cgroup_cpu_limit("/proc/self/cgroup", "/sys/fs/cgroup");
  if (limit > 0) cpus = std::min(cpus, limit);
  return std::max(1, cpus);
}

}  // namespace convoke
