#pragma once
// One simulated run: workers that come and go, the queue and the network around them, and the plan of faults.
// Everything runs on one thread and one loop, in virtual time. Must not know what the handler does.

#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/simulation/memory_disk.hpp>
#include <coworker/simulation/network_client.hpp>
#include <coworker/simulation/observed.hpp>
#include <coworker/simulation/queue_server.hpp>
#include <coworker/simulation/report.hpp>
#include <coworker/simulation/trace.hpp>
#include <coworker/transport/runpod/attendant.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/transport/spool.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Drops all lines.
class silent_sink final : public log_sink {
 public:
  void write(log_level, std::string_view) noexcept override {}
};

/// One run of a seed.
template <job_handler Handler, concurrency_modifier Modifier>
class world {
 public:
  world(const Handler& handler, const Modifier& modifier, const options& wanted)
      : handler_(handler),
        modifier_(modifier),
        wanted_(wanted),
        plan_(plan_of(wanted)),
        loop_(wanted.seed),
        trace_(wanted.trace),
        book_(loop_, trace_, wanted.jobs, plan_.workers.size(), terms_of(wanted)),
        server_(plan_, book_, ~wanted.seed),
        checks_(book_),
        outcomes_(wanted.seed * 3 + 1),
        around_{plan_, book_, server_, checks_, outcomes_} {
    log_.set_sink(nowhere_);
    disk_.full = plan_.active.has(fault::spool_failures);
    for (std::size_t i = 0; i < wanted.jobs; ++i) server_.job(static_cast<int>(i)).item = input_of(i);
    loop_.limit_steps(most_steps());
  }

  world(const world&) = delete;
  world& operator=(const world&) = delete;

  report run() {
    try {
      coworker::sync_wait(loop_, main());
      if (!book_.violated()) check_end();
    } catch (const std::exception& error) {
      const bool busy = loop_.steps() > most_steps();
      book_.violate(busy ? invariant::no_endless_loop : invariant::no_exception, error.what());
    }
    return make_report();
  }

 private:
  using disk_spool = basic_spool<memory_files>;
  using queue_type = runpod_queue<network_client, disk_spool, same_loop_attendant<network_client>>;

  struct kept_check {
    world* owner;
    int worker;
    bool operator()(int job) const { return owner->kept(worker, job); }
  };

  // A worker with everything that belongs to its process.
  struct lifetime {
    const worker_span span;
    const int number;
    bool crashed = false;
    auto_reset_event ending;
    network_client client;
    queue_type queue;
    observed_queue<queue_type, kept_check> seen;
    worker<observed_handler<Handler>, observed_modifier<Modifier>> runner;

    lifetime(world& owner, int index)
        : span(owner.plan_.workers[static_cast<std::size_t>(index)]),
          number(index),
          client(owner.around_, index),
          queue(client, owner.queue_options(index), owner.log_,
                disk_spool(owner.wanted_.spool ? "spool" : "", memory_files(owner.disk_, index, crashed)),
                same_loop_attendant<network_client>(client)),
          seen(queue, owner.book_, index, kept_check{&owner, index}, owner.queue_options(index).identity,
               owner.log_),
          runner(observed_handler<Handler>(owner.handler_, owner.book_, index),
                 observed_modifier<Modifier>(owner.modifier_, owner.book_, index), owner.runner_options()) {}
  };

  std::uint64_t most_steps() const noexcept { return wanted_.most_steps + 5'000 * wanted_.jobs; }

  // A server must wait for a few missing heartbeats.
  static fault_plan plan_of(const options& wanted) {
    fault_plan made = fault_plan::draw(wanted.seed, wanted.jobs, wanted.faults);
    if (made.returned_after < 4 * wanted.ping_interval) made.returned_after = 4 * wanted.ping_interval;
    return made;
  }

  static worker_terms terms_of(const options& wanted) {
    worker_terms made;
    made.prefetch = wanted.worker.prefetch;
    made.overlap_delivery = wanted.worker.overlap_delivery;
    made.grace_period = wanted.worker.grace_period;
    made.stop_patience = wanted.stop_patience;
    made.delivery_deadline = wanted.queue.delivery_deadline;
    made.post_timeout = wanted.queue.post_timeout;
    made.ping_interval = wanted.ping_interval;
    made.stream = wanted.worker.stream;
    return made;
  }

  std::string input_of(std::size_t index) const {
    if (!wanted_.inputs.empty()) return wanted_.inputs[index % wanted_.inputs.size()].dump();
    return R"({"index":)" + std::to_string(index) + "}";
  }

  runpod_options queue_options(int worker) const {
    runpod_options made = wanted_.queue;
    made.urls = server_urls();
    made.identity.worker_id = "worker-" + std::to_string(worker);
    made.ping_interval = wanted_.ping_interval;
    made.leave_within = wanted_.worker.grace_period;
    made.seed = wanted_.seed + static_cast<std::uint64_t>(worker);
    return made;
  }

  worker_options runner_options() {
    worker_options made = wanted_.worker;
    made.log = &log_;
    made.pool = loop_;
    return made;
  }

  task<void> main() {
    const context here = co_await this_coro::context();
    scope beside(here);
    beside.spawn(run_plan());
    scope lifetimes(here);
    for (std::size_t i = 0; i < plan_.workers.size(); ++i) lifetimes.spawn(live(static_cast<int>(i)));
    co_await lifetimes.join();
    over_ = true;
    changed_.set();
    co_await beside.join();
  }

  // --- the plan -------------------------------------------------------------------------------------------

  // Injects the events of the plan, and lets the server look for lost jobs every few seconds.
  task<void> run_plan() {
    const duration look_every = std::chrono::seconds(5);
    duration next_look = look_every;
    std::size_t next = 0;
    while (!over_) {
      const bool more = next < plan_.upheavals.size();
      const bool look = !more || next_look < plan_.upheavals[next].at;
      const duration due = look ? next_look : plan_.upheavals[next].at;
      while (!over_ && book_.now() < due) co_await changed_.wait_until(time_point(due));
      if (over_) co_return;
      if (look) {
        look_around();
        next_look = book_.now() + look_every;
      } else {
        inject(plan_.upheavals[next++]);
      }
    }
  }

  void look_around() {
    if (book_.now() >= plan_.calm_from) disk_.full = false;
    server_.look_for_lost_jobs();
    for (const std::unique_ptr<lifetime>& one : lifetimes_) {
      one->client.deliver_late(book_.now());
      checks_.check_ping_pause(one->number);
    }
    end_if_violated();
  }

  void inject(const upheaval& one) {
    switch (one.what) {
      case upheaval::kind::submission:
        server_.submit(one.job);
        break;
      case upheaval::kind::stop:
        server_.stop(one.job);
        break;
      case upheaval::kind::unknown_stop:
        server_.stop_unknown();
        break;
      case upheaval::kind::restart:
        server_.restart();
        break;
      case upheaval::kind::clock_jump:
        book_.note(happening::clock_jumped, event_trace::nobody, event_trace::nobody,
                   one.length / std::chrono::milliseconds(1));
        book_.jumped += one.length;
        loop_.jump(one.length);
        break;
    }
    end_if_violated();
  }

  void end_if_violated() {
    if (!book_.violated() || std::exchange(ending_, true)) return;
    constexpr std::uint64_t to_the_end = 50'000;
    loop_.limit_steps(loop_.steps() + to_the_end);  // something may wait forever while heartbeats go on
    for (const std::unique_ptr<lifetime>& one : lifetimes_) one->ending.set();
    server_.all_settled().set();
  }

  // --- workers --------------------------------------------------------------------------------------------

  task<void> live(int number) {
    const context here = co_await this_coro::context();
    const duration starts = plan_.workers[static_cast<std::size_t>(number)].starts;
    co_await sleep_until(time_point(starts));
    if (book_.violated()) co_return;
    lifetimes_.push_back(std::make_unique<lifetime>(*this, number));
    lifetime& mine = *lifetimes_.back();
    worker_account& account = book_.account(number);
    account.present = true;
    account.last_ping = book_.now();
    book_.note(happening::worker_started, number, event_trace::nobody);
    scope beside(here);
    beside.spawn(end(mine));
    std::string problem;
    try {
      co_await mine.runner.serve(mine.seen);
    } catch (const std::exception& error) {
      problem = error.what();
    }
    if (!problem.empty() && !mine.crashed)
      book_.violate(invariant::no_exception, "serve() threw: " + problem);
    disk_.process_ended(number);
    book_.left(number, leaves_by(number));
    if (number + 1 == static_cast<int>(plan_.workers.size()) && server_.unsettled() > 0 && !book_.violated())
      book_.violate(invariant::every_job_settles, "the last worker left by itself");
    beside.request_stop();
    mine.ending.set();
    co_await beside.join();
    if (book_.violated()) end_if_violated();
  }

  // Waits until this worker's time is over, and ends it.
  task<void> end(lifetime& mine) {
    const bool last = mine.span.ends == (duration::max)();
    const duration due = last ? plan_.calm_from + wanted_.settle_within + book_.jumped : mine.span.ends;
    auto_reset_event& sooner = last ? server_.all_settled() : mine.ending;
    while (book_.now() < due && server_.unsettled() > 0 && !book_.violated()) {
      const bool was_set = co_await sooner.wait_until(time_point(due));
      if (was_set) break;
    }
    if (last && server_.unsettled() > 0 && !book_.violated()) report_unsettled();
    if (book_.violated() || mine.span.crashes) {
      crash(mine);
    } else if (book_.account(mine.number).present) {
      book_.asked_to_leave(mine.number);
      mine.runner.stop();
    }
  }

  // The process is gone: nothing that it still does here can be seen from outside.
  void crash(lifetime& mine) {
    mine.crashed = true;
    worker_account& account = book_.account(mine.number);
    account.crashed = true;
    book_.note(happening::worker_crashed, mine.number, event_trace::nobody);
    mine.client.cut_off();
    disk_.process_ended(mine.number);
    for (std::size_t job = 0; job < wanted_.jobs; ++job) {
      if (account.jobs[job].in_progress) mine.runner.stop_job(job_name(static_cast<int>(job)));
    }
    mine.runner.stop();
  }

  void report_unsettled() {
    for (std::size_t i = 0; i < server_.jobs().size(); ++i) {
      if (server_.jobs()[i].state == served_state::settled) continue;
      book_.violate(invariant::every_job_settles,
                    job_name(static_cast<int>(i)) + " has no result " +
                        std::to_string(wanted_.settle_within / std::chrono::seconds(1)) +
                        " s after the last fault; " + std::to_string(server_.unsettled()) + " are unsettled");
      return;
    }
  }

  // The grace period, the time that handlers may still take, a last attempt for each result, and the rest of
  // a response that has begun, which the network may delay for 20 s, or for as long as a post may take.
  duration leaves_by(int number) const {
    const worker_account& account = book_.workers()[static_cast<std::size_t>(number)];
    if (account.asked_to_leave == (duration::max)()) return (duration::max)();
    const worker_terms& terms = book_.terms();
    return account.asked_to_leave + terms.grace_period + terms.stop_patience + book_.jumped +
           terms.post_timeout + std::chrono::seconds(35);
  }

  // --- the spool ------------------------------------------------------------------------------------------

  // A result need not be kept if the disk is full, if there is none, or if another worker has taken the
  // result over.
  bool kept(int worker, int job) {
    if (!wanted_.spool || plan_.active.has(fault::spool_failures)) return true;
    const std::uint64_t result = book_.at(worker, job).result;
    for (const memory_disk::file& one : disk_.files) {
      if (holds(one, result)) return true;
    }
    for (const memory_disk::file& one : disk_.removed) {
      if (one.removed_by != worker && holds(one, result)) return true;
    }
    return false;
  }

  static bool holds(const memory_disk::file& one, std::uint64_t result) {
    if (!one.path.ends_with(".result.json")) return false;
    return text_hash(coworker::detail::spooled_result::read(one.text).body) == result;
  }

  // --- the end --------------------------------------------------------------------------------------------

  void check_end() {
    for (const worker_account& one : book_.workers()) {
      if (one.coroutines != 0)
        book_.violate(invariant::nothing_left_behind,
                      std::to_string(one.coroutines) + " requests outlive their worker");
    }
    if (!loop_.idle())
      book_.violate(invariant::nothing_left_behind, "a coroutine or a timer outlives the workers");
  }

  report make_report() {
    report made;
    made.seed = wanted_.seed;
    made.violations = book_.violations();
    made.hash = trace_.hash();
    made.steps = loop_.steps();
    made.elapsed = loop_.elapsed();
    made.faults = plan_.active;
    made.jobs.reserve(wanted_.jobs);
    for (std::size_t i = 0; i < wanted_.jobs; ++i) {
      served_job& served = server_.job(static_cast<int>(i));
      job_report one;
      one.id = job_name(static_cast<int>(i));
      one.settled = served.state == served_state::settled;
      one.outcome = std::move(served.outcome);
      one.hand_overs = served.hand_overs;
      one.latency = served.settled - served.submitted;
      for (const worker_account& account : book_.workers()) one.starts += account.jobs[i].starts;
      made.jobs.push_back(std::move(one));
    }
    for (const worker_account& account : book_.workers()) {
      if (account.highest_in_progress > made.highest_in_progress)
        made.highest_in_progress = account.highest_in_progress;
    }
    if (wanted_.trace) made.trace = trace_.text();
    return made;
  }

  const Handler& handler_;
  const Modifier& modifier_;
  const options& wanted_;
  const fault_plan plan_;
  simulated_loop loop_;
  silent_sink nowhere_;
  logger log_{log_level::error};
  event_trace trace_;
  ledger book_;
  queue_server server_;
  request_checks checks_;
  dice outcomes_;
  surroundings around_;
  memory_disk disk_;
  std::vector<std::unique_ptr<lifetime>> lifetimes_;
  auto_reset_event changed_;
  bool over_ = false;
  bool ending_ = false;  // because of a violation
};

}  // namespace coworker::inline v0_1::simulation
