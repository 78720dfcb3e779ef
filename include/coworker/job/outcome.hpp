#pragma once
// The outcome of a job, as a value that every engine encodes in its own way. Must not know any engine.

#include <coworker/job/error_info.hpp>
#include <coworker/json/json.hpp>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// How a job ended.
enum class outcome_status : unsigned char {
  succeeded,  ///< it has an output
  failed,     ///< it has an error, and possibly the output that there was before
  stopped,    ///< as `failed`, because it was asked to stop
};

/// The outcome of a job: an output or an error. A value type.
class outcome {
 public:
  json output;
  outcome_status status = outcome_status::succeeded;
  bool recycle_worker = false;  ///< the worker must end, so that a fresh one takes its place
  /// Whether `output` is a json that the handler itself composed. Only then may an engine give a meaning to
  /// its members; one converted from a user's type has none.
  bool untyped = false;

  outcome() noexcept {}
  outcome(const outcome& other)
      : output(other.output),
        status(other.status),
        recycle_worker(other.recycle_worker),
        untyped(other.untyped),
        error_(other.error_ != nullptr ? new error_info(*other.error_) : nullptr) {}
  outcome(outcome&& other) noexcept
      : output(std::move(other.output)),
        status(other.status),
        recycle_worker(other.recycle_worker),
        untyped(other.untyped),
        error_(std::exchange(other.error_, nullptr)) {}
  outcome& operator=(outcome other) noexcept {
    output = std::move(other.output);
    status = other.status;
    recycle_worker = other.recycle_worker;
    untyped = other.untyped;
    std::swap(error_, other.error_);
    return *this;
  }
  ~outcome() { delete error_; }

  static outcome success(json value) {
    outcome made;
    made.output = std::move(value);
    return made;
  }

  static outcome failure(error_info error) noexcept {
    outcome made;
    (made.fail)(std::move(error));
    return made;
  }
  static outcome failure(std::string message) noexcept {
    error_info error;
    error.message = std::move(message);
    return failure(std::move(error));
  }

  /// Returns a failure that says that there was no memory for the outcome. Allocates nothing.
  static outcome out_of_memory() noexcept {
    outcome made;
    made.status = outcome_status::failed;
    return made;
  }

  static outcome stop(std::string_view message) noexcept {
    outcome made;
    try {
      made = failure(std::string(message));
    } catch (const std::bad_alloc&) {  // stopped even without memory for the text
    }
    made.status = outcome_status::stopped;
    return made;
  }

  bool succeeded() const noexcept { return status == outcome_status::succeeded; }

  /// Returns what went wrong; null if nothing did, or if there was no memory to describe it.
  const error_info*(error)() const noexcept { return error_; }

  /// Turns it into a failure and keeps the output. If there is no memory for the error, the failure says so.
  void(fail)(error_info error) noexcept {
    delete std::exchange(error_, new (std::nothrow) error_info(std::move(error)));
    status = outcome_status::failed;
  }

  /// Returns error()->message; empty if nothing went wrong.
  std::string_view message() const noexcept {
    if (error_ != nullptr) return error_->message;
    return succeeded() ? "" : "out of memory: there was none left to say what became of the job";
  }

 private:
  error_info* error_ = nullptr;  // owned; allocated separately, since most jobs have none
};

}  // namespace coworker::inline v0_1
