#pragma once
// The last deadline: ends the process at a moment, whatever hangs in it. Knows no worker.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/log.hpp>
#include <coworker/system.hpp>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#if COWORKER_POSIX
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#endif

namespace coworker::inline v0_1::detail {

#if COWORKER_POSIX

// For the signal handler that ends what hangs even in the last line.
inline std::atomic<int> last_exit_status{0};

/// Ends the process with that status in two seconds, whatever hangs.
inline void arm_last_alarm(int status) noexcept {
  last_exit_status.store(status);
  struct sigaction ending {};
  ending.sa_handler = [](int) { ::_exit(last_exit_status.load()); };
  ::sigfillset(&ending.sa_mask);
  ::sigaction(SIGALRM, &ending, nullptr);
  sigset_t alarm_only;
  ::sigemptyset(&alarm_only);
  ::sigaddset(&alarm_only, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
  ::alarm(2);
}

#else

inline void arm_last_alarm(int) noexcept {}  // there is none

#endif

/// Once it is set, and unless this object is destroyed before, ends the process at that moment with that status: a
/// line in the log says why, lines that wait for a reader get a moment, and nothing else is waited for: no destructor
/// runs, and no other thread is asked. Thread-safe. Errors: std::system_error when the system has no thread.
class last_deadline {
 public:
  /// The logger must outlive it.
  explicit last_deadline(logger& log) : log_(log), thread_(&run, this) {}
  last_deadline(const last_deadline&) = delete;
  last_deadline& operator=(const last_deadline&) = delete;

  /// Returns when the process will not be ended any more.
  ~last_deadline() {
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  /// `why` is the line. Of several the earliest counts.
  void set(time_point due, int status, std::string why, log_level level = log_level::error) {
    {
      const std::lock_guard lock(mutex_);
      if (due >= due_) return;
      due_ = due;
      status_ = status;
      why_ = std::move(why);
      level_ = level;
    }
    changed_.notify_one();
  }

 private:
  static void* run(void* self) noexcept {
    static_cast<last_deadline*>(self)->watch();
    return nullptr;
  }

  void watch() noexcept {
    std::unique_lock lock(mutex_);
    while (!leaving_ && clock_type::now() < due_) {
      due_ == (time_point::max)() ? changed_.wait(lock) : changed_.wait_until(lock, due_);
    }
    if (!leaving_) end_process();
  }

  [[noreturn]] void end_process() noexcept {
    // Should even that hang, as in a sink of the program's own, the alarm ends it.
    detail::arm_last_alarm(status_);
    log_.write(level_, why_);
    log_.wait_until_written();
    std::_Exit(status_);
  }

  logger& log_;
  std::mutex mutex_;  // guards what follows
  condition changed_;
  time_point due_ = (time_point::max)();
  int status_ = 0;
  std::string why_;
  log_level level_ = log_level::error;
  bool leaving_ = false;
  thread
      thread_;  // the last, as it uses the others; there from the beginning, when there surely is one to be had
};

}  // namespace coworker::detail
