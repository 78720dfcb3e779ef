// expect: JSON fills and reads no C array in a struct
// expect: <request, 
// expect: {"prompt"}, char
// max-lines: 4

#include <coworker.hpp>

struct request {
  char prompt[80] = {};
};

int main() {
  const coworker::job<request> made("id", request());
  return made.input.prompt[0];
}
