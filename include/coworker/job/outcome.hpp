#pragma once
// What a job came to, as a value that every engine encodes in its own way. Must not know any of them.

#include <coworker/job/error_info.hpp>
#include <coworker/json/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker {

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

  static outcome failure(error_info error) {
    outcome made;
    (made.fail)(std::move(error));
    return made;
  }
  static outcome failure(std::string message) { return failure(error_info{.message = std::move(message)}); }

  static outcome stop(std::string message) {
    outcome made = failure(std::move(message));
    made.status = outcome_status::stopped;
    return made;
  }

  bool succeeded() const noexcept { return status == outcome_status::succeeded; }

  /// What went wrong. Null where nothing did, and where there was no memory to say it.
  const error_info*(error)() const noexcept { return error_; }

  /// Makes it a failure. The output stays.
  void(fail)(error_info error) {
    auto* const made = new error_info(std::move(error));
    delete std::exchange(error_, made);
    status = outcome_status::failed;
  }

  /// error()->message; empty where nothing went wrong.
  std::string_view message() const noexcept {
    if (error_ != nullptr) return error_->message;
    return succeeded() ? std::string_view()
                       : std::string_view("the job failed, and there was no memory to say why");
  }

 private:
  error_info* error_ = nullptr;  // its own; apart, since most jobs have none
};

}  // namespace coworker
