#pragma once
// watch_slot: which coroutines wait for one descriptor, and how they are resumed when it is ready. Shared by
// epoll_set and poll_set. Must not know how descriptors are watched.

#include <coworker/coro/executor.hpp>
#include <coworker/net/descriptor.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace coworker::inline v0_1::detail {

constexpr std::size_t index_of(io_direction direction) noexcept {
  return direction == io_direction::read ? 0 : 1;
}

struct watch_slot {
  descriptor_watch* waiting[2] = {nullptr, nullptr};  // by direction; null: none
};

[[noreturn]] inline void throw_unwatchable(int error, int descriptor) {
  const std::string name = "descriptor " + std::to_string(descriptor);
  if (error == EBADF) throw_io_error(error, name + " cannot be awaited", "it is not open");
  if (error == ENOSPC) {
    throw_io_error(error, name + " cannot be awaited",
                   "epoll watches as many as it may: raise sysctl fs.epoll.max_user_watches");
  }
  throw_io_error(error, name + " cannot be awaited");
}

inline void require_descriptor(const descriptor_watch& watch) {
  if (watch.descriptor < 0) throw_unwatchable(EBADF, watch.descriptor);
}

inline void require_unwatched(const watch_slot& slot, const descriptor_watch& watch) {
  if (slot.waiting[index_of(watch.direction)] == nullptr) return;
  const bool reads = watch.direction == io_direction::read;
  throw std::logic_error("descriptor " + std::to_string(watch.descriptor) +
                         " is already awaited by another coroutine that waits to " +
                         (reads ? "read from" : "write to") +
                         " it; let one coroutine do so, or guard it with a semaphore of 1");
}

/// Ends the wait as ready, which posts its coroutine. Returns false if there was no memory for that; try
/// again then.
inline bool hand_over(descriptor_watch*& waiting) noexcept {
  descriptor_watch& watch = *waiting;
  watch.ready = true;
  try {
    watch.executor.cancel(watch.alarm);
  } catch (...) {
    return false;
  }
  waiting = nullptr;
  return true;
}

}  // namespace coworker::inline v0_1::detail

#endif
