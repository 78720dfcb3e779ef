// A handler that streams: each value that it yields is sent as a chunk while it makes the next. Values that
// it yields within 50 ms are sent together, as one array.
//
// run: ./streaming --test_input '{"input": {"prompt": "Tell me of the sea", "max_tokens": 6}}'

#include <chrono>
#include <coworker.hpp>
#include <string>

namespace cw = coworker;
using namespace std::chrono_literals;

struct request {
  std::string prompt;
  int max_tokens = 16;
};

struct token {
  int index = 0;
  std::string text;
};

// Stands for a model that generates one word after the other.
std::string next_word(int index) {
  static const char* const words[] = {"The", " sea", " is", " wide", " and", " older", " than", " land."};
  return words[index % 8];
}

cw::async_generator<token> generate(cw::job<request> job) {
  for (int i = 0; i < job.input.max_tokens; ++i) {
    co_await cw::sleep_for(20ms);
    token made;
    made.index = i;
    made.text = next_word(i);
    co_yield made;
  }
}

int main(int argc, char** argv) {
  cw::options options;
  options.stream.gather_for = 50ms;
  return cw::start(argc, argv, generate, cw::fixed_concurrency{8}, options);
}
