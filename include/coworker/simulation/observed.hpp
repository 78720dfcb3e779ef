#pragma once
// The user's handler and modifier, and the engine, each observed: every call is recorded in the ledger, and
// nothing is changed. Must not know the invariants.

#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/job/whole.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/simulation/ledger.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/runpod/bodies.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Passes the elements on, and records in the ledger what will become chunks. Also passes on an element that
/// is no JSON: the worker must handle it.
template <class Element>
async_generator<json> watch_elements(async_generator<Element> elements, ledger& book, int worker, int job) {
  const int run = job < 0 ? 0 : book.run_of(worker, job);
  for (Element* one = co_await elements.next(); one != nullptr; one = co_await elements.next()) {
    json element(std::move(*one));
    if (job >= 0) book.yields(worker, job, element, run);
    co_yield std::move(element);
  }
}

/// The same for streams in which an element may be the job's output instead; the ledger does not record that
/// one.
template <class Element>
async_generator<chunk_or_whole<json>> watch_elements(async_generator<chunk_or_whole<Element>> elements,
                                                     ledger& book, int worker, int job) {
  const int run = job < 0 ? 0 : book.run_of(worker, job);
  for (auto* one = co_await elements.next(); one != nullptr; one = co_await elements.next()) {
    if (one->is_whole()) {
      whole_value value(one->take_whole());
      co_yield std::move(value);
    } else {
      json element(std::move(one->chunk()));
      if (job >= 0) book.yields(worker, job, element, run);
      co_yield std::move(element);
    }
  }
}

/// The user's handler, observed.
template <job_handler Handler>
class observed_handler {
 public:
  observed_handler(Handler handler, ledger& book, int worker)
      : handler_(std::move(handler)), book_(&book), worker_(worker) {}

  // Takes the job by reference, so that it exists for as long as a handler that takes it by reference runs.
  auto operator()(job<handler_input<Handler>>&& work) {
    const int number = simulation::job_number(work.id, book_->job_count());
    if (number >= 0) book_->starts(worker_, number, work.stop_token());
    if constexpr (coworker::detail::kind_of_handler<Handler> == coworker::detail::handler_kind::generator) {
      return simulation::watch_elements(handler_(std::move(work)), *book_, worker_, number);
    } else {
      return handler_(std::move(work));
    }
  }

  task<void> prepare(const preparation& how) requires(preparing_handler<Handler>) {
    return coworker::prepare_handler(handler_, how);
  }
  batch_metrics batches() const requires(batching_handler<Handler>) { return handler_.batches(); }

 private:
  Handler handler_;
  ledger* book_;
  int worker_;
};

/// The user's modifier, observed.
template <concurrency_modifier Modifier>
class observed_modifier {
 public:
  observed_modifier(Modifier modifier, ledger& book, int worker)
      : modifier_(std::move(modifier)), book_(&book), worker_(worker) {}

  int operator()(int current, const metrics& measured) {
    const int wanted = coworker::detail::ask(modifier_, current, measured);
    book_->limit_is(worker_, wanted);
    return wanted;
  }

 private:
  Modifier modifier_;
  ledger* book_;
  int worker_;
};

/// What an engine asks of its worker, with the stops recorded.
class observed_control final : public coworker::detail::worker_access {
 public:
  observed_control(worker_control worker, ledger& book, int number) noexcept
      : control_(worker), book_(book), number_(number) {}

  void stop_job(std::string id) override {
    const int job = job_number(id, book_.job_count());
    if (job >= 0) book_.asked_to_stop(number_, job);
    control_.stop_job(std::move(id));
  }
  void drain() override { control_.drain(); }
  std::vector<std::string> jobs_in_progress() const override { return control_.jobs_in_progress(); }
  metrics measured() const override { return control_.measured(); }
  stop_token leaving() const override { return control_.leaving(); }
  bool preparing() const override { return control_.preparing(); }

 private:
  worker_control control_;
  ledger& book_;
  int number_;
};

/// The engine, observed. `kept(job)` returns whether a result that was given up is in the spool, or need not
/// be.
template <transport Queue, class Kept>
class observed_queue {
 public:
  observed_queue(Queue& queue, ledger& book, int worker, Kept kept, worker_identity identity,
                 const logger& log)
      : queue_(queue),
        book_(book),
        worker_(worker),
        kept_(std::move(kept)),
        identity_(std::move(identity)),
        log_(log) {}

  task<take_result> take(take_request request) {
    const taking counted(book_, worker_, static_cast<int>(request.capacity));
    co_return co_await queue_.take(request);
  }

  task<delivery> complete(job_result result) {
    const int job = job_number(result.job_id, book_.job_count());
    book_.completes(worker_, result, coworker::result_body(result.outcome, identity_, log_));
    const delivery ended = co_await queue_.complete(std::move(result));
    if (job >= 0) book_.lets_go(worker_, job, ended, ended != delivery::given_up || kept_(job));
    co_return ended;
  }

  task<delivery> chunk(std::string_view job_id, json value) {
    part_guard guard(book_, worker_, job_number(job_id, book_.job_count()), part::chunk, value.dump());
    const delivery ended = co_await queue_.chunk(job_id, std::move(value));
    guard.ended = ended;
    co_return ended;
  }

  task<delivery> progress(std::string_view job_id, json value) {
    part_guard guard(book_, worker_, job_number(job_id, book_.job_count()), part::progress, value.dump());
    const delivery ended = co_await queue_.progress(job_id, std::move(value));
    guard.ended = ended;
    co_return ended;
  }

  transport_limits limits() const { return queue_.limits(); }
  void interpret(outcome& made) const { queue_.interpret(made); }

  task<void> attend(worker_control control) {
    observed_control seen(control, book_, worker_);
    co_await queue_.attend(worker_control(seen));
  }

 private:
  struct taking {
    ledger& book;
    int worker;
    int capacity;

    taking(ledger& in, int at, int asked) : book(in), worker(at), capacity(asked) {
      book.asks_for_jobs(worker, capacity);
    }
    taking(const taking&) = delete;
    taking& operator=(const taking&) = delete;
    ~taking() { book.take_ended(worker, capacity); }
  };

  struct part_guard {
    ledger& book;
    int worker;
    int job;
    part what;
    std::optional<delivery> ended;  // nothing: it was cancelled

    part_guard(ledger& in, int at, int number, part kind, std::string_view text)
        : book(in), worker(at), job(number), what(kind) {
      if (job >= 0) book.part_begins(worker, job, what, text);
    }
    part_guard(const part_guard&) = delete;
    part_guard& operator=(const part_guard&) = delete;
    ~part_guard() {
      if (job >= 0) book.part_ends(worker, job, what, ended);
    }
  };

  Queue& queue_;
  ledger& book_;
  int worker_;
  Kept kept_;
  worker_identity identity_;
  const logger& log_;
};

}  // namespace coworker::inline v0_1::simulation
