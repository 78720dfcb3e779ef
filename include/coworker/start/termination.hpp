#pragma once
// SIGTERM and SIGINT: the first asks the worker to drain, the second ends the process. Knows no worker.

#include <coworker/system.hpp>

#if COWORKER_POSIX
#include <signal.h>
#include <unistd.h>
#else
#include <coworker/exec/thread.hpp>
#include <csignal>
#include <cstdlib>
#include <mutex>
#endif

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace coworker::detail {

#if COWORKER_POSIX

// What a signal handler can reach. Handlers belong to the process, so this state does too.
struct termination_state {
  std::atomic<int> signals{0};
  std::atomic<int> pipe{-1};
};
inline termination_state this_process_termination;

// Only what may be done inside a signal handler: count, write a byte, leave.
inline void on_termination(int number) {
  const int before = errno;
  if (this_process_termination.signals.fetch_add(1) > 0) ::_exit(128 + number);
  const char byte = 's';
  if (::write(this_process_termination.pipe.load(), &byte, 1) != 1) ::_exit(128 + number);
  errno = before;
}

/// While it lives, the first SIGTERM or SIGINT calls `on_first` on a thread of its own, and a second one ends
/// the process at once with status 128 + its number. One at a time in a process. Errors: std::runtime_error
/// when the system has no pipe left.
template <class OnFirst>
class termination_watch {
 public:
  explicit termination_watch(OnFirst on_first) : on_first_(std::move(on_first)) {
    if (::pipe(ends_) != 0) throw std::runtime_error("termination_watch: no pipe: " + errno_text(errno));
    this_process_termination.signals.store(0);
    this_process_termination.pipe.store(ends_[1]);
    watcher_ = std::thread([this] { watch(); });
    struct sigaction action {};
    action.sa_handler = &on_termination;
    ::sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &action, &before_term_);
    ::sigaction(SIGINT, &action, &before_int_);
  }

  termination_watch(const termination_watch&) = delete;
  termination_watch& operator=(const termination_watch&) = delete;

  ~termination_watch() {
    ::sigaction(SIGTERM, &before_term_, nullptr);
    ::sigaction(SIGINT, &before_int_, nullptr);
    const char byte = 'q';
    if (::write(ends_[1], &byte, 1) == 1) watcher_.join();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

 private:
  void watch() {
    for (;;) {
      char byte = 0;
      const auto size = ::read(ends_[0], &byte, 1);
      if (size < 0 && errno == EINTR) continue;
      if (size != 1 || byte == 'q') return;
      on_first_();
    }
  }

  OnFirst on_first_;
  int ends_[2] = {-1, -1};
  std::thread watcher_;
  struct sigaction before_term_ {};
  struct sigaction before_int_ {};
};

#else

inline std::atomic<int> termination_signals{0};

// Only what the standard lets a signal handler do: touch an atomic, leave. Windows forgets the handler as it calls it.
inline void on_termination(int number) {
  std::signal(number, &on_termination);
  if (termination_signals.fetch_add(1) > 0) std::_Exit(128 + number);
}

/// The same where there are no pipes: a thread looks every 20 ms whether a signal came.
template <class OnFirst>
class termination_watch {
 public:
  explicit termination_watch(OnFirst on_first) : on_first_(std::move(on_first)) {
    termination_signals.store(0);
    before_term_ = std::signal(SIGTERM, &on_termination);
    before_int_ = std::signal(SIGINT, &on_termination);
    watcher_ = std::thread([this] { watch(); });
  }

  termination_watch(const termination_watch&) = delete;
  termination_watch& operator=(const termination_watch&) = delete;

  ~termination_watch() {
    std::signal(SIGTERM, before_term_);
    std::signal(SIGINT, before_int_);
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
    }
    changed_.notify_one();
    watcher_.join();
  }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    while (!leaving_ && termination_signals.load() == 0)
      changed_.wait_until(lock, clock_type::now() + std::chrono::milliseconds(20));
    if (!leaving_) on_first_();
  }

  OnFirst on_first_;
  std::mutex mutex_;
  condition changed_;
  bool leaving_ = false;
  void (*before_term_)(int) = SIG_DFL;
  void (*before_int_)(int) = SIG_DFL;
  std::thread watcher_;
};

#endif

}  // namespace coworker::detail
