#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/generate_text.hpp>
#include <coworker/job/test_job.hpp>
#include <coworker/json/json.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Yields a token each second.
cw::async_generator<std::string> generate_tokens(std::vector<std::string> tokens) {
  for (std::string& one : tokens) {
    co_await cw::sleep_for(1s);
    co_yield std::move(one);
  }
}

struct generate_model {
  std::vector<std::string> tokens{"a\xe2", "", "\x82", "\xac", "b"};
  std::int64_t limit = 100;
  int asked = 0;
};

cw::generated_text generate_begin(generate_model& with, const cw::text_request& asked) {
  ++with.asked;
  if (asked.prompt == "bad") throw std::runtime_error("no such word");
  cw::generated_text made{generate_tokens(with.tokens)};
  made.prompt_tokens = static_cast<std::int64_t>(asked.prompt.size());
  made.limit = with.limit;
  made.created = 7;
  return made;
}

auto generate_handler(generate_model& with) {
  return [&with](cw::job<cw::text_request> work) {
    return cw::generate_text(std::move(work), "m",
                             [&with](const cw::text_request& asked) { return generate_begin(with, asked); });
  };
}

cw::text_request generate_input(const char* text) { return cw::json::parse(text).get<cw::text_request>(); }

std::string generate_texts(const std::vector<cw::json>& chunks) {
  std::string all;
  for (const cw::json& one : chunks)
    if (one.is_string()) all += one.get<std::string>();
  return all;
}

const std::string generate_euro =
    "a\xe2\x82\xac"
    "b";

}  // namespace

TEST_CASE("a text is generated whole or in pieces that cut no character, and progress counts its tokens") {
  generate_model with;
  cw::test_job<cw::text_request> whole(generate_input(R"({"prompt": "abc"})"));
  whole.run(generate_handler(with));
  CHECK(whole.outcome.output == cw::json::parse(R"({"text": "a\u20acb", "finish_reason": "stop",
    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}})"));
  CHECK(whole.progress == std::vector<cw::json>{1, 2, 3, 4, 5});
  CHECK(whole.chunks.empty());
  CHECK(whole.elapsed == 5s);
  cw::test_job<cw::text_request> streamed(generate_input(R"({"prompt": "abc", "stream": true})"));
  streamed.run(generate_handler(with));
  REQUIRE(streamed.chunks.size() == 4);
  CHECK(generate_texts(streamed.chunks) == generate_euro);
  CHECK(streamed.chunks.back().at("finish_reason") == cw::json("stop"));
}

TEST_CASE(
    "a text that reaches its limit of tokens ends with the reason length, and an unfinished character is "
    "replaced") {
  generate_model with;
  with.tokens = {"a", "\xe2\x82"};
  with.limit = 2;
  for (const bool stream : {false, true}) {
    cw::text_request input;
    input.stream = stream;
    cw::test_job<cw::text_request> one(input);
    one.run(generate_handler(with));
    const cw::json end = stream ? one.chunks.back() : one.outcome.output;
    CHECK(end.at("finish_reason") == cw::json("length"));
    CHECK((stream ? generate_texts(one.chunks) : end.at("text").get<std::string>()) == "a\xef\xbf\xbd");
  }
}

TEST_CASE("OpenAI's clients are answered in their form: chat, the list of models, and unknown routes") {
  generate_model with;
  cw::test_job<cw::text_request> chat(generate_input(
      R"({"openai_route": "/v1/chat/completions", "openai_input": {"messages": [{"role": "user", "content": "a"}], "stream": true}})"));
  chat.run(generate_handler(with));
  REQUIRE(chat.chunks.size() == 4);
  CHECK(chat.chunks.back().get<std::string>().ends_with("data: [DONE]\n\n"));
  cw::test_job<cw::text_request> text(
      generate_input(R"({"openai_route": "/v1/completions", "openai_input": {"prompt": "abc"}})"));
  text.run(generate_handler(with));
  REQUIRE(text.chunks.size() == 1);
  CHECK(text.chunks[0].at("choices").at(0).at("text") == cw::json(generate_euro));
  CHECK(text.chunks[0].at("created") == cw::json(7));
  CHECK(with.asked == 2);
  cw::test_job<cw::text_request> models(generate_input(R"({"openai_route": "/v1/models"})"));
  models.run(generate_handler(with));
  CHECK(models.chunks == std::vector<cw::json>{cw::openai_models("m")});
  cw::test_job<cw::text_request> other(
      generate_input(R"({"openai_route": "/v1/embeddings", "openai_input": {}})"));
  other.run(generate_handler(with));
  CHECK(other.chunks == std::vector<cw::json>{cw::openai_no_route("/v1/embeddings")});
  CHECK(with.asked == 2);
}

TEST_CASE("a stop ends the tokens, and an exception of the generating function fails the job") {
  generate_model with;
  cw::test_job<cw::text_request> stopped;
  stopped.stop_at_progress(2);
  stopped.run(generate_handler(with));
  CHECK(stopped.outcome.status == cw::outcome_status::stopped);
  CHECK(stopped.elapsed == 2s);
  cw::test_job<cw::text_request> failed(generate_input(R"({"prompt": "bad"})"));
  failed.run(generate_handler(with));
  CHECK(failed.outcome.message() == "no such word");
}
