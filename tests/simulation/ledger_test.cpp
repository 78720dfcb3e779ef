#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/http/url.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <coworker/simulation/ledger.hpp>
#include <coworker/simulation/request_checks.hpp>
#include <coworker/simulation/wire.hpp>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace sim = coworker::simulation;
using coworker::delivery;
using coworker::json;
using coworker::outcome;
using sim::part;

// Two workers, of which worker 0 breaks the rules.
struct watched {
  coworker::simulated_loop loop;
  sim::event_trace events{false};
  sim::ledger book;
  sim::request_checks checks{book};
  const coworker::queue_urls urls{sim::server_urls(), "w"};

  explicit watched(const sim::worker_terms& promised = terms()) : book(loop, events, 5, 2, promised) {
    book.account(0).present = true;
    book.limit_is(0, 2);
    loop.jump(1s);
  }

  static sim::worker_terms terms() {
    sim::worker_terms made;
    made.grace_period = 10s;
    made.delivery_deadline = 60s;
    made.ping_interval = 10s;
    return made;
  }

  void run(int job, bool stopped = false) {
    book.arrives(0, job);
    book.starts(0, job, {});
    finish(job, stopped);
  }

  void finish(int job, bool stopped = false) {
    const outcome ended = stopped ? outcome::stop("stopped") : outcome::success(1);
    const std::string id = sim::job_name(job);
    coworker::job_result result;
    result.job_id = id;
    result.outcome = ended;
    book.completes(0, result, "{\"output\":1}");
  }

  // A chunk that arrives.
  void chunk(std::string_view text) {
    book.part_begins(0, 1, part::chunk, text);
    book.at(0, 1).chunk.acted = true;
    book.part_ends(0, 1, part::chunk, delivery::accepted);
  }

  void finish_stream() {
    coworker::job_result result;
    result.job_id = "job-1";
    result.outcome = outcome::success(json::array());
    result.streamed = true;
    book.completes(0, result, "{\"output\":[]}");
  }

  void post(std::string url, std::string body, std::string header = "X-Request-ID: job-1") {
    coworker::http_request request(std::move(url));
    request.body = std::move(body);
    request.own_header = std::move(header);
    checks.sent(sim::read_call(request, 0, 5), request);
  }

  void ping(std::string_view ids) {
    coworker::http_request request(urls.ping("job_id=" + coworker::url_encode(ids)));
    checks.sent(sim::read_call(request, 0, 5), request);
  }

  std::string broken() const {
    return book.violated() ? std::string(book.violations().front().name()) : "nothing";
  }
};

}  // namespace

TEST_CASE("a job that is taken, run, posted and accepted correctly breaks no invariant") {
  watched world;
  world.book.asks_for_jobs(0, 2);
  world.book.arrives(0, 1);
  world.book.take_ended(0, 2);
  world.ping("job-1");
  world.book.starts(0, 1, {});
  world.book.part_begins(0, 1, part::chunk, "7");
  world.post(world.urls.stream("job-1"), R"({"output":7})");
  world.book.at(0, 1).chunk.acted = true;
  world.book.part_ends(0, 1, part::chunk, delivery::accepted);
  world.finish(1);
  world.post(world.urls.done("job-1", true), R"({"output":1})");
  world.book.at(0, 1).accepted = true;
  world.book.lets_go(0, 1, delivery::accepted, true);
  world.ping("");
  world.book.asked_to_leave(0);
  world.book.left(0, 2s);
  CHECK(world.broken() == "nothing");
}

TEST_CASE("a second start for one hand-over is noticed, a second hand-over and start is fine") {
  watched world;
  world.run(1);
  world.book.at(0, 1).accepted = true;
  world.book.lets_go(0, 1, delivery::accepted, true);
  world.run(1);
  CHECK(world.broken() == "nothing");
  world.book.starts(0, 1, {});
  CHECK(world.broken() == "one_start_per_hand_over");
}

TEST_CASE(
    "more jobs than the limit are noticed, asked for or started; a limit lowered meanwhile does not count") {
  watched asking;
  asking.book.asks_for_jobs(0, 1);
  asking.book.limit_is(0, 1);
  asking.book.asks_for_jobs(0, 1);
  CHECK(asking.broken() == "nothing");
  asking.loop.jump(1s);
  asking.book.asks_for_jobs(0, 1);
  CHECK(asking.broken() == "within_the_limit");
  watched starting;
  for (int job = 0; job < 3; ++job) {
    starting.book.arrives(0, job);
    CHECK(starting.broken() == "nothing");
    starting.book.starts(0, job, {});
  }
  CHECK(starting.broken() == "within_the_limit");
}

TEST_CASE("any limit that an int can hold is handled, with prefetch and overlapping delivery too") {
  sim::worker_terms terms = watched::terms();
  terms.prefetch = terms.overlap_delivery = true;
  watched world(terms);
  world.book.limit_is(0, std::numeric_limits<int>::max());
  world.book.asks_for_jobs(0, std::numeric_limits<int>::max());
  world.book.asks_for_jobs(0, std::numeric_limits<int>::max());
  CHECK(world.broken() == "nothing");
}

TEST_CASE("with overlapping delivery a job counts as too many only if it still is after time has passed") {
  sim::worker_terms terms = watched::terms();
  terms.overlap_delivery = true;
  for (const bool reports : {true, false}) {
    watched world(terms);
    for (const int job : {0, 1, 2}) world.book.arrives(0, job);
    for (const int job : {0, 1, 2}) world.book.starts(0, job, {});
    if (reports) world.book.part_begins(0, 0, part::progress, "1");
    world.loop.jump(1s);
    CHECK(world.broken() == "nothing");
    world.finish(2);
    CHECK(world.broken() == (reports ? "nothing" : "within_the_limit"));
  }
}

TEST_CASE("a heartbeat that names too much, too little, or comes too late is noticed") {
  watched much;
  much.ping("job-1");
  CHECK(much.broken() == "heartbeat_exact");
  watched little;
  little.book.arrives(0, 1);
  little.book.arrives(0, 2);
  little.ping("job-2");
  CHECK(little.broken() == "heartbeat_exact");
  watched late;
  late.loop.jump(200s);
  late.checks.check_ping_pause(0);
  CHECK(late.broken() == "heartbeat_exact");
}

TEST_CASE("what is posted must be the job's own result, under its own request id, and the last post") {
  watched foreign;
  foreign.run(1);
  foreign.post(foreign.urls.done("job-1", false), R"({"output":2})");
  CHECK(foreign.broken() == "own_result_posted");
  watched mislabelled;
  mislabelled.run(1);
  mislabelled.post(mislabelled.urls.done("job-1", false), R"({"output":1})", "X-Request-ID: job-2");
  CHECK(mislabelled.broken() == "own_result_posted");
  watched late;
  late.run(1);
  late.post(late.urls.done("job-1", false), R"({"status":"IN_PROGRESS","output":5})");
  CHECK(late.broken() == "nothing_after_the_outcome");
}

TEST_CASE("overlapping chunks, left out, or after the result are noticed") {
  watched beside;
  beside.book.arrives(0, 1);
  beside.book.part_begins(0, 1, part::chunk, "1");
  beside.book.part_begins(0, 1, part::chunk, "2");
  CHECK(beside.broken() == "chunks_in_order");
  watched left_out;
  left_out.book.arrives(0, 1);
  left_out.book.part_begins(0, 1, part::chunk, "1");
  left_out.book.part_ends(0, 1, part::chunk, {});  // its job was stopped
  CHECK(left_out.broken() == "nothing");
  left_out.book.part_begins(0, 1, part::chunk, "2");
  left_out.book.part_ends(0, 1, part::chunk, delivery::accepted);
  CHECK(left_out.broken() == "chunks_in_order");
  watched late;
  late.run(1);
  late.book.part_begins(0, 1, part::chunk, "1");
  CHECK(late.broken() == "nothing_after_the_outcome");
}

TEST_CASE("chunks other than the handler's next elements are noticed, and elements without a chunk") {
  watched good;
  good.book.arrives(0, 1);
  for (const int element : {1, 12, 3}) good.book.yields(0, 1, element);
  good.chunk("1");
  good.chunk("12");
  CHECK(good.broken() == "nothing");
  good.finish_stream();
  CHECK(good.broken() == "chunks_in_order");
  watched wrong;
  wrong.book.arrives(0, 1);
  wrong.book.yields(0, 1, 12);
  wrong.chunk("1");
  CHECK(wrong.broken() == "chunks_in_order");

  watched again;  // elements of a handler of an earlier hand-over do not belong to this one
  again.book.arrives(0, 1);
  const int first = again.book.run_of(0, 1);
  again.finish_stream();
  again.book.at(0, 1).accepted = true;
  again.book.lets_go(0, 1, delivery::accepted, true);
  again.book.arrives(0, 1);
  again.book.yields(0, 1, 7, first);
  again.book.yields(0, 1, 8, again.book.run_of(0, 1));
  again.chunk("8");
  CHECK(again.broken() == "nothing");
}

TEST_CASE("gathered elements may come in any number of chunks, but all of them and in order") {
  sim::worker_terms terms = watched::terms();
  terms.stream.gather_for = 1s;
  watched good(terms);
  good.book.arrives(0, 1);
  for (const char* const element : {"a", "b", "c"}) good.book.yields(0, 1, element);
  good.chunk(R"(["a","b"])");
  good.chunk(R"(["c"])");
  good.finish_stream();
  CHECK(good.broken() == "nothing");
  watched swapped(terms);
  swapped.book.arrives(0, 1);
  for (const char* const element : {"a", "b"}) swapped.book.yields(0, 1, element);
  swapped.chunk(R"(["b","a"])");
  CHECK(swapped.broken() == "chunks_in_order");
}

TEST_CASE("results that are reported wrongly are noticed") {
  for (const delivery delivered : {delivery::accepted, delivery::refused, delivery::given_up}) {
    watched world;
    world.run(1);
    world.book.lets_go(0, 1, delivered, true);
    CHECK(world.broken() == "reported_truly");
  }
  watched unkept;
  unkept.run(1);
  unkept.loop.jump(60s);
  unkept.book.lets_go(0, 1, delivery::given_up, false);
  CHECK(unkept.broken() == "reported_truly");
}

TEST_CASE("a job that ends as stopped must have been asked to, or the grace period must be over") {
  watched unasked;
  unasked.run(1, true);
  CHECK(unasked.broken() == "stops_only_its_job");
  watched asked;
  asked.book.arrives(0, 1);
  asked.book.asked_to_stop(0, 1);
  asked.finish(1, true);
  asked.book.arrives(0, 2);
  asked.book.asked_to_leave(0);
  asked.loop.jump(10s);
  asked.finish(2, true);
  CHECK(asked.broken() == "nothing");
}

TEST_CASE("a running job whose stop was not passed on is noticed when it ends") {
  watched world;
  world.book.arrives(0, 1);
  world.book.starts(0, 1, {});
  world.book.asked_to_stop(0, 1);
  world.loop.jump(1s);
  world.finish(1);
  CHECK(world.broken() == "stop_reaches_its_job");
}

TEST_CASE(
    "requests without a pause are noticed, and jobs left behind, and leaving late; a crash excuses all") {
  watched hasty;
  hasty.run(1);
  for (int i = 0; i < 20; ++i) hasty.post(hasty.urls.done("job-1", false), R"({"output":1})");
  CHECK(hasty.broken() == "requests_bounded");
  watched eager;
  const coworker::http_request poll(eager.urls.stop());
  for (int i = 0; i < 40; ++i) eager.checks.fruitless(sim::read_call(poll, 0, 5));
  CHECK(eager.broken() == "requests_bounded");
  watched careless;
  careless.book.arrives(0, 1);
  careless.book.left(0, 1h);
  CHECK(careless.broken() == "no_job_dropped");
  watched slow;
  slow.book.left(0, 1ms);
  CHECK(slow.broken() == "leaves_in_time");
  watched crashed;
  crashed.book.account(0).crashed = true;
  crashed.book.arrives(0, 1);
  crashed.ping("job-4");
  crashed.book.left(0, 1ms);
  CHECK(crashed.broken() == "nothing");
}
