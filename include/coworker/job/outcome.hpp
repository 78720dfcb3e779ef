#pragma once
// What a job came to, as a value that every engine encodes in its own way. Must not know any of them.

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
  failed,     ///< it has an error, and perhaps what there was of an output before
  stopped,    ///< the same, because it was asked to stop
};

/// What a job came to: an output or an error. A value.
class outcome {
 public:
  json output;
  outcome_status status = outcome_status::succeeded;
  bool recycle_worker = false;  ///< the worker is to end, so that a fresh one takes its place
  /// Whether `output` is a json that the handler itself put together. Only then may an engine give a meaning to its
  /// members; what is made from a type of the user's has none.
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

  /// A failure that says that there was no memory for what the job came to. Needs none itself.
  static outcome out_of_memory() noexcept {
    outcome made;
    made.status = outcome_status::failed;
    return made;
  }

  static outcome stop(std::string_view message) noexcept {
    outcome made;
    try {
      made = failure(std::string(message));
    } catch (const std::bad_alloc&) {  // it was asked to stop all the same
    }
    made.status = outcome_status::stopped;
    return made;
  }

  bool succeeded() const noexcept { return status == outcome_status::succeeded; }

  /// What went wrong. Null where nothing did, and where there was no memory to say it.
  const error_info*(error)() const noexcept { return error_; }

  /// Makes it a failure. The output stays. Without memory for the error it is one that says so.
  void(fail)(error_info error) noexcept {
    delete std::exchange(error_, new (std::nothrow) error_info(std::move(error)));
    status = outcome_status::failed;
  }

  /// error()->message; empty where nothing went wrong.
  std::string_view message() const noexcept {
    if (error_ != nullptr) return error_->message;
    return succeeded() ? "" : "out of memory: there was none left to say what became of the job";
  }

 private:
  error_info* error_ = nullptr;  // its own; apart, since most jobs have none
};

}  // namespace coworker
