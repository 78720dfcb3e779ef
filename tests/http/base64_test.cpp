#include <doctest/doctest.h>
#include <coworker/exec/random.hpp>
#include <coworker/http/base64.hpp>
#include <string>
#include <utility>
#include <vector>

using coworker::base64_decode;
using coworker::base64_encode;
using coworker::base64_error;

TEST_CASE("encoding and decoding agree with the vectors of RFC 4648") {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"},
                                                                    {"\xfb\xff", "+/8="}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text) == bytes);
  }
}

TEST_CASE("any bytes survive encoding and decoding") {
  coworker::random_source random(3);
  for (std::size_t size = 0; size != 200; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i != size; ++i) bytes += static_cast<char>(random.below(256U));
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
  }
}

TEST_CASE("decoding accepts the URL alphabet, missing padding, line breaks and data URLs") {
  CHECK(base64_decode("-_8=") == "\xfb\xff");
  CHECK(base64_decode("Zm8") == "fo");
  CHECK(base64_decode("Zm9v\r\n YmFy\n") == "foobar");
  CHECK(base64_decode("data:image/png;base64,Zm9v") == "foo");
}

TEST_CASE("a text that is not base64 is refused, with the position of the error") {
  CHECK_THROWS_WITH_AS(base64_decode("Zm9v!"), "base64_decode: the character at 4 is not a base64 character",
                       base64_error);
  CHECK_THROWS_WITH_AS(base64_decode("Zg==Zg=="), "base64_decode: the character at 4 comes after the padding",
                       base64_error);
  for (const char* const cut : {"Z", "Zm9vY", "Zg=", "Zm9=v", "Zh==", "Zm9="})
    CHECK_THROWS_AS(base64_decode(cut), base64_error);
  CHECK_THROWS_WITH_AS(base64_decode("data:text/plain,foo"),
                       "base64_decode: the data URL does not say ;base64, before its data", base64_error);
}
