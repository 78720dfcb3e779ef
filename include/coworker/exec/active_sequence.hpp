#pragma once
// active_sequence: one sequence as a step_engine's step function sees it.
// Must not know threads, nor who receives the pieces.

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

/// One of the sequences in a step of a step_engine, with the user's own state. Valid inside the step function
/// only.
template <class Sequence, class Piece>
class active_sequence {
 public:
  /// Returns the user's state.
  Sequence& operator*() noexcept { return *state_; }
  Sequence* operator->() noexcept { return std::addressof(*state_); }

  /// Returns the index of the sequence's slot, from 0 to below step_engine_options::at_once. It stays the
  /// same until the sequence ends, as a language model's cache requires.
  std::size_t slot() const noexcept { return slot_; }

  /// Returns how many steps the sequence has been in before this one; 0 means that it is new.
  std::uint64_t steps() const noexcept { return steps_; }

  /// Adds a piece for the job, which receives it after this step.
  void send(Piece piece) { sent_.push_back(std::move(piece)); }

  /// Ends the sequence with this step: its job receives the pieces that were sent, and then the end of the
  /// stream.
  void finish() noexcept { finished_ = true; }

  /// Ends the sequence with an exception, which its job throws after the pieces that were sent.
  void(fail)(std::exception_ptr error) noexcept {
    failure_ = std::move(error);
    finished_ = true;
  }
  /// The same, with a std::runtime_error that contains `message`.
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
  std::optional<Sequence> state_;  // empty once the sequence has ended
  std::vector<Piece> sent_;        // sent in this step
  std::exception_ptr failure_;
  std::size_t slot_ = 0;
  std::uint64_t steps_ = 0;
  bool finished_ = false;
};

}  // namespace coworker
