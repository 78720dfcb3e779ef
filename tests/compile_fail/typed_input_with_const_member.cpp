// expect: JSON cannot fill this member, which is const
// expect: <request, 
// expect: {"steps"}, const int>
// max-lines: 4

#include <coworker.hpp>

struct request {
  const int steps = 20;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
