#pragma once
// A spool's files in memory: they outlive the worker that wrote them, as a disk does, and fail as they are
// told to.

#include <cerrno>
#include <coworker/transport/spool_files.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::simulation {

/// One disk for all workers of a run.
class memory_disk {
 public:
  struct file {
    std::string path;
    std::string text;
    int removed_by = -1;  ///< a worker
  };

  std::vector<file> files;    ///< in the order in which they were made
  std::vector<file> removed;  ///< by somebody, after it had been whole
  bool full = false;          ///< nothing more can be written
  std::uint64_t names = 0;    ///< given out so far

  file* find(const std::string& path) noexcept {
    for (file& one : files) {
      if (one.path == path) return &one;
    }
    return nullptr;
  }

  void remove(const std::string& path, int worker) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (files[i].path != path) continue;
      removed.push_back(std::move(files[i]));
      removed.back().removed_by = worker;
      files.erase(files.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }
};

/// The disk as one worker sees it; once that has crashed, it changes nothing there any more.
class memory_files {
 public:
  memory_files(memory_disk& disk, int worker, const bool& crashed) noexcept
      : disk_(&disk), crashed_(&crashed), worker_(worker) {}

  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> found;
    for (const memory_disk::file& one : disk_->files) {
      if (one.path.starts_with(folder + "/")) found.push_back(one.path.substr(folder.size() + 1));
    }
    return found;
  }

  bool write_whole(const std::string& path, std::string_view text) {
    if (disk_->full || *crashed_) {
      errno = disk_->full ? ENOSPC : EIO;
      return false;
    }
    disk_->remove(path, worker_);
    disk_->files.push_back({path, std::string(text)});
    return true;
  }

  bool rename(const std::string& from, const std::string& to) {
    if (*crashed_ || disk_->find(from) == nullptr) {
      errno = ENOENT;
      return false;
    }
    disk_->remove(to, worker_);  // what had that name is replaced
    disk_->find(from)->path = to;
    return true;
  }

  void remove(const std::string& path) {
    if (!*crashed_) disk_->remove(path, worker_);
  }

  std::string read_whole(const std::string& path) const {
    const memory_disk::file* const found = disk_->find(path);
    if (found == nullptr) throw std::runtime_error("no such file");
    return found->text;
  }

  void sync(const std::string&) const noexcept {}

  std::string fresh_name() { return std::to_string(++disk_->names); }

 private:
  memory_disk* disk_;
  const bool* crashed_;
  int worker_;
};

static_assert(spool_storage<memory_files>);

}  // namespace coworker::simulation
