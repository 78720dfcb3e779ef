// Checks that an endpoint's queue keeps the contract of an engine while workers come and go, and jobs are
// added and stopped at any moment.

#include <doctest/doctest.h>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/simulation/conformance.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <string>
#include <support/captured_log.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using coworker::simulation::arrival;
using coworker::simulation::check_conformance;
using coworker::simulation::conformance_options;

// Adds jobs as clients do, and returns in the end what happened to each.
class endpoint_feed {
 public:
  explicit endpoint_feed(simulated_loop& loop) : loop_(loop), endpoint_(options(), output_.log) {}

  http_endpoint& engine() { return endpoint_; }

  std::string add() {
    detail::endpoint_order order;
    order.input = static_cast<int>(jobs_.size());
    detail::job_table::refusal why{};
    detail::job_handle made = endpoint_.jobs().submit(std::move(order), loop_.now(), why);
    if (made) {
      jobs_.push_back(made);
      return made->id;
    }
    REQUIRE(why == detail::job_table::refusal::closed);  // the client got this as its response
    refused_.push_back("refused-" + std::to_string(refused_.size()));
    return refused_.back();
  }

  void close() {}

  std::vector<arrival> arrivals() {
    std::vector<arrival> all;
    for (const std::string& id : refused_)
      all.push_back({arrival::kind::result, id, json(), outcome_status::stopped});
    for (const detail::job_handle& job : jobs_) {
      std::vector<std::string> chunks;
      detail::job_view seen;
      endpoint_.jobs().take_chunks(*job, loop_.now(), chunks, seen);
      for (const std::string& chunk : chunks)
        all.push_back({arrival::kind::chunk, job->id, json::parse(chunk)});
      if (!job->texts->progress.empty())
        all.push_back({arrival::kind::progress, job->id, json::parse(job->texts->progress)});
      if (!is_final(seen.status)) continue;
      const outcome_status ended =
          seen.status == detail::endpoint_status::completed   ? outcome_status::succeeded
          : seen.status == detail::endpoint_status::cancelled ? outcome_status::stopped
                                                              : outcome_status::failed;
      json output = seen.output ? json::parse(seen.output->text) : json();
      all.push_back({arrival::kind::result, job->id, std::move(output), ended});
    }
    return all;
  }

 private:
  static endpoint_options options() {
    endpoint_options made;
    made.kind = endpoint_kind::queue_api;
    made.keep_async = std::chrono::hours(24);
    return made;
  }

  simulated_loop& loop_;
  captured_log output_;
  http_endpoint endpoint_;
  std::vector<detail::job_handle> jobs_;
  std::vector<std::string> refused_;
};

}  // namespace

TEST_CASE("an endpoint's queue keeps the contract") {
  conformance_options wanted;
  wanted.runs = 300;
  const auto seen = check_conformance([](simulated_loop& loop) { return endpoint_feed(loop); }, wanted);
  CHECK_MESSAGE(seen.ok(), seen.text());
}

}  // namespace coworker::testing
