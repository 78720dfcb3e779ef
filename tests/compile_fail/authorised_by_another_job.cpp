// only-error: coworker::authorised: the predicate does not fit
// expect: as in `bool allows(const job<>& work)`
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct request {
  std::string prompt = "none";
};
struct other_request {
  std::string token = "none";
};

std::string process_request(coworker::job<request> work) { return work.input.prompt; }
bool allows(const coworker::job<other_request>& work) { return work.input.token == "let me in"; }

int main(int argc, char** argv) {
  return coworker::start(argc, argv, coworker::authorised(process_request, allows));
}
