// expect: coworker::member(...).check: pass a lambda without captures, or a function of a const reference
// expect: request
// max-lines: 16

#include <coworker.hpp>

struct request {
  int width = 512;
};

inline auto rules_for(int step) {
  return coworker::member(&request::width)
      .check([step](int width) { return width % step == 0; }, "a multiple");
}
