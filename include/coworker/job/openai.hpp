#pragma once
// OpenAI's completions API, for handlers that generate text: what its clients send, and the responses that
// they expect. Must not know where texts come from.

#include <concepts>
#include <coworker/job/whole.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/rules.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// One message of a chat, as OpenAI's clients send it, for a typed input.
struct openai_message {
  std::string role;
  std::string content;  ///< sent as a text, as a list of parts that are texts, or as null if it is empty
};

/// Reads a message. Throws: std::invalid_argument if the content has a part that is not text, such as a
/// picture.
inline void from_json(const json& from, openai_message& made) {
  made.role = from.at("role").get<std::string>();
  made.content.clear();
  const auto content = from.find("content");
  if (content == from.end() || content->is_null()) return;
  if (!content->is_array()) {
    made.content = content->get<std::string>();
    return;
  }
  for (const json& part : *content) {
    const std::string type = part.at("type").get<std::string>();
    if (type != "text")
      throw std::invalid_argument("content holds a part of type \"" + type +
                                  "\"; only \"text\" is understood");
    made.content += part.at("text").get<std::string>();
  }
}

/// What a client asks a language model for, as the input of a job. The job has these members, or
/// {"openai_route", "openai_input"}: openai_input then contains what OpenAI's clients send, and
/// take_openai_input() reads it. Unknown members are ignored.
struct text_request {
  std::string prompt;
  std::vector<openai_message> messages;  ///< a chat, instead of a prompt
  std::optional<int> max_tokens;
  std::optional<int> max_completion_tokens;  ///< OpenAI's newer name for it
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<std::int64_t> seed;
  bool stream = false;
  std::string openai_route;
  json openai_input = {};

  /// Replaces all members by those in openai_input, if there is a route, and keeps the route.
  /// Throws: input_error if openai_input does not fit.
  template <class Request = text_request>
  void take_openai_input();

  /// Returns the most tokens that the client wants; `otherwise` if it names no limit.
  int token_limit(int otherwise) const {
    return max_completion_tokens.value_or(max_tokens.value_or(otherwise));
  }
};

/// The rules for the members of a text_request: which may be missing, and the ranges of numbers.
/// `Request` is text_request; as a parameter, so that only files that read such an input pay for its rules.
template <std::same_as<type<text_request>> Type, class Request = text_request>
constexpr auto rules(Type) {
  return coworker::rule_list(coworker::member(&Request::prompt).optional(),
                             coworker::member(&Request::messages).optional(),
                             coworker::member(&Request::max_tokens).range(1, 1 << 30),
                             coworker::member(&Request::max_completion_tokens).range(1, 1 << 30),
                             coworker::member(&Request::temperature).range(0.0f, 100.0f),
                             coworker::member(&Request::top_p).range(0.0f, 1.0f),
                             coworker::member(&Request::openai_route).optional(),
                             coworker::member(&Request::openai_input).optional(), unknown_members::ignored);
}

/// The number of tokens of a prompt, and of the text that was generated for it.
struct token_usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
};

template <class Request>
void text_request::take_openai_input() {
  if (openai_route.empty()) return;
  Request sent;
  if (!openai_input.is_null()) detail::read_input(openai_input, sent, "openai_input");
  sent.openai_route = std::move(openai_route);
  *this = std::move(sent);
}

/// Puts the texts that a language model generates for a job into the form that the job's client understands:
/// for a job {"openai_route", "openai_input"} that of OpenAI's API; otherwise plain texts, and one object at
/// the end.
///
/// Texts must be valid UTF-8: see token_text. It knows the routes /v1/chat/completions and /v1/completions.
///
///     openai_reply reply(job.input.openai_route, job.id, "my-model", std::time(nullptr));
///     if (stream) {
///       ... co_yield reply.piece(token);                            // for each
///       co_yield reply.end("stop", usage);
///     } else {
///       co_yield reply.whole(std::move(text), "stop", usage);
///     }
class openai_reply {
 public:
  /// `route`: the job's route; empty if it has none. `created`: in seconds since 1970.
  /// Throws: std::invalid_argument if it does not know the route.
  openai_reply(std::string_view route, std::string id, std::string model, std::int64_t created)
      : form_(form_of(route)), id_(std::move(id)), model_(std::move(model)), created_(created) {}

  /// Returns whether it knows a route; true for an empty one.
  static bool knows(std::string_view route) noexcept {
    return route.empty() || route == "/v1/chat/completions" || route == "/v1/completions";
  }

  /// Returns whether the client is one of OpenAI's.
  bool is_openai() const noexcept { return form_ != form::plain; }

  /// Returns the chunk for a part of the text: an event for OpenAI's clients, otherwise the text itself.
  json piece(std::string text) {
    if (!is_openai()) return json(std::move(text));
    return event(object(true, std::move(text), json()));
  }

  /// Returns the last chunk of a stream. `reason`: "stop", or "length" if a limit ended the text.
  json end(std::string_view reason, token_usage usage) {
    if (!is_openai()) return plain_end(reason, usage);
    json last = object(true, {}, json(reason));
    last["usage"] = usage_object(usage);
    return event(last, "data: [DONE]\n\n");
  }

  /// Returns what a job that does not stream yields: all of the text. `reason`: as for end().
  chunk_or_whole<json> whole(std::string text, std::string_view reason, token_usage usage) {
    if (!is_openai()) {
      json made = plain_end(reason, usage);
      made["text"] = std::move(text);
      return coworker::whole(made);
    }
    json made = object(false, std::move(text), json(reason));
    made["usage"] = usage_object(usage);
    return made;
  }

 private:
  enum class form : unsigned char { plain, chat, text };

  static form form_of(std::string_view route) {
    if (!knows(route)) {
      throw std::invalid_argument("openai_reply: the route \"" + std::string(route) +
                                  "\" is not /v1/chat/completions or /v1/completions");
    }
    return route.empty() ? form::plain : route == "/v1/completions" ? form::text : form::chat;
  }

  json object(bool streams, std::string text, json reason) {
    json choice = json::object();
    choice["index"] = 0;
    if (form_ == form::text) {
      choice["text"] = std::move(text);
    } else {
      json& said = choice[streams ? "delta" : "message"] = json::object();
      if (!std::exchange(has_begun_, true)) said["role"] = "assistant";
      if (!text.empty() || !streams) said["content"] = std::move(text);
    }
    choice["finish_reason"] = std::move(reason);
    json made = json::object();
    made["id"] = id_;
    made["object"] = form_ == form::text ? "text_completion"
                     : streams           ? "chat.completion.chunk"
                                         : "chat.completion";
    made["created"] = created_;
    made["model"] = model_;
    made["choices"].push_back(std::move(choice));
    return made;
  }
  static json event(const json& said, std::string_view next = {}) {
    return json("data: " + said.dump() + "\n\n" + std::string(next));
  }

  static json usage_object(token_usage usage) {
    json made = json::object();
    made["prompt_tokens"] = usage.prompt_tokens;
    made["completion_tokens"] = usage.completion_tokens;
    made["total_tokens"] = usage.prompt_tokens + usage.completion_tokens;
    return made;
  }

  static json plain_end(std::string_view reason, token_usage usage) {
    json made = json::object();
    made["finish_reason"] = reason;
    made["usage"] = usage_object(usage);
    return made;
  }

  const form form_;
  const std::string id_;
  const std::string model_;
  const std::int64_t created_;
  bool has_begun_ = false;  // the role has been sent
};

/// Returns what a job yields if the handler does not serve its route. The job's client then gets status 404.
inline json openai_no_route(std::string_view route) {
  json made = json::object();
  json& error = made["error"];
  error["message"] = "there is no route " + std::string(route);
  error["type"] = "not_found_error";
  error["code"] = 404;
  return made;
}

/// Returns what a job with the route /v1/models yields: a list with one model.
inline json openai_models(std::string_view name) {
  json model = json::object();
  model["id"] = name;
  model["object"] = "model";
  model["created"] = 0;
  model["owned_by"] = "";
  json made = json::object();
  made["object"] = "list";
  made["data"].push_back(std::move(model));
  return made;
}

}  // namespace coworker::inline v0_1
