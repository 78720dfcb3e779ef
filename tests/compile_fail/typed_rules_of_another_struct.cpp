// expect: rules(type<Input>) must return coworker::rule_list(...) of Input's own members
// expect: <request, 
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct other {
  std::string prompt;
};
struct request {
  std::string prompt;
};
constexpr auto rules(coworker::type<request>) {
  return coworker::rule_list(coworker::member(&other::prompt).length(1, 10));
}

std::string process_request(coworker::job<request> work) { return work.input.prompt; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
