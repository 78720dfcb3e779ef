// Continuous batching: one thread steps the sequences of all jobs together, as a language model's server decodes, and each
// job streams its own pieces as they come. A job may also ask for its text as a whole. A sequence whose job is stopped is
// in no further step.
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

// The state of one sequence: what is left to say.
struct sequence {
  std::string text;
};
using engine = cw::step_engine<sequence, std::string>;

// One step of all active sequences, here: one more character of each. A real one fills a batch, decodes it and samples;
// one->slot() is the sequence's place in the model's cache.
void step(std::span<engine::active* const> all) {
  for (engine::active* const one : all) {
    std::string& text = (*one)->text;
    one->send(text.substr(0, 1));
    text.erase(0, 1);
    if (text.empty()) one->finish();
  }
}

engine load() { return engine(step, {.at_once = 8}); }

cw::async_generator<cw::chunk_or_whole<std::string>> handle(engine& decode, cw::job<request> job) {
  auto pieces = decode.run(sequence{job.input.prompt});
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
