// expect: the default of this member breaks the rule beside the struct; give it one that keeps to it, or make the member a std::optional
// expect: <request, 
// expect: {"width"}, int>
// max-lines: 4

#include <coworker.hpp>

struct request {
  int steps = 20;
  int width = 100;
};
constexpr auto rules(coworker::type<request>) {
  return coworker::rule_list(
      coworker::member(&request::steps).range(1, 50),
      coworker::member(&request::width).range(64, 2048).check([](int w) { return w % 8 == 0; }, "a multiple of 8"));
}

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
