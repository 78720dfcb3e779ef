// expect: this member and another one of the struct have one name in JSON
// expect: name_used_twice<answer, 
// expect: {"b"}, int>
// max-lines: 4

#include <coworker.hpp>

struct answer {
  int a = 0;
  int b = 0;
};
constexpr auto rules(coworker::type<answer>) {
  return coworker::rule_list(coworker::member(&answer::b).named("a"));
}

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
