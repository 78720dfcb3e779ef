#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/worker.hpp>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::delivery;
using coworker::duration;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;
using coworker::worker;
using coworker::testing::simulation;

using chunk_texts = std::vector<std::string>;

chunk_texts texts_of(const simulation& world) {
  chunk_texts made;
  for (const auto& [id, text] : world.queue.chunks) made.push_back(text);
  return made;
}

// Yields 1 to `count`, one every `ms`; throws at `throw_at`.
async_generator<int> numbers(job<> work) {
  const int count = work.input.value("count", 3);
  for (int i = 1; i <= count; ++i) {
    if (i == work.input.value("throw_at", 0)) throw std::runtime_error("no more");
    co_yield i;
    co_await coworker::sleep_for(std::chrono::milliseconds(work.input.value("ms", 0)));
  }
}

// Yields the elements of the input.
async_generator<json> listed(job<> work) {
  for (json& element : work.input["elements"]) co_yield std::move(element);
}

struct streamed_run {
  simulation world;
  json input = json::object();

  template <class Handler = decltype(&numbers)>
  coworker::testing::result_note run(Handler handler = &numbers) {
    world.queue.add(0s, "a", input);
    worker streaming(std::move(handler), fixed_concurrency{1}, world.options);
    world.serve(streaming);
    return world.queue.result_of("a");
  }
};

}  // namespace

TEST_CASE("each element is a chunk, in order, and the output is an empty list") {
  streamed_run one;
  const auto result = one.run();
  CHECK(texts_of(one.world) == chunk_texts{"1", "2", "3"});
  CHECK(result.body == json{{"output", json::array()}});
  CHECK(result.streamed);
}

TEST_CASE("a stream runs ahead of a slow queue by one element, and no further") {
  streamed_run one;
  one.input = {{"count", 5}};
  one.world.queue.chunk_time = 10s;
  std::vector<duration> made;
  const auto result = one.run([&](job<>) -> async_generator<int> {
    for (int i = 0; i < 5; ++i) {
      made.push_back(one.world.loop.elapsed());
      co_yield i;
    }
  });
  CHECK(made == std::vector<duration>{0s, 0s, 0s, 10s, 20s});
  CHECK(one.world.queue.chunk_moments == std::vector<duration>{0s, 10s, 20s, 30s, 40s});
  CHECK(result.at == 50s);
}

TEST_CASE("with return_aggregate_stream the output lists all elements, and chunks are sent too") {
  streamed_run one;
  one.world.options.stream.return_aggregate_stream = true;
  CHECK(one.run().body == json{{"output", {1, 2, 3}}});
  CHECK(texts_of(one.world) == chunk_texts{"1", "2", "3"});
}

TEST_CASE("a stream that fails midway has sent its elements so far, and keeps those to be listed") {
  for (const bool lists : {false, true}) {
    streamed_run one;
    one.input = {{"throw_at", 3}};
    one.world.options.stream.return_aggregate_stream = lists;
    const auto result = one.run();
    CHECK(result.status == outcome_status::failed);
    CHECK(texts_of(one.world) == chunk_texts{"1", "2"});
    CHECK(result.body.at("error").get<std::string>().find("no more") != std::string::npos);
    CHECK(result.body.value("output", json()) == (lists ? json{1, 2} : json()));
  }
}

TEST_CASE("with only_outcomes nothing is sent before the outcome, which has all elements") {
  streamed_run one;
  one.world.options.only_outcomes = true;
  const auto result = one.run();
  CHECK(one.world.queue.chunks.empty());
  CHECK(result.body == json{{"output", {1, 2, 3}}});
  CHECK_FALSE(result.streamed);
}

TEST_CASE("gathered elements are sent as arrays when the first has waited for gather_for") {
  streamed_run one;
  one.input = {{"count", 10}, {"ms", 20}};
  one.world.options.stream.gather_for = 50ms;
  one.run();
  CHECK(texts_of(one.world) == chunk_texts{"[1,2,3]", "[4,5,6]", "[7,8,9]", "[10]"});
  CHECK(one.world.queue.chunk_moments == std::vector<duration>{50ms, 110ms, 170ms, 200ms});
}

TEST_CASE("gathered elements are sent early at gather_bytes, and never as more bytes") {
  streamed_run one;
  one.input = {{"count", 10}};
  one.world.options.stream.gather_for = 1h;
  one.world.options.stream.gather_bytes = 7;
  one.run();
  CHECK(texts_of(one.world) == chunk_texts{"[1,2,3,4]", "[5,6,7,8]", "[9,10]"});
  CHECK(one.world.queue.chunk_moments.back() == 0s);
}

TEST_CASE("gathered texts may be joined; other elements stay separate, and the order is kept") {
  streamed_run one;
  one.input = {{"elements", {"Hel", "lo \"you\"", "", 1, 2, "\n", "end", nullptr}}};
  one.world.options.stream.gather_for = 1s;
  one.world.options.stream.join_texts = true;
  one.run(listed);
  CHECK(texts_of(one.world) == chunk_texts{R"("Hello \"you\"")", "[1,2]", R"("\nend")", "[null]"});
}

TEST_CASE(
    "a character split between texts is sent whole, even across an empty text; an unfinished one is "
    "replaced") {
  const auto cut = [](job<>) -> async_generator<std::string> {
    for (const char* const text : {"a\xe2", "", "\x82", "\xac", "b", "\xc3"}) co_yield std::string(text);
  };
  streamed_run one;
  const auto result = one.run(cut);
  CHECK(result.body == json{{"output", json::array()}});
  std::string all;
  for (const std::string& chunk : texts_of(one.world)) all += json::parse(chunk).get<std::string>();
  CHECK(all ==
        "a\xe2\x82\xac"
        "b\xef\xbf\xbd");
}

TEST_CASE("an element above the chunk limit fails its job with its number, its length and the limit") {
  streamed_run one;
  one.input = {{"elements", {"short", std::string(100, 'x')}}};
  one.world.options.stream.chunk_limit = 50;
  const auto result = one.run(listed);
  CHECK(texts_of(one.world) == chunk_texts{"\"short\""});
  const json report = json::parse(result.body.at("error").get<std::string>());
  CHECK(report.at("error_type") == "coworker::chunk_error");
  CHECK(report.at("error_message") ==
        "element 2 of the stream is 102 bytes of JSON, and no more than 50 fit into a chunk (chunk_limit); "
        "stream smaller ones");
}

TEST_CASE("gathered chunks are within the chunk limit, brackets included") {
  streamed_run one;
  one.input = {{"elements", {"1234", "1234", "1234", "12345678"}}};
  one.world.options.stream.gather_for = 1s;
  one.world.options.stream.chunk_limit = 15;
  CHECK(one.run(listed).status == outcome_status::succeeded);
  CHECK(texts_of(one.world) == chunk_texts{R"(["1234","1234"])", R"(["1234"])", R"(["12345678"])"});
}

TEST_CASE("no chunk follows a refused one, and the job fails unless its output lists all elements") {
  for (const bool lists : {false, true}) {
    streamed_run one;
    one.world.queue.chunk_delivery = delivery::refused;
    one.world.options.stream.return_aggregate_stream = lists;
    const auto result = one.run();
    CHECK(texts_of(one.world) == chunk_texts{"1"});
    CHECK(result.status == (lists ? outcome_status::succeeded : outcome_status::failed));
    if (lists) CHECK(result.body == json{{"output", {1, 2, 3}}});
    if (!lists)
      CHECK(result.body.at("error").get<std::string>().find("chunk 1 of the stream") != std::string::npos);
  }
}

TEST_CASE("an element that JSON cannot hold fails its job, with the path to it") {
  streamed_run one;
  json unwritable;
  unwritable["deep"] = json{1.0, std::numeric_limits<double>::infinity()};
  const auto result = one.run([&unwritable](job<>) -> async_generator<json> {
    co_yield json("fine");
    co_yield std::move(unwritable);
  });
  CHECK(texts_of(one.world) == chunk_texts{"\"fine\""});
  CHECK(result.body.at("error").get<std::string>().find("output[1].deep[1]") != std::string::npos);
}

TEST_CASE("a stop reaches a stream that waits for a slow queue") {
  streamed_run one;
  one.world.options.job_timeout = 1s;
  one.world.queue.chunk_time = 10s;
  one.input = {{"count", 100}};
  const auto result = one.run();
  CHECK(result.body.at("error") == "timed out: it ran longer than its limit of 1 s");
  CHECK(texts_of(one.world).size() == 1);
}

TEST_CASE("a job whose last chunk is cut off by a stop ends as stopped, whatever its handler does") {
  for (const int count : {1, 3}) {
    streamed_run one;
    one.world.options.grace_period = 0s;
    one.world.queue.ends = false;
    one.world.queue.chunk_time = 10s;
    one.world.queue.add(0s, "a", json{{"count", count}});
    worker streaming(&numbers, fixed_concurrency{1}, one.world.options);
    one.world.serve_and_stop(streaming, 1s);
    CHECK(one.world.queue.result_of("a").status == outcome_status::stopped);
    CHECK(texts_of(one.world).size() == 1);
  }
}

TEST_CASE("a plain function streams the range that it returns, on the pool") {
  struct countdown {  // can be read once, and not through const
    int from;
    struct iterator {
      int at;
      int operator*() const { return at; }
      iterator& operator++() {
        --at;
        return *this;
      }
      bool operator!=(int end) const { return at != end; }
    };
    iterator begin() { return {from}; }
    int end() { return 0; }
  };
  static_assert(coworker::is_streaming_handler<countdown (*)(job<>)>);
  static_assert(!coworker::is_streaming_handler<std::vector<int> (*)(job<>)>);
  static_assert(coworker::is_streaming_handler<coworker::streamed<std::vector<int>> (*)(job<>)>);

  streamed_run one;
  one.world.options.pool = one.world.loop;
  CHECK(one.run([](job<>) { return countdown{3}; }).body == json{{"output", json::array()}});
  CHECK(texts_of(one.world) == chunk_texts{"3", "2", "1"});

  streamed_run two;
  two.world.options.pool = two.world.loop;
  two.run([](job<>) { return coworker::streamed{std::vector<std::string>{"a", "b"}}; });
  CHECK(texts_of(two.world) == chunk_texts{"\"a\"", "\"b\""});
}
