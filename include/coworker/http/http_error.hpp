#pragma once
// http_error: how whatever answers a request says that it cannot. Knows no request.

#include <exception>
#include <string>
#include <utility>

namespace coworker {

/// Thrown by a handler, it becomes a response of that status with the text as its body.
class http_error : public std::exception {
 public:
  /// `status`: 400 to 599.
  http_error(int status, std::string text) noexcept : status_(status), text_(std::move(text)) {}

  int status() const noexcept { return status_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  int status_;
  std::string text_;
};

}  // namespace coworker
