#pragma once
// Writes log lines to a descriptor in order and whole, without blocking the threads that log. Must not know
// what is in the lines.

#include <coworker/log/descriptor.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#ifdef __linux__
#include <stdio_ext.h>
#endif
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Lines that are written to a descriptor. Each is written at once if there is room. If there is none, lines
/// wait in memory, and a thread that exists only meanwhile writes them. Lines that exceed the memory are
/// dropped, unless a reader makes room quickly; a line in their place reports how many.
/// Thread-safe.
class line_output {
 public:
  /// `descriptor`: where lines go. `most_waiting`: the memory for waiting lines, in bytes. Default: 1 MiB.
  explicit line_output(int descriptor, std::size_t most_waiting = 1024 * 1024) noexcept
      : most_waiting_(most_waiting),
        name_(descriptor == 2 ? "standard error" : "standard output"),
        out_(descriptor) {}
  line_output(const line_output&) = delete;
  line_output& operator=(const line_output&) = delete;

  /// Waits as wait_until_written() does.
  ~line_output() {
    wait_until_written();
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
    }
    end_thread();
  }

  /// Writes a line. `line` has no line break at its end.
  void write(std::string_view line) noexcept {
    const std::lock_guard lock(mutex_);
    json_ = !line.empty() && line.front() == '{';
    try {
      if (remaining() > 0 && !thread_runs_) {  // no thread could be started for the waiting lines
        send_waiting();
        if (remaining() > 0) start_thread();
      }
      if (!take(line)) ++dropped_;
    } catch (...) {  // no memory for it
      ++dropped_;
    }
  }

  /// Blocks until all lines are written, or until nothing could be written for a second in total.
  void wait_until_written() noexcept {
    std::size_t known = 0;
    for (int waits = 0; waits < 10;) {
      const turn now = send_some();
      if (now.done) return;
      if (now.remaining >= known && known > 0) ++waits;
      known = now.remaining;
      wait_for_room(now.moved);
    }
  }

 private:
  static constexpr std::int64_t longest_wait = 100'000'000;

  struct turn {
    bool done;  // nothing is left, or nothing can be written any more
    bool moved;
    std::size_t remaining;
  };

  std::size_t remaining() const noexcept { return waiting_.size() - sent_; }

  // Returns false if there is no room for the line.
  bool take(std::string_view line) {
    if (dropped_ > 0 && remaining() > most_waiting_ / 2)
      return false;  // one long gap is better than
                     // many short ones
    const auto fits = [&] { return remaining() + line.size() < most_waiting_; };
    if (!fits()) wait_for_reader();
    if (!fits()) return false;
    const std::size_t before = remaining();
    const std::size_t dropped = dropped_;
    if (dropped > 0) report_dropped();
    waiting_.reserve(waiting_.size() + line.size() + 1);
    waiting_.append(line) += '\n';
    if (before > 0) return true;  // earlier lines are written first
    if (!send_waiting()) {
      dropped_ = dropped + 1;
    } else if (remaining() > 0) {
      start_thread();
    }
    return true;
  }

  // An active reader sets the pace, so that `program | grep` misses nothing. A reader that is slow or absent
  // delays the program by a tenth of a second at most in all the time in which it reads 64 KiB.
  void wait_for_reader() noexcept {
    const std::int64_t before = monotonic_now();
    const bool room = out_.has_room(static_cast<int>(wait_budget_ / 1'000'000));
    wait_budget_ -= monotonic_now() - before;
    if (wait_budget_ < 0) wait_budget_ = 0;
    if (room) send_waiting();
  }

  // Has the form of the dropped lines.
  void report_dropped() {
    const std::string message = std::to_string(dropped_) +
                                (dropped_ == 1 ? " log line was" : " log lines were") + " dropped: " + name_ +
                                " took no more.";
    const std::string line =
        json_ ? R"({"requestId": null, "message": ")" + message + "\", \"level\": \"WARN\"}\n"
              : "WARN   | " + message + "\n";
    waiting_.append(line);
    dropped_ = 0;
  }

  // Writes as much as there is room for. Returns false if writing failed, because nobody will ever read or a
  // disk is full; the waiting lines are then dropped.
  bool send_waiting() noexcept {
    bool failed = false;
    while (remaining() > 0 && !failed) {
      const ssize_t count = out_.write(std::string_view(waiting_).substr(sent_));
      if (count == 0) break;
      failed = count < 0;
      if (failed) continue;
      sent_ += static_cast<std::size_t>(count);
      read_ += static_cast<std::size_t>(count);
      if (read_ < 64 * 1024) continue;
      wait_budget_ = longest_wait;
      read_ = 0;
    }
    if (failed) {
      for (const char c : std::string_view(waiting_).substr(sent_)) dropped_ += c == '\n' ? 1 : 0;
      sent_ = waiting_.size();
    }
    if (remaining() == 0) {
      constexpr std::size_t worth_giving_back = 64 * 1024;
      waiting_.capacity() > worth_giving_back ? std::string().swap(waiting_) : waiting_.clear();
      sent_ = 0;
    } else if (sent_ > waiting_.size() / 2) {
      waiting_.erase(0, sent_);
      sent_ = 0;
    }
    return !failed;
  }

  turn send_some() noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t before = remaining();
    bool works = send_waiting();
    if (works && remaining() == 0 && dropped_ > 0) {
      try {
        report_dropped();
        works = send_waiting();
      } catch (...) {  // no memory: try again with the next line
      }
    }
    return {remaining() == 0 || !works, remaining() < before, remaining()};
  }

  // Waits for room, for a tenth of a second at most.
  void wait_for_room(bool moved) const noexcept {
    if (out_.has_room(100) && !moved) ::poll(nullptr, 0, 10);  // there is room, but too little for a piece
  }

  void start_thread() noexcept {
    if (thread_runs_) return;  // it will see what waits now before it ends
    end_thread();
    owner_ = ::getpid();
    thread_runs_ = thread_known_ = ::pthread_create(&thread_, nullptr, &run, this) == 0;
  }

  void end_thread() noexcept {
    if (thread_known_ && owner_ == ::getpid())
      ::pthread_join(thread_, nullptr);  // a forked child has no
                                         // thread
    thread_known_ = false;
  }

  static void* run(void* self) noexcept {
    static_cast<line_output*>(self)->hand_on();
    return nullptr;
  }

  void hand_on() noexcept {
    for (;;) {
      const turn now = send_some();
      {
        const std::lock_guard lock(mutex_);
        if (leaving_ || (now.done && remaining() == 0)) {
          thread_runs_ = false;
          return;
        }
      }
      wait_for_room(now.moved);
    }
  }

  const std::size_t most_waiting_;
  const char* const name_;
  std::mutex mutex_;  // guards what follows
  nonblocking_descriptor out_;
  std::string waiting_;  // whole lines, of which the first `sent_` bytes have been written
  std::size_t sent_ = 0;
  std::size_t dropped_ = 0;
  std::int64_t wait_budget_ = longest_wait;  // in nanoseconds
  std::size_t read_ = 0;                     // bytes since wait_budget_ was last restored
  bool json_ = false;                        // the form of the latest line
  bool leaving_ = false;
  bool thread_runs_ = false;
  bool thread_known_ = false;  // it must be joined
  pid_t owner_ = 0;            // the process that started the thread
  pthread_t thread_{};
};

/// Flushes what the program itself has printed, so that it appears before the next line, if that needs to
/// wait neither for a reader nor for another thread that is printing.
inline void write_out_printed() noexcept {
#ifdef __linux__
  if (::ftrylockfile(stdout) != 0) return;
  const std::size_t printed = ::__fpending(stdout);
  pollfd asked{1, POLLOUT, 0};
  if (printed > 0 && printed <= PIPE_BUF && ::poll(&asked, 1, 0) > 0) ::fflush_unlocked(stdout);
  ::funlockfile(stdout);
#endif
}

}  // namespace coworker::inline v0_1::detail

#else

#include <cstddef>
#include <cstdio>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Writes lines to standard output or standard error, and blocks as long as that takes.
class line_output {
 public:
  explicit line_output(int descriptor, std::size_t = 0) noexcept : file_(descriptor == 2 ? stderr : stdout) {}
  void write(std::string_view line) noexcept {
    std::fwrite(line.data(), 1, line.size(), file_);
    std::fputc('\n', file_);
    std::fflush(file_);
  }
  void wait_until_written() noexcept {}

 private:
  std::FILE* const file_;
};

inline void write_out_printed() noexcept {}

}  // namespace coworker::inline v0_1::detail

#endif
