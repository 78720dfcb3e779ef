// expect: JSON fills and reads no C array in a struct
// expect: <request, 
// expect: {"prompt"}, char
// max-lines: 4

#include <coworker.hpp>

struct request {
  char prompt[80] = {};
};
int process_request(coworker::job<request> work) { return work.input.prompt[0]; }

int main() { coworker::worker handles(process_request, coworker::follow_demand()); }
