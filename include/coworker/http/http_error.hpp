#pragma once
// http_error: the exception with which a request's handler reports an error to the client.
// Must not know requests.

#include <stdexcept>
#include <string>

namespace coworker::inline v0_1 {

/// An error response. If a handler throws it, the client gets a response with that status, and
/// the text as its body.
class http_error : public std::runtime_error {
 public:
  /// Throws: std::invalid_argument if `status` is not 400 to 599.
  http_error(int status, const std::string& text) : runtime_error(text), status_(status) {
    if (status < 400 || status > 599)
      throw std::invalid_argument("http_error: the status " + std::to_string(status) +
                                  " is not between 400 and 599");
  }

  int status() const noexcept { return status_; }

 private:
  int status_;
};

}  // namespace coworker::inline v0_1
