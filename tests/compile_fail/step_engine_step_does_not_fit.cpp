// expect: step_engine: the step function does not fit; it must be callable with the active sequences, as in `void step(std::span<coworker::step_engine<sequence, piece>::active* const> all)`
// max-lines: 8
#include <coworker/exec/step_engine.hpp>
#include <vector>

struct sequence {
  int token;
};

void step(std::vector<sequence*> all);

void use() { coworker::step_engine<sequence, int> engine(step); }
