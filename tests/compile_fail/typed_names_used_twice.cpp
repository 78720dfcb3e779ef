// expect: this member and another one of the struct have one name in JSON; see coworker::member(...).named
// expect: name_used_twice<request, 
// expect: {"b"}, int>
// max-lines: 4

#include <coworker.hpp>

struct request {
  int a = 0;
  int b = 0;
};
constexpr auto rules(coworker::type<request>) {
  return coworker::rule_list(coworker::member(&request::b).named("a"));
}

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
