// only-error: coworker::authorised: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

int main(int argc, char** argv) {
  const auto allows = [](const coworker::job<>& work) { return !work.id.empty(); };
  return coworker::start(argc, argv, coworker::authorised(42, allows));
}
