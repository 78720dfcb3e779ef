// only-error: coworker::whole: the value does not fit
// expect: something that turns into json
// max-lines: 5

#include <coworker/job/whole.hpp>
#include <coworker/job/job.hpp>
#include <coworker/coro/async_generator.hpp>

struct handle_of_library {
  void* pointer;
};

coworker::async_generator<coworker::chunk_or_whole<int>> handle(coworker::job<>) {
  handle_of_library made{};
  co_yield coworker::whole(made);
}
