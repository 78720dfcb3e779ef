#pragma once
// active_sequence: what a step_engine's step function works on. Knows neither threads nor who waits for its pieces.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

template <class Sequence, class Piece>
class step_core;

}  // namespace detail

/// One of the sequences that a step_engine steps, with the user's own state of it. For use inside the step function.
template <class Sequence, class Piece>
class active_sequence {
 public:
  /// The user's state.
  Sequence& operator*() noexcept { return *state_; }
  Sequence* operator->() noexcept { return std::addressof(*state_); }

  /// Its place among the active ones, from 0 to below step_engine_options::at_once: the same until it ends, as a language
  /// model's cache needs it.
  std::size_t slot() const noexcept { return slot_; }

  /// How many steps it has been in before this one: at 0 it is new.
  std::uint64_t steps() const noexcept { return steps_; }

  /// Gives the job its next piece, which it gets when the step has ended.
  void send(Piece piece) { sent_.push_back(std::move(piece)); }

  /// The sequence ends with this step: its job gets what was sent, and then the end of the stream.
  void finish() noexcept { finished_ = true; }

  /// The same, and the stream ends with an exception, as if the job had thrown it.
  void(fail)(std::exception_ptr error) noexcept {
    failure_ = std::move(error);
    finished_ = true;
  }
  void(fail)(const std::string& message) {
    (this->fail)(std::make_exception_ptr(std::runtime_error(message)));
  }

 protected:
  explicit active_sequence(Sequence&& state) : state_(std::move(state)) {}
  active_sequence(const active_sequence&) = delete;
  active_sequence& operator=(const active_sequence&) = delete;
  ~active_sequence() = default;

 private:
  friend class detail::step_core<Sequence, Piece>;
  std::optional<Sequence> state_;  // gone once it has ended
  std::vector<Piece> sent_;        // in this step
  std::exception_ptr failure_;
  std::size_t slot_ = 0;
  std::uint64_t steps_ = 0;
  bool finished_ = false;
};

}  // namespace coworker
