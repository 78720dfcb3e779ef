#include <doctest/doctest.h>
#include <coworker/http/client.hpp>
#include <string>

namespace coworker::testing {

TEST_CASE("an id in a URL is encoded but for the characters that every URL may hold") {
  CHECK(url_encode("azAZ09-._~") == "azAZ09-._~");
  CHECK(url_encode("a/b c?d&e=f#g%") == "a%2Fb%20c%3Fd%26e%3Df%23g%25");
  CHECK(url_encode("a,b+c$ID") == "a%2Cb%2Bc%24ID");
  CHECK(url_encode("\xc3\xa9\xff\x01") == "%C3%A9%FF%01");
  CHECK(url_encode(std::string_view("\0", 1)) == "%00");
  CHECK(url_encode("").empty());
}

TEST_CASE("a parameter joins a URL that ends in ?, one with a query, and one with neither") {
  CHECK(with_parameter("http://h/p?", "a=1") == "http://h/p?a=1");
  CHECK(with_parameter("http://h/p?x=2", "a=1") == "http://h/p?x=2&a=1");
  CHECK(with_parameter("http://h/p?x=2&", "a=1") == "http://h/p?x=2&a=1");
  CHECK(with_parameter("http://h/p", "a=1") == "http://h/p?a=1");
}

TEST_CASE("an answer has arrived unless something went wrong on the way") {
  http_answer answer;
  CHECK(answer.arrived());
  answer.failure = http_failure::broken;
  CHECK(!answer.arrived());
}

}  // namespace coworker::testing
