#pragma once
// last_deadline: ends the process at a given time, whatever blocks in it. Must not know a worker.

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

// For the signal handler that ends the process if even the last log line blocks.
inline std::atomic<int> last_exit_status{0};

/// Ends the process with `status` in two seconds, whatever blocks.
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

inline void arm_last_alarm(int) noexcept {}  // this system has no such alarm

#endif

/// Ends the process once a time is set and has come, unless this object is destroyed before. Logs why, gives
/// unwritten log lines a moment, and waits for nothing else: no destructor runs, and no other thread is
/// asked.
/// Throws: std::system_error if the system has no thread left.
/// Thread safety: any thread.
class last_deadline {
 public:
  /// The logger must outlive this object.
  explicit last_deadline(logger& log) : log_(log), thread_(&run, this) {}
  last_deadline(const last_deadline&) = delete;
  last_deadline& operator=(const last_deadline&) = delete;

  /// After this the process is not ended any more.
  ~last_deadline() {
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  /// Sets the time, the exit status and the log line `why`. Of several calls the one with the earliest time
  /// counts.
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
    // If even that blocks, for example in the program's own log sink, the alarm ends the process.
    detail::arm_last_alarm(status_);
    log_.write(level_, why_);
    log_.wait_until_written();
    std::_Exit(status_);
  }

  logger& log_;
  std::mutex mutex_;  // guards the members below
  condition changed_;
  time_point due_ = (time_point::max)();
  int status_ = 0;
  std::string why_;
  log_level level_ = log_level::error;
  bool leaving_ = false;
  thread thread_;  // declared last because it uses the others; started early, while there still are threads
};

}  // namespace coworker::inline v0_1::detail
