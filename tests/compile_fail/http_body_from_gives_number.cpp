// expect: http::body::from: the function must take nothing and return std::string or task<std::string>
// max-lines: 8
#include <coworker/http/call_body.hpp>

coworker::http::body use() {
  return coworker::http::body::from([] { return 3.5; });
}
