#pragma once
// The signals that ask a process to leave: which of them count, and who is notified. Must not know a worker.
//
// They are SIGTERM, SIGINT and SIGHUP. If SIGINT or SIGHUP is already ignored, as in a program started by
// nohup or by a shell's `&`, it stays ignored. SIGQUIT is not handled: it ends the process at once with a
// core dump, which shows where it hangs; its jobs get no result. A signal also counts if it was blocked when
// the process was started: the thread that waits for it unblocks it.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/thread.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

inline constexpr std::array<int, 3> termination_signals{SIGTERM, SIGINT, SIGHUP};

// What a signal handler can reach. It is global because signal handlers belong to the process.
struct termination_state {
  static constexpr std::int64_t never = -1;
  std::atomic<pid_t> owner{0};
  std::atomic<int> pipe{-1};
  std::atomic<int> handlers{0};           // handlers that are running
  std::atomic<std::int64_t> last{never};  // when the last signal that counts came, in nanoseconds
  std::atomic<int> counted{0};
  // What the program had set before, written while our handlers are not set.
  std::array<struct sigaction, termination_signals.size()> before{};
};
inline termination_state this_process_termination;

// Returns the number of this signal: 1, 2, 3; 0 if it counts as one with the last. Some senders repeat a
// signal within milliseconds: timeout(1), a kill of a process group, some init systems.
inline int count_termination() noexcept {
  constexpr std::int64_t counts_as_one = 2'000'000'000;
  termination_state& state = this_process_termination;
  timespec moment{};
  ::clock_gettime(CLOCK_MONOTONIC, &moment);
  const std::int64_t now = std::int64_t{moment.tv_sec} * 1'000'000'000 + moment.tv_nsec;
  std::int64_t last = state.last.load();
  do {
    if (last != termination_state::never && now - last < counts_as_one) return 0;
  } while (!state.last.compare_exchange_weak(last, now));
  return state.counted.fetch_add(1) + 1;
}

// For a process that was forked from ours: behaves as if our signal handlers had never been set.
inline void end_as_before(int number) noexcept {
  for (std::size_t i = 0; i < termination_signals.size(); ++i) {
    if (termination_signals[i] == number) ::sigaction(number, &this_process_termination.before[i], nullptr);
  }
  ::raise(number);  // takes effect when the signal handler returns
}

// Does only what is allowed inside a signal handler.
inline void on_termination(int number) {
  const int problem_before = errno;
  termination_state& state = this_process_termination;
  state.handlers.fetch_add(1);
  if (::getpid() != state.owner.load()) {
    end_as_before(number);
  } else {
    const int count = count_termination();
    if (count > 2) ::_exit(128 + number);
    const auto message = static_cast<unsigned char>(count == 1 ? number : number | 0x80);
    const int pipe = state.pipe.load();
    if (count > 0 && pipe >= 0 && ::write(pipe, &message, 1) != 1) ::_exit(128 + number);
  }
  state.handlers.fetch_sub(1);
  errno = problem_before;
}

/// While it exists, the first signal calls `on_first(int number)` and the second `on_second(int number)`,
/// both on a thread of its own. A third ends the process at once with status 128 + its number. Signals within
/// two seconds of the last one that counted count as one with it. In a process that was forked from this one,
/// signals do what they did before. Only one may exist in a process.
/// Throws: std::runtime_error if the system has no pipe left; std::system_error if it has no thread left.
template <class OnFirst, class OnSecond>
class termination_watch {
 public:
  termination_watch(OnFirst on_first, OnSecond on_second)
      : on_first_(std::move(on_first)), on_second_(std::move(on_second)), pipe_(), watcher_(&run, this) {
    termination_state& state = this_process_termination;
    state.owner.store(::getpid());
    state.last.store(termination_state::never);
    state.counted.store(0);
    state.pipe.store(pipe_.ends[1]);
    struct sigaction ours {};
    ours.sa_handler = &on_termination;
    ::sigemptyset(&ours.sa_mask);
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    for (std::size_t i = 0; i < termination_signals.size(); ++i) {
      struct sigaction& before = state.before[i];
      ::sigaction(termination_signals[i], nullptr, &before);
      const bool ignored = (before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == SIG_IGN;
      if (!ignored || termination_signals[i] == SIGTERM) ::sigaction(termination_signals[i], &ours, nullptr);
    }
    notify_watcher(set);
  }

  termination_watch(const termination_watch&) = delete;
  termination_watch& operator=(const termination_watch&) = delete;

  ~termination_watch() {
    termination_state& state = this_process_termination;
    for (std::size_t i = 0; i < termination_signals.size(); ++i) {
      struct sigaction now {};
      ::sigaction(termination_signals[i], nullptr, &now);
      const bool ours = (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == &on_termination;
      if (ours) ::sigaction(termination_signals[i], &state.before[i], nullptr);
    }
    state.pipe.store(-1);
    while (state.handlers.load() > 0) yield_thread();  // one may be about to write, on another thread
    notify_watcher(leave);
    watcher_.join();
  }

 private:
  struct closed_on_exec {
    int ends[2] = {-1, -1};
    closed_on_exec() {
#ifdef __APPLE__
      const bool made = ::pipe(ends) == 0;
      for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
#else
      const bool made = ::pipe2(ends, O_CLOEXEC) == 0;
#endif
      if (!made) throw std::runtime_error("termination_watch: no pipe: " + errno_text(errno));
    }
    closed_on_exec(const closed_on_exec&) = delete;
    closed_on_exec& operator=(const closed_on_exec&) = delete;
    ~closed_on_exec() {
      ::close(ends[0]);
      ::close(ends[1]);
    }
  };

  // Messages through the pipe besides the numbers of signals.
  static constexpr unsigned char leave = 0;
  static constexpr unsigned char set = 0x80;  // the signal handlers are set

  void notify_watcher(unsigned char message) noexcept {
    while (::write(pipe_.ends[1], &message, 1) < 0 && errno == EINTR) {
    }
  }

  // Unblocks them for this thread only, which is enough for a signal that is sent to the process.
  static void unblock_signals() noexcept {
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int number : termination_signals) ::sigaddset(&ours, number);
    ::pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
  }

  static void* run(void* self) noexcept {
    static_cast<termination_watch*>(self)->watch();
    return nullptr;
  }

  void watch() noexcept {
    for (;;) {
      unsigned char message = leave;
      const auto size = ::read(pipe_.ends[0], &message, 1);
      if (size < 0 && errno == EINTR) continue;
      if (size != 1 || message == leave) return;
      if (message == set) {
        unblock_signals();
        continue;
      }
      try {
        detail::insist([&] { (message & 0x80) == 0 ? on_first_(int{message}) : on_second_(message & 0x7f); });
      } catch (...) {  // the next signal, or a deadline, ends what does not end by itself
      }
    }
  }

  OnFirst on_first_;
  OnSecond on_second_;
  closed_on_exec pipe_;
  thread watcher_;
};

}  // namespace coworker::inline v0_1::detail

#else

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/thread.hpp>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace coworker::inline v0_1::detail {

/// As above, for SIGINT, which Ctrl+C sends, and for SIGTERM, which only the program itself can raise. The C
/// library calls the handler of SIGINT on a thread of its own, and that of SIGTERM where it was raised: the
/// functions are called there.
template <class OnFirst, class OnSecond>
class termination_watch {
 public:
  termination_watch(OnFirst on_first, OnSecond on_second)
      : on_first_(std::move(on_first)), on_second_(std::move(on_second)) {
    current_.store(this);
    before_interrupt_ = std::signal(SIGINT, &on_signal);
    before_terminate_ = std::signal(SIGTERM, &on_signal);
  }

  termination_watch(const termination_watch&) = delete;
  termination_watch& operator=(const termination_watch&) = delete;

  ~termination_watch() {
    std::signal(SIGINT, before_interrupt_);
    std::signal(SIGTERM, before_terminate_);
    current_.store(nullptr);
    while (handlers_.load() > 0) yield_thread();
  }

 private:
  static void on_signal(int number) {
    std::signal(number, &on_signal);  // the C library has reset it
    handlers_.fetch_add(1);
    if (termination_watch* const watch = current_.load()) watch->count(number);
    handlers_.fetch_sub(1);
  }

  void count(int number) noexcept {
    try {
      const std::lock_guard lock(mutex_);
      const time_point now = clock_type::now();
      if (counted_ > 0 && now - last_ < std::chrono::seconds(2)) return;
      last_ = now;
      if (++counted_ > 2) std::_Exit(128 + number);
      counted_ == 1 ? on_first_(int{number}) : on_second_(int{number});
    } catch (...) {  // no memory; the next signal, or a deadline, ends what does not end by itself
    }
  }

  static inline std::atomic<termination_watch*> current_{nullptr};
  static inline std::atomic<int> handlers_{0};  // handlers that are running

  OnFirst on_first_;
  OnSecond on_second_;
  void (*before_interrupt_)(int) = SIG_DFL;
  void (*before_terminate_)(int) = SIG_DFL;
  std::mutex mutex_;  // guards the members below
  time_point last_{};
  int counted_ = 0;
};

}  // namespace coworker::inline v0_1::detail

#endif
