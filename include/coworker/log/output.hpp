#pragma once
// Where lines leave the process: in order, whole, and without holding up whoever writes them. Knows lines as bytes
// only.

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

/// Lines on their way to a descriptor. Each goes out at once where there is room. Where there is none, lines
/// wait in memory, and a thread that lives only as long as they do hands them on. What exceeds the memory is
/// dropped and counted, unless a reader makes room at once; a line in its place tells the count.
/// Thread-safe.
class line_output {
 public:
  /// `most_waiting` is in bytes.
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

  /// `line` has no line break at its end.
  void write(std::string_view line) noexcept {
    const std::lock_guard lock(mutex_);
    json_ = !line.empty() && line.front() == '{';
    try {
      if (left() > 0 && !thread_runs_) {  // no thread could be started for them
        send_waiting();
        if (left() > 0) start_thread();
      }
      if (!take(line)) ++dropped_;
    } catch (...) {  // no memory for it
      ++dropped_;
    }
  }

  /// Returns when all has gone out, or nothing has for a second in all.
  void wait_until_written() noexcept {
    std::size_t known = 0;
    for (int waits = 0; waits < 10;) {
      const turn now = send_some();
      if (now.done) return;
      if (now.left >= known && known > 0) ++waits;
      known = now.left;
      wait_for_room(now.moved);
    }
  }

 private:
  static constexpr std::int64_t most_patience = 100'000'000;

  struct turn {
    bool done;  // nothing is left, or it is hopeless
    bool moved;
    std::size_t left;
  };

  std::size_t left() const noexcept { return waiting_.size() - sent_; }

  // False: there is no room for it.
  bool take(std::string_view line) {
    if (dropped_ > 0 && left() > most_waiting_ / 2) return false;  // rather one long gap than many short ones
    const auto fits = [&] { return left() + line.size() < most_waiting_; };
    if (!fits()) wait_patiently();
    if (!fits()) return false;
    const std::size_t before = left();
    const std::size_t dropped = dropped_;
    if (dropped > 0) tell_dropped();
    waiting_.reserve(waiting_.size() + line.size() + 1);
    waiting_.append(line) += '\n';
    if (before > 0) return true;  // its turn comes
    if (!send_waiting()) {
      dropped_ = dropped + 1;
    } else if (left() > 0) {
      start_thread();
    }
    return true;
  }

  // A reader who is at it sets the pace, so that `program | grep` misses nothing. One who is slow or away holds up
  // nobody for more than a tenth of a second in all the time that it takes to read 64 KiB.
  void wait_patiently() noexcept {
    const std::int64_t before = monotonic_now();
    const bool room = out_.has_room(static_cast<int>(patience_ / 1'000'000));
    patience_ -= monotonic_now() - before;
    if (patience_ < 0) patience_ = 0;
    if (room) send_waiting();
  }

  // In the form of the lines that it stands for.
  void tell_dropped() {
    const std::string message = std::to_string(dropped_) +
                                (dropped_ == 1 ? " log line was" : " log lines were") + " dropped: " + name_ +
                                " took no more.";
    const std::string line =
        json_ ? R"({"requestId": null, "message": ")" + message + "\", \"level\": \"WARN\"}\n"
              : "WARN   | " + message + "\n";
    waiting_.append(line);
    dropped_ = 0;
  }

  // As much as there is room for. False: writing failed, because nobody will ever read, or a disk is full; what
  // waited is dropped.
  bool send_waiting() noexcept {
    bool failed = false;
    while (left() > 0 && !failed) {
      const ssize_t count = out_.write(std::string_view(waiting_).substr(sent_));
      if (count == 0) break;
      failed = count < 0;
      if (failed) continue;
      sent_ += static_cast<std::size_t>(count);
      read_ += static_cast<std::size_t>(count);
      if (read_ < 64 * 1024) continue;
      patience_ = most_patience;
      read_ = 0;
    }
    if (failed) {
      for (const char c : std::string_view(waiting_).substr(sent_)) dropped_ += c == '\n' ? 1 : 0;
      sent_ = waiting_.size();
    }
    if (left() == 0) {
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
    const std::size_t before = left();
    bool works = send_waiting();
    if (works && left() == 0 && dropped_ > 0) {
      try {
        tell_dropped();
        works = send_waiting();
      } catch (...) {  // no memory: with the next line
      }
    }
    return {left() == 0 || !works, left() < before, left()};
  }

  // Until there is some, or for a tenth of a second.
  void wait_for_room(bool moved) const noexcept {
    if (out_.has_room(100) && !moved) ::poll(nullptr, 0, 10);  // so little that nothing fits
  }

  void start_thread() noexcept {
    if (thread_runs_) return;  // and sees what waits now before it ends
    end_thread();
    owner_ = ::getpid();
    thread_runs_ = thread_known_ = ::pthread_create(&thread_, nullptr, &run, this) == 0;
  }

  void end_thread() noexcept {
    if (thread_known_ && owner_ == ::getpid()) ::pthread_join(thread_, nullptr);  // a forked child has none
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
        if (leaving_ || (now.done && left() == 0)) {
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
  patient_descriptor out_;
  std::string waiting_;  // whole lines, of which the first `sent_` bytes have gone out
  std::size_t sent_ = 0;
  std::size_t dropped_ = 0;
  std::int64_t patience_ = most_patience;  // in nanoseconds
  std::size_t read_ = 0;                   // since it was full
  bool json_ = false;                      // the form of the latest line
  bool leaving_ = false;
  bool thread_runs_ = false;
  bool thread_known_ = false;  // and is to be joined
  pid_t owner_ = 0;            // of the thread
  pthread_t thread_{};
};

/// Sends on what the program itself has printed, so that it stands before the next line: as far as that waits
/// neither for a reader nor for whoever is printing.
inline void write_out_printed() noexcept {
#ifdef __linux__
  if (::ftrylockfile(stdout) != 0) return;
  const std::size_t printed = ::__fpending(stdout);
  pollfd asked{1, POLLOUT, 0};
  if (printed > 0 && printed <= PIPE_BUF && ::poll(&asked, 1, 0) > 0) ::fflush_unlocked(stdout);
  ::funlockfile(stdout);
#endif
}

}  // namespace coworker::detail

#else

#include <cstddef>
#include <cstdio>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// To standard output or standard error, however long that takes.
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

}  // namespace coworker::detail

#endif
