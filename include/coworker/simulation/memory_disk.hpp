#pragma once
// A spool's files in memory: they outlive the worker that wrote them, as on a disk, and writing can be made
// to fail. Must not know what is in a file.

#include <cerrno>
#include <coworker/transport/spool_files.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// One disk for all workers of a run.
class memory_disk {
 public:
  struct file {
    std::string path;
    std::string text;
    int removed_by = -1;  ///< the worker that removed it; -1: none
  };

  struct lock {
    std::string path;
    int holder = -1;  ///< the worker that holds it
  };

  std::vector<file> files;    ///< in the order in which they were made
  std::vector<lock> locks;    ///< locks that running workers hold
  std::vector<file> removed;  ///< files that somebody removed after they had been complete
  bool full = false;          ///< writing fails
  std::uint64_t names = 0;    ///< fresh names so far

  file* find(const std::string& path) noexcept {
    for (file& one : files) {
      if (one.path == path) return &one;
    }
    return nullptr;
  }

  /// Releases the locks of a process that has ended; their files stay.
  void process_ended(int worker) {
    std::erase_if(locks, [worker](const lock& one) { return one.holder == worker; });
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

/// The disk as one worker sees it. A worker that has crashed changes nothing any more.
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

  bool create(const std::string& path, std::string_view text) {
    const bool taken = disk_->find(path) != nullptr;
    if (taken || disk_->full || *crashed_) {
      errno = taken ? EEXIST : disk_->full ? ENOSPC : EIO;
      return false;
    }
    disk_->files.push_back({path, std::string(text)});
    return true;
  }

  bool overwrite(const std::string& path, std::size_t at, std::string_view text) {
    memory_disk::file* const found = disk_->find(path);
    if (found == nullptr || *crashed_) {
      errno = found == nullptr ? ENOENT : EIO;
      return false;
    }
    found->text.replace(at, text.size(), text);
    return true;
  }

  bool rename(const std::string& from, const std::string& to) {
    if (*crashed_ || disk_->find(from) == nullptr) {
      errno = ENOENT;
      return false;
    }
    disk_->remove(to, worker_);  // a file with that name is replaced
    disk_->find(from)->path = to;
    return true;
  }

  void remove(const std::string& path) {
    if (!*crashed_) disk_->remove(path, worker_);
  }

  class input {
   public:
    explicit input(std::string text) noexcept : left_(std::move(text)) {}

    bool read(std::string& text, std::size_t at_most) {
      const std::size_t size = left_.size() < at_most ? left_.size() : at_most;
      text.append(left_, 0, size);
      left_.erase(0, size);
      return size > 0;
    }

   private:
    std::string left_;
  };

  std::optional<input> open(const std::string& path, std::size_t longest) const {
    const memory_disk::file* const found = disk_->find(path);
    if (found == nullptr) return std::nullopt;
    if (found->text.size() > longest) throw std::runtime_error("it is longer than any result");
    return input(found->text);
  }

  void sync(const std::string&) const noexcept {}

  bool hold(const std::string& path) {
    if (is_held(path)) return true;
    if (!create(path, "")) return false;
    disk_->locks.push_back({path, worker_});
    return true;
  }

  bool is_held(const std::string& path) const noexcept {
    for (const memory_disk::lock& one : disk_->locks) {
      if (one.path == path) return true;
    }
    return false;
  }

  void let_go() noexcept {
    for (const memory_disk::lock& one : disk_->locks) {
      if (one.holder == worker_ && !*crashed_) disk_->remove(one.path, worker_);
    }
    disk_->process_ended(worker_);
  }

  std::string fresh_name() { return std::to_string(++disk_->names); }

 private:
  memory_disk* disk_;
  const bool* crashed_;
  int worker_;
};

static_assert(spool_storage<memory_files>);

}  // namespace coworker::inline v0_1::simulation
