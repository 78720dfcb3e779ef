// expect: the default of this member breaks the rule beside the struct
// expect: <extent, 
// expect: {"width"}, int>
// max-lines: 4

#include <coworker.hpp>

struct extent {
  int width = 512;
};
constexpr auto rules(coworker::type<extent>) {
  return coworker::rule_list(coworker::member(&extent::width).at_least(64));
}
struct request {
  int steps = 20;
  extent size{7};
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
