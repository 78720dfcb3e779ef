#pragma once
// resource_reader: reads what this process uses of processors and memory, and what it may use. Works on
// Linux; on other systems all stays unknown. Must not know who uses the readings.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/system.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// What a user's GPU probe returns.
struct gpu_reading {
  double load = 0;                       ///< 0 to 1
  std::uint64_t memory_used_bytes = 0;   ///< memory in use on the GPU
  std::uint64_t memory_limit_bytes = 0;  ///< 0: unknown
};

/// When and what a resource_reader reads.
struct resource_options {
  /// The time between two readings by read_when_due. 0 or more. Default: 100 ms.
  duration interval = std::chrono::milliseconds(100);
  /// Returns the state of a GPU. Called in each reading, on the reader's thread, which waits for it. Default:
  /// null, no GPU is measured.
  gpu_reading (*gpu_probe)() noexcept = nullptr;
  /// The folder that contains /proc and /sys; for tests. Default: empty, the root folder.
  std::string root = {};
};

namespace detail {

// Returns the contents of a small file; empty if it cannot be read.
inline std::string file_text(const std::string& path) {
  std::string text;
  std::FILE* const file = std::fopen(path.c_str(), read_mode);
  if (file == nullptr) return text;
  char part[4096];
  for (std::size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0;) text.append(part, got);
  std::fclose(file);
  return text;
}

inline constexpr std::uint64_t no_number = UINT64_MAX;

// Returns the number at the beginning of the text, after blanks; no_number for "max", "-1" and
// any other text.
inline std::uint64_t leading_number(std::string_view text) noexcept {
  std::size_t at = text.find_first_not_of(" \t");
  if (at == std::string_view::npos || text[at] < '0' || text[at] > '9') return no_number;
  std::uint64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<std::uint64_t>(text[at] - '0');
  }
  return number;
}

// Returns the text that follows that name at the beginning of a line.
inline std::string_view after_name(std::string_view text, std::string_view name) noexcept {
  for (std::size_t line = 0; line < text.size();) {
    std::size_t end = text.find('\n', line);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view whole = text.substr(line, end - line);
    if (whole.substr(0, name.size()) == name) return whole.substr(name.size());
    line = end + 1;
  }
  return {};
}

// Returns a number of kilobytes, as /proc states it, in bytes; 0 if there is none.
inline std::uint64_t kilobytes_after(std::string_view text, std::string_view name) noexcept {
  const std::uint64_t number = leading_number(after_name(text, name));
  return number == no_number ? 0 : number * 1024;
}

}  // namespace detail

/// Reads /proc and the files of the control group, version 2 or 1. If the group sets no limit, the
/// machine's applies. One reading opens about six small files, which takes some 50 us; about ten readings a
/// second are reasonable.
/// Thread safety: none; use on one thread.
class resource_reader {
 public:
  explicit resource_reader(resource_options options = {}) : options_(std::move(options)) {
    find_group();
    processors_ = count_processors();
  }

  /// Reads if the last reading is older than the interval.
  void read_when_due(time_point now, metrics& measured) {
    if (now < due_ && now >= read_at_) return;
    due_ = detail::after(now, options_.interval);
    read(now, measured);
  }

  /// Reads, and writes the resource fields of the metrics. `cpu_load` needs two readings.
  void read(time_point now, metrics& measured) {
    const std::string status = detail::file_text(options_.root + "/proc/self/status");
    measured.resident_bytes = detail::kilobytes_after(status, "VmRSS:");
    measured.peak_resident_bytes = detail::kilobytes_after(status, "VmHWM:");
    read_memory(measured);
    read_processors(now, measured);
    read_gpu(measured);
    measured.resources_at = read_at_ = now;
  }

 private:
  enum class group_version : unsigned char { none, v1, v2 };

  // /proc/self/cgroup names the group, but not the folder of its files: inside a container the group's folder
  // is mounted at the top, outside it is further below. The first folder that has the file is used.
  void find_group() {
    const std::string groups = detail::file_text(options_.root + "/proc/self/cgroup");
    const std::string top = options_.root + "/sys/fs/cgroup";
    if (set_group(group_version::v2, top, detail::after_name(groups, "0::"), "/memory.max")) return;
    set_group(group_version::v1, top + "/memory", v1_path(groups, "memory"), "/memory.limit_in_bytes");
  }

  // Lines look like 5:cpu,cpuacct:/path.
  static std::string_view v1_path(std::string_view groups, std::string_view controller) noexcept {
    const std::size_t at = groups.find(std::string(":").append(controller).append(":"));
    if (at == std::string_view::npos) return {};
    const std::string_view rest = groups.substr(at + controller.size() + 2);
    return rest.substr(0, rest.find('\n'));
  }

  bool set_group(group_version version, const std::string& top, std::string_view path, const char* file) {
    for (std::string folder = top + std::string(path);; folder = top) {
      if (!detail::file_text(folder + file).empty()) {
        version_ = version;
        group_ = std::move(folder);
        return true;
      }
      if (folder == top || path.empty()) break;
    }
    return false;
  }

  void read_memory(metrics& measured) const {
    const std::string machine = detail::file_text(options_.root + "/proc/meminfo");
    const std::uint64_t total = detail::kilobytes_after(machine, "MemTotal:");
    const std::uint64_t available = detail::kilobytes_after(machine, "MemAvailable:");
    measured.memory_limit_bytes = total;
    measured.memory_used_bytes = total > available ? total - available : 0;
    if (version_ == group_version::none) return;
    const bool v2 = version_ == group_version::v2;
    const std::uint64_t limit = number_in(v2 ? "/memory.max" : "/memory.limit_in_bytes");
    if (limit == detail::no_number || (total > 0 && limit >= total)) return;
    const std::uint64_t charged = number_in(v2 ? "/memory.current" : "/memory.usage_in_bytes");
    if (charged == detail::no_number) return;
    // The kernel frees cached files that are not in use before it kills a process.
    const std::string details = detail::file_text(group_ + "/memory.stat");
    std::uint64_t cached =
        detail::leading_number(detail::after_name(details, v2 ? "inactive_file " : "total_inactive_file "));
    if (cached == detail::no_number || cached > charged) cached = 0;
    measured.memory_limit_bytes = limit;
    measured.memory_used_bytes = charged - cached;
  }

  void read_processors(time_point now, metrics& measured) {
    measured.cpus = allowed_processors();
    const double used = process_seconds();
    if (read_before_ && now > read_at_ && measured.cpus > 0) {
      const double passed = std::chrono::duration<double>(now - read_at_).count();
      const double load = (used - used_before_) / (passed * measured.cpus);
      measured.cpu_load = load < 0 ? 0 : load > 1 ? 1 : load;
    }
    measured.cpu_seconds = used_before_ = used;
    read_before_ = true;
  }

  void read_gpu(metrics& measured) const noexcept {
    if (options_.gpu_probe == nullptr) return;
    const gpu_reading found = options_.gpu_probe();
    measured.gpu_probed = true;
    measured.gpu_load = found.load;
    measured.gpu_memory_used_bytes = found.memory_used_bytes;
    measured.gpu_memory_limit_bytes = found.memory_limit_bytes;
  }

  // Returns the time in user and kernel mode: the 12th and 13th field after the program's name, which is in
  // parentheses and may contain any character. Linux reports hundredths of a second to all programs.
  double process_seconds() const {
    const std::string line = detail::file_text(options_.root + "/proc/self/stat");
    std::size_t at = line.rfind(')');
    if (at == std::string::npos) return 0;
    std::uint64_t ticks = 0;
    for (int field = 1; field <= 13; ++field) {
      at = line.find(' ', at + 1);
      if (at == std::string::npos) return 0;
      const std::uint64_t number = detail::leading_number(std::string_view(line).substr(at));
      if (field >= 12 && number != detail::no_number) ticks += number;
    }
    return static_cast<double>(ticks) / 100;
  }

  double allowed_processors() const {
    std::uint64_t quota = detail::no_number, period = 0;
    if (version_ == group_version::v2) {
      const std::string both = detail::file_text(group_ + "/cpu.max");  // for example 150000 100000
      quota = detail::leading_number(both);
      const std::size_t gap = both.find(' ');
      if (gap != std::string::npos) period = detail::leading_number(std::string_view(both).substr(gap));
    } else if (version_ == group_version::v1) {
      for (const char* folder : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}) {
        const std::string cpu = options_.root + folder;
        quota = detail::leading_number(detail::file_text(cpu + "/cpu.cfs_quota_us"));
        period = detail::leading_number(detail::file_text(cpu + "/cpu.cfs_period_us"));
        if (quota != detail::no_number) break;
      }
    }
    if (quota == detail::no_number || period == detail::no_number || period == 0) return processors_;
    const double share = static_cast<double>(quota) / static_cast<double>(period);
    return processors_ > 0 && share > processors_ ? processors_ : share;
  }

  // Counts the lines cpu0, cpu1 and so on.
  double count_processors() const {
    const std::string text = detail::file_text(options_.root + "/proc/stat");
    int count = 0;
    for (std::size_t at = text.find("\ncpu"); at != std::string::npos; at = text.find("\ncpu", at + 1))
      ++count;
    return count;
  }

  std::uint64_t number_in(const char* file) const {
    return detail::leading_number(detail::file_text(group_ + file));
  }

  resource_options options_;
  group_version version_ = group_version::none;
  std::string group_;  // the folder of this process's control group
  double processors_ = 0;
  double used_before_ = 0;
  bool read_before_ = false;
  time_point read_at_ = (time_point::min)();
  time_point due_ = (time_point::min)();
};

}  // namespace coworker::inline v0_1
