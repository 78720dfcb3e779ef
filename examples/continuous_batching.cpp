// Continuous batching: one thread steps the sequences of all jobs together, as a language model server does,
// and each job streams its own pieces as they are made. A job may also ask for its text as a whole. When a
// job is stopped, its sequence takes part in no further step.
//
// run: ./continuous_batching --test_input '[{"input": {"prompt": "1 2 3"}}, {"input": {"prompt": "4 5", "stream": true}}]'

#include <coworker.hpp>
#include <span>
#include <string>
#include <vector>

namespace cw = coworker;

struct request {
  std::string prompt;
  bool stream = false;
};

// The state of one sequence: the text that is still to be sent.
struct sequence {
  std::string text;
};
using decoder = cw::step_engine<sequence, std::string>;

// Advances all active sequences by one step, here by one character each. A real step fills a batch, decodes
// it and samples; one->slot() is the sequence's place in the model's cache.
void step(std::span<decoder::active* const> all) {
  for (decoder::active* const one : all) {
    std::string& text = (*one)->text;
    one->send(text.substr(0, 1));
    text.erase(0, 1);
    if (text.empty()) one->finish();
  }
}

decoder load() { return decoder(step, {.at_once = 8}); }

cw::async_generator<cw::chunk_or_whole<std::string>> handle(decoder& model, cw::job<request> job) {
  auto pieces = model.run(sequence{job.input.prompt});
  std::string text;
  for (std::string* piece = co_await pieces.next(); piece != nullptr; piece = co_await pieces.next()) {
    text += *piece;
    if (job.input.stream) co_yield *piece;
  }
  if (!job.input.stream) co_yield cw::whole(text);
}

int main(int argc, char** argv) {
  return cw::start(argc, argv, cw::prepared(load, handle), cw::fixed_concurrency{8});
}
