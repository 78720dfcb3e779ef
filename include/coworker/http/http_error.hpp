#pragma once
// http_error: how whatever answers a request says that it cannot. Knows no request.

#include <stdexcept>
#include <string>

namespace coworker::inline v0_1 {

/// Thrown by a handler, it becomes a response of that status with the text as its body.
class http_error : public std::runtime_error {
 public:
  /// Throws: std::invalid_argument where `status` is not one of an error, 400 to 599.
  http_error(int status, const std::string& text) : runtime_error(text), status_(status) {
    if (status < 400 || status > 599)
      throw std::invalid_argument("http_error: the status " + std::to_string(status) +
                                  " is not between 400 and 599");
  }

  int status() const noexcept { return status_; }

 private:
  int status_;
};

}  // namespace coworker
