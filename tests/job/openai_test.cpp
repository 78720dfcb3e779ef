#include <doctest/doctest.h>
#include <coworker/job/openai.hpp>
#include <coworker/json/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

namespace cw = coworker;

cw::json openai_event(const cw::json& chunk, std::string_view after = "") {
  std::string text = chunk.get<std::string>();
  REQUIRE(text.starts_with("data: "));
  text = text.substr(6);
  const std::size_t end = text.find("\n\n");
  REQUIRE(end != std::string::npos);
  CHECK(text.substr(end + 2) == after);
  return cw::json::parse(text.substr(0, end));
}

cw::text_request openai_request(const char* route, const char* input) {
  cw::text_request made;
  made.openai_route = route;
  made.openai_input = cw::json::parse(input);
  made.take_openai_input();
  return made;
}

cw::token_usage openai_usage() {
  cw::token_usage made;
  made.prompt_tokens = 3;
  made.completion_tokens = 4;
  return made;
}

}  // namespace

TEST_CASE("a request is read from its own members or from openai_input; unknown members are ignored") {
  const auto own = cw::json::parse(R"({"prompt": "a", "max_tokens": 5, "stream": true, "n_probs": 1})")
                       .get<cw::text_request>();
  CHECK(own.prompt == "a");
  CHECK(own.token_limit(9) == 5);
  CHECK(own.stream);
  const cw::text_request chat = openai_request(
      "/v1/chat/completions",
      R"({"model": "m", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
          "max_completion_tokens": 7, "max_tokens": 6, "temperature": null, "seed": 3, "tools": []})");
  CHECK(chat.openai_route == "/v1/chat/completions");
  REQUIRE(chat.messages.size() == 2);
  CHECK(chat.messages[0].role == "system");
  CHECK(chat.messages[1].content == "hi");
  CHECK(chat.token_limit(9) == 7);
  CHECK_FALSE(chat.temperature);
  CHECK(chat.seed == 3);
  CHECK_FALSE(chat.stream);
  CHECK(cw::text_request().token_limit(9) == 9);
}

TEST_CASE("a request without openai_input has no members, such as a request for the list of models") {
  for (const char* const input : {"null", "{}"}) CHECK(openai_request("/v1/models", input).prompt.empty());
}

TEST_CASE("a message's content may be a text, parts that are texts, or null; another part is refused") {
  const auto content_of = [](const char* content) {
    return cw::json::parse(std::string(R"({"role": "user", "content": )") + content + "}")
        .get<cw::openai_message>()
        .content;
  };
  CHECK(content_of("\"a\"") == "a");
  CHECK(content_of("null").empty());
  CHECK(content_of(R"([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])") == "ab");
  CHECK(cw::json::parse(R"({"role": "user"})").get<cw::openai_message>().content.empty());
  CHECK_THROWS_WITH_AS(content_of(R"([{"type": "image_url"}])"),
                       "content holds a part of type \"image_url\"; only \"text\" is understood",
                       std::invalid_argument);
}

TEST_CASE("what does not fit in openai_input is reported with its path") {
  std::string said;
  try {
    openai_request("/v1/completions", R"({"prompt": 1, "max_tokens": 0, "top_p": 2})");
  } catch (const cw::input_error& error) {
    said = error.what();
  }
  for (const char* const path : {"openai_input.prompt", "openai_input.max_tokens", "openai_input.top_p"})
    CHECK(said.find(path) != std::string::npos);
}

TEST_CASE(
    "chat is answered with events, the first with the role and the last with the reason, or with one "
    "object") {
  cw::openai_reply reply("/v1/chat/completions", "j", "m", 5);
  CHECK(reply.is_openai());
  cw::json first = openai_event(reply.piece("a \"b\"\n"));
  CHECK(first == cw::json::parse(R"({"id": "j", "object": "chat.completion.chunk", "created": 5, "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a \"b\"\n"}, "finish_reason": null}]})"));
  CHECK(openai_event(reply.piece("c")).at("choices").at(0).at("delta") ==
        cw::json::parse(R"({"content": "c"})"));
  const cw::json last = openai_event(reply.end("stop", openai_usage()), "data: [DONE]\n\n");
  CHECK(last.at("choices").at(0) == cw::json::parse(R"({"index": 0, "delta": {}, "finish_reason": "stop"})"));
  CHECK(last.at("usage") ==
        cw::json::parse(R"({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})"));

  cw::chunk_or_whole<> whole =
      cw::openai_reply("/v1/chat/completions", "j", "m", 5).whole("t", "length", openai_usage());
  CHECK_FALSE(whole.is_whole());  // the one chunk that the platform's gateway waits for
  CHECK(whole.chunk() ==
        cw::json::parse(R"({"id": "j", "object": "chat.completion", "created": 5, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "t"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})"));
}

TEST_CASE("a chat without any text gets an empty message") {
  cw::chunk_or_whole<> whole = cw::openai_reply("/v1/chat/completions", "j", "m", 5).whole("", "stop", {});
  CHECK(whole.chunk().at("choices").at(0).at("message") ==
        cw::json::parse(R"({"role": "assistant", "content": ""})"));
  cw::openai_reply streamed("/v1/chat/completions", "j", "m", 5);
  CHECK(openai_event(streamed.end("stop", {}), "data: [DONE]\n\n").at("choices").at(0).at("delta") ==
        cw::json::parse(R"({"role": "assistant"})"));
}

TEST_CASE("completions are answered with texts instead of messages") {
  cw::openai_reply reply("/v1/completions", "j", "m", 5);
  CHECK(openai_event(reply.piece("a")) ==
        cw::json::parse(R"({"id": "j", "object": "text_completion", "created": 5,
    "model": "m", "choices": [{"index": 0, "text": "a", "finish_reason": null}]})"));
  CHECK(openai_event(reply.end("stop", {}), "data: [DONE]\n\n").at("choices").at(0).at("text") ==
        cw::json(""));
  cw::chunk_or_whole<> whole = reply.whole("b", "stop", {});
  CHECK(whole.chunk().at("choices").at(0) ==
        cw::json::parse(R"({"index": 0, "text": "b", "finish_reason": "stop"})"));
  CHECK(whole.chunk().at("object") == cw::json("text_completion"));
}

TEST_CASE("a job without a route is answered with plain texts and an object at the end") {
  cw::openai_reply reply("", "j", "m", 5);
  CHECK_FALSE(reply.is_openai());
  CHECK(reply.piece("a") == cw::json("a"));
  const auto end = cw::json::parse(R"({"finish_reason": "stop",
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})");
  CHECK(reply.end("stop", openai_usage()) == end);
  cw::chunk_or_whole<> whole = reply.whole("t", "stop", openai_usage());
  REQUIRE(whole.is_whole());
  cw::json expected = end;
  expected["text"] = "t";
  CHECK(whole.take_whole() == expected);
}

TEST_CASE("an unknown route is refused; it and the list of models have responses of their own") {
  CHECK(cw::openai_reply::knows(""));
  CHECK_FALSE(cw::openai_reply::knows("/v1/embeddings"));
  CHECK_THROWS_WITH_AS(
      cw::openai_reply("/v1/embeddings", "j", "m", 5),
      "openai_reply: the route \"/v1/embeddings\" is not /v1/chat/completions or /v1/completions",
      std::invalid_argument);
  CHECK(cw::openai_no_route("/v1/x") ==
        cw::json::parse(
            R"({"error": {"message": "there is no route /v1/x", "type": "not_found_error", "code": 404}})"));
  CHECK(cw::openai_models("m").at("data").at(0).at("id") == cw::json("m"));
}
