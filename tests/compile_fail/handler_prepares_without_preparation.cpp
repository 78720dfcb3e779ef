// expect: the handler's prepare() does not fit; write `void prepare(const coworker::preparation& how)`, or one that gives task<void>, or use another name
// max-lines: 14

#include <coworker/start.hpp>

struct generator {
  bool prepare(const char* path);
  int operator()(coworker::job<> work);
};

int main(int argc, char** argv) { return coworker::start(argc, argv, generator()); }
