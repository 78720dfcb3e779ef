// only-error: coworker::generate_text: the function that generates does not fit
// expect: it must be callable with a `const text_request&` and give a generated_text
// max-lines: 4

#include <coworker/job/generate_text.hpp>
#include <string>
#include <utility>

std::string generate(const coworker::text_request& asked);

coworker::async_generator<coworker::chunk_or_whole<>> handle(coworker::job<coworker::text_request> work) {
  return coworker::generate_text(std::move(work), "model", generate);
}
