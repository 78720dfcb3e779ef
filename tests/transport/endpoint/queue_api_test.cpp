// The queue API over a worker, in virtual time: what its clients see of jobs that wait, run, end, fail, are
// cancelled and run out of time.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/typed/schema.hpp>
#include <stdexcept>
#include <string>
#include <support/endpoint_world.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

// {"ms": N} waits; {"throw": TEXT} fails; else the input comes back.
task<json> run_as_input_says(job<> work) {
  if (!work.input.is_object()) co_return work.input;
  co_await sleep_for(std::chrono::milliseconds(work.input.value("ms", 0)));
  if (work.input.contains("throw")) throw std::runtime_error(work.input.at("throw").get<std::string>());
  co_return work.input.value("answer", json("done"));
}

async_generator<json> count_slowly(job<> work) {
  for (int i = 1; i <= work.input.get<int>(); ++i) {
    co_await sleep_for(1s);
    co_yield json(i);
  }
}

struct order_of_fruit {
  std::string fruit;
  int count = 1;
};

task<int> count_fruit(job<order_of_fruit> work) { co_return work.input.count; }

endpoint_world api() { return endpoint_world(endpoint_kind::queue_api); }

}  // namespace

TEST_CASE("a job of /run goes from the queue to its output, and its times are reported") {
  api().play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer ran = co_await client.post("/run", R"({"input": {"ms": 2000, "answer": [1, 2]}})");
    CHECK(ran.status == 200);
    CHECK(ran.body.at("status") == "IN_QUEUE");
    const std::string id = ran.body.at("id").get<std::string>();
    CHECK(id.size() == 39);
    CHECK(id.ends_with("-u1"));
    co_await sleep_for(1500ms);
    const endpoint_answer running = co_await client.get("/status/" + id);
    CHECK(running.body.at("status") == "IN_PROGRESS");
    CHECK(running.body.at("executionTime") == 1500);
    CHECK(!running.body.contains("output"));
    co_await sleep_for(1s);
    const endpoint_answer ended = co_await client.post("/status/" + id);
    CHECK(ended.status == 200);
    CHECK(ended.body.at("status") == "COMPLETED");
    CHECK(ended.body.at("delayTime") == 0);
    CHECK(ended.body.at("executionTime") == 2000);
    CHECK(ended.body.at("workerId") == "local");
    CHECK(ended.body.at("output").dump() == "[1,2]");
    CHECK(ended.response.header("x-content-type-options") == "nosniff");
    CHECK(!ended.response.header("access-control-allow-origin"));
  });
}

TEST_CASE("runsync waits for the job's end; if its wait is over first, it responds and the job goes on") {
  api().play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer whole = co_await client.post("/runsync", R"({"input": {"ms": 2000}})");
    CHECK(whole.body.at("status") == "COMPLETED");
    CHECK(whole.body.at("output") == "done");
    CHECK(whole.body.at("id").get<std::string>().starts_with("sync-"));
    const endpoint_answer early =
        co_await client.post("/v2/some-endpoint/runsync?wait=1000", R"({"input": {"ms": 3000}})");
    CHECK(early.body.at("status") == "IN_PROGRESS");
    const std::string id = early.body.at("id").get<std::string>();
    const endpoint_answer ended = co_await client.get("/v2/x/status-sync/" + id);
    CHECK(ended.body.at("status") == "COMPLETED");
    CHECK(ended.body.at("executionTime") == 3000);
    co_await sleep_for(61s);  // a sync result is kept for a minute
    {
      endpoint_client later(listener);
      const endpoint_answer got = co_await later.get("/status/" + id);
      CHECK(got.status == 404);
    }
  });
}

TEST_CASE("a job that fails is FAILED with HTTP status 200, and each problem of its input is reported") {
  api().play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer failed = co_await client.post("/runsync", R"({"input": {"throw": "no"}})");
    CHECK(failed.status == 200);
    CHECK(failed.body.at("status") == "FAILED");
    CHECK(failed.body.at("error") == "no");
  });
  api().play(count_fruit, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer failed =
        co_await client.post("/runsync", R"({"input": {"fruit": 1, "count": "x"}})");
    CHECK(failed.status == 200);
    CHECK(failed.body.at("status") == "FAILED");
    const std::string why = failed.body.at("error").get<std::string>();
    CHECK(why.find("input.fruit: expected a string") != std::string::npos);
    CHECK(why.find("input.count: expected an integer") != std::string::npos);
  });
}

TEST_CASE("a stream returns each chunk once, and the remaining ones with the final status") {
  endpoint_world world = {};
  world.options.kind = endpoint_kind::queue_api;
  world.options.streams = true;
  world.play(count_slowly, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer ran = co_await client.post("/run", R"({"input": 5})");
    const std::string id = ran.body.at("id").get<std::string>();
    std::vector<int> got;
    std::string status;
    int calls = 0;
    do {
      const endpoint_answer part = co_await client.get("/stream/" + id);
      status = part.body.at("status").get<std::string>();
      for (const json& one : part.body.at("stream")) got.push_back(one.at("output").get<int>());
      ++calls;
    } while (status == "IN_QUEUE" || status == "IN_PROGRESS");
    CHECK(got == std::vector<int>{1, 2, 3, 4, 5});
    CHECK(calls <= 7);
    const endpoint_answer after = co_await client.get("/stream/" + id);
    CHECK(after.body.at("stream").empty());
    const endpoint_answer unread = co_await client.post("/run", R"({"input": 3})");
    co_await sleep_for(10s);
    const endpoint_answer all = co_await client.get("/stream/" + unread.body.at("id").get<std::string>());
    CHECK(all.body.at("status") == "COMPLETED");
    CHECK(all.body.at("stream").size() == 3);
  });
}

TEST_CASE("a job can be cancelled while it waits and while it runs, and stays cancelled") {
  endpoint_world world(endpoint_kind::queue_api);
  world.concurrency = 1;
  const worker_summary summary =
      world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
        endpoint_client client(listener);
        const endpoint_answer running_answer = co_await client.post("/run", R"({"input": {"ms": 60000}})");
        const json running = running_answer.body;
        co_await sleep_for(1s);
        const endpoint_answer waiting_answer = co_await client.post("/run", R"({"input": 1})");
        const json waiting = waiting_answer.body;
        for (const json& one : {waiting, running}) {
          const std::string id = one.at("id").get<std::string>();
          const endpoint_answer cancelled = co_await client.post("/cancel/" + id);
          CHECK(cancelled.body.at("status") == "CANCELLED");
          {
            const endpoint_answer got = co_await client.get("/status/" + id);
            CHECK(got.body.at("status") == "CANCELLED");
          }
          {
            const endpoint_answer got = co_await client.post("/retry/" + id);
            CHECK(got.status == 400);
          }
        }
        const endpoint_answer next = co_await client.post("/runsync", R"({"input": 7})");
        CHECK(next.body.at("output") == 7);
      });
  CHECK(summary.jobs == 2);
  CHECK(summary.stopped == 1);
}

TEST_CASE("a job that runs out of time is TIMED_OUT, and can be retried under its id") {
  endpoint_world world(endpoint_kind::queue_api);
  world.concurrency = 1;
  world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer late =
        co_await client.post("/runsync", R"({"input": {"ms": 6000}, "policy": {"executionTimeout": 5000}})");
    CHECK(late.body.at("status") == "TIMED_OUT");
    CHECK(late.body.at("executionTime") == 5000);
    const std::string id = late.body.at("id").get<std::string>();
    const endpoint_answer again = co_await client.post("/retry/" + id);
    CHECK(again.body.at("id") == id);
    CHECK(again.body.at("status") == "IN_QUEUE");
    {
      const endpoint_answer got = co_await client.get("/status-sync/" + id);
      CHECK(got.body.at("status") == "TIMED_OUT");
    }
    {
      const endpoint_answer got = co_await client.get("/health");
      CHECK(got.body.at("jobs").at("retried") == 1);
    }

    co_await client.post("/run", R"({"input": {"ms": 30000}})");
    const endpoint_answer waited = co_await client.post("/runsync?ttl=10000", R"({"input": 1})");
    CHECK(waited.body.at("status") == "TIMED_OUT");
    CHECK(waited.body.at("delayTime") == 10000);
    CHECK(!waited.body.contains("executionTime"));
  });
}

TEST_CASE("a job whose time to live ends while it runs is TIMED_OUT, and no loop spins until then") {
  endpoint_world world(endpoint_kind::queue_api);
  world.concurrency = 1;
  world.settings.prefetch = true;
  world.loop.limit_steps(10'000);
  world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer late = co_await client.post("/runsync?ttl=10000", R"({"input": {"ms": 30000}})");
    CHECK(late.body.at("status") == "TIMED_OUT");
    CHECK(late.body.at("executionTime") == 10000);
    co_await client.post("/run", R"({"input": {"ms": 30000}})");
    co_await sleep_for(1ms);
    const endpoint_answer ahead = co_await client.post("/runsync?ttl=10000", R"({"input": 1})");
    CHECK(ahead.body.at("status") == "TIMED_OUT");
  });
}

TEST_CASE("a job that is cancelled after its time to live, and has no slot yet, is completed once") {
  endpoint_world world(endpoint_kind::queue_api);
  world.concurrency = 1;
  world.settings.prefetch = true;
  world.loop.limit_steps(10'000);
  const worker_summary summary =
      world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
        endpoint_client client(listener);
        co_await client.post("/run", R"({"input": {"ms": 30000}})");
        co_await sleep_for(1ms);
        const endpoint_answer ahead = co_await client.post("/run?ttl=10000", R"({"input": 1})");
        co_await sleep_for(12s);
        const endpoint_answer got = co_await client.post("/cancel/" + ahead.body.at("id").get<std::string>());
        CHECK(got.body.at("status") == "CANCELLED");
        co_await sleep_for(1s);
        const endpoint_answer health = co_await client.get("/health");
        CHECK(health.body.at("jobs").at("inProgress") == 1);
      });
  CHECK(summary.jobs == 2);
  CHECK(summary.stopped == 2);
  CHECK(summary.undelivered == 0);
}

TEST_CASE("a purge cancels the jobs that wait, and health counts all jobs") {
  endpoint_world world(endpoint_kind::queue_api);
  world.concurrency = 1;
  world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    for (int i = 0; i < 4; ++i) co_await client.post("/run", R"({"input": {"ms": 5000}})");
    const endpoint_answer before = co_await client.get("/v2/x/health");
    CHECK(before.body.at("jobs").at("inQueue") == 3);
    CHECK(before.body.at("jobs").at("inProgress") == 1);
    CHECK(before.body.at("workers").at("running") == 1);
    const endpoint_answer purged = co_await client.post("/purge-queue");
    CHECK(purged.body.at("removed") == 3);
    CHECK(purged.body.at("status") == "completed");
    co_await sleep_for(6s);
    const endpoint_answer later = co_await client.get("/health");
    CHECK(later.body.at("jobs").at("completed") == 1);
    CHECK(later.body.at("jobs").at("inQueue") == 0);
    CHECK(later.body.at("workers").at("idle") == 1);
  });
}

TEST_CASE("a request that asks for no valid job is refused with the reason") {
  api().play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    struct {
      std::string target, body, lines;
      int status;
      std::string why;
    } const cases[] = {
        {"/run", "{\n \"input\": }", "", 400, "line 2, column 11"},
        {"/run", "7", "", 400, "\"input\""},
        {"/run", "{}", "", 400, "\"input\""},
        {"/runsync?wait=5", R"({"input": 1})", "", 400, "wait"},
        {"/runsync?wait=x", R"({"input": 1})", "", 400, "wait"},
        {"/run?ttl=1", R"({"input": 1})", "", 400, "ttl"},
        {"/run", R"({"input": 1, "policy": {"executionTimeout": 1}})", "", 400, "policy.executionTimeout"},
        {"/run", R"({"input": 1, "policy": {"ttl": "x"}})", "", 400, "policy.ttl"},
        {"/run", R"({"input": 1, "policy": 3})", "", 400, "policy"},
        {"/run", R"({"input": 1, "webhook": "ftp://x"})", "", 400, "webhook"},
        {"/run", R"({"input": 1})", "Origin: http://evil.example\r\n", 403, "other sites"},
        {"/run", R"({"input": 1})", "Origin: null\r\n", 403, "other sites"},
        {"/cancel/nothing", "", "", 404, "no such job"},
        {"/stream/%zz", "", "", 400, "malformed"},
        {"/nothing", "{}", "", 404, "nothing"},
        {"/v2/x/metrics", "", "", 405, "method"},
        {"/health", "", "", 405, "method"},
    };
    for (const auto& one : cases) {
      CAPTURE(one.target);
      CAPTURE(one.body);
      endpoint_client client(listener);
      const endpoint_answer refused = co_await client.post(one.target, one.body, one.lines);
      CHECK(refused.status == one.status);
      CHECK(refused.body.at("error").get<std::string>().find(one.why) != std::string::npos);
    }
    endpoint_client client(listener);
    const endpoint_answer form = co_await client.ask(
        "POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: "
        "12\r\n\r\n{\"input\": 1}");
    CHECK(form.status == 415);
    const endpoint_answer rebound =
        co_await client.ask("GET /health HTTP/1.1\r\nHost: evil.example\r\nContent-Type: text/plain\r\n\r\n");
    CHECK(rebound.status == 403);
    for (const char* const host : {"localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"}) {
      const endpoint_answer own = co_await client.ask("GET /health HTTP/1.1\r\nHost: " + std::string(host) +
                                                      "\r\nOrigin: http://" + host + "\r\n\r\n");
      CHECK(own.status == 200);
    }
  });
}

TEST_CASE("with a token set, only the health path and the console's page are served without it") {
  endpoint_world world(endpoint_kind::queue_api);
  world.options.token = "secret";
  world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    for (const char* const path :
         {"/health", "/metrics", "/docs", "/openapi.json", "/console/state", "/status/x"}) {
      const endpoint_answer none = co_await client.get(path);
      CHECK(none.status == 401);
      CHECK(none.response.header("www-authenticate") == "Bearer");
      {
        const endpoint_answer got = co_await client.get(path, "Authorization: Bearer secre\r\n");
        CHECK(got.status == 401);
      }
      {
        const endpoint_answer got = co_await client.get(path, "Authorization: Bearer secrets\r\n");
        CHECK(got.status == 401);
      }
      {
        const endpoint_answer got = co_await client.get(path, "Authorization: Bearer secret\r\n");
        CHECK(got.status != 401);
      }
    }
    for (const char* const path : {"/", "/console.js", "/console.css", "/ping"}) {
      const endpoint_answer got = co_await client.get(path);
      CHECK(got.status == 200);
    }
  });
}

TEST_CASE("jobs beyond most_waiting are refused with 429 and Retry-After") {
  endpoint_world world(endpoint_kind::queue_api);
  world.options.most_waiting = 2;
  world.concurrency = 1;
  world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    co_await client.post("/run", R"({"input": {"ms": 5000}})");
    co_await sleep_for(1s);
    for (int i = 0; i < 2; ++i) {
      const endpoint_answer got = co_await client.post("/run", R"({"input": 1})");
      CHECK(got.status == 200);
    }
    const endpoint_answer full = co_await client.post("/run", R"({"input": 1})");
    CHECK(full.status == 429);
    CHECK(full.response.header("retry-after") == "1");
  });
}

TEST_CASE("results are kept within a bound, and the oldest are dropped first") {
  endpoint_world world(endpoint_kind::queue_api);
  world.options.most_kept = 10'000;
  world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const std::string input = R"({"input": ")" + std::string(1000, 'x') + R"("})";
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) {
      const endpoint_answer ran = co_await client.post("/runsync", input);
      ids.push_back(ran.body.at("id").get<std::string>());
    }
    std::size_t kept = 0;
    bool seen = false;
    for (const std::string& id : ids) {
      const endpoint_answer got = co_await client.get("/status/" + id);
      const bool here = got.status == 200;
      CHECK((here || !seen));
      seen = seen || here;
      if (here) ++kept;
    }
    CHECK(kept >= 2);
    CHECK(kept <= 4);
  });
}

TEST_CASE("a client that disconnects stops its runsync job, but never a job of run") {
  endpoint_world world(endpoint_kind::queue_api);
  const worker_summary summary =
      world.play(run_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
        endpoint_client gone(listener);
        const std::string body = R"({"input": {"ms": 60000}})";
        co_await gone.raw().send(
            "POST /runsync HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
            "application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
        endpoint_client stays(listener);
        std::string id;
        {
          endpoint_client brief(listener);
          const endpoint_answer got = co_await brief.post("/run", R"({"input": {"ms": 5000}})");
          id = got.body.at("id").get<std::string>();
        }
        co_await sleep_for(1s);
        {
          const endpoint_answer got = co_await stays.get("/health");
          CHECK(got.body.at("jobs").at("inProgress") == 2);
        }
        gone.raw().half_close();
        co_await sleep_for(1s);
        {
          const endpoint_answer got = co_await stays.get("/health");
          CHECK(got.body.at("jobs").at("inProgress") == 1);
        }
        {
          const endpoint_answer got = co_await stays.get("/status-sync/" + id);
          CHECK(got.body.at("status") == "COMPLETED");
        }
      });
  CHECK(summary.stopped == 1);
}

TEST_CASE("the API describes itself, with the schema of the input") {
  endpoint_world world(endpoint_kind::queue_api);
  world.options.schema = &json_schema<order_of_fruit>;
  world.play(count_fruit, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer described = co_await client.get("/openapi.json");
    const json& body = described.body.at("paths").at("/run").at("post").at("requestBody");
    const json& input = body.at("content").at("application/json").at("schema").at("properties").at("input");
    CHECK(input.at("required").dump() == R"(["fruit"])");
    for (const char* const path : {"/runsync", "/status/{id}", "/stream/{id}", "/cancel/{id}", "/retry/{id}",
                                   "/purge-queue", "/health"})
      CHECK(described.body.at("paths").contains(path));
    const endpoint_answer docs = co_await client.get("/docs");
    CHECK(docs.status == 200);
    CHECK(docs.text.find("fruit") != std::string::npos);
    const endpoint_answer metrics = co_await client.get("/metrics");
    CHECK(metrics.response.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(metrics.text.find("coworker_jobs_taken_total 0\n") != std::string::npos);
  });
}

}  // namespace coworker::testing
