// How many CPUs a process may really use: the affinity mask, capped by the CPU quota of its cgroup
// (version 1 or 2). A pool larger than the quota is throttled for most of each period, which is far
// slower than a small one. The files' place is a parameter so that tests can lay out their own.
#pragma once

#include <string>
#include <vector>

namespace convoke {

/// CPUs of the calling thread's affinity mask, ascending.
std::vector<int> affinity_cpus();

/// CPUs of the tightest quota from the process's cgroup up to the root, rounded up; 0 if there is
/// none.
/// @param proc_cgroup path of /proc/self/cgroup  @param mount where cgroups are mounted,
/// /sys/fs/cgroup
int cgroup_cpu_limit(const std::string& proc_cgroup, const std::string& mount);

/// The mask capped by the quota; at least 1.
int usable_cpus();

}  // namespace convoke
