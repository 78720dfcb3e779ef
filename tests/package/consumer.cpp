// A program that uses coworker, however it got it.
#include <coworker.hpp>

#include <cstdio>
#include <string>

#ifdef COWORKER_WITH_CURL
#include <curl/curl.h>
#endif

namespace cw = coworker;

cw::task<std::string> described(cw::json order) { co_return "one " + order.at("fruit").get<std::string>(); }

int main() {
  const std::string text = cw::sync_wait(described(cw::json::parse(R"({"fruit": "apple"})")));
  std::printf("coworker %s, %s\n", COWORKER_VERSION, text.c_str());
#ifdef COWORKER_WITH_CURL
  std::printf("%s\n", curl_version());
#endif
}
