#pragma once
// batched: a handler that runs many jobs in one call. Must not know the worker or any queue.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/middleware/batch_call.hpp>
#include <coworker/job/middleware/batch_line.hpp>
#include <coworker/job/middleware/batch_result.hpp>
#include <coworker/job/record.hpp>
#include <coworker/refusal.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

// What the two kinds of batched handlers share. Each job's coroutine waits in a line; the first one of a
// batch runs the function for all jobs of the batch.
template <runs_batches Many>
class batch_runner {
  using call = batch_call_of<Many>;
  using item = typename call::item;
  using element = batch_element<Many>;

 public:
  using work_type = typename call::job_type;
  using result_type = typename batch_value<element>::type;
  using value = std::conditional_t<std::is_void_v<typename call::value>, unused_value, typename call::value>;
  static constexpr bool takes_value = !std::is_void_v<typename call::value>;

  batch_metrics batches() const { return line_.measured(); }

 private:
  struct waiting_job : batch_member {
    work_type work;
    std::optional<element> result{};
    std::exception_ptr failure{};
    explicit waiting_job(work_type&& of) : work(std::move(of)) {}
  };

 protected:
  batch_runner(Many many, batch_options options) : many_(std::move(many)), line_(options) {}
  // A copy gathers jobs of its own.
  batch_runner(const batch_runner& other) : many_(other.many_), line_(other.line_.options()) {}
  batch_runner(batch_runner&& other) : many_(std::move(other.many_)), line_(other.line_.options()) {}
  ~batch_runner() = default;

 private:
  // Keeps a job in the line until its batch has ended or it has left.
  class line_entry {
   public:
    line_entry(batch_line& line, waiting_job& one, time_point now) : line_(line), one_(one) {
      line_.enter(one, now);
    }
    line_entry(const line_entry&) = delete;
    line_entry& operator=(const line_entry&) = delete;
    ~line_entry() {
      // Destroyed while its batch runs, which happens only if there was no memory for the wait. The batch
      // still refers to the job, so the program cannot go on.
      if (!left && !line_.leave(one_)) std::terminate();
    }

    bool left = false;

   private:
    batch_line& line_;
    waiting_job& one_;
  };

 protected:
  task<result_type> run(value* with, work_type work) {
    const context here = co_await this_coro::context();
    here.stop.throw_if_stopped();
    waiting_job own(std::move(work));
    if (here.job != nullptr) own.worker = here.job->worker;
    std::vector<waiting_job*> members;
    members.reserve(line_.options().most);
    const auto add = [&members](batch_member& one) { members.push_back(static_cast<waiting_job*>(&one)); };
    {
      line_entry place(line_, own, here.executor.now());
      const stop_callback on_stop(here.stop, [&own] { own.news.set(); });
      while (!place.left) {
        if (here.stop.stop_requested() && line_.leave(own)) {
          place.left = true;
          throw cancelled();
        }
        time_point until{};
        const batch_line::turn turn = line_.next_turn(own, here.executor.now(), until, add);
        if (turn == batch_line::turn::ended) {
          place.left = true;
        } else if (turn == batch_line::turn::waits) {
          co_await own.news.wait_until(until);
        } else {
          const time_point start = here.executor.now();
          std::vector<element> results;
          std::exception_ptr failure;
          try {
            line_.warn_of_low_limit(here.job);
            auto running = run_batch(with, members, here.executor);
            results = co_await std::move(running);
          } catch (...) {
            failure = std::current_exception();
          }
          hand_out(members, results, failure);
          line_.end(members, here.executor.now() - start);
        }
      }
    }
    if (own.failure != nullptr) std::rethrow_exception(own.failure);
    co_return detail::batch_value<element>::take(*own.result);
  }

 private:
  // Runs in the first job's coroutine, but in a context without a job: a stop of that job must not end what
  // the others wait for.
  task<std::vector<element>> run_batch(value* with, const std::vector<waiting_job*>& members,
                                       executor_ref executor) {
    context neutral(executor);
    std::vector<item> items;
    items.reserve(members.size());
    for (waiting_job* const one : members) items.push_back(item_of(one->work));
    auto running = call_many(with, std::move(items), pool_of(*members.front()));
    std::vector<element> results = co_await std::move(running).in(neutral);
    if (results.size() != members.size()) detail::throw_wrong_size(members.size(), results.size());
    co_return results;
  }

  static void hand_out(const std::vector<waiting_job*>& members, std::vector<element>& results,
                       const std::exception_ptr& failure) noexcept {
    for (std::size_t i = 0; i != members.size(); ++i) {
      members[i]->failure = failure;
      if (failure != nullptr) continue;
      try {
        members[i]->result.emplace(std::move(results[i]));
      } catch (...) {
        members[i]->failure = std::current_exception();
      }
    }
  }

  static item item_of(work_type& work) {
    if constexpr (std::same_as<item, work_type>) {
      return work;  // a copy: the original keeps the job's record
    } else {
      return std::move(work.input);
    }
  }

  executor_ref pool_of(const waiting_job& first) const {
    const batch_options& options = line_.options();
    if (options.run_on) return options.run_on;
    return first.worker != nullptr ? first.worker->pool : executor_ref();
  }

  decltype(auto) invoke(value* with, std::vector<item>&& items) {
    if constexpr (takes_value) {
      return many_(*with, std::move(items));
    } else {
      return many_(std::move(items));
    }
  }

  task<std::vector<element>> call_many(value* with, std::vector<item> items, executor_ref pool) {
    if constexpr (awaited_result<typename call::result>::is_task) {
      auto running = invoke(with, std::move(items));  // what it takes by reference lives in this frame
      co_return co_await std::move(running);
    } else {
      if (!pool) {
        throw std::logic_error(
            "coworker::batched: a plain function needs a place to run, and there is no worker to lend its "
            "pool; set batch_options::run_on");
      }
      auto running = call_plainly(with, std::move(items));
      co_return co_await coworker::run_on(pool, std::move(running));
    }
  }

  task<std::vector<element>> call_plainly(value* with, std::vector<item> items) {
    co_return invoke(with, std::move(items));
  }

  Many many_;
  batch_line line_;
};

// The handler made of a function that takes a vector.
template <class Many>
class batched_handler : public batch_runner<Many> {
  using runner = batch_runner<Many>;

 public:
  batched_handler(Many many, batch_options options) : runner(std::move(many), options) {}
  task<typename runner::result_type> operator()(typename runner::work_type work) {
    return this->run(nullptr, std::move(work));
  }
};

// The handler made of a function that takes a value and a vector.
template <class Many>
class batched_handler_with_value : public batch_runner<Many> {
  using runner = batch_runner<Many>;

 public:
  batched_handler_with_value(Many many, batch_options options) : runner(std::move(many), options) {}
  task<typename runner::result_type> operator()(typename runner::value& with,
                                                typename runner::work_type work) {
    return this->run(&with, std::move(work));
  }
};

}  // namespace detail

/// Runs jobs that come at about the same time in one call:
///
///     std::vector<std::string> handle_many(std::vector<request> batch);  // one result for each, in their
///     order start(argc, argv, batched(handle_many, {.most = 16, .within = 5ms}), fixed_concurrency{32});
///
/// `many` takes a vector of inputs, or of job<Input> if it needs ids or progress, and returns one result per
/// job, in order. It is a plain function, which runs on the worker's pool, or returns a task of the vector,
/// which runs on the worker's executor and may enter a lane. For prepared(), it may take a value by reference
/// before the vector. A result may be an error that fails its job only: see batch_result.
///
/// A batch starts when it is full, when its first job has waited for `within`, or when it holds all jobs that
/// the worker may run at a time; but while `at_once` batches run, it waits until one of them has ended. A
/// concurrency of twice `most` lets one batch gather while another runs. Copies of the handler, as in a
/// simulation, gather jobs of their own.
///
/// Throws: std::invalid_argument for options out of range. If `many` throws, or returns a wrong number of
/// results, all jobs of the batch fail with that error.
/// Cancellation: a job that is stopped before its batch starts leaves it. Afterwards it gets its result.
template <class Many>
requires detail::runs_batches<Many>
auto batched(Many many, batch_options options = {}) {
  if constexpr (detail::batch_runner<Many>::takes_value) {
    return detail::batched_handler_with_value<Many>(std::move(many), options);
  } else {
    return detail::batched_handler<Many>(std::move(many), options);
  }
}

template <class Many>
requires(!detail::runs_batches<Many>) COWORKER_REFUSE(
    "coworker::batched: the function does not fit; it must take a vector of inputs or jobs, of a type that "
    "is written out, and give a vector of what turns into json or a task of it, as in "
    "`std::vector<std::string> handle_many(std::vector<request> batch)`")
detail::refused_handler batched(Many, batch_options = {}) { return {}; }

}  // namespace coworker::inline v0_1
