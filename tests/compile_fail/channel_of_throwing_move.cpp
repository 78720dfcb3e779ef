// expect: channel<T>: T must be an object whose move constructor is noexcept, so that no value is lost on its way; send a std::unique_ptr<T>
// max-lines: 7
#include <coworker/exec/channel.hpp>

struct copied_only {
  copied_only(const copied_only&);
};

void use() { coworker::channel<copied_only> values; }
