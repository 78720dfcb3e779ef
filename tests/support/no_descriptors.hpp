#pragma once
// Leaves the process without free descriptors, for tests of the errors that this causes.

#include <sys/resource.h>

#include <cerrno>
#include <coworker/net/descriptor.hpp>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

namespace coworker::testing {

/// While it exists, the process can open nothing. Checks of the test must not need a file in that time
/// either.
class no_descriptors {
 public:
  no_descriptors() {
    let_sanitizers_look();
    if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("getrlimit failed");
    rlimit none = before_;
    none.rlim_cur = 0;
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) throw std::runtime_error("setrlimit failed");
  }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  // clang's sanitizer opens a pipe when it first sees an object of a class, so it must see an error before
  // the limit.
  static void let_sanitizers_look() {
    const std::string seen = std::error_code(EMFILE, std::generic_category()).message();
    try {
      detail::throw_io_error(EMFILE, seen);
    } catch (const io_error& error) {
      const std::system_error& as_system_error = error;
      const std::exception& as_exception = error;
      const std::string texts = std::string(error.what()) + as_system_error.what() + as_exception.what();
      if (texts.empty() || error.code().value() != EMFILE) throw;
    }
  }

  rlimit before_{};
};

}  // namespace coworker::testing
