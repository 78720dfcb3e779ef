#pragma once
// generate_text: a complete handler around a language model's tokens. Must not know what generates them.

#include <concepts>
#include <coworker/coro/async_generator.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/openai.hpp>
#include <coworker/job/token_text.hpp>
#include <coworker/job/whole.hpp>
#include <coworker/json/json.hpp>
#include <coworker/refusal.hpp>
#include <cstdint>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// A text that is being generated.
struct generated_text {
  async_generator<std::string> tokens;  ///< the bytes of one token each, which may be a part of a character
  std::int64_t prompt_tokens = 0;       ///< how many tokens the prompt has
  std::int64_t limit = 0;               ///< the limit that ends a text of this many tokens; 0: no limit
  std::int64_t created = 0;             ///< when, in seconds since 1970; for OpenAI's clients
};

namespace detail {

// `Request` is text_request: a template, as is generate_text(), so that the reading of such an input costs only
// those files that use it.
template <class Request, class Generate>
async_generator<chunk_or_whole<>> answer_with_text(job<Request> work, std::string model, Generate generate) {
  Request asked = std::move(work.input);
  asked.take_openai_input();
  if (asked.openai_route == "/v1/models" || !openai_reply::knows(asked.openai_route)) {
    json other = asked.openai_route == "/v1/models" ? coworker::openai_models(model)
                                                    : coworker::openai_no_route(asked.openai_route);
    co_yield std::move(other);
    co_return;
  }
  generated_text made = generate(std::as_const(asked));
  openai_reply reply(asked.openai_route, work.id, std::move(model), made.created);
  token_usage usage;
  usage.prompt_tokens = made.prompt_tokens;
  token_text characters;
  std::string text;
  for (std::string* token = co_await made.tokens.next(); token != nullptr;
       token = co_await made.tokens.next()) {
    ++usage.completion_tokens;
    std::string next = characters.next(std::move(*token));
    if (!asked.stream) {
      work.progress(usage.completion_tokens);
      text += next;
    } else if (!next.empty()) {
      json piece = reply.piece(std::move(next));
      co_yield std::move(piece);
    }
  }
  const char* const reason = usage.completion_tokens == made.limit ? "length" : "stop";
  std::string rest = characters.end();
  if (!asked.stream) {
    chunk_or_whole<> all = reply.whole(text + rest, reason, usage);
    co_yield std::move(all);
    co_return;
  }
  if (!rest.empty()) {
    json piece = reply.piece(std::move(rest));
    co_yield std::move(piece);
  }
  json last = reply.end(reason, usage);
  co_yield std::move(last);
}

template <class Generate>
concept generates_text = requires(Generate& generate, const text_request& asked) {
  { generate(asked) } -> std::same_as<generated_text>;
};

}  // namespace detail

/// Yields what a language model generates for a job, streamed or whole as the job asks, in the form that its
/// client understands: see openai_reply. The progress of a job that does not stream is the number of tokens.
///
/// `model`: the name by which OpenAI's clients know the model. `generate`: called once for each job that asks
/// for a text, and not for one that asks which models there are; what it refers to must outlive the
/// generator. OpenAI's API on the platform needs the chunks in the output too: set
/// stream_options::return_aggregate_stream.
/// Throws: input_error if openai_input does not fit; what `generate` and its tokens throw.
/// Cancellation: as that of the tokens.
///
///     generated_text begin(engine& decode, const text_request& asked);
///
///     async_generator<chunk_or_whole<>> handle(engine& decode, job<text_request> work) {
///       return generate_text(std::move(work), "my-model", [&decode](const text_request& asked) {
///         return begin(decode, asked);
///       });
///     }
template <std::same_as<text_request> Request, class Generate>
requires(detail::generates_text<Generate>)
    async_generator<chunk_or_whole<>> generate_text(job<Request> work, std::string model, Generate generate) {
  return detail::answer_with_text(std::move(work), std::move(model), std::move(generate));
}

template <std::same_as<text_request> Request, class Generate>
requires(!detail::generates_text<Generate>) COWORKER_REFUSE(
    "coworker::generate_text: the function that generates does not fit; it must be callable with a "
    "`const text_request&` and give a generated_text")
async_generator<chunk_or_whole<>> generate_text(const job<Request>&, const std::string&, const Generate&) {
  throw input_error({});
}

}  // namespace coworker::inline v0_1
