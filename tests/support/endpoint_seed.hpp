#pragma once
// A worker behind an HTTP endpoint, with clients whose actions are drawn from a seed: they run jobs, ask for
// them, cancel, retry and purge them, and disconnect in the middle of a request, while the worker leaves at
// some moment. Checks that the responses are consistent. Everything is in memory and in virtual time, so a
// seed always gives the same run.

#include <algorithm>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <support/endpoint_world.hpp>
#include <system_error>
#include <utility>
#include <vector>

namespace coworker::testing {

class endpoint_seed {
 public:
  explicit endpoint_seed(std::uint64_t seed) : seed_(seed), random_(seed) {}

  /// Runs the clients. Returns what is wrong, one sentence each; empty if nothing is.
  std::vector<std::string> play() {
    endpoint_world world(endpoint_kind::queue_api);
    world.options.seed = seed_;
    world.options.most_waiting = 1 + random_.below(12U);
    world.options.keep_sync = world.options.keep_async;
    world.concurrency = static_cast<int>(1 + random_.below(4U));
    world.settings.grace_period = std::chrono::seconds(random_.below(8U));
    world.settings.overlap_delivery = random_.below(2U) == 0;
    world.settings.prefetch = random_.below(4U) == 0;
    const auto clients = [this](memory_listener& listener, leaving_worker& worker) {
      return play_clients(listener, worker);
    };
    if (random_.below(2U) == 0) {
      world.options.streams = true;
      world.play([this](job<> work) { return stream(std::move(work)); }, clients);
    } else {
      world.play([this](job<> work) { return run(std::move(work)); }, clients);
    }
    for (const auto& [id, known] : jobs_) check(id, known);
    return problems_;
  }

  /// Returns how many jobs were accepted.
  std::size_t accepted() const { return jobs_.size(); }

 private:
  // What the response to one request said about a job, at some moment between these two.
  struct sight {
    time_point asked;
    time_point responded;
    std::string status;
    json body;
  };
  struct known_job {
    std::vector<sight> sights = {};
    std::vector<json> chunks = {};  // as its client has read them
    time_point retried = (time_point::min)();
    int elements = 0;
    bool streamed = false;  // a client has read chunks
    bool several_read = false;
  };
  struct handler_runs {
    int begun = 0;
    int ended_well = 0;
  };

  void violate(const std::string& id, const std::string& what) { problems_.push_back(id + ": " + what); }

  static bool is_final(const std::string& status) { return status != "IN_QUEUE" && status != "IN_PROGRESS"; }
  static int rank(const std::string& status) {
    return status == "IN_QUEUE" ? 0 : status == "IN_PROGRESS" ? 1 : 2;
  }

  // --- the handler ------------------------------------------------------------------------------------------

  task<json> run(job<> work) {
    handler_runs& mine = runs_[work.id];
    ++mine.begun;
    co_await sleep_for(std::chrono::milliseconds(work.input.at("ms").get<int>()));
    if (work.input.contains("fail")) throw std::runtime_error("fails on purpose");
    ++mine.ended_well;
    co_return "of " + work.id;
  }

  async_generator<json> stream(job<> work) {
    handler_runs& mine = runs_[work.id];
    ++mine.begun;
    const int elements = work.input.at("elements").get<int>();
    for (int i = 0; i < elements; ++i) {
      co_await sleep_for(std::chrono::milliseconds(work.input.at("ms").get<int>() / elements));
      co_yield json(i);
    }
    if (work.input.contains("fail")) throw std::runtime_error("fails on purpose");
    ++mine.ended_well;
  }

  // --- the clients ------------------------------------------------------------------------------------------

  task<void> play_clients(memory_listener& listener, leaving_worker& worker) {
    const executor_ref here = co_await this_coro::executor();
    if (random_.below(2U) == 0) listener.limit_pieces(1 + random_.below(40U));
    scope clients(co_await this_coro::context());
    for (std::uint64_t i = 2 + random_.below(5U); i > 0; --i)
      clients.spawn(be_client(listener, here, random_.next()));
    if (random_.below(2U) == 0) {
      co_await sleep_for(std::chrono::milliseconds(random_.below(20'000U)));
      leaving_ = true;
      worker.stop();
    }
    co_await clients.join();
    leaving_ = true;
    worker.stop();
    co_await sleep_for(std::chrono::seconds(30));
    endpoint_client last(listener);
    for (auto& [id, known] : jobs_) {
      co_await look(last, here, id, "/status/" + id);
      if (known.sights.empty() || !is_final(known.sights.back().status))
        violate(id, "was accepted, and has not ended although the worker has left");
      if (!known.streamed) continue;
      co_await read_stream(last, here, id);
    }
    const endpoint_answer health = co_await last.get("/health");
    if (health.body.at("jobs").at("inQueue") != json(0) || health.body.at("jobs").at("inProgress") != json(0))
      violate("health", "jobs are left: " + health.text);
  }

  task<void> be_client(memory_listener& listener, executor_ref here, std::uint64_t seed) {
    random_source drawn(seed);
    for (std::uint64_t i = 1 + drawn.below(6U); i > 0; --i) {
      co_await sleep_for(std::chrono::milliseconds(drawn.below(3'000U)));
      endpoint_client client(listener);
      const auto what = drawn.below(10U);
      if (what < 5) {
        co_await follow_job(client, here, drawn);
      } else if (what < 7) {
        co_await run_and_wait(client, here, drawn);
      } else if (what == 7) {
        co_await go_away(client, drawn);
      } else if (what == 8) {
        co_await disturb(client, here, drawn);
      } else if (drawn.below(3U) == 0) {
        const endpoint_answer purged = co_await client.post("/purge-queue");
        if (purged.status != 200) violate("purge", purged.text);
      }
    }
  }

  static std::string order(random_source& drawn, int& elements) {
    elements = 1 + static_cast<int>(drawn.below(4U));
    std::string body = "{\"input\": {\"ms\": " + std::to_string(drawn.below(9'000U)) +
                       ", \"elements\": " + std::to_string(elements) +
                       (drawn.below(4U) == 0 ? ", \"fail\": true}" : "}");
    if (drawn.below(4U) == 0) body += ", \"policy\": {\"executionTimeout\": 5000, \"ttl\": 12000}";
    return body + "}";
  }

  // Returns whether a job was accepted. A refusal must have a valid reason.
  bool was_accepted(const endpoint_answer& got) {
    if (got.status == 200) return true;
    const bool fits = got.status == 429 || (got.status == 503 && leaving_);
    if (!fits) violate("run", "refused with " + std::to_string(got.status) + " " + got.text);
    return false;
  }

  task<void> follow_job(endpoint_client& client, executor_ref here, random_source& drawn) {
    int elements = 0;
    const std::string body = order(drawn, elements);
    const time_point asked = here.now();
    const endpoint_answer ran = co_await client.post("/run", body);
    if (!was_accepted(ran)) co_return;
    const std::string id = ran.body.at("id").get<std::string>();
    if (jobs_.count(id) != 0) violate(id, "two jobs have this id");
    jobs_[id].elements = elements;
    note(id, asked, here.now(), ran.body);
    const bool streams = drawn.below(2U) == 0;
    for (int turn = 0; turn < 12; ++turn) {
      co_await sleep_for(std::chrono::milliseconds(drawn.below(2'500U)));
      const auto what = drawn.below(12U);
      if (streams && what < 6) {
        co_await read_stream(client, here, id);
      } else if (what < 8) {
        co_await look(client, here, id, "/status/" + id);
      } else if (what < 10) {
        co_await look(client, here, id,
                      "/status-sync/" + id + "?wait=" + std::to_string(1000 + drawn.below(5'000U)));
      } else if (what == 10) {
        co_await cancel(client, here, id);
      } else {
        co_await retry(client, here, id);
      }
      const known_job& known = jobs_[id];
      if (is_final(known.sights.back().status) && drawn.below(3U) == 0) break;
    }
  }

  task<void> run_and_wait(endpoint_client& client, executor_ref here, random_source& drawn) {
    int elements = 0;
    const std::string body = order(drawn, elements);
    const time_point asked = here.now();
    const endpoint_answer ran =
        co_await client.post("/runsync?wait=" + std::to_string(1000 + drawn.below(9'000U)), body);
    if (!was_accepted(ran)) co_return;
    const std::string id = ran.body.at("id").get<std::string>();
    if (jobs_.count(id) != 0) violate(id, "two jobs have this id");
    jobs_[id].elements = elements;
    note(id, asked, here.now(), ran.body);
    co_await sleep_for(std::chrono::milliseconds(drawn.below(3'000U)));
    co_await look(client, here, id, "/status/" + id);
  }

  // Disconnects at any byte of a request, or while it waits for the response.
  task<void> go_away(endpoint_client& client, random_source& drawn) {
    int elements = 0;
    const std::string body = order(drawn, elements);
    std::string request = "POST /runsync HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    if (drawn.below(2U) == 0) request.resize(drawn.below(request.size()));
    co_await client.raw().send(request);
    co_await sleep_for(std::chrono::milliseconds(drawn.below(4'000U)));
    const auto how = drawn.below(3U);
    if (how == 0) client.raw().half_close();
    if (how == 1) client.raw().abort();
    if (how == 0) co_await sleep_for(std::chrono::milliseconds(drawn.below(2'000U)));
  }

  // Does something with a job of any client.
  task<void> disturb(endpoint_client& client, executor_ref here, random_source& drawn) {
    if (jobs_.empty()) co_return;
    auto any = jobs_.begin();
    std::advance(any, static_cast<std::ptrdiff_t>(drawn.below(jobs_.size())));
    const std::string id = any->first;
    const auto what = drawn.below(4U);
    if (what == 0) {
      co_await cancel(client, here, id);
    } else if (what == 1) {
      jobs_[id].several_read = true;
      const endpoint_answer ignored = co_await client.get("/stream/" + id + "?wait=1000");
    } else {
      co_await look(client, here, id, "/status/" + id);
    }
  }

  task<void> look(endpoint_client& client, executor_ref here, std::string id, std::string target) {
    const time_point asked = here.now();
    const endpoint_answer got = co_await client.get(std::move(target));
    if (got.status != 200) co_return violate(id, "is not known: " + got.text);
    note(id, asked, here.now(), got.body);
  }

  task<void> cancel(endpoint_client& client, executor_ref here, std::string id) {
    const time_point asked = here.now();
    const endpoint_answer got = co_await client.post("/cancel/" + id);
    if (got.status != 200) co_return violate(id, "cannot be cancelled: " + got.text);
    note(id, asked, here.now(), got.body);
    if (!is_final(got.body.at("status").get<std::string>())) violate(id, "goes on although it was cancelled");
  }

  task<void> retry(endpoint_client& client, executor_ref here, std::string id) {
    const std::string before = jobs_[id].sights.back().status;
    const endpoint_answer got = co_await client.post("/retry/" + id);
    if (got.status == 200) {
      ++retries_[id];
      known_job& known = jobs_[id];
      known.retried = here.now();  // earlier responses are about the run before
      known.sights.clear();
      known.chunks.clear();
      note(id, here.now(), here.now(), got.body);
    } else if (got.status == 400) {
      if (before == "FAILED" || before == "TIMED_OUT") violate(id, "is " + before + " and was not retried");
    } else {
      was_accepted(got);
    }
  }

  task<void> read_stream(endpoint_client& client, executor_ref here, std::string id) {
    const time_point asked = here.now();
    const endpoint_answer got = co_await client.get("/stream/" + id + "?wait=1000");
    if (got.status != 200) co_return violate(id, "has no stream: " + got.text);
    known_job& known = jobs_[id];
    if (known.retried >= asked && asked != here.now()) {  // it is not known which run the chunks are of
      known.several_read = true;
      co_return;
    }
    known.streamed = true;
    for (const json& chunk : got.body.at("stream")) known.chunks.push_back(chunk.at("output"));
    json seen = json::object();
    seen["status"] = got.body.at("status");
    if (got.body.contains("error")) seen["error"] = got.body.at("error");
    note(id, asked, here.now(), std::move(seen));
  }

  void note(const std::string& id, time_point asked, time_point responded, json body) {
    known_job& job = jobs_[id];
    if (job.retried != (time_point::min)() && asked < job.retried) return;
    std::string status = body.at("status").get<std::string>();
    job.sights.push_back({asked, responded, std::move(status), std::move(body)});
  }

  // --- what must be true ------------------------------------------------------------------------------------

  void check(const std::string& id, const known_job& known) {
    const handler_runs& ran = runs_[id];
    if (ran.begun > 1 + retries_[id]) violate(id, "was run " + std::to_string(ran.begun) + " times");
    std::string last;
    for (const sight& one : known.sights) {
      if (one.status == "COMPLETED" && ran.ended_well == 0)
        violate(id, "is COMPLETED, and was not run to its end");
      if (one.status == "IN_PROGRESS" && ran.begun == 0 && known.sights.back().status == "COMPLETED")
        violate(id, "was IN_PROGRESS and was never started");
      const bool failed = one.status == "FAILED" || one.status == "CANCELLED" || one.status == "TIMED_OUT";
      if (failed && !one.body.contains("error")) violate(id, "is " + one.status + " without a reason");
      if (one.status == "COMPLETED" && one.body.contains("error")) violate(id, "is COMPLETED with an error");
      if (one.status == "COMPLETED" && one.body.contains("output") && one.body.at("output").is_string() &&
          one.body.at("output") != json("of " + id))
        violate(id, "has the output of another: " + one.body.at("output").dump());
      for (const sight& earlier : known.sights) {
        if (earlier.responded > one.asked || &earlier == &one) continue;
        if (earlier.responded == one.asked && earlier.asked == one.asked) continue;
        if (rank(earlier.status) > rank(one.status) ||
            (is_final(earlier.status) && earlier.status != one.status))
          violate(id, "was " + earlier.status + ", and then " + one.status);
        if (is_final(earlier.status) && earlier.body.contains("error") && one.body.contains("error") &&
            earlier.body.at("error") != one.body.at("error"))
          violate(id, "has changed its error");
      }
      last = one.status;
    }
    if (!known.streamed || known.several_read) return;
    for (std::size_t i = 0; i < known.chunks.size(); ++i) {
      if (known.chunks[i] != json(static_cast<int>(i))) return violate(id, "chunks came out of order");
    }
    const bool streams = !known.chunks.empty();
    if (last == "COMPLETED" && streams && known.chunks.size() != static_cast<std::size_t>(known.elements))
      violate(id, "is COMPLETED, and gave " + std::to_string(known.chunks.size()) + " of " +
                      std::to_string(known.elements) + " chunks");
  }

  const std::uint64_t seed_;
  random_source random_;
  bool leaving_ = false;
  std::map<std::string, known_job> jobs_;
  std::map<std::string, handler_runs> runs_;
  std::map<std::string, int> retries_;
  std::vector<std::string> problems_;
};

}  // namespace coworker::testing
