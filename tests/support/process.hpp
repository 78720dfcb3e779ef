#pragma once
// Another program that a test runs, with its own environment. Its output is read as it comes.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/socket.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::testing {

/// Variables set for a program besides those of this process; an empty value removes one.
using environment_list = std::vector<std::pair<std::string, std::string>>;

class process {
 public:
  /// Throws: std::system_error if the program cannot be started.
  process(const std::vector<std::string>& command, const environment_list& environment = {}) {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    output_end_ = unique_fd(ends[0]);
    const unique_fd write_end(ends[1]);
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    hang_up_read_ = unique_fd(ends[0]);
    hang_up_ = unique_fd(ends[1]);
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    std::vector<std::string> texts = changed_environment(environment);
    std::vector<char*> variables;
    for (std::string& text : texts) variables.push_back(text.data());
    variables.push_back(nullptr);
    id_ = checked(::fork(), "fork");
    if (id_ == 0) {
      ::dup2(write_end.get(), 1);
      ::dup2(write_end.get(), 2);
      ::execve(arguments[0], arguments.data(), variables.data());
      ::_exit(127);
    }
    reader_ = std::thread([this] { read_output(); });
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    if (!ended_) ::kill(id_, SIGKILL);
    wait();
  }

  void send_signal(int number) const { ::kill(id_, number); }

  /// Waits for its end and returns its exit status, or 1000 plus the number of the signal that ended it.
  /// Kills it if it does not end within 20 s.
  int wait() {
    if (!ended_) {
      if (reader_.joinable()) wait_until([](const std::string&) { return false; });
      int status = 0;
      const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (::waitpid(id_, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > limit) ::kill(id_, SIGKILL);
        std::this_thread::yield();
      }
      ended_ = true;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
      if (reader_.joinable()) reader_.join();
    }
    return status_;
  }

  /// Stops reading its output: what it writes after that fails.
  void close_output() {
    hang_up_ = unique_fd();
    reader_.join();
    output_end_ = unique_fd();
  }

  /// Waits until its output contains the text. Returns false if it ends, or 20 s pass, before that.
  bool says(std::string_view text) {
    return wait_until([text](const std::string& said) { return said.find(text) != std::string::npos; });
  }

  std::string output() const {
    const std::lock_guard lock(mutex_);
    return output_;
  }

  std::size_t count(std::string_view text) const {
    const std::string said = output();
    std::size_t found = 0;
    for (std::size_t at = said.find(text); at != std::string::npos; at = said.find(text, at + 1)) ++found;
    return found;
  }

 private:
  static std::vector<std::string> changed_environment(const environment_list& changes) {
    std::vector<std::string> texts;
    for (char** variable = ::environ; *variable != nullptr; ++variable) {
      const std::string_view text(*variable);
      bool changed = false;
      for (const auto& [name, value] : changes) {
        changed =
            changed || (text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=');
      }
      if (!changed) texts.emplace_back(text);
    }
    for (const auto& [name, value] : changes) {
      if (!value.empty()) texts.push_back(name + "=" + value);
    }
    return texts;
  }

  template <class Predicate>
  bool wait_until(Predicate holds) {
    std::unique_lock lock(mutex_);
    bool held = false;
    changed_.wait_for(lock, std::chrono::seconds(20),
                      [&] { return (held = holds(output_)) || output_ended_; });
    return held;
  }

  void read_output() {
    char buffer[4096];
    for (;;) {
      pollfd ready[] = {{output_end_.get(), POLLIN, 0}, {hang_up_read_.get(), POLLIN, 0}};
      ::poll(ready, 2, -1);
      if (ready[1].revents != 0) return;
      const ssize_t count = ::read(output_end_.get(), buffer, sizeof buffer);
      const std::lock_guard lock(mutex_);
      if (count > 0) {
        output_.append(buffer, static_cast<std::size_t>(count));
      } else if (count == 0 || errno != EINTR) {
        output_ended_ = true;
      }
      changed_.notify_all();
      if (output_ended_) return;
    }
  }

  unique_fd output_end_;
  unique_fd hang_up_;
  unique_fd hang_up_read_;
  pid_t id_ = -1;
  bool ended_ = false;
  int status_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string output_;
  bool output_ended_ = false;
  std::thread reader_;
};

}  // namespace coworker::testing
