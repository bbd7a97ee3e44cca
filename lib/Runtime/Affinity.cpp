//===- Affinity.cpp - how many CPUs may this process use ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Pool.h"

#include <algorithm>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <string>

using namespace trine;

static std::string firstLine(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// CPUs a quota of `quota` µs every `period` µs amounts to, rounded up.
static int cpus(const std::string &quota, const std::string &period) {
  int64_t used = std::strtoll(quota.c_str(), nullptr, 10);
  int64_t every = std::strtoll(period.c_str(), nullptr, 10);
  if (used <= 0 || every <= 0) // "max", "-1" or no such file
    return INT32_MAX;
  return int(std::min<int64_t>((used + every - 1) / every, INT32_MAX));
}

/// The smallest quota of this process's cgroup and those around it.
static int cgroupLimit() {
  int limit = INT32_MAX;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    bool version2 = controllers.empty();
    if (!version2 &&
        ("," + controllers + ",").find(",cpu,") == std::string::npos)
      continue;
    std::string root = version2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    for (std::string group = line.substr(second + 1);;) {
      std::string folder = root + group + "/";
      if (version2) {
        std::istringstream words(firstLine(folder + "cpu.max"));
        std::string quota, period;
        words >> quota >> period;
        limit = std::min(limit, cpus(quota, period));
      } else {
        limit = std::min(limit, cpus(firstLine(folder + "cpu.cfs_quota_us"),
                                     firstLine(folder + "cpu.cfs_period_us")));
      }
      if (group.empty())
        break;
      group.resize(group.rfind('/') == std::string::npos ? 0
                                                         : group.rfind('/'));
    }
  }
  return limit;
}

static int affinity() {
  // The mask may be wider than cpu_set_t.
  for (int width = CPU_SETSIZE; width <= 1 << 20; width *= 2) {
    cpu_set_t *set = CPU_ALLOC(size_t(width));
    if (!set)
      break;
    size_t bytes = CPU_ALLOC_SIZE(size_t(width));
    int found =
        sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (found)
      return found;
  }
  return int(std::max(1u, std::thread::hardware_concurrency()));
}

int trine::defaultThreads() { return std::min(affinity(), cgroupLimit()); }
