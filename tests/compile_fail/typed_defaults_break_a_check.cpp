// expect: the defaults of this struct break a coworker::check(...) beside it
// expect: defaults_that_break_a_check<request, 
// max-lines: 4

#include <coworker.hpp>

struct request {
  int first = 5;
  int last = 1;
};
constexpr auto rules(coworker::type<request>) {
  return coworker::rule_list(
      coworker::check([](const request& r) { return r.first <= r.last; }, "first not to be after last"));
}

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
