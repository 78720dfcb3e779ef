// expect: http::sink::to: the function must take a std::string_view and return void or task<void>
// max-lines: 8
#include <coworker/http/call_sink.hpp>

coworker::http::sink use() {
  return coworker::http::sink::to([](int) {});
}
