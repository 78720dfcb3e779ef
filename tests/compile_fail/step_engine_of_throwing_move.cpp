// expect: step_engine<Sequence, Piece>: Sequence must be an object whose move constructor is noexcept; hold what cannot be moved by a std::unique_ptr
// max-lines: 8
#include <coworker/exec/step_engine.hpp>

struct sequence {
  sequence(sequence&&) noexcept(false);
};

void use(coworker::step_engine<sequence, int>& engine);
using refused = coworker::step_engine<sequence, int>::active;
