#include <doctest/doctest.h>
#include <chrono>
#include <coworker/http/s3.hpp>
#include <coworker/http/sha256.hpp>
#include <stdexcept>
#include <string>

namespace {

namespace s3 = coworker::s3;
using coworker::detail::hex_text;
using coworker::detail::hmac_sha256;
using coworker::detail::sha256;

// 24 May 2013, 00:00:00 UTC, as in the example of AWS.
const std::chrono::system_clock::time_point s3_moment{std::chrono::seconds(1369353600)};

s3::account s3_example(std::string endpoint) {
  s3::account made;
  made.endpoint_url = std::move(endpoint);
  made.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  made.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  return made;
}

}  // namespace

TEST_CASE("SHA-256 agrees with the vectors of FIPS 180-4") {
  CHECK(hex_text(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex_text(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_text(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex_text(sha256(std::string(1'000'000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("HMAC-SHA256 agrees with the vectors of RFC 4231") {
  CHECK(hex_text(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex_text(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex_text(hmac_sha256(std::string(131, '\xaa'),
                             "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("a presigned URL agrees with the example of AWS") {
  CHECK(s3::presigned_url(s3_example("https://examplebucket.s3.amazonaws.com"), "GET", "", "test.txt",
                          std::chrono::seconds(86400), s3_moment) ==
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST_CASE("a presigned URL contains the bucket, the encoded key with its slashes, and a signed token") {
  s3::account temporary = s3_example("http://127.0.0.1:9000/");
  temporary.session_token = "a+b/c=";
  const std::string url = s3::presigned_url(temporary, "PUT", "results", "2026/a b+\xc3\xa4.png",
                                            std::chrono::seconds(60), s3_moment);
  CHECK(url.starts_with(
      "http://127.0.0.1:9000/results/2026/a%20b%2B%C3%A4.png?X-Amz-Algorithm=AWS4-HMAC-SHA256&"));
  CHECK(
      url.find(
          "&X-Amz-Expires=60&X-Amz-Security-Token=a%2Bb%2Fc%3D&X-Amz-SignedHeaders=host&X-Amz-Signature=") !=
      std::string::npos);
}

TEST_CASE("the region is the one of the account, else the one in the endpoint's name") {
  const auto region = [](const char* endpoint, const char* said = "") {
    s3::account of = s3_example(endpoint);
    of.region = said;
    const std::string url = s3::presigned_url(of, "GET", "b", "k", std::chrono::seconds(1), s3_moment);
    const std::string before = "%2F20130524%2F";
    const std::size_t begin = url.find(before) + before.size();
    return url.substr(begin, url.find("%2Fs3%2F") - begin);
  };
  CHECK(region("https://s3.eu-central-1.amazonaws.com") == "eu-central-1");
  CHECK(region("https://bucket.s3.us-west-004.backblazeb2.com") == "us-west-004");
  CHECK(region("https://bucket.s3.amazonaws.com") == "us-east-1");
  CHECK(region("https://nyc3.digitaloceanspaces.com") == "nyc3");
  CHECK(region("https://bucket.ams3.digitaloceanspaces.com") == "ams3");
  CHECK(region("http://localhost:9000") == "us-east-1");
  CHECK(region("https://s3.eu-central-1.amazonaws.com", "auto") == "auto");
}

TEST_CASE("a URL that cannot be signed is refused with a message") {
  const s3::account good = s3_example("https://s3.amazonaws.com");
  CHECK_THROWS_WITH_AS(
      s3::presigned_url(s3_example("s3.amazonaws.com"), "GET", "b", "k", std::chrono::seconds(1), s3_moment),
      "s3: the endpoint URL \"s3.amazonaws.com\" must begin with https:// or http:// and name a host",
      std::invalid_argument);
  CHECK_THROWS_WITH_AS(s3::presigned_url(good, "GET", "b", "", std::chrono::seconds(1), s3_moment),
                       "s3: the key is empty; it names the object", std::invalid_argument);
  CHECK_THROWS_WITH_AS(s3::presigned_url(good, "GET", "b", "k", std::chrono::seconds(0), s3_moment),
                       "s3::presigned_url: expires_in is 0 s; it must be 1 s to 7 days",
                       std::invalid_argument);
  CHECK_THROWS_AS(s3::presigned_url(good, "GET", "b", "k", std::chrono::seconds(7 * 86400 + 1), s3_moment),
                  std::invalid_argument);
}
