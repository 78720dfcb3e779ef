// A library calls back on a thread of its own, and a coroutine awaits the values, which a channel passes on.
// When the job is stopped, the channel is closed, and the library's next call returns false.
//
// run: ./foreign_thread --test_input '{"input": 5}'

#include <coworker.hpp>
#include <string>
#include <thread>
#include <utility>

namespace cw = coworker;

// Stands for a decoder with a thread of its own. `on_word` returns whether the decoder should continue.
template <class OnWord>
std::thread decode(int count, OnWord on_word) {
  return std::thread([count, on_word = std::move(on_word)]() mutable {
    for (int i = 0; i != count && on_word("word " + std::to_string(i)); ++i) {
    }
  });
}

// Joins the thread, however the job ends.
struct joined {
  std::thread thread;
  ~joined() {
    if (thread.joinable()) thread.join();
  }
};

cw::async_generator<std::string> handle(cw::job<int> job) {
  joined decoder;
  // Destroyed before the thread is joined, so that the thread does not wait for room in it.
  cw::channel<std::string> words(16);
  auto on_word = [to = words.sender()](std::string word) mutable { return to.blocking_send(std::move(word)); };
  decoder.thread = decode(job.input, std::move(on_word));
  for (auto word = co_await words.next(); word; word = co_await words.next()) co_yield std::move(*word);
}

int main(int argc, char** argv) { return cw::start(argc, argv, handle, cw::fixed_concurrency{4}); }
