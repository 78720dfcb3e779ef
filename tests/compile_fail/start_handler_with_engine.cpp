// A handler that does not fit gets the same message if the program has an engine of its own.
// only-error: coworker::start: the handler does not fit
// max-lines: 4
#include <coworker.hpp>

namespace cw = coworker;

struct my_queue {
  cw::task<cw::take_result> take(cw::take_request) { co_return cw::take_result(); }
  cw::task<cw::delivery> complete(cw::job_result) { co_return cw::delivery::accepted; }
};

int main(int argc, char** argv) {
  my_queue queue;
  return cw::start(argc, argv, [](int number) { return cw::json(number); }, cw::fixed_concurrency{1}, {}, queue);
}
