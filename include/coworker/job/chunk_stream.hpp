#pragma once
// Takes the elements of a streaming handler to the queue: gathers them into chunks, and sends the chunks in
// order, no faster than the queue accepts them. Must not know what a queue is.

#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/side_chain.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/job/limits.hpp>
#include <coworker/job/stream_options.hpp>
#include <coworker/job/text_carry.hpp>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// Thrown when a chunk of a stream is too long, or was refused by the queue, or could not be delivered.
class chunk_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

// The stream of one job. All calls are made on one executor, except that the job may be stopped from
// elsewhere. `send(json)` returns a task<bool>: true if the queue has accepted the chunk. All references must
// outlive the stream. Must not be destroyed before finish() has ended. Small, because a stream may be quiet for
// long: what sends its chunks exists only while there are some.
template <class Send>
class chunk_stream {
 public:
  chunk_stream(Send& send, const stream_options& options, const stream_terms& terms, const context& job)
      : send_(send), options_(&options), terms_(terms), job_(job), chunk_limit_(terms.chunk_limit) {}

  chunk_stream(const chunk_stream&) = delete;
  chunk_stream& operator=(const chunk_stream&) = delete;

  // Replaces the worker's options with the job's own. Call before the first element.
  void use(const stream_options& own) {
    options_ = &own;
    if (own.chunk_limit != 0 && own.chunk_limit < chunk_limit_) chunk_limit_ = own.chunk_limit;
  }

  // Adds an element; waits until there is room for it. Throws: chunk_error, output_too_large, `cancelled`; if
  // the element cannot be written as JSON, json's exception with the element's index.
  task<void> push(json element) {
    ++elements_;
    if (element.is_string()) {
      const std::string_view given = element.template get<std::string_view>();
      if (!text_.keeps_as_it_is(given)) {
        const bool was_empty = given.empty();
        element = text_.next(std::string(given));
        if (!was_empty && element.template get<std::string_view>().empty()) return nothing();
      }
    } else if (text_.holds()) {
      return add_both(text_.end(), std::move(element));
    }
    return add_when_there_is_room(std::move(element));
  }

  // Sends what is pending and waits until it has been sent. Throws: chunk_error if a chunk that had to arrive
  // did not; `cancelled` if a stop is the cause.
  task<void> finish() {
    std::exception_ptr problem;
    if (text_.holds() && !job_.stop.stop_requested()) {
      try {
        co_await add_when_there_is_room(text_.end());
      } catch (...) {
        problem = std::current_exception();
      }
    }
    finished_ = true;
    detail::insist([this] { wake(news_); });
    co_await end_of_sending(*this);
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (problem != nullptr) std::rethrow_exception(problem);
    fail_if_broken();
  }

  // Returns the final output. Call after finish().
  json take_output() { return aggregates() ? std::move(all_) : json::array(); }
  bool aggregates() const noexcept { return options_->return_aggregate_stream || !terms_.sends_chunks; }
  bool began() const noexcept { return elements_ > 0; }

 private:
  // An event in the frame of the coroutine that waits for it, and a pointer through which the other one sets it.
  class awaited_event {
   public:
    explicit awaited_event(auto_reset_event*& at) noexcept : at_(at) { at_ = &event; }
    awaited_event(const awaited_event&) = delete;
    awaited_event& operator=(const awaited_event&) = delete;
    ~awaited_event() { at_ = nullptr; }

    auto_reset_event event;

   private:
    auto_reset_event*& at_;
  };

  static void wake(auto_reset_event* waiting) {
    if (waiting != nullptr) waiting->set();
  }

  class end_of_sending {
   public:
    explicit end_of_sending(chunk_stream& of) noexcept : stream_(of) {}
    bool await_ready() const noexcept { return !stream_.sending_; }
    void await_suspend(std::coroutine_handle<> finishing) noexcept { stream_.finishing_ = finishing; }
    void await_resume() const noexcept {}

   private:
    chunk_stream& stream_;
  };

  task<void> nothing() {
    fail_if_broken();
    co_return;
  }

  task<void> add_both(json first, json second) {
    co_await add_when_there_is_room(std::move(first));
    co_await add_when_there_is_room(std::move(second));
  }

  task<void> add_when_there_is_room(json element) {
    const bool is_text = element.is_string();
    const std::size_t size = size_of_element(element);
    if (terms_.sends_chunks && size > longest_chunk()) throw chunk_error(too_long(size));
    if (aggregates()) {
      all_size_ += size + 1;  // +1 for a comma
      if (all_size_ + 1 > terms_.output_limit) throw output_too_large(all_size_ + 1, terms_.output_limit);
      if (!terms_.sends_chunks || broken_) {
        all_.push_back(std::move(element));
        co_return;
      }
      all_.push_back(element);
    }
    if (broken_) co_return fail_if_broken();
    while (!has_room(size, is_text) && !broken_) {
      job_.stop.throw_if_stopped();
      full_ = true;
      wake(news_);
      awaited_event room(room_);
      const stop_callback on_stop(job_.stop, [&room] { room.event.set(); });
      co_await room.event.wait();
    }
    if (broken_) co_return fail_if_broken();
    if (!sending_) start_sending();
    add(std::move(element), size, is_text);
  }

  std::size_t size_of_element(const json& element) const {
    try {
      return coworker::dump_size(element);
    } catch (json_value_error& error) {
      error.inside_element(elements_ - 1);
      error.inside_member("output");
      throw;
    }
  }

  bool gathers() const noexcept { return options_->gather_for > duration::zero(); }

  // How many bytes of elements fit into a chunk. Gathered ones need two more, for the brackets of an array.
  std::size_t longest_chunk() const noexcept {
    const bool brackets = gathers() && chunk_limit_ > 2;
    return brackets ? chunk_limit_ - 2 : chunk_limit_;
  }
  std::size_t longest_gathered() const noexcept {
    const std::size_t most = longest_chunk();
    return options_->gather_bytes < most ? options_->gather_bytes : most;
  }
  bool has_room(std::size_t more, bool is_text) const noexcept {
    if (pending_size_ == 0) return true;
    if (!gathers() || (options_->join_texts && is_text != pending_text_)) return false;
    return pending_size_ + 1 + more <= longest_gathered();
  }

  // What is pending is one element, one text joined from several, or an array of elements.
  void add(json element, std::size_t size, bool is_text) {
    const bool joins = options_->join_texts && is_text;
    if (pending_size_ == 0) {
      pending_text_ = is_text;
      send_at_ = detail::after(job_.executor.now(), options_->gather_for);
      if (gathers() && !joins) pending_ = json::array();
    }
    if (!gathers()) {
      pending_ = std::move(element);
    } else if (!joins) {
      pending_.push_back(std::move(element));
    } else {
      joined_ += element.template get<std::string_view>();
    }
    if (pending_size_ == 0) {
      pending_size_ = size;
    } else {
      pending_size_ += joins ? size - 2 : size + 1;  // joined: no quotes between the texts; else a comma
    }
    wake(news_);
  }

  json take_pending() {
    pending_size_ = 0;
    full_ = false;
    if (!joined_.empty()) return std::exchange(joined_, {});
    const bool empty_text = gathers() && options_->join_texts && pending_text_;
    return empty_text ? json("") : std::exchange(pending_, json());
  }

  void start_sending() {
    send_all(job_).start();
    sending_ = true;
  }

  // Sends chunk after chunk while any is pending. Always wakes push() before it ends.
  side_chain send_all(const context&) {
    try {
      while (!broken_ && pending_size_ != 0) {
        while (gathers() && !finished_ && !full_ && pending_size_ < longest_gathered() &&
               job_.executor.now() < send_at_) {
          awaited_event news(news_);
          co_await news.event.wait_until(send_at_);
        }
        ++chunks_;
        json chunk = take_pending();
        wake(room_);
        const bool arrived = co_await delivered(std::move(chunk));
        broken_ = !arrived;
      }
    } catch (const std::bad_alloc&) {
      broken_ = true;
    } catch (...) {
      broken_ = true;
      failure_ = std::current_exception();
    }
    sending_ = false;
    detail::insist([this] { wake(room_); });
    if (finishing_) detail::insist([this] { job_.executor.post(finishing_); });
  }

  task<bool> delivered(json chunk) {
    try {
      co_return co_await send_(std::move(chunk));
    } catch (const cancelled&) {
      cut_off_ = true;
    }
    co_return false;
  }

  // If the final output lists all elements, it contains those that the stream lost, and nothing has failed.
  void fail_if_broken() const {
    if (!broken_ || aggregates()) return;
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (cut_off_) throw cancelled();
    throw chunk_error("chunk " + std::to_string(chunks_) +
                      " of the stream could not be handed to the queue, and the rest would leave a gap");
  }

  std::string too_long(std::size_t size) const {
    return "element " + std::to_string(elements_) + " of the stream is " + std::to_string(size) +
           " bytes of JSON, and no more than " + std::to_string(longest_chunk()) +
           " fit into a chunk (chunk_limit); stream smaller ones";
  }

  Send& send_;
  const stream_options* options_;
  const stream_terms& terms_;
  const context& job_;
  std::size_t chunk_limit_;
  auto_reset_event* news_ = nullptr;   // wakes the sender; null unless it waits for more elements
  auto_reset_event* room_ = nullptr;   // wakes push(); null unless it waits
  std::coroutine_handle<> finishing_;  // finish(), while it waits for the sender
  std::exception_ptr failure_;         // of the sender
  json pending_;
  std::string joined_;
  std::size_t pending_size_ = 0;  // in bytes of JSON, without the brackets of an array; 0: nothing is pending
  time_point send_at_{};
  json all_ = json::array();
  std::size_t all_size_ = 0;
  std::size_t elements_ = 0;  // number pushed
  std::size_t chunks_ = 0;    // number sent
  text_carry text_;
  bool pending_text_ = false;
  bool full_ = false;     // push() is waiting for room
  bool sending_ = false;  // the sender runs
  bool finished_ = false;
  bool broken_ = false;   // a chunk was not accepted, and no further ones are sent
  bool cut_off_ = false;  // the reason is that the job was stopped
};

}  // namespace detail
}  // namespace coworker::inline v0_1
